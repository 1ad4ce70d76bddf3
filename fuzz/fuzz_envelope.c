/*
 * Encryption SDK messages: arbitrary bytes to the header parser and to the decryptor.
 *
 * The first byte says how the rest, a message, is read. Properties:
 * - whatever is released is a prefix of the corpus's one plaintext: nobody but the corpus's maker
 *   has the key, so no mutation may give out anything else
 * - any division of the input gives the same result and the same bytes
 * - a header that parses is, written again, the same bytes, or parses to the same header
 *
 * So that more than headers is reached, one of the ways of reading authenticates the header anew,
 * with a data key that is given: then frame lengths, content types and contexts may be anything.
 */
#include "libkms/envelope/derive.h"
#include "libkms/envelope/header.h"
#include "libkms/envelope/keyring.h"
#include "libkms/envelope/message.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    PIECE_MASK = 0x3f, /* bytes to feed and to take at a time */
    RETAG = 0x40,      /* authenticate the header anew */
    MESSAGE_MAX = 1 << 16,
};

static const uint8_t corpus_key[32] = "the key of the fuzzing corpus..";
static const uint8_t given_key[32] = "the data key of retagged headers";

static void require(bool condition, const char *what)
{
    if (condition)
        return;
    (void)fprintf(stderr, "property violated: %s\n", what);
    abort();
}

/* --- reading ---------------------------------------------------------------------------------- */

static const struct kms_keyring *corpus_keyring(void)
{
    static struct kms_keyring *keyring; /* made once, kept to the end */
    if (keyring == NULL)
        require(kms_keyring_new_raw_aes(kms_str("fuzz"), kms_str("corpus"),
                    kms_bytes(corpus_key, sizeof(corpus_key)), &keyring) == KMS_OK,
            "the keyring can be made");
    return keyring;
}

static enum kms_err unwrap_given(const struct kms_keyring *keyring, struct kms_unwrap *unwrap)
{
    (void)keyring;
    return kms_unwrap_accept(unwrap, kms_bytes(given_key, unwrap->suite->key_len));
}

static const struct kms_keyring_ops given_ops = {NULL, unwrap_given, NULL};
static const struct kms_keyring given_keyring = {&given_ops};

struct outcome {
    enum kms_err err;
    uint64_t offset;
    uint32_t frame;
    uint8_t *released;
    size_t len;
};

static struct outcome decrypt(
    const struct kms_keyring *keyring, struct kms_bytes message, size_t piece)
{
    const struct kms_envelope_decrypt_options options = {.keyring = keyring,
        .policy = KMS_COMMITMENT_REQUIRE_ENCRYPT_ALLOW_DECRYPT,
        .limits = {.max_edks = 8, .max_header_bytes = 4096, .max_frame_bytes = MESSAGE_MAX}};
    struct kms_envelope_decryptor *decryptor = NULL;
    struct kms_envelope_failure failure = {0};
    struct outcome outcome = {.released = malloc(message.len + 1)};
    require(outcome.released != NULL &&
                kms_envelope_decryptor_new(&options, &decryptor, NULL) == KMS_OK,
        "the decryptor can be made");
    bool done = false;
    size_t fed = 0;
    while (!done && outcome.err == KMS_OK) {
        size_t left = message.len - fed;
        size_t feed = piece != 0 && piece < left ? piece : left;
        size_t space = message.len - outcome.len;
        size_t take = piece != 0 && piece < space ? piece : space;
        struct kms_bytes in = kms_bytes(message.data + fed, feed);
        struct kms_room room = {outcome.released + outcome.len, take};
        outcome.err = kms_envelope_decryptor_step(
            decryptor, &in, fed + feed == message.len, &room, &done, &failure);
        fed += feed - in.len;
        outcome.len += take - room.len;
    }
    require(failure.err == outcome.err, "the failure tells the error");
    outcome.offset = failure.offset;
    outcome.frame = failure.frame;
    kms_envelope_decryptor_free(decryptor);
    return outcome;
}

/* The plaintext of every message in the corpus. */
static uint8_t plaintext_at(size_t i)
{
    return (uint8_t)(i * 7 + 3);
}

static void check_decrypt(const struct kms_keyring *keyring, struct kms_bytes message, size_t piece)
{
    struct outcome whole = decrypt(keyring, message, 0);
    struct outcome pieces = decrypt(keyring, message, piece + 1);
    require(whole.err == pieces.err && whole.offset == pieces.offset &&
                whole.frame == pieces.frame && whole.len == pieces.len &&
                memcmp(whole.released, pieces.released, whole.len) == 0,
        "any division gives the same");
    for (size_t i = 0; i < whole.len; i++)
        require(whole.released[i] == plaintext_at(i), "only the corpus's plaintext is released");
    free(whole.released);
    free(pieces.released);
}

/* --- headers ---------------------------------------------------------------------------------- */

static void check_header(struct kms_bytes message)
{
    struct kms_header *header = NULL;
    struct kms_header *again = NULL;
    size_t needed = 0;
    const struct kms_envelope_limits limits = {4096, 8, MESSAGE_MAX};
    enum kms_err err = kms_header_parse(message, &limits, &header, &needed, NULL);
    if (err == KMS_ERR_TRUNCATED)
        require(needed > message.len && needed <= limits.max_header_bytes,
            "needed lies past what is there, within the limit");
    if (err != KMS_OK)
        return;
    require(kms_envelope_is_message(message), "what parses looks like a message");
    require(header->raw.len <= message.len &&
                memcmp(header->raw.data, message.data, header->raw.len) == 0,
        "the header is what the message begins with");
    if (header->info.framed) {
        const struct kms_header_parts parts = {.suite = header->suite,
            .message_id = header->info.message_id,
            .context = header->info.context,
            .edks = header->info.edks,
            .edk_count = header->info.edk_count,
            .frame_length = header->info.frame_length,
            .commitment = header->commitment};
        KMS_BUF_AUTO out;
        kms_buf_init(&out, limits.max_header_bytes);
        require(kms_header_body_write(&parts, &out) == KMS_OK, "a header can be written again");
        require(out.len == header->body.len, "and is as long");
        kms_buf_append(&out, header->raw.data + out.len, header->raw.len - out.len);
        require(kms_header_parse(kms_buf_bytes(&out), &limits, &again, &needed, NULL) == KMS_OK,
            "and parses");
        require(again->info.context.count == header->info.context.count &&
                    again->info.frame_length == header->info.frame_length &&
                    again->info.edk_count == header->info.edk_count,
            "to the same");
        kms_header_free(again);
    }
    kms_header_free(header);
}

/* A copy of the message whose header is authentic under given_key. False: no header in it. */
static bool retag(struct kms_bytes message, uint8_t *copy)
{
    struct kms_header *header = NULL;
    struct kms_secret *key = NULL;
    struct kms_frame_cipher *cipher = NULL;
    uint8_t commitment[KMS_COMMITMENT_LEN];
    size_t needed = 0;
    const struct kms_envelope_limits limits = {4096, 8, MESSAGE_MAX};
    if (kms_header_parse(message, &limits, &header, &needed, NULL) != KMS_OK)
        return false;
    memcpy(copy, message.data, message.len);
    require(kms_derive(header->suite, kms_bytes(given_key, header->suite->key_len),
                header->info.message_id, &key, commitment) == KMS_OK,
        "keys can be derived");
    size_t body_len = header->body.len;
    if (header->commitment != NULL)
        memcpy(copy + body_len - KMS_COMMITMENT_LEN, commitment, KMS_COMMITMENT_LEN);
    require(kms_frame_cipher_new(
                header->suite, key, header->info.message_id, KMS_FRAME_SEAL, &cipher) == KMS_OK,
        "a cipher can be made");
    memset(copy + body_len, 0, header->raw.len - body_len); /* the writers' IV, in version 1 */
    require(kms_header_tag_make(cipher, kms_bytes(copy, body_len), kms_bytes("", 0),
                copy + header->raw.len - KMS_GCM_TAG_LEN) == KMS_OK,
        "a tag can be made");
    kms_frame_cipher_free(cipher);
    kms_secret_free(key);
    kms_header_free(header);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > MESSAGE_MAX)
        return 0;
    const uint8_t control = data[0];
    const struct kms_bytes message = kms_bytes(data + 1, size - 1);
    check_header(message);
    if ((control & RETAG) == 0) {
        check_decrypt(corpus_keyring(), message, control & PIECE_MASK);
        return 0;
    }
    uint8_t *copy = malloc(size);
    require(copy != NULL, "there is memory");
    if (retag(message, copy))
        check_decrypt(&given_keyring, kms_bytes(copy, message.len), control & PIECE_MASK);
    free(copy);
    return 0;
}

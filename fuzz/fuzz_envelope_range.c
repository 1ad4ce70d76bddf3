/*
 * Reading anywhere in Encryption SDK messages: arbitrary bytes as the message, arbitrary ranges of it.
 *
 * The first byte chooses the ranges, the rest is the message. Properties:
 * - whatever a range gives is that part of the corpus's one plaintext, and no more than was asked for
 * - a message that the stream accepts can be opened here, is of the same size, and can be read whole
 * - an unsigned message that can be read whole here is accepted by the stream
 */
#include <kms/envelope_range.h>

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE_MAX = 1 << 16, RANGES = 16 };

static const uint8_t corpus_key[32] = "the key of the fuzzing corpus..";

static void require(bool condition, const char *what)
{
    if (condition)
        return;
    (void)fprintf(stderr, "property violated: %s\n", what);
    abort();
}

/* The plaintext of every message in the corpus. */
static uint8_t plaintext_at(uint64_t i)
{
    return (uint8_t)(i * 7 + 3);
}

static const struct kms_envelope_decrypt_options *reading(void)
{
    static struct kms_keyring *keyring; /* made once, kept to the end */
    static struct kms_envelope_decrypt_options options = {
        .policy = KMS_COMMITMENT_REQUIRE_ENCRYPT_ALLOW_DECRYPT,
        .ignore_signature = true,
        .limits = {.max_edks = 8, .max_header_bytes = 4096, .max_frame_bytes = MESSAGE_MAX}};
    if (keyring == NULL)
        require(kms_keyring_new_raw_aes(kms_str("fuzz"), kms_str("corpus"),
                    kms_bytes(corpus_key, sizeof(corpus_key)), &keyring) == KMS_OK,
            "the keyring can be made");
    options.keyring = keyring;
    return &options;
}

static enum kms_err read_at(void *context, void *out, size_t len, uint64_t offset, int *os_error)
{
    const struct kms_bytes *message = context;
    (void)os_error;
    require(offset <= message->len && len <= message->len - offset, "no read past the end");
    memcpy(out, message->data + offset, len);
    return KMS_OK;
}

/* False: it failed. */
static bool read_range(struct kms_envelope_reader *reader, uint64_t offset, size_t len)
{
    uint64_t size = kms_envelope_reader_size(reader);
    uint64_t left = offset < size ? size - offset : 0;
    size_t got = 0;
    uint8_t *out = malloc(len + 1);
    require(out != NULL, "there is memory");
    enum kms_err err = kms_envelope_pread(reader, out, len, offset, &got, NULL);
    if (err == KMS_OK) {
        require(got == (left < len ? left : len), "as much as there is");
        for (size_t i = 0; i < got; i++)
            require(out[i] == plaintext_at(offset + i), "only the corpus's plaintext");
    }
    free(out);
    return err == KMS_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > MESSAGE_MAX)
        return 0;
    struct kms_bytes message = kms_bytes(data + 1, size - 1);
    const struct kms_envelope_source source = {&message, message.len, read_at};
    struct kms_envelope_reader *reader = NULL;
    struct kms_envelope_info *info = NULL;
    uint8_t *whole = NULL;
    size_t whole_len = 0;
    enum kms_err streamed =
        kms_envelope_decrypt(reading(), message, &whole, &whole_len, &info, NULL);
    enum kms_err opened = kms_envelope_reader_new(&source, reading(), &reader, NULL);
    require(streamed != KMS_OK || opened == KMS_OK, "what the stream accepts can be opened");
    if (opened == KMS_OK) {
        uint64_t len = kms_envelope_reader_size(reader);
        require(len <= message.len, "plaintext is shorter than its message");
        uint32_t x = data[0] + 1u;
        for (int i = 0; i < RANGES; i++) {
            x = x * 1664525u + 1013904223u;
            (void)read_range(reader, (x >> 8) % (len + 2), (x >> 4) % (len + 3));
        }
        bool readable = read_range(reader, 0, (size_t)len);
        require(streamed != KMS_OK || (readable && len == whole_len), "and read whole");
        require(!readable || kms_envelope_reader_info(reader)->is_signed || streamed == KMS_OK,
            "what can be read whole is accepted by the stream");
    }
    kms_envelope_reader_free(reader);
    kms_envelope_info_free(info);
    kms_envelope_buffer_free(whole, whole_len);
    return 0;
}

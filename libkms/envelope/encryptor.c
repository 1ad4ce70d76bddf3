/*
 * The writer's stream. One frame at a time is collected where it will be sealed and is sealed
 * there: plaintext in, frame out, no third copy.
 */
#include "libkms/envelope/encryptor.h"

#include "libkms/envelope/failure.h"
#include "libkms/envelope/memory.h"

#include <openssl/crypto.h>

struct kms_envelope_encryptor {
    struct kms_message message;
    struct kms_frame_cipher *cipher;
    struct kms_envelope_failure failure; /* the error that stays */
    bool ended;                          /* no plaintext will follow */
    bool final_sealed;
    bool finished; /* the footer, if any, is out as well */

    /* Room for the longest head, a frame's content and a tag. Content is collected at the same
     * place for both kinds of frame; the shorter head leaves a gap in front. */
    uint8_t *frame;
    size_t frame_capacity;
    size_t frame_used;  /* bytes of it ever written to */
    size_t content_len; /* collected */
    uint32_t sequence;  /* of the frame being collected */

    struct kms_bytes pending; /* bytes to give out: the header, a frame, the footer */
    uint8_t footer[KMS_FOOTER_MAX];

    uint64_t plaintext_len;
    uint64_t message_len;
};

enum kms_err kms_encryptor_from_message(
    struct kms_message *message, struct kms_envelope_encryptor **out)
{
    struct kms_envelope_encryptor *made = OPENSSL_zalloc(sizeof(*made));
    if (made == NULL)
        return KMS_ERR_NO_MEMORY;
    made->sequence = 1;
    made->frame_capacity =
        (size_t)KMS_FRAME_HEAD_MAX + message->header->info.frame_length + KMS_GCM_TAG_LEN;
    made->frame = kms_memory_new(made->frame_capacity);
    enum kms_err err = made->frame == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
    if (err == KMS_OK)
        err = kms_message_cipher(message, KMS_FRAME_SEAL, &made->cipher);
    if (err != KMS_OK) {
        kms_envelope_encryptor_free(made);
        return err;
    }
    made->pending = message->header->start;
    made->message_len = message->header->start.len;
    made->message = *message;
    *message = (struct kms_message){0}; /* now the stream's */
    *out = made;
    return KMS_OK;
}

enum kms_err kms_envelope_encryptor_new(const struct kms_envelope_encrypt_options *options,
    struct kms_envelope_encryptor **out, struct kms_envelope_failure *failure)
{
    KMS_MESSAGE_AUTO message = {0};
    enum kms_err err = kms_message_create(options, kms_bytes(NULL, 0), &message, failure);
    if (err != KMS_OK)
        return err;
    err = kms_encryptor_from_message(&message, out);
    return err == KMS_OK ? KMS_OK : kms_failure_plain(failure, err);
}

void kms_envelope_encryptor_free(struct kms_envelope_encryptor *encryptor)
{
    if (encryptor == NULL)
        return;
    kms_message_clean_up(&encryptor->message);
    kms_frame_cipher_free(encryptor->cipher);
    kms_memory_free(encryptor->frame, encryptor->frame_capacity, encryptor->frame_used);
    kms_wipe(encryptor, sizeof(*encryptor));
    OPENSSL_free(encryptor);
}

/* Moves as much as fits from *from to *out. */
static void drain(struct kms_bytes *from, struct kms_room *out)
{
    size_t len = from->len < out->len ? from->len : out->len;
    if (len == 0)
        return;
    memcpy(out->data, from->data, len);
    *from = kms_bytes(from->data + len, from->len - len);
    out->data += len;
    out->len -= len;
}

static void collect(struct kms_envelope_encryptor *encryptor, struct kms_bytes *in)
{
    size_t room = encryptor->message.header->info.frame_length - encryptor->content_len;
    size_t len = in->len < room ? in->len : room;
    if (len == 0)
        return;
    memcpy(encryptor->frame + KMS_FRAME_HEAD_MAX + encryptor->content_len, in->data, len);
    encryptor->content_len += len;
    size_t used = KMS_FRAME_HEAD_MAX + encryptor->content_len;
    if (used > encryptor->frame_used)
        encryptor->frame_used = used;
    *in = kms_bytes(in->data + len, in->len - len);
}

/* Before a frame of content_len more bytes is sealed. */
static enum kms_err check_limits(
    struct kms_envelope_encryptor *encryptor, enum kms_frame_kind kind, size_t content_len)
{
    /* As the first field of a regular frame the highest number means "final frame". */
    if (kind == KMS_FRAME_REGULAR && encryptor->sequence == KMS_FRAME_SEQUENCE_MAX)
        return kms_failure_at(&encryptor->failure, KMS_ERR_LIMIT, KMS_FRAME_SEQUENCE_MAX,
            encryptor->message_len, "the message needs more than 4,294,967,295 frames");
    return kms_message_check_bound(
        &encryptor->message, encryptor->plaintext_len + content_len, &encryptor->failure);
}

/* After it was: signs it and counts. */
static enum kms_err sealed(struct kms_envelope_encryptor *encryptor, enum kms_err err,
    const uint8_t *frame, size_t frame_len, size_t content_len)
{
    if (err == KMS_OK && encryptor->message.signature != NULL)
        err = kms_signature_update(encryptor->message.signature, kms_bytes(frame, frame_len));
    if (err != KMS_OK)
        return kms_failure_at(&encryptor->failure, err, encryptor->sequence, encryptor->message_len,
            "%s", kms_err_text(err));
    encryptor->plaintext_len += content_len;
    encryptor->message_len += frame_len;
    return KMS_OK;
}

/* Seals what was collected and makes it pending. */
static enum kms_err seal(struct kms_envelope_encryptor *encryptor, enum kms_frame_kind kind)
{
    size_t content_len = encryptor->content_len;
    enum kms_err err = check_limits(encryptor, kind, content_len);
    if (err != KMS_OK)
        return err;
    uint8_t *frame = encryptor->frame + KMS_FRAME_HEAD_MAX - kms_frame_content_at(kind);
    size_t frame_len = kms_frame_overhead(kind) + content_len;
    err = kms_frame_seal(encryptor->cipher, kind, encryptor->sequence, frame, content_len);
    err = sealed(encryptor, err, frame, frame_len, content_len);
    if (err != KMS_OK)
        return err;
    encryptor->pending = kms_bytes(frame, frame_len);
    encryptor->content_len = 0;
    if (kind == KMS_FRAME_FINAL)
        encryptor->final_sealed = true;
    else
        encryptor->sequence++;
    return KMS_OK;
}

/* After the final frame: the footer, if there is one. */
static enum kms_err end_message(struct kms_envelope_encryptor *encryptor)
{
    if (encryptor->message.signature != NULL) {
        size_t len = 0;
        enum kms_err err =
            kms_signature_make_footer(encryptor->message.signature, encryptor->footer, &len);
        if (err != KMS_OK)
            return kms_failure_set(&encryptor->failure, err, "the message cannot be signed");
        encryptor->pending = kms_bytes(encryptor->footer, len);
        encryptor->message_len += len;
    }
    encryptor->finished = true;
    kms_header_set_counts(encryptor->message.header, encryptor->sequence, encryptor->plaintext_len,
        encryptor->message_len);
    return KMS_OK;
}

/* Seals whole frames that are at hand from where they are to where they go, which saves two copies. */
static enum kms_err seal_straight(
    struct kms_envelope_encryptor *encryptor, struct kms_bytes *in, struct kms_room *out)
{
    size_t content_len = encryptor->message.header->info.frame_length;
    size_t frame_len = kms_frame_overhead(KMS_FRAME_REGULAR) + content_len;
    enum kms_err err = KMS_OK;
    while (encryptor->content_len == 0 && in->len >= content_len && out->len >= frame_len) {
        err = check_limits(encryptor, KMS_FRAME_REGULAR, content_len);
        if (err != KMS_OK)
            return err;
        err = kms_frame_seal_from(encryptor->cipher, KMS_FRAME_REGULAR, encryptor->sequence,
            in->data, out->data, content_len);
        err = sealed(encryptor, err, out->data, frame_len, content_len);
        if (err != KMS_OK)
            return err;
        encryptor->sequence++;
        *in = kms_bytes(in->data + content_len, in->len - content_len);
        out->data += frame_len;
        out->len -= frame_len;
    }
    return KMS_OK;
}

/*
 * A full frame is never the final one, so a whole number of them ends in an empty one. The format allows
 * a full one as well, but the Encryption SDK for Python refused those before its version 4, and so does
 * its command line.
 */
static enum kms_err advance(
    struct kms_envelope_encryptor *encryptor, struct kms_bytes *in, bool *stuck)
{
    *stuck = false;
    if (encryptor->final_sealed)
        return end_message(encryptor);
    collect(encryptor, in);
    if (encryptor->content_len == encryptor->message.header->info.frame_length)
        return seal(encryptor, KMS_FRAME_REGULAR);
    if (encryptor->ended)
        return seal(encryptor, KMS_FRAME_FINAL);
    *stuck = true;
    return KMS_OK;
}

enum kms_err kms_envelope_encryptor_step(struct kms_envelope_encryptor *encryptor,
    struct kms_bytes *in, bool end, struct kms_room *out, bool *done,
    struct kms_envelope_failure *failure)
{
    enum kms_err err = encryptor->failure.err;
    if (err == KMS_OK && encryptor->ended && in->len > 0 && encryptor->final_sealed)
        err = kms_failure_set(
            &encryptor->failure, KMS_ERR_INVALID_ARGUMENT, "plaintext after the end was announced");
    encryptor->ended = encryptor->ended || end;
    bool stuck = false;
    while (err == KMS_OK && !stuck) {
        drain(&encryptor->pending, out);
        if (encryptor->pending.len > 0 || encryptor->finished)
            break;
        if (!encryptor->final_sealed)
            err = seal_straight(encryptor, in, out);
        if (out->len == 0 && in->len >= encryptor->message.header->info.frame_length)
            break; /* the next frame can go straight, too, into the next room */
        if (err == KMS_OK)
            err = advance(encryptor, in, &stuck);
    }
    if (failure != NULL)
        *failure = encryptor->failure;
    if (err == KMS_OK)
        *done = encryptor->finished && encryptor->pending.len == 0;
    return err;
}

const struct kms_envelope_info *kms_envelope_encryptor_info(
    const struct kms_envelope_encryptor *encryptor)
{
    return &encryptor->message.header->info;
}

struct kms_envelope_info *kms_encryptor_take_info(struct kms_envelope_encryptor *encryptor)
{
    struct kms_header *header = encryptor->message.header;
    encryptor->message.header = NULL; /* now the caller's */
    return &header->info;
}

/*
 * The writer's stream. Plaintext is collected only when the frame that it belongs to is not at hand
 * whole, and a frame waits here only as far as there is no room for it yet.
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

    /* Room for the longest head, a frame's content and a tag; NULL until something has to wait. Content
     * is at the same place for both kinds of frame; the shorter head leaves a gap in front. */
    uint8_t *frame;
    size_t frame_capacity;
    size_t frame_used;  /* bytes of it that ever held plaintext */
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
    enum kms_err err = kms_message_cipher(message, KMS_FRAME_SEAL, &made->cipher);
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

/* Both take no bytes of nowhere, too. */
static void use_input(struct kms_bytes *in, size_t len)
{
    if (len > 0)
        *in = kms_bytes(in->data + len, in->len - len);
}

static void use_room(struct kms_room *out, size_t len)
{
    if (len > 0)
        *out = (struct kms_room){.data = out->data + len, .len = out->len - len};
}

/* Moves as much as fits from *from to *out. */
static void drain(struct kms_bytes *from, struct kms_room *out)
{
    size_t len = from->len < out->len ? from->len : out->len;
    if (len == 0)
        return;
    memcpy(out->data, from->data, len);
    use_input(from, len);
    use_room(out, len);
}

static enum kms_err make_frame(struct kms_envelope_encryptor *encryptor)
{
    if (encryptor->frame == NULL)
        encryptor->frame = kms_memory_new(encryptor->frame_capacity);
    return encryptor->frame != NULL ? KMS_OK
                                    : kms_failure_plain(&encryptor->failure, KMS_ERR_NO_MEMORY);
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
    use_input(in, len);
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

/* Where a frame goes: its head and the first part bytes of its content, and the rest with the tag. */
struct places {
    uint8_t *frame;
    size_t part;
    uint8_t *rest;
    struct kms_bytes given;   /* what of it is then in the room */
    struct kms_bytes waiting; /* and what is not */
};

static enum kms_err find_places(struct kms_envelope_encryptor *encryptor, enum kms_frame_kind kind,
    size_t content_len, const struct kms_room *out, struct places *places)
{
    size_t head_len = kms_frame_content_at(kind);
    size_t frame_len = kms_frame_overhead(kind) + content_len;
    uint8_t *frame = out->data;
    if (out->len >= frame_len) {
        *places = (struct places){.frame = frame,
            .part = content_len,
            .rest = frame + head_len + content_len,
            .given = {frame, frame_len}};
        return KMS_OK;
    }
    enum kms_err err = make_frame(encryptor);
    if (err != KMS_OK)
        return err;
    uint8_t *content = encryptor->frame + KMS_FRAME_HEAD_MAX;
    if (out->len < head_len) {
        frame = content - head_len;
        *places = (struct places){.frame = frame,
            .part = content_len,
            .rest = content + content_len,
            .waiting = {frame, frame_len}};
        return KMS_OK;
    }
    size_t part = out->len - head_len < content_len ? out->len - head_len : content_len;
    *places = (struct places){.frame = frame,
        .part = part,
        .rest = content + part,
        .given = {frame, head_len + part},
        .waiting = {content + part, frame_len - head_len - part}};
    return KMS_OK;
}

static enum kms_err sign(
    struct kms_envelope_encryptor *encryptor, struct kms_bytes first, struct kms_bytes second)
{
    struct kms_signature *signature = encryptor->message.signature;
    if (signature == NULL)
        return KMS_OK;
    enum kms_err err = kms_signature_update(signature, first);
    return err == KMS_OK ? kms_signature_update(signature, second) : err;
}

/* Seals the next frame into the room as far as it goes there; the rest becomes pending. */
static enum kms_err seal(struct kms_envelope_encryptor *encryptor, enum kms_frame_kind kind,
    struct kms_bytes plaintext, struct kms_room *out)
{
    struct places to;
    enum kms_err err = check_limits(encryptor, kind, plaintext.len);
    if (err == KMS_OK)
        err = find_places(encryptor, kind, plaintext.len, out, &to);
    if (err != KMS_OK)
        return err;
    err = kms_frame_seal_parted(encryptor->cipher, kind, encryptor->sequence, plaintext.data,
        plaintext.len, to.frame, to.part, to.rest);
    if (err == KMS_OK)
        err = sign(encryptor, to.given, to.waiting);
    if (err != KMS_OK)
        return kms_failure_at(&encryptor->failure, err, encryptor->sequence, encryptor->message_len,
            "%s", kms_err_text(err));
    encryptor->plaintext_len += plaintext.len;
    encryptor->message_len += to.given.len + to.waiting.len;
    encryptor->pending = to.waiting;
    use_room(out, to.given.len);
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

/* A frame whose content is at hand, from where that is. */
static enum kms_err seal_straight(
    struct kms_envelope_encryptor *encryptor, struct kms_bytes *in, struct kms_room *out)
{
    size_t frame_length = encryptor->message.header->info.frame_length;
    bool is_final = in->len < frame_length;
    size_t len = is_final ? in->len : frame_length;
    enum kms_err err = seal(
        encryptor, is_final ? KMS_FRAME_FINAL : KMS_FRAME_REGULAR, kms_bytes(in->data, len), out);
    if (err == KMS_OK)
        use_input(in, len);
    return err;
}

static enum kms_err seal_collected(struct kms_envelope_encryptor *encryptor, struct kms_bytes *in,
    struct kms_room *out, bool *stuck)
{
    enum kms_err err = make_frame(encryptor);
    if (err != KMS_OK)
        return err;
    collect(encryptor, in);
    bool is_full = encryptor->content_len == encryptor->message.header->info.frame_length;
    *stuck = !is_full && !encryptor->ended;
    if (*stuck)
        return KMS_OK;
    struct kms_bytes content = {encryptor->frame + KMS_FRAME_HEAD_MAX, encryptor->content_len};
    encryptor->content_len = 0;
    return seal(encryptor, is_full ? KMS_FRAME_REGULAR : KMS_FRAME_FINAL, content, out);
}

/*
 * A full frame is never the final one, so a whole number of them ends in an empty one. The format allows
 * a full one as well, but the Encryption SDK for Python refused those before its version 4, and so does
 * its command line.
 */
static enum kms_err advance(struct kms_envelope_encryptor *encryptor, struct kms_bytes *in,
    struct kms_room *out, bool *stuck)
{
    if (encryptor->final_sealed)
        return end_message(encryptor);
    bool is_at_hand = encryptor->content_len == 0 &&
                      (encryptor->ended || in->len >= encryptor->message.header->info.frame_length);
    *stuck = is_at_hand ? out->len == 0 : in->len == 0 && !encryptor->ended;
    if (*stuck)
        return KMS_OK;
    return is_at_hand ? seal_straight(encryptor, in, out)
                      : seal_collected(encryptor, in, out, stuck);
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
        err = advance(encryptor, in, out, &stuck);
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

/*
 * The reader's stream: a state machine over the parts of a message, each collected whole, verified,
 * and only then acted on.
 */
#include "libkms/envelope/decryptor.h"

#include "libkms/envelope/failure.h"
#include "libkms/envelope/key_section.h"
#include "libkms/envelope/memory.h"

#include <openssl/crypto.h>

enum { OPTIONS_MAX = 4 << 20 };

enum state {
    IN_SECTION, /* of key slots */
    IN_HEADER,
    IN_FRAME_HEAD,
    IN_FRAME_CONTENT, /* with its tag */
    IN_FOOTER,
    AT_END,
};

struct kms_envelope_decryptor {
    struct kms_envelope_decrypt_options options; /* views into arena */
    struct kms_arena arena;
    struct kms_envelope_limits limits;
    struct kms_envelope_failure failure; /* the error that stays */
    bool ended;                          /* no message bytes will follow */
    bool trusts_room;                    /* see kms_decryptor_trust_room */

    enum state state;
    uint64_t offset;     /* bytes consumed */
    uint64_t part_start; /* where in the message the part being collected begins */

    struct kms_key_section *section; /* was read; goes to the header */
    struct kms_buf header;           /* collected; before it the section */
    size_t header_needed;            /* how much of it to collect before parsing again */
    struct kms_message message;
    struct kms_frame_cipher *cipher;

    struct kms_frame_expect expect;
    struct kms_frame_head frame;
    uint8_t small[KMS_FOOTER_MAX]; /* a frame's head, or the footer */
    size_t small_len;

    uint8_t *content; /* ciphertext and tag, then plaintext; NULL until one cannot go straight */
    size_t content_capacity;
    size_t content_len;  /* collected */
    size_t content_used; /* bytes of it ever written to */

    struct kms_bytes pending; /* verified plaintext to give out */
    struct kms_bytes held;    /* the last frame's, until the signature verified */
    uint64_t plaintext_len;
};

_Static_assert((int)KMS_FOOTER_MAX >= (int)KMS_FRAME_HEAD_MAX, "small holds either");

/* --- life ------------------------------------------------------------------------------------- */

static enum kms_err copy_options(
    struct kms_envelope_decryptor *decryptor, const struct kms_envelope_decrypt_options *options)
{
    decryptor->options = *options;
    enum kms_err err =
        kms_context_copy(options->context, &decryptor->arena, &decryptor->options.context);
    if (err == KMS_OK)
        err = kms_context_copy(
            options->unstored_context, &decryptor->arena, &decryptor->options.unstored_context);
    return err;
}

static struct kms_envelope_decryptor *new_decryptor(const struct kms_envelope_limits *limits)
{
    struct kms_envelope_decryptor *made = OPENSSL_zalloc(sizeof(*made));
    if (made == NULL)
        return NULL;
    kms_arena_init(&made->arena, OPTIONS_MAX);
    made->limits = *limits;
    kms_buf_init(&made->header, limits->max_header_bytes);
    made->header_needed = 1;
    made->state = IN_HEADER;
    return made;
}

enum kms_err kms_envelope_decryptor_new(const struct kms_envelope_decrypt_options *options,
    struct kms_envelope_decryptor **out, struct kms_envelope_failure *failure)
{
    kms_failure_clear(failure);
    if (options->keyring == NULL)
        return kms_failure_set(failure, KMS_ERR_INVALID_ARGUMENT, "no keyring");
    struct kms_envelope_limits limits = kms_limits_or_defaults(&options->limits);
    struct kms_envelope_decryptor *made = new_decryptor(&limits);
    if (made == NULL)
        return kms_failure_plain(failure, KMS_ERR_NO_MEMORY);
    enum kms_err err = copy_options(made, options);
    if (err != KMS_OK) {
        kms_envelope_decryptor_free(made);
        return kms_failure_plain(failure, err);
    }
    *out = made;
    return KMS_OK;
}

void kms_envelope_decryptor_free(struct kms_envelope_decryptor *decryptor)
{
    if (decryptor == NULL)
        return;
    kms_arena_clean_up(&decryptor->arena);
    kms_key_section_free(decryptor->section);
    kms_buf_clean_up(&decryptor->header);
    kms_message_clean_up(&decryptor->message);
    kms_frame_cipher_free(decryptor->cipher);
    kms_memory_free(decryptor->content, decryptor->content_capacity, decryptor->content_used);
    kms_wipe(decryptor, sizeof(*decryptor));
    OPENSSL_free(decryptor);
}

void kms_decryptor_trust_room(struct kms_envelope_decryptor *decryptor)
{
    decryptor->trusts_room = true;
}

/* From the header on: takes the message over on success. */
static enum kms_err begin_body(
    struct kms_envelope_decryptor *decryptor, struct kms_message *message)
{
    enum kms_err err = kms_message_cipher(message, KMS_FRAME_OPEN, &decryptor->cipher);
    if (err != KMS_OK)
        return kms_failure_plain(&decryptor->failure, err);
    const struct kms_envelope_info *info = &message->header->info;
    decryptor->expect = (struct kms_frame_expect){.framed = info->framed,
        .frame_length = info->frame_length,
        .max_content = decryptor->limits.max_frame_bytes,
        .sequence = 1};
    decryptor->message = *message;
    *message = (struct kms_message){0}; /* now the stream's */
    decryptor->state = IN_FRAME_HEAD;
    return KMS_OK;
}

enum kms_err kms_decryptor_from_message(struct kms_message *message,
    const struct kms_envelope_limits *limits, struct kms_envelope_decryptor **out)
{
    struct kms_envelope_decryptor *made = new_decryptor(limits);
    if (made == NULL)
        return KMS_ERR_NO_MEMORY;
    made->offset = made->part_start = message->header->body_at;
    enum kms_err err = begin_body(made, message);
    if (err != KMS_OK) {
        kms_envelope_decryptor_free(made);
        return err;
    }
    *out = made;
    return KMS_OK;
}

/* --- collecting ------------------------------------------------------------------------------- */

static void consume(struct kms_envelope_decryptor *decryptor, struct kms_bytes *in, size_t len)
{
    *in = kms_bytes(in->data + len, in->len - len);
    decryptor->offset += len;
}

/* Fills small up to wanted bytes. False: the input does not suffice. */
static bool collect_small(
    struct kms_envelope_decryptor *decryptor, struct kms_bytes *in, size_t wanted)
{
    if (decryptor->small_len < wanted && in->len > 0) {
        size_t missing = wanted - decryptor->small_len;
        size_t len = in->len < missing ? in->len : missing;
        memcpy(decryptor->small + decryptor->small_len, in->data, len);
        decryptor->small_len += len;
        consume(decryptor, in, len);
    }
    return decryptor->small_len >= wanted;
}

static void begin_part(struct kms_envelope_decryptor *decryptor, enum state state)
{
    decryptor->state = state;
    decryptor->part_start = decryptor->offset;
    decryptor->small_len = 0;
}

static enum kms_err fail_here(
    struct kms_envelope_decryptor *decryptor, enum kms_err err, const char *why)
{
    bool in_frame = decryptor->state == IN_FRAME_HEAD || decryptor->state == IN_FRAME_CONTENT;
    return kms_failure_at(&decryptor->failure, err, in_frame ? decryptor->expect.sequence : 0,
        decryptor->part_start, "%s", why);
}

/* --- the parts -------------------------------------------------------------------------------- */

/* The section was collected, or as much of it as tells how long it is. */
static enum kms_err read_section(struct kms_envelope_decryptor *decryptor)
{
    struct kms_bytes have = kms_buf_bytes(&decryptor->header);
    size_t len = 0;
    enum kms_err err = kms_key_section_len(have, &len, &decryptor->failure);
    if (err == KMS_OK && have.len == len)
        err = kms_key_section_parse(
            have, decryptor->limits.max_edks, &decryptor->section, &decryptor->failure);
    else if (err == KMS_OK || err == KMS_ERR_TRUNCATED) { /* not yet a failure */
        kms_failure_clear(&decryptor->failure);
        decryptor->header_needed = len;
        return KMS_OK;
    }
    if (err != KMS_OK)
        return err;
    kms_buf_clean_up(&decryptor->header);
    kms_buf_init(&decryptor->header, decryptor->limits.max_header_bytes);
    decryptor->header_needed = 1;
    begin_part(decryptor, IN_HEADER);
    return KMS_OK;
}

/* The header was collected, or as much of it as tells how long it is. */
static enum kms_err open_header(struct kms_envelope_decryptor *decryptor)
{
    KMS_HEADER_AUTO header = NULL;
    KMS_MESSAGE_AUTO message = {0};
    size_t needed = 0;
    if (decryptor->section == NULL && decryptor->header.len == 1 &&
        kms_key_section_begins(kms_buf_bytes(&decryptor->header))) {
        decryptor->header.max = KMS_SECTION_LEN_MAX;
        begin_part(decryptor, IN_SECTION);
        decryptor->part_start = 0; /* its first byte is here already */
    }
    if (decryptor->state == IN_SECTION)
        return read_section(decryptor);
    struct kms_bytes have = kms_buf_bytes(&decryptor->header);
    if (!kms_header_is_whole(have, &decryptor->limits, &decryptor->header_needed))
        return KMS_OK;
    enum kms_err err =
        kms_header_parse(have, &decryptor->limits, &header, &needed, &decryptor->failure);
    if (err == KMS_OK && decryptor->section != NULL) {
        kms_header_set_section(header, decryptor->section);
        decryptor->section = NULL; /* now the header's */
    }
    if (err == KMS_OK)
        err = kms_message_open(&decryptor->options, &header, &message, &decryptor->failure);
    if (err != KMS_OK)
        return err;
    kms_buf_clean_up(&decryptor->header);
    begin_part(decryptor, IN_FRAME_HEAD);
    return begin_body(decryptor, &message);
}

static enum kms_err read_header(
    struct kms_envelope_decryptor *decryptor, struct kms_bytes *in, bool *stuck)
{
    size_t missing = decryptor->header_needed - decryptor->header.len;
    size_t len = in->len < missing ? in->len : missing;
    kms_buf_append(&decryptor->header, in->data, len);
    if (decryptor->header.err != KMS_OK)
        return kms_failure_plain(&decryptor->failure, decryptor->header.err);
    consume(decryptor, in, len);
    if (len < missing) {
        *stuck = true;
        return KMS_OK;
    }
    return open_header(decryptor);
}

/* Room for a frame's content and tag. */
static enum kms_err make_room(struct kms_envelope_decryptor *decryptor, size_t len)
{
    if (len <= decryptor->content_capacity)
        return KMS_OK;
    uint8_t *content = kms_memory_new(len);
    if (content == NULL)
        return fail_here(decryptor, KMS_ERR_NO_MEMORY, "no memory for a frame");
    kms_memory_free(decryptor->content, decryptor->content_capacity, decryptor->content_used);
    decryptor->content = content;
    decryptor->content_capacity = len;
    decryptor->content_used = 0;
    return KMS_OK;
}

static enum kms_err read_frame_head(
    struct kms_envelope_decryptor *decryptor, struct kms_bytes *in, bool *stuck)
{
    struct kms_bytes have = kms_bytes(decryptor->small, decryptor->small_len);
    size_t wanted = kms_frame_head_len(&decryptor->expect, have);
    if (!collect_small(decryptor, in, wanted)) {
        *stuck = true;
        return KMS_OK;
    }
    have.len = decryptor->small_len;
    enum kms_err err = kms_frame_head_parse(&decryptor->expect, have, &decryptor->frame);
    if (err == KMS_ERR_TRUNCATED)
        return KMS_OK; /* its first bytes told that more is wanted */
    if (err == KMS_ERR_LIMIT)
        return fail_here(decryptor, err, "the non-framed body is longer than the limit");
    if (err != KMS_OK)
        return fail_here(decryptor, err, "the frame is out of sequence or too long");
    if (decryptor->message.signature != NULL)
        err = kms_signature_update(decryptor->message.signature, have);
    if (err != KMS_OK)
        return fail_here(decryptor, err, kms_err_text(err));
    decryptor->content_len = 0;
    decryptor->state = IN_FRAME_CONTENT; /* the part still begins at the head */
    return KMS_OK;
}

static void end_body(struct kms_envelope_decryptor *decryptor)
{
    begin_part(decryptor, AT_END);
    kms_header_set_counts(decryptor->message.header, decryptor->expect.sequence,
        decryptor->plaintext_len, decryptor->offset);
}

/* An opened frame, the last one unless it is regular, is behind. */
static void end_frame(struct kms_envelope_decryptor *decryptor)
{
    decryptor->plaintext_len += decryptor->frame.content_len;
    if (decryptor->frame.kind != KMS_FRAME_REGULAR) {
        end_body(decryptor);
        return;
    }
    decryptor->expect.sequence++; /* cannot wrap: the highest number only heads final frames */
    begin_part(decryptor, IN_FRAME_HEAD);
}

/* From sealed, ciphertext and tag, to out, which may be the same place. */
static enum kms_err open_frame(
    struct kms_envelope_decryptor *decryptor, const uint8_t *sealed, uint8_t *out)
{
    const struct kms_frame_head *frame = &decryptor->frame;
    enum kms_err err = KMS_OK;
    if (decryptor->message.signature != NULL) /* over the ciphertext, so before opening */
        err = kms_signature_update(
            decryptor->message.signature, kms_bytes(sealed, frame->content_len + KMS_GCM_TAG_LEN));
    if (err != KMS_OK)
        return fail_here(decryptor, err, kms_err_text(err));
    err = kms_frame_open_to(decryptor->cipher, frame, sealed, out);
    return err == KMS_OK ? KMS_OK : fail_here(decryptor, err, "the frame's tag does not verify");
}

/* A message's last plaintext is held until its signature, if there is one, verified. */
static bool is_held(const struct kms_envelope_decryptor *decryptor)
{
    return decryptor->frame.kind != KMS_FRAME_REGULAR && decryptor->message.signature != NULL;
}

static enum kms_err open_collected(struct kms_envelope_decryptor *decryptor)
{
    enum kms_err err = open_frame(decryptor, decryptor->content, decryptor->content);
    if (err != KMS_OK)
        return err;
    struct kms_bytes plaintext = kms_bytes(decryptor->content, decryptor->frame.content_len);
    if (is_held(decryptor)) {
        decryptor->held = plaintext;
        decryptor->plaintext_len += plaintext.len;
        begin_part(decryptor, IN_FOOTER);
        return KMS_OK;
    }
    decryptor->pending = plaintext;
    end_frame(decryptor);
    return KMS_OK;
}

/* A frame that is at hand whole, from where it is to where it goes. False: not this one. */
static bool can_open_straight(const struct kms_envelope_decryptor *decryptor,
    const struct kms_bytes *in, const struct kms_room *out)
{
    return decryptor->trusts_room && decryptor->state == IN_FRAME_CONTENT && !is_held(decryptor) &&
           decryptor->content_len == 0 &&
           in->len >= decryptor->frame.content_len + KMS_GCM_TAG_LEN &&
           out->len >= decryptor->frame.content_len;
}

static enum kms_err open_straight(
    struct kms_envelope_decryptor *decryptor, struct kms_bytes *in, struct kms_room *out)
{
    size_t content_len = decryptor->frame.content_len;
    enum kms_err err = open_frame(decryptor, in->data, out->data);
    if (err != KMS_OK)
        return err;
    consume(decryptor, in, content_len + KMS_GCM_TAG_LEN);
    out->data += content_len;
    out->len -= content_len;
    end_frame(decryptor);
    return KMS_OK;
}

static enum kms_err read_frame_content(
    struct kms_envelope_decryptor *decryptor, struct kms_bytes *in, bool *stuck)
{
    enum kms_err err = make_room(decryptor, decryptor->frame.content_len + KMS_GCM_TAG_LEN);
    if (err != KMS_OK)
        return err;
    size_t missing = decryptor->frame.content_len + KMS_GCM_TAG_LEN - decryptor->content_len;
    size_t len = in->len < missing ? in->len : missing;
    if (len > 0) {
        memcpy(decryptor->content + decryptor->content_len, in->data, len);
        decryptor->content_len += len;
        if (decryptor->content_len > decryptor->content_used)
            decryptor->content_used = decryptor->content_len;
        consume(decryptor, in, len);
    }
    if (len < missing) {
        *stuck = true;
        return KMS_OK;
    }
    return open_collected(decryptor);
}

static enum kms_err read_footer(
    struct kms_envelope_decryptor *decryptor, struct kms_bytes *in, bool *stuck)
{
    *stuck = !collect_small(decryptor, in, 2);
    if (*stuck)
        return KMS_OK;
    size_t wanted = 0;
    enum kms_err err = kms_footer_len(kms_bytes(decryptor->small, 2), &wanted);
    if (err != KMS_OK)
        return fail_here(decryptor, err, "the footer's length is that of no signature");
    *stuck = !collect_small(decryptor, in, wanted);
    if (*stuck)
        return KMS_OK;
    err = kms_signature_check(
        decryptor->message.signature, kms_bytes(decryptor->small + 2, wanted - 2));
    if (err != KMS_OK)
        return fail_here(decryptor, err, "the message's signature does not verify");
    decryptor->pending = decryptor->held;
    decryptor->held = kms_bytes(NULL, 0);
    end_body(decryptor);
    return KMS_OK;
}

static enum kms_err advance(
    struct kms_envelope_decryptor *decryptor, struct kms_bytes *in, bool *stuck)
{
    switch (decryptor->state) {
    case IN_SECTION:
    case IN_HEADER:
        return read_header(decryptor, in, stuck);
    case IN_FRAME_HEAD:
        return read_frame_head(decryptor, in, stuck);
    case IN_FRAME_CONTENT:
        return read_frame_content(decryptor, in, stuck);
    case IN_FOOTER:
        return read_footer(decryptor, in, stuck);
    case AT_END:
        break;
    }
    if (in->len > 0)
        return fail_here(decryptor, KMS_ERR_TRAILING, "bytes follow the end of the message");
    *stuck = true;
    return KMS_OK;
}

/* Moves as much verified plaintext as fits to *out. */
static void release(struct kms_envelope_decryptor *decryptor, struct kms_room *out)
{
    struct kms_bytes *from = &decryptor->pending;
    size_t len = from->len < out->len ? from->len : out->len;
    if (len == 0)
        return;
    memcpy(out->data, from->data, len);
    *from = kms_bytes(from->data + len, from->len - len);
    out->data += len;
    out->len -= len;
}

enum kms_err kms_envelope_decryptor_step(struct kms_envelope_decryptor *decryptor,
    struct kms_bytes *in, bool end, struct kms_room *out, bool *done,
    struct kms_envelope_failure *failure)
{
    enum kms_err err = decryptor->failure.err;
    decryptor->ended = decryptor->ended || end;
    bool stuck = false;
    while (err == KMS_OK && !stuck) {
        release(decryptor, out);
        if (decryptor->pending.len > 0)
            break;
        err = can_open_straight(decryptor, in, out) ? open_straight(decryptor, in, out)
                                                    : advance(decryptor, in, &stuck);
    }
    if (err == KMS_OK && stuck && decryptor->ended && decryptor->state != AT_END)
        err = fail_here(decryptor, KMS_ERR_TRUNCATED, "the message ends too early");
    if (err != KMS_OK) /* what is still held will never be released */
        kms_wipe(decryptor->content, decryptor->content_used);
    if (failure != NULL)
        *failure = decryptor->failure;
    if (err == KMS_OK)
        *done = stuck && decryptor->ended && decryptor->state == AT_END;
    return err;
}

const struct kms_envelope_info *kms_envelope_decryptor_info(
    const struct kms_envelope_decryptor *decryptor)
{
    const struct kms_header *header = decryptor->message.header;
    return header == NULL ? NULL : &header->info;
}

struct kms_envelope_info *kms_decryptor_take_info(struct kms_envelope_decryptor *decryptor)
{
    struct kms_header *header = decryptor->message.header;
    decryptor->message.header = NULL; /* now the caller's */
    return &header->info;
}

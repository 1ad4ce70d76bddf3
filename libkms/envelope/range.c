/*
 * Reading anywhere in a message. Where a frame lies follows from its number, and how many there are
 * from the message's length; the last frame's tag then makes that authentic, for it is over the frame's
 * number, its length, and the fact that it is the last.
 */
#include "libkms/envelope/failure.h"
#include "libkms/envelope/key_section.h"
#include "libkms/envelope/memory.h"
#include "libkms/envelope/message.h"
#include "libkms/envelope/wire.h"

#include <kms/envelope_range.h>
#include <openssl/crypto.h>

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HEADER_FIRST = 4096,    /* bytes that most headers fit in */
    WINDOW_BYTES = 1 << 20, /* read at a time */
    FOOTER_MIN = 2 + 1,     /* length and something */
};

struct kms_envelope_reader {
    struct kms_envelope_source source;
    int fd; /* what the source reads, when it is a descriptor */
    struct kms_message message;
    struct kms_frame_cipher *cipher;
    uint64_t body;      /* where in the source the first frame begins */
    uint64_t size;      /* plaintext bytes */
    uint32_t frames;    /* the last one's number */
    size_t final_len;   /* plaintext bytes in the last one */
    uint64_t final_end; /* where in the source it ends */

    /* Frames side by side as in the message, opened where they are. */
    uint8_t *window;
    size_t window_len; /* allocated */
    size_t slots;      /* regular frames that fit */
    uint32_t first;    /* number of the first frame in it */
    uint32_t count;    /* 0: nothing is in it */
};

static uint64_t stride(const struct kms_envelope_reader *reader)
{
    return (uint64_t)reader->message.header->info.frame_length + KMS_FRAME_OVERHEAD;
}

static enum kms_err read_source(struct kms_envelope_reader *reader, void *out, size_t len,
    uint64_t offset, struct kms_envelope_failure *failure)
{
    int os_error = 0;
    enum kms_err err = reader->source.read_at(reader->source.context, out, len, offset, &os_error);
    if (err == KMS_ERR_IO)
        return kms_failure_io(failure, os_error, "reading");
    return err == KMS_OK ? KMS_OK : kms_failure_plain(failure, err);
}

/* --- the header ------------------------------------------------------------------------------- */

/* The key slots, if the source begins with some. */
static enum kms_err read_section(struct kms_envelope_reader *reader,
    const struct kms_envelope_limits *limits, struct kms_key_section **out, size_t *len,
    struct kms_envelope_failure *failure)
{
    uint8_t head[KMS_SECTION_HEAD_LEN];
    size_t have = reader->source.size < sizeof(head) ? (size_t)reader->source.size : sizeof(head);
    KMS_BUF_AUTO bytes;
    kms_buf_init(&bytes, KMS_SECTION_LEN_MAX);
    enum kms_err err = read_source(reader, head, have, 0, failure);
    if (err != KMS_OK || !kms_key_section_begins(kms_bytes(head, have)))
        return err;
    err = kms_key_section_len(kms_bytes(head, have), len, failure);
    if (err != KMS_OK)
        return err;
    if (*len > reader->source.size)
        return kms_failure_set(failure, KMS_ERR_TRUNCATED, "the key slots end too early");
    uint8_t *at = kms_buf_extend(&bytes, *len);
    if (at == NULL)
        return kms_failure_plain(failure, bytes.err);
    err = read_source(reader, at, *len, 0, failure);
    return err == KMS_OK
               ? kms_key_section_parse(kms_buf_bytes(&bytes), limits->max_edks, out, failure)
               : err;
}

/* The header, which begins at offset. */
static enum kms_err read_header(struct kms_envelope_reader *reader, uint64_t offset,
    const struct kms_envelope_limits *limits, struct kms_header **out,
    struct kms_envelope_failure *failure)
{
    uint64_t size = reader->source.size - offset;
    KMS_BUF_AUTO bytes;
    size_t needed = HEADER_FIRST;
    kms_buf_init(&bytes, limits->max_header_bytes);
    for (;;) {
        size_t have = bytes.len;
        if (needed > limits->max_header_bytes)
            needed = limits->max_header_bytes;
        if (needed > size)
            needed = (size_t)size;
        if (needed <= have)
            return kms_failure_at(
                failure, KMS_ERR_TRUNCATED, 0, 0, "the message ends within its header");
        uint8_t *at = kms_buf_extend(&bytes, needed - have);
        if (at == NULL)
            return kms_failure_plain(failure, bytes.err);
        enum kms_err err = read_source(reader, at, needed - have, offset + have, failure);
        if (err != KMS_OK)
            return err;
        err = kms_header_parse(kms_buf_bytes(&bytes), limits, out, &needed, failure);
        if (err != KMS_ERR_TRUNCATED)
            return err;
    }
}

static enum kms_err open_header(struct kms_envelope_reader *reader,
    const struct kms_envelope_decrypt_options *options, const struct kms_envelope_limits *limits,
    struct kms_envelope_failure *failure)
{
    KMS_HEADER_AUTO header = NULL;
    KMS_KEY_SECTION_AUTO section = NULL;
    size_t section_len = 0;
    enum kms_err err = read_section(reader, limits, &section, &section_len, failure);
    if (err == KMS_OK)
        err = read_header(reader, section_len, limits, &header, failure);
    if (err == KMS_OK && section != NULL) {
        kms_header_set_section(header, section);
        section = NULL; /* now the header's */
    }
    if (err == KMS_OK && header->suite->signature != NULL && !options->ignore_signature)
        err = kms_failure_set(failure, KMS_ERR_POLICY,
            "the message is signed (suite %04x): the signature is over the whole and cannot be "
            "verified for a part",
            (unsigned)header->suite->id);
    if (err == KMS_OK)
        err = kms_message_open(options, &header, &reader->message, failure);
    if (err == KMS_OK)
        err = kms_message_cipher(&reader->message, KMS_FRAME_OPEN, &reader->cipher);
    if (err != KMS_OK)
        return failure != NULL && failure->err != KMS_OK ? err : kms_failure_plain(failure, err);
    reader->body = reader->message.header->body_at;
    return KMS_OK;
}

/* --- the last frame --------------------------------------------------------------------------- */

static struct kms_frame_expect expect(const struct kms_envelope_reader *reader, uint32_t sequence)
{
    const struct kms_envelope_info *info = &reader->message.header->info;
    return (struct kms_frame_expect){
        .framed = info->framed, .frame_length = info->frame_length, .sequence = sequence};
}

static uint64_t frame_at(const struct kms_envelope_reader *reader, uint32_t sequence)
{
    return reader->body + (sequence - 1) * stride(reader);
}

/* The footer of a signed message ends where the source does. */
static bool ends_well(struct kms_envelope_reader *reader, uint64_t end, enum kms_err *err,
    struct kms_envelope_failure *failure)
{
    uint8_t length[2];
    uint64_t left = reader->source.size - end;
    if (!reader->message.header->info.is_signed)
        return left == 0;
    if (left < FOOTER_MIN)
        return false;
    *err = read_source(reader, length, sizeof(length), end, failure);
    return *err == KMS_OK && left == 2 + (uint64_t)kms_load_u16(length);
}

/* Whether the frame of that number can be the last: its head says so and it ends where it must. */
static bool is_last(struct kms_envelope_reader *reader, uint64_t sequence, enum kms_err *err,
    struct kms_envelope_failure *failure)
{
    uint8_t bytes[KMS_FRAME_FINAL_HEAD_LEN];
    struct kms_frame_head head;
    const struct kms_frame_expect want = expect(reader, (uint32_t)sequence);
    uint64_t at = frame_at(reader, (uint32_t)sequence);
    uint64_t size = reader->source.size;
    if (at > size || size - at < sizeof(bytes) + KMS_GCM_TAG_LEN)
        return false;
    *err = read_source(reader, bytes, sizeof(bytes), at, failure);
    if (*err != KMS_OK ||
        kms_frame_head_parse(&want, kms_bytes(bytes, sizeof(bytes)), &head) != KMS_OK ||
        head.kind != KMS_FRAME_FINAL)
        return false;
    uint64_t len = kms_frame_overhead(KMS_FRAME_FINAL) + (uint64_t)head.content_len;
    if (size - at < len || !ends_well(reader, at + len, err, failure))
        return false;
    reader->frames = (uint32_t)sequence;
    reader->final_len = head.content_len;
    reader->final_end = at + len;
    return true;
}

/* Of an unsigned message the length admits one count of frames; a footer's length is not known
 * beforehand, and makes it two at most. */
static enum kms_err find_last(
    struct kms_envelope_reader *reader, struct kms_envelope_failure *failure)
{
    enum kms_err err = KMS_OK;
    uint64_t overhead = kms_frame_overhead(KMS_FRAME_FINAL);
    uint64_t body_len = reader->source.size - reader->body;
    uint64_t footer_max = reader->message.header->info.is_signed ? KMS_FOOTER_MAX : 0;
    uint64_t least =
        body_len < overhead + footer_max ? 0 : (body_len - overhead - footer_max) / stride(reader);
    uint64_t most = body_len < overhead ? 0 : (body_len - overhead) / stride(reader);
    for (uint64_t before = least; before <= most && before < KMS_FRAME_SEQUENCE_MAX; before++) {
        if (is_last(reader, before + 1, &err, failure))
            return KMS_OK;
        if (err != KMS_OK)
            return err;
    }
    return kms_failure_at(failure, KMS_ERR_TRUNCATED, 0, reader->source.size,
        "the message does not end with its last frame: it was cut short, or something follows it");
}

/* --- the window ------------------------------------------------------------------------------- */

static enum kms_err make_window(
    struct kms_envelope_reader *reader, size_t len, struct kms_envelope_failure *failure)
{
    reader->window = kms_memory_new(len);
    if (reader->window == NULL)
        return kms_failure_plain(failure, KMS_ERR_NO_MEMORY);
    memset(reader->window, 0, len); /* so that all of it may be wiped */
    reader->window_len = len;
    return KMS_OK;
}

static uint8_t *slot(const struct kms_envelope_reader *reader, uint32_t sequence)
{
    return reader->window + (sequence - reader->first) * stride(reader);
}

/* Opens a frame in the window. */
static enum kms_err open_frame(
    struct kms_envelope_reader *reader, uint32_t sequence, struct kms_envelope_failure *failure)
{
    const struct kms_frame_expect want = expect(reader, sequence);
    bool final = sequence == reader->frames;
    size_t head_len = final ? KMS_FRAME_FINAL_HEAD_LEN : KMS_FRAME_HEAD_LEN;
    uint64_t at = frame_at(reader, sequence);
    uint8_t *frame = slot(reader, sequence);
    struct kms_frame_head head;
    enum kms_err err = kms_frame_head_parse(&want, kms_bytes(frame, head_len), &head);
    if (err != KMS_OK || (head.kind == KMS_FRAME_FINAL) != final ||
        (final && head.content_len != reader->final_len))
        return kms_failure_at(
            failure, KMS_ERR_SYNTAX, sequence, at, "the frame is out of sequence");
    err = kms_frame_open(reader->cipher, &head, frame + head_len);
    return err == KMS_OK
               ? KMS_OK
               : kms_failure_at(failure, err, sequence, at, "the frame's tag does not verify");
}

/* Has frames first to last in the window, or as many of them as fit. On failure it is empty. */
static enum kms_err load(struct kms_envelope_reader *reader, uint32_t first, uint32_t last,
    struct kms_envelope_failure *failure)
{
    if (last - first >= reader->slots)
        last = first + (uint32_t)(reader->slots - 1);
    uint64_t from = frame_at(reader, first);
    uint64_t to = last == reader->frames ? reader->final_end : frame_at(reader, last + 1);
    reader->first = first;
    reader->count = 0;
    enum kms_err err = read_source(reader, reader->window, (size_t)(to - from), from, failure);
    for (uint32_t i = 0; err == KMS_OK && i <= last - first; i++)
        err = open_frame(reader, first + i, failure);
    if (err != KMS_OK) {
        kms_wipe(reader->window, reader->window_len);
        return err;
    }
    reader->count = last - first + 1;
    return KMS_OK;
}

/* --- life ------------------------------------------------------------------------------------- */

static enum kms_err open_framed(
    struct kms_envelope_reader *reader, struct kms_envelope_failure *failure)
{
    uint32_t frame_length = reader->message.header->info.frame_length;
    enum kms_err err = find_last(reader, failure);
    if (err != KMS_OK)
        return err;
    reader->size = (uint64_t)(reader->frames - 1) * frame_length + reader->final_len;
    reader->slots = (size_t)(WINDOW_BYTES / stride(reader));
    if (reader->slots == 0)
        reader->slots = 1;
    if (reader->slots > reader->frames)
        reader->slots = reader->frames;
    err = make_window(reader,
        reader->slots * (size_t)stride(reader) + KMS_FRAME_FINAL_HEAD_LEN - KMS_FRAME_HEAD_LEN,
        failure);
    return err == KMS_OK ? load(reader, reader->frames, reader->frames, failure) : err;
}

/* The one block has one tag: it is read whole or not at all, and stays. */
static enum kms_err open_single(struct kms_envelope_reader *reader,
    const struct kms_envelope_limits *limits, struct kms_envelope_failure *failure)
{
    uint8_t bytes[KMS_FRAME_SINGLE_HEAD_LEN];
    struct kms_frame_head head;
    struct kms_frame_expect want = expect(reader, 1);
    want.max_content = limits->max_frame_bytes;
    enum kms_err err = KMS_OK;
    uint64_t left = reader->source.size - reader->body;
    if (left < sizeof(bytes) + KMS_GCM_TAG_LEN)
        return kms_failure_at(
            failure, KMS_ERR_TRUNCATED, 1, reader->body, "the message ends too early");
    err = read_source(reader, bytes, sizeof(bytes), reader->body, failure);
    if (err != KMS_OK)
        return err;
    err = kms_frame_head_parse(&want, kms_bytes(bytes, sizeof(bytes)), &head);
    if (err != KMS_OK)
        return kms_failure_at(
            failure, err, 1, reader->body, "the non-framed body is longer than the limit");
    size_t len = head.content_len + KMS_GCM_TAG_LEN;
    uint64_t at = reader->body + sizeof(bytes);
    if (left - sizeof(bytes) < len || !ends_well(reader, at + len, &err, failure)) {
        if (err != KMS_OK)
            return err;
        return kms_failure_at(failure,
            left - sizeof(bytes) < len ? KMS_ERR_TRUNCATED : KMS_ERR_TRAILING, 1, reader->body,
            "the message's length is not that of its body");
    }
    err = make_window(reader, len, failure);
    if (err == KMS_OK)
        err = read_source(reader, reader->window, len, at, failure);
    if (err != KMS_OK)
        return err;
    err = kms_frame_open(reader->cipher, &head, reader->window);
    if (err != KMS_OK)
        return kms_failure_at(failure, err, 1, reader->body, "the body's tag does not verify");
    reader->frames = 1;
    reader->size = head.content_len;
    return KMS_OK;
}

static enum kms_err open_reader(struct kms_envelope_reader *reader,
    const struct kms_envelope_decrypt_options *options, struct kms_envelope_failure *failure)
{
    const struct kms_envelope_limits limits = kms_limits_or_defaults(&options->limits);
    enum kms_err err = open_header(reader, options, &limits, failure);
    if (err != KMS_OK)
        return err;
    err = reader->message.header->info.framed ? open_framed(reader, failure)
                                              : open_single(reader, &limits, failure);
    if (err == KMS_OK)
        kms_header_set_counts(
            reader->message.header, reader->frames, reader->size, reader->source.size);
    return err;
}

void kms_envelope_reader_free(struct kms_envelope_reader *reader)
{
    if (reader == NULL)
        return;
    kms_message_clean_up(&reader->message);
    kms_frame_cipher_free(reader->cipher);
    kms_memory_free(reader->window, reader->window_len, reader->window_len);
    OPENSSL_free(reader);
}

static enum kms_err finish_opening(struct kms_envelope_reader *reader,
    const struct kms_envelope_decrypt_options *options, struct kms_envelope_reader **out,
    struct kms_envelope_failure *failure)
{
    kms_failure_clear(failure);
    if (reader == NULL)
        return kms_failure_plain(failure, KMS_ERR_NO_MEMORY);
    enum kms_err err = open_reader(reader, options, failure);
    if (err != KMS_OK) {
        kms_envelope_reader_free(reader);
        return err;
    }
    *out = reader;
    return KMS_OK;
}

enum kms_err kms_envelope_reader_new(const struct kms_envelope_source *source,
    const struct kms_envelope_decrypt_options *options, struct kms_envelope_reader **out,
    struct kms_envelope_failure *failure)
{
    struct kms_envelope_reader *reader = OPENSSL_zalloc(sizeof(*reader));
    if (reader != NULL)
        reader->source = *source;
    return finish_opening(reader, options, out, failure);
}

/* --- a descriptor as the source --------------------------------------------------------------- */

static enum kms_err read_fd_at(void *context, void *out, size_t len, uint64_t offset, int *os_error)
{
    const struct kms_envelope_reader *reader = context;
    for (size_t done = 0; done < len;) {
        ssize_t n = pread(reader->fd, (uint8_t *)out + done, len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            *os_error = errno;
            return KMS_ERR_IO;
        }
        if (n == 0) /* it has become shorter meanwhile */
            return KMS_ERR_TRUNCATED;
        done += (size_t)n;
    }
    return KMS_OK;
}

enum kms_err kms_envelope_reader_open(int fd, const struct kms_envelope_decrypt_options *options,
    struct kms_envelope_reader **out, struct kms_envelope_failure *failure)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return kms_failure_io(failure, errno, "reading");
    if (!S_ISREG(info.st_mode))
        return kms_failure_set(
            failure, KMS_ERR_INVALID_ARGUMENT, "only a regular file can be read anywhere");
    struct kms_envelope_reader *reader = OPENSSL_zalloc(sizeof(*reader));
    if (reader != NULL) {
        reader->fd = fd;
        reader->source = (struct kms_envelope_source){
            .context = reader, .size = (uint64_t)info.st_size, .read_at = read_fd_at};
    }
    return finish_opening(reader, options, out, failure);
}

/* --- reading ---------------------------------------------------------------------------------- */

uint64_t kms_envelope_reader_size(const struct kms_envelope_reader *reader)
{
    return reader->size;
}

const struct kms_envelope_info *kms_envelope_reader_info(const struct kms_envelope_reader *reader)
{
    return &reader->message.header->info;
}

/* The plaintext from offset (before the end) on, as far as it is at hand, at most wanted bytes. */
static enum kms_err at_hand(struct kms_envelope_reader *reader, uint64_t offset, size_t wanted,
    struct kms_bytes *out, struct kms_envelope_failure *failure)
{
    uint32_t frame_length = reader->message.header->info.frame_length;
    if (!reader->message.header->info.framed) {
        *out = kms_bytes(reader->window + offset, (size_t)(reader->size - offset));
        return KMS_OK;
    }
    /* an empty last frame is never asked for: offset is before the end */
    uint32_t sequence = (uint32_t)(offset / frame_length) + 1;
    if (reader->count == 0 || sequence < reader->first ||
        sequence - reader->first >= reader->count) {
        uint32_t last = (uint32_t)((offset + wanted - 1) / frame_length) + 1;
        enum kms_err err = load(reader, sequence, last, failure);
        if (err != KMS_OK)
            return err;
    }
    bool final = sequence == reader->frames;
    size_t skip = (size_t)(offset % frame_length);
    size_t len = final ? reader->final_len : frame_length;
    *out = kms_bytes(
        slot(reader, sequence) + (final ? KMS_FRAME_FINAL_HEAD_LEN : KMS_FRAME_HEAD_LEN) + skip,
        len - skip);
    return KMS_OK;
}

/* len cut to what there is from offset on. */
static uint64_t clip(const struct kms_envelope_reader *reader, uint64_t offset, uint64_t len)
{
    uint64_t left = offset < reader->size ? reader->size - offset : 0;
    return len < left ? len : left;
}

enum kms_err kms_envelope_pread(struct kms_envelope_reader *reader, void *out, size_t len,
    uint64_t offset, size_t *got, struct kms_envelope_failure *failure)
{
    size_t wanted = (size_t)clip(reader, offset, len);
    size_t done = 0;
    kms_failure_clear(failure);
    while (done < wanted) {
        struct kms_bytes piece;
        enum kms_err err = at_hand(reader, offset + done, wanted - done, &piece, failure);
        if (err != KMS_OK) {
            kms_wipe(out, len);
            return err;
        }
        size_t n = piece.len < wanted - done ? piece.len : wanted - done;
        memcpy((uint8_t *)out + done, piece.data, n);
        done += n;
    }
    *got = done;
    return KMS_OK;
}

#include "libkms/envelope/transfer.h"

#include "libkms/envelope/failure.h"
#include "libkms/envelope/memory.h"
#include "libkms/envelope/pipeline.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    CHUNK_TARGET = 512 * 1024,        /* bytes: a chunk stays within a core's cache */
    SIGNED_TARGET = 2 * 1024 * 1024,  /* with a signature, of a large file */
    CHUNKS_WANTED = 16,               /* chunks that a file should have at least, to be large */
    CHUNKS_TARGET = 32 * 1024 * 1024, /* bytes in all chunks together, when frames are large */
    SLOTS_MAX = 1000,                 /* below IOV_MAX: a chunk's frames are one vector */
    WORKERS_DEFAULT = 4,
    WORKERS_MAX = 64,
    WORKERS_MIN = 2,
    INNER_BUFFER = 64 * 1024,
    SLOTS_AT = 48, /* of a chunk's memory; see struct chunk */
};

/*
 * One worker's frames, worked on in place.
 *
 * The first slot begins 48 bytes into a page, its content at 64. Files are read and written in
 * whole pages mostly, and x86's string copy is four times slower when its target lies 1 to 31 bytes
 * past its source modulo 4096: this keeps clear of that in both directions.
 */
struct chunk {
    uint8_t *memory;
    size_t capacity;
    uint8_t *data;     /* the slots */
    struct iovec *iov; /* one for each slot, and one more */
    struct kms_frame_cipher *opener;
    struct kms_frame_cipher *sealer;

    uint32_t first_sequence;
    size_t regular;   /* regular frames, from slot 0 on */
    bool has_final;   /* a final frame, in the slot after them */
    bool hold_final;  /* whose content is not to be given out: the signature failed */
    size_t found;     /* bytes of whole frames that were read, for the signature */
    size_t footer_at; /* the footer of a signed message, where it begins; footer_len 0: none */
    size_t footer_len;
    size_t final_len;

    /* What came after these frames and went wrong: told when they have been drained, so that the
     * first error of the message is the one that counts. */
    enum kms_err err;
    struct kms_envelope_failure failure;
};

static size_t stride(const struct kms_transfer *transfer)
{
    return (size_t)transfer->frame_length + KMS_FRAME_OVERHEAD;
}

static uint8_t *slot(const struct kms_transfer *transfer, const struct chunk *chunk, size_t index)
{
    return chunk->data + index * stride(transfer);
}

static void begin_chunk(struct kms_transfer *transfer, struct chunk *chunk)
{
    chunk->first_sequence = (uint32_t)transfer->read_sequence;
    chunk->regular = 0;
    chunk->has_final = false;
    chunk->hold_final = false;
    chunk->final_len = 0;
    chunk->found = 0;
    chunk->footer_len = 0;
    chunk->err = KMS_OK;
    kms_failure_clear(&chunk->failure);
}

/* --- reading ---------------------------------------------------------------------------------- */

static enum kms_err read_fd(struct kms_transfer *transfer, struct iovec *iov, int count,
    size_t *got, struct kms_envelope_failure *failure)
{
    enum kms_err err = kms_io_read(&transfer->in, iov, count, got);
    if (err == KMS_ERR_IO)
        return kms_failure_io(failure, transfer->in.os_error, "reading");
    if (err != KMS_OK)
        return kms_failure_plain(failure, err);
    atomic_fetch_add(&transfer->in_bytes, *got);
    return KMS_OK;
}

static enum kms_err read_bytes(struct kms_transfer *transfer, void *data, size_t len, size_t *got,
    struct kms_envelope_failure *failure)
{
    struct iovec iov = {.iov_base = data, .iov_len = len};
    return read_fd(transfer, &iov, 1, got, failure);
}

/* Plaintext by way of the inner stream. */
static enum kms_err read_inner(struct kms_transfer *transfer, void *data, size_t len, size_t *got,
    struct kms_envelope_failure *failure)
{
    struct kms_room room = {.data = data, .len = len};
    bool done = false;
    while (room.len > 0 && !done) {
        if (transfer->inner_in.len == 0 && !transfer->in_ended) {
            size_t n = 0;
            enum kms_err err =
                read_bytes(transfer, transfer->inner_buffer, INNER_BUFFER, &n, failure);
            if (err != KMS_OK)
                return err;
            transfer->inner_in = kms_bytes(transfer->inner_buffer, n);
            transfer->in_ended = n < INNER_BUFFER;
        }
        enum kms_err err = kms_envelope_decryptor_step(
            transfer->inner, &transfer->inner_in, transfer->in_ended, &room, &done, failure);
        if (err != KMS_OK)
            return err;
    }
    *got = len - room.len;
    return KMS_OK;
}

/* Fills the vector with plaintext, as far as there is any. */
static enum kms_err read_plaintext(struct kms_transfer *transfer, struct iovec *iov, int count,
    size_t *got, struct kms_envelope_failure *failure)
{
    if (transfer->inner == NULL)
        return read_fd(transfer, iov, count, got, failure);
    size_t total = 0;
    for (int i = 0; i < count; i++) {
        size_t n = 0;
        enum kms_err err = read_inner(transfer, iov[i].iov_base, iov[i].iov_len, &n, failure);
        if (err != KMS_OK)
            return err;
        total += n;
        if (n < iov[i].iov_len)
            break;
    }
    *got = total;
    return KMS_OK;
}

/* --- filling with plaintext ------------------------------------------------------------------- */

/* Reads plaintext to where it will be sealed. What does not fill a frame is the final one's, which may
 * be nothing. */
static enum kms_err fill_plaintext(struct kms_transfer *transfer, struct chunk *chunk, bool *last,
    struct kms_envelope_failure *failure)
{
    size_t got = 0;
    size_t frame_length = transfer->frame_length;
    for (size_t i = 0; i < transfer->slots; i++)
        chunk->iov[i] = (struct iovec){
            .iov_base = slot(transfer, chunk, i) + KMS_FRAME_HEAD_LEN,
            .iov_len = frame_length,
        };
    enum kms_err err = read_plaintext(transfer, chunk->iov, (int)transfer->slots, &got, failure);
    if (err != KMS_OK)
        return err;
    chunk->regular = got / frame_length;
    *last = chunk->regular < transfer->slots;
    if (*last) {
        chunk->has_final = true;
        chunk->final_len = got % frame_length;
        uint8_t *final = slot(transfer, chunk, chunk->regular);
        memmove(final + KMS_FRAME_FINAL_HEAD_LEN, final + KMS_FRAME_HEAD_LEN, chunk->final_len);
    }
    transfer->read_sequence += chunk->regular;
    if (transfer->sealed != NULL && transfer->read_sequence > KMS_FRAME_SEQUENCE_MAX)
        return kms_failure_set(
            failure, KMS_ERR_LIMIT, "the message needs more than 4,294,967,295 frames");
    return KMS_OK;
}

/* --- filling with frames ---------------------------------------------------------------------- */

/* The raw bytes of a chunk while it is looked over. */
struct raw {
    uint8_t *data;
    size_t len;
    bool ended; /* the input has no more */
};

/* Has at least wanted bytes there, reading on if necessary. */
static enum kms_err have(struct kms_transfer *transfer, struct raw *raw, size_t wanted,
    struct kms_envelope_failure *failure)
{
    if (raw->len < wanted && !raw->ended) {
        size_t n = 0;
        enum kms_err err =
            read_bytes(transfer, raw->data + raw->len, wanted - raw->len, &n, failure);
        if (err != KMS_OK)
            return err;
        raw->ended = n < wanted - raw->len;
        raw->len += n;
    }
    return raw->len < wanted ? kms_failure_plain(failure, KMS_ERR_TRUNCATED) : KMS_OK;
}

static enum kms_err update_signature(struct kms_signature *signature, const uint8_t *data,
    size_t len, struct kms_envelope_failure *failure)
{
    if (signature == NULL)
        return KMS_OK;
    enum kms_err err = kms_signature_update(signature, kms_bytes(data, len));
    return err == KMS_OK ? KMS_OK : kms_failure_plain(failure, err);
}

/* The footer (of a signed message; verified later) at *at, then nothing. *at moves on to the part at
 * fault. */
static enum kms_err check_end(struct kms_transfer *transfer, struct chunk *chunk, struct raw *raw,
    size_t *at, struct kms_envelope_failure *failure)
{
    struct kms_signature *signature = transfer->opened->signature;
    enum kms_err err = KMS_OK;
    chunk->has_final = true;
    chunk->hold_final = signature != NULL;
    if (signature != NULL) {
        size_t footer_len = 0;
        err = have(transfer, raw, *at + 2, failure);
        if (err == KMS_OK)
            err = kms_footer_len(kms_bytes(raw->data + *at, 2), &footer_len);
        if (err == KMS_ERR_SYNTAX)
            return kms_failure_set(failure, err, "the footer's length is that of no signature");
        if (err == KMS_OK)
            err = have(transfer, raw, *at + footer_len, failure);
        if (err != KMS_OK)
            return err;
        chunk->footer_at = *at;
        chunk->footer_len = footer_len;
        *at += footer_len;
    }
    err = have(transfer, raw, *at + 1, failure);
    if (err == KMS_OK)
        return kms_failure_set(failure, KMS_ERR_TRAILING, "bytes follow the end of the message");
    if (err != KMS_ERR_TRUNCATED)
        return err;
    kms_failure_clear(failure); /* nothing follows: as it should be */
    return KMS_OK;
}

/* Says where in the message it was, unless the failure is not the message's. frame: 0 for none. */
static void locate(struct kms_transfer *transfer, struct chunk *chunk, uint32_t frame, size_t at)
{
    struct kms_envelope_failure *failure = &chunk->failure;
    if (chunk->err == KMS_ERR_IO || chunk->err == KMS_ERR_CANCELLED)
        return;
    if (chunk->err == KMS_ERR_TRUNCATED)
        (void)kms_failure_set(failure, chunk->err, "the message ends too early");
    failure->frame = frame;
    failure->offset =
        kms_message_frame_offset(transfer->opened->header, chunk->first_sequence) + at;
}

static uint32_t sequence_of(const struct chunk *chunk, size_t index)
{
    return chunk->first_sequence + (uint32_t)index;
}

/* Looks at the frame at a slot. *len: all of it. */
static enum kms_err look_at_frame(struct kms_transfer *transfer, struct chunk *chunk,
    struct raw *raw, size_t index, size_t *len, bool *is_final)
{
    const struct kms_frame_expect expect = {.framed = true,
        .frame_length = transfer->frame_length,
        .sequence = sequence_of(chunk, index)};
    size_t at = index * stride(transfer);
    struct kms_frame_head head;
    enum kms_err err = have(transfer, raw, at + KMS_FRAME_HEAD_LEN, &chunk->failure);
    if (err != KMS_OK)
        return err;
    err = kms_frame_head_parse(&expect, kms_bytes(raw->data + at, raw->len - at), &head);
    if (err == KMS_ERR_TRUNCATED) { /* a final frame's longer head */
        err = have(transfer, raw, at + KMS_FRAME_FINAL_HEAD_LEN, &chunk->failure);
        if (err == KMS_OK)
            err = kms_frame_head_parse(&expect, kms_bytes(raw->data + at, raw->len - at), &head);
        else
            return err;
    }
    if (err != KMS_OK)
        return kms_failure_set(&chunk->failure, err, "the frame is out of sequence or too long");
    *len = kms_frame_overhead(head.kind) + head.content_len;
    *is_final = head.kind == KMS_FRAME_FINAL;
    if (*is_final)
        chunk->final_len = head.content_len;
    return have(transfer, raw, at + *len, &chunk->failure);
}

static enum kms_err fill_frames(struct kms_transfer *transfer, struct chunk *chunk, bool *last,
    struct kms_envelope_failure *failure)
{
    struct raw raw = {.data = chunk->data};
    size_t wanted = transfer->slots * stride(transfer);
    enum kms_err err = read_bytes(transfer, raw.data, wanted, &raw.len, failure);
    if (err != KMS_OK)
        return err;
    raw.ended = raw.len < wanted;
    bool is_final = false;
    size_t at = 0;
    while (chunk->regular < transfer->slots && !is_final) {
        size_t len = 0;
        chunk->err = look_at_frame(transfer, chunk, &raw, chunk->regular, &len, &is_final);
        if (chunk->err != KMS_OK) {
            locate(transfer, chunk, sequence_of(chunk, chunk->regular), at);
            break;
        }
        at += len;
        chunk->regular += is_final ? 0 : 1;
    }
    chunk->found = at;
    if (chunk->err == KMS_OK && is_final) {
        chunk->err = check_end(transfer, chunk, &raw, &at, &chunk->failure);
        if (chunk->err != KMS_OK)
            locate(transfer, chunk, 0, at);
        transfer->message_len = atomic_load(&transfer->in_bytes);
    }
    transfer->read_sequence += chunk->regular;
    *last = is_final || chunk->err != KMS_OK;
    return KMS_OK;
}

/* Before the frames are opened in place: the signature is over them as they were read. */
static enum kms_err verify(void *job, void *at, struct kms_envelope_failure *failure)
{
    struct kms_transfer *transfer = job;
    struct chunk *chunk = at;
    struct kms_signature *signature = transfer->opened->signature;
    /* Over what was found whole. After an error nobody asks for the signature any more. */
    enum kms_err err = update_signature(signature, chunk->data, chunk->found, failure);
    if (err != KMS_OK || chunk->footer_len == 0)
        return err;
    const uint8_t *footer = chunk->data + chunk->footer_at;
    if (kms_signature_check(signature, kms_bytes(footer + 2, chunk->footer_len - 2)) == KMS_OK) {
        chunk->hold_final = false;
        return KMS_OK;
    }
    chunk->err = kms_failure_set(
        &chunk->failure, KMS_ERR_AUTHENTICATION, "the message's signature does not verify");
    locate(transfer, chunk, 0, chunk->footer_at);
    return KMS_OK; /* chunk->err tells, in its turn */
}

static enum kms_err fill(void *job, void *at, bool *last, struct kms_envelope_failure *failure)
{
    struct kms_transfer *transfer = job;
    struct chunk *chunk = at;
    begin_chunk(transfer, chunk);
    return transfer->opened != NULL ? fill_frames(transfer, chunk, last, failure)
                                    : fill_plaintext(transfer, chunk, last, failure);
}

/* --- working ---------------------------------------------------------------------------------- */

static enum kms_err open_at(
    struct kms_transfer *transfer, struct chunk *chunk, size_t index, bool is_final)
{
    const struct kms_frame_expect expect = {.framed = true,
        .frame_length = transfer->frame_length,
        .sequence = sequence_of(chunk, index)};
    uint8_t *frame = slot(transfer, chunk, index);
    struct kms_frame_head head;
    size_t head_len = is_final ? KMS_FRAME_FINAL_HEAD_LEN : KMS_FRAME_HEAD_LEN;
    enum kms_err err = kms_frame_head_parse(&expect, kms_bytes(frame, head_len), &head);
    if (err == KMS_OK)
        err = kms_frame_open(chunk->opener, &head, frame + head_len);
    return err;
}

static enum kms_err seal_at(
    struct kms_transfer *transfer, struct chunk *chunk, size_t index, bool is_final)
{
    enum kms_err err = kms_frame_seal(chunk->sealer, is_final ? KMS_FRAME_FINAL : KMS_FRAME_REGULAR,
        sequence_of(chunk, index), slot(transfer, chunk, index),
        is_final ? chunk->final_len : transfer->frame_length);
    /* success must not take away what was found wrong after this frame while reading */
    if (err != KMS_OK)
        chunk->err = kms_failure_plain(&chunk->failure, err);
    return err;
}

/* Others may end in a full final frame, which this library does not write (encryptor.c says why): it was
 * opened, and becomes a regular one before an empty one. */
static enum kms_err split_final(struct kms_transfer *transfer, struct chunk *chunk)
{
    if (sequence_of(chunk, chunk->regular) == KMS_FRAME_SEQUENCE_MAX) {
        chunk->err = kms_failure_set(
            &chunk->failure, KMS_ERR_LIMIT, "the message needs more than 4,294,967,295 frames");
        return chunk->err;
    }
    uint8_t *frame = slot(transfer, chunk, chunk->regular);
    memmove(frame + KMS_FRAME_HEAD_LEN, frame + KMS_FRAME_FINAL_HEAD_LEN, chunk->final_len);
    chunk->final_len = 0;
    return seal_at(transfer, chunk, chunk->regular++, false);
}

static enum kms_err work_on_frame(
    struct kms_transfer *transfer, struct chunk *chunk, size_t index, bool is_final)
{
    enum kms_err err = KMS_OK;
    if (chunk->opener != NULL) {
        err = open_at(transfer, chunk, index, is_final);
        if (err != KMS_OK) {
            chunk->err = kms_failure_set(&chunk->failure, err, "the frame's tag does not verify");
            locate(transfer, chunk, sequence_of(chunk, index), index * stride(transfer));
            return err;
        }
    }
    if (chunk->sealer == NULL)
        return KMS_OK;
    if (is_final && chunk->final_len == transfer->frame_length)
        err = split_final(transfer, chunk);
    return err == KMS_OK ? seal_at(transfer, chunk, is_final ? chunk->regular : index, is_final)
                         : err;
}

/* A frame that fails cuts the chunk short: those before it are still drained. */
static enum kms_err work(void *job, void *at, struct kms_envelope_failure *failure)
{
    struct kms_transfer *transfer = job;
    struct chunk *chunk = at;
    (void)failure;
    for (size_t i = 0; i < chunk->regular; i++) {
        if (work_on_frame(transfer, chunk, i, false) == KMS_OK)
            continue;
        chunk->regular = i;
        chunk->has_final = false;
        return KMS_OK; /* chunk->err tells, in its turn */
    }
    /* A final frame to be held is opened all the same: damage is reported where it is. */
    size_t before = chunk->regular;
    bool failed = chunk->has_final && work_on_frame(transfer, chunk, before, true) != KMS_OK;
    if (failed || chunk->hold_final) {
        chunk->regular = before; /* which it counts as when it was split */
        chunk->has_final = false;
    }
    return KMS_OK;
}

/* --- draining --------------------------------------------------------------------------------- */

static enum kms_err write_fd(struct kms_transfer *transfer, struct iovec *iov, int count,
    struct kms_envelope_failure *failure)
{
    size_t total = 0;
    for (int i = 0; i < count; i++)
        total += iov[i].iov_len;
    enum kms_err err = transfer->discard ? KMS_OK : kms_io_write(&transfer->out, iov, count);
    if (err == KMS_ERR_IO)
        return kms_failure_io(failure, transfer->out.os_error, "writing");
    if (err != KMS_OK)
        return kms_failure_plain(failure, err);
    transfer->out_bytes += total;
    return KMS_OK;
}

static enum kms_err write_bytes(struct kms_transfer *transfer, const uint8_t *data, size_t len,
    struct kms_envelope_failure *failure)
{
    struct iovec iov = {.iov_base = (void *)data, .iov_len = len};
    return write_fd(transfer, &iov, 1, failure);
}

/* Plaintext bytes in a chunk. */
static uint64_t content_len(const struct kms_transfer *transfer, const struct chunk *chunk)
{
    return (uint64_t)chunk->regular * transfer->frame_length +
           (chunk->has_final ? chunk->final_len : 0);
}

/* Bytes of a chunk of frames. */
static size_t sealed_len(const struct kms_transfer *transfer, const struct chunk *chunk)
{
    size_t len = chunk->regular * stride(transfer);
    if (chunk->has_final)
        len += kms_frame_overhead(KMS_FRAME_FINAL) + chunk->final_len;
    return len;
}

/* After the frames were sealed. */
static enum kms_err sign(void *job, void *at, struct kms_envelope_failure *failure)
{
    struct kms_transfer *transfer = job;
    struct chunk *chunk = at;
    return update_signature(
        transfer->sealed->signature, chunk->data, sealed_len(transfer, chunk), failure);
}

/* The frames as they stand, preceded by the header and followed by the footer where these belong.
 */
static enum kms_err drain_frames(
    struct kms_transfer *transfer, struct chunk *chunk, struct kms_envelope_failure *failure)
{
    struct kms_signature *signature = transfer->sealed->signature;
    size_t len = sealed_len(transfer, chunk);
    enum kms_err err = kms_message_check_bound(
        transfer->sealed, transfer->plaintext_len + content_len(transfer, chunk), failure);
    if (err != KMS_OK)
        return err;
    struct kms_bytes header = transfer->sealed->header->start;
    struct iovec iov[] = {
        {.iov_base = (void *)header.data, .iov_len = transfer->header_written ? 0 : header.len},
        {.iov_base = chunk->data, .iov_len = len},
    };
    transfer->header_written = true;
    err = write_fd(transfer, iov, 2, failure);
    if (err != KMS_OK || !chunk->has_final || signature == NULL)
        return err;
    uint8_t footer[KMS_FOOTER_MAX];
    size_t footer_len = 0;
    err = kms_signature_make_footer(signature, footer, &footer_len);
    if (err != KMS_OK)
        return kms_failure_set(failure, err, "the message cannot be signed");
    return write_bytes(transfer, footer, footer_len, failure);
}

/* The frames' contents. */
static enum kms_err drain_plaintext(
    struct kms_transfer *transfer, struct chunk *chunk, struct kms_envelope_failure *failure)
{
    int count = 0;
    for (size_t i = 0; i < chunk->regular; i++)
        chunk->iov[count++] = (struct iovec){
            .iov_base = slot(transfer, chunk, i) + KMS_FRAME_HEAD_LEN,
            .iov_len = transfer->frame_length,
        };
    if (chunk->has_final)
        chunk->iov[count++] = (struct iovec){
            .iov_base = slot(transfer, chunk, chunk->regular) + KMS_FRAME_FINAL_HEAD_LEN,
            .iov_len = chunk->final_len,
        };
    return write_fd(transfer, chunk->iov, count, failure);
}

static enum kms_err drain(void *job, void *at, struct kms_envelope_failure *failure)
{
    struct kms_transfer *transfer = job;
    struct chunk *chunk = at;
    enum kms_err err = transfer->sealed != NULL ? drain_frames(transfer, chunk, failure)
                                                : drain_plaintext(transfer, chunk, failure);
    if (err != KMS_OK)
        return err;
    transfer->plaintext_len += content_len(transfer, chunk);
    transfer->frames += chunk->regular + (chunk->has_final ? 1 : 0);
    if (chunk->err != KMS_OK)
        *failure = chunk->failure;
    return chunk->err;
}

/* --- running ---------------------------------------------------------------------------------- */

static void free_chunk(struct chunk *chunk)
{
    if (chunk == NULL)
        return;
    kms_memory_free(chunk->memory, chunk->capacity, chunk->capacity);
    kms_frame_cipher_free(chunk->opener);
    kms_frame_cipher_free(chunk->sealer);
    OPENSSL_free(chunk->iov);
    OPENSSL_free(chunk);
}

static enum kms_err new_chunk(struct kms_transfer *transfer, struct chunk **out)
{
    struct chunk *chunk = OPENSSL_zalloc(sizeof(*chunk));
    if (chunk == NULL)
        return KMS_ERR_NO_MEMORY;
    /* the final frame's longer head or an empty final frame, the footer, and the byte that must not
     * follow */
    chunk->capacity = SLOTS_AT + transfer->slots * stride(transfer) +
                      kms_frame_overhead(KMS_FRAME_FINAL) + KMS_FOOTER_MAX + 1;
    chunk->memory = kms_memory_new(chunk->capacity);
    chunk->iov = OPENSSL_zalloc((transfer->slots + 1) * sizeof(*chunk->iov));
    enum kms_err err = KMS_OK;
    if (chunk->memory == NULL || chunk->iov == NULL) {
        err = KMS_ERR_NO_MEMORY;
    } else {
        memset(chunk->memory, 0, chunk->capacity);
        chunk->data = chunk->memory + SLOTS_AT;
    }
    if (err == KMS_OK && transfer->opened != NULL)
        err = kms_message_cipher(transfer->opened, KMS_FRAME_OPEN, &chunk->opener);
    if (err == KMS_OK && transfer->sealed != NULL)
        err = kms_message_cipher(transfer->sealed, KMS_FRAME_SEAL, &chunk->sealer);
    if (err != KMS_OK) {
        free_chunk(chunk);
        return err;
    }
    *out = chunk;
    return KMS_OK;
}

static bool is_signed(const struct kms_message *message)
{
    return message != NULL && message->signature != NULL;
}

/* A signature's digest goes over one chunk after the other and is what everybody waits for: each time that
 * it passes from worker to worker costs a wake-up, so chunks are larger where there are many. */
static size_t chunk_target(const struct kms_transfer *transfer, uint64_t left)
{
    bool has_digest = is_signed(transfer->opened) || is_signed(transfer->sealed);
    bool is_large = left != UINT64_MAX && left / CHUNKS_WANTED >= SIGNED_TARGET;
    return has_digest && is_large ? SIGNED_TARGET : CHUNK_TARGET;
}

/* Slots of a chunk: no more than there are frames, so that a small file costs little. */
static size_t count_slots(const struct kms_transfer *transfer, uint64_t left)
{
    size_t slots = chunk_target(transfer, left) / stride(transfer);
    uint64_t full = left / transfer->frame_length; /* frames; one more follows */
    if (slots > SLOTS_MAX)
        slots = SLOTS_MAX;
    if (slots > full)
        slots = (size_t)full + 1;
    return slots > 0 ? slots : 1;
}

static unsigned count_workers(const struct kms_transfer *transfer, unsigned wanted, uint64_t left)
{
    unsigned workers = wanted == 0 ? WORKERS_DEFAULT : wanted;
    uint64_t full = left / transfer->frame_length / transfer->slots; /* chunks; one more follows */
    if (workers > WORKERS_MAX)
        workers = WORKERS_MAX;
    if (workers > full)
        workers = (unsigned)full + 1;
    size_t fit = CHUNKS_TARGET / (transfer->slots * stride(transfer));
    if (fit < WORKERS_MIN)
        fit = WORKERS_MIN;
    return workers < fit ? workers : (unsigned)fit;
}

static enum kms_err run_pipeline(struct kms_transfer *transfer,
    const struct kms_envelope_fd_options *options, int cancel_fd, unsigned workers,
    struct kms_envelope_failure *failure)
{
    const struct kms_pipeline_stages stages = {.fill = fill,
        .before = is_signed(transfer->opened) ? verify : NULL,
        .work = work,
        .after = is_signed(transfer->sealed) ? sign : NULL,
        .drain = drain};
    void *chunks[WORKERS_MAX] = {NULL};
    enum kms_err err = KMS_OK;
    for (unsigned i = 0; i < workers && err == KMS_OK; i++)
        err = new_chunk(transfer, (struct chunk **)&chunks[i]);
    if (err != KMS_OK) {
        (void)kms_failure_plain(failure, err);
    } else {
        const struct kms_pipeline pipeline = {.stages = &stages,
            .job = transfer,
            .chunks = chunks,
            .workers = workers,
            .cancel_fd = cancel_fd,
            .progress = options->progress,
            .progress_context = options->progress_context,
            .in_bytes = &transfer->in_bytes};
        err = kms_pipeline_run(&pipeline, failure);
    }
    for (unsigned i = 0; i < workers; i++)
        free_chunk(chunks[i]);
    return err;
}

enum kms_err kms_transfer_run(struct kms_transfer *transfer,
    const struct kms_envelope_fd_options *fd_options, struct kms_envelope_failure *failure)
{
    const struct kms_envelope_fd_options options =
        fd_options == NULL ? (struct kms_envelope_fd_options){0} : *fd_options;
    const uint64_t left = kms_io_left(&transfer->in);
    transfer->slots = count_slots(transfer, left);
    transfer->read_sequence = 1;
    int cancel_fd = eventfd(0, EFD_CLOEXEC);
    if (cancel_fd < 0)
        return kms_failure_io(failure, errno, "eventfd");
    transfer->in.cancel_fd = cancel_fd;
    transfer->out.cancel_fd = cancel_fd;
    enum kms_err err = KMS_OK;
    if (transfer->inner != NULL) {
        transfer->inner_buffer = kms_memory_new(INNER_BUFFER);
        if (transfer->inner_buffer == NULL)
            err = kms_failure_plain(failure, KMS_ERR_NO_MEMORY);
    }
    if (err == KMS_OK)
        err = run_pipeline(
            transfer, &options, cancel_fd, count_workers(transfer, options.threads, left), failure);
    kms_memory_free(transfer->inner_buffer, INNER_BUFFER, 0); /* only ever held ciphertext */
    transfer->inner_buffer = NULL;
    (void)close(cancel_fd);
    return err;
}

/* The descriptor helpers: headers here, frames by way of kms_transfer_run. */
#include "libkms/envelope/context.h"
#include "libkms/envelope/decryptor.h"
#include "libkms/envelope/failure.h"
#include "libkms/envelope/header_read.h"
#include "libkms/envelope/transfer.h"

#include <stdlib.h>

enum { PLAIN_SLOT = 256 * 1024, SCRATCH_MAX = 8 << 20 };

static enum kms_err open_header(struct kms_io *io,
    const struct kms_envelope_decrypt_options *options, struct kms_message *out,
    struct kms_envelope_failure *failure)
{
    KMS_HEADER_AUTO header = NULL;
    struct kms_envelope_limits limits = kms_limits_or_defaults(&options->limits);
    enum kms_err err = kms_header_read(io, &limits, &header, failure);
    if (err != KMS_OK)
        return err;
    return kms_message_open(options, &header, out, failure);
}

/* Gives the message's header to the caller as the account of what was done. */
static void give_info(struct kms_message *message, struct kms_envelope_info **info)
{
    if (info == NULL)
        return;
    *info = &message->header->info;
    message->header = NULL; /* now the caller's */
}

enum kms_err kms_envelope_encrypt_fd(int in_fd, int out_fd,
    const struct kms_envelope_encrypt_options *options,
    const struct kms_envelope_fd_options *fd_options, struct kms_envelope_info **info,
    struct kms_envelope_failure *failure)
{
    KMS_MESSAGE_AUTO message = {0};
    enum kms_err err = kms_message_create(options, kms_bytes(NULL, 0), &message, failure);
    if (err != KMS_OK)
        return err;
    struct kms_transfer transfer = {.in = kms_io_of(in_fd, -1),
        .out = kms_io_of(out_fd, -1),
        .sealed = &message,
        .frame_length = message.header->info.frame_length};
    err = kms_transfer_run(&transfer, fd_options, failure);
    if (err != KMS_OK)
        return err;
    kms_header_set_counts(
        message.header, transfer.frames, transfer.plaintext_len, transfer.out_bytes);
    give_info(&message, info);
    return KMS_OK;
}

/* Decrypts a non-framed body: its one block has to be held whole anyway. */
static enum kms_err decrypt_whole(struct kms_transfer *transfer, struct kms_message *message,
    const struct kms_envelope_limits *limits, const struct kms_envelope_fd_options *fd_options,
    struct kms_envelope_info **info, struct kms_envelope_failure *failure)
{
    enum kms_err err = kms_decryptor_from_message(message, limits, &transfer->inner);
    if (err != KMS_OK)
        return kms_failure_plain(failure, err);
    transfer->frame_length = PLAIN_SLOT; /* no frames: just how much is moved at a time */
    err = kms_transfer_run(transfer, fd_options, failure);
    if (err == KMS_OK && info != NULL)
        *info = kms_decryptor_take_info(transfer->inner);
    kms_envelope_decryptor_free(transfer->inner);
    return err;
}

/* discard: out_fd is nothing, and the plaintext goes nowhere. */
static enum kms_err decrypt_fd(int in_fd, int out_fd, bool discard,
    const struct kms_envelope_decrypt_options *options,
    const struct kms_envelope_fd_options *fd_options, struct kms_envelope_info **info,
    struct kms_envelope_failure *failure)
{
    KMS_MESSAGE_AUTO message = {0};
    struct kms_envelope_limits limits = kms_limits_or_defaults(&options->limits);
    struct kms_transfer transfer = {
        .in = kms_io_of(in_fd, -1), .out = kms_io_of(out_fd, -1), .discard = discard};
    enum kms_err err = open_header(&transfer.in, options, &message, failure);
    if (err != KMS_OK)
        return err;
    transfer.in_bytes = message.header->body_at;
    if (!message.header->info.framed)
        return decrypt_whole(&transfer, &message, &limits, fd_options, info, failure);
    transfer.opened = &message;
    transfer.frame_length = message.header->info.frame_length;
    err = kms_transfer_run(&transfer, fd_options, failure);
    if (err != KMS_OK)
        return err;
    kms_header_set_counts(
        message.header, transfer.frames, transfer.plaintext_len, transfer.message_len);
    give_info(&message, info);
    return KMS_OK;
}

enum kms_err kms_envelope_decrypt_fd(int in_fd, int out_fd,
    const struct kms_envelope_decrypt_options *options,
    const struct kms_envelope_fd_options *fd_options, struct kms_envelope_info **info,
    struct kms_envelope_failure *failure)
{
    return decrypt_fd(in_fd, out_fd, false, options, fd_options, info, failure);
}

enum kms_err kms_envelope_verify_fd(int in_fd, const struct kms_envelope_decrypt_options *options,
    const struct kms_envelope_fd_options *fd_options, struct kms_envelope_info **info,
    struct kms_envelope_failure *failure)
{
    return decrypt_fd(in_fd, -1, true, options, fd_options, info, failure);
}

/* --- re-encryption ---------------------------------------------------------------------------- */

/* The pairs of the old message for the new one: those it stores, and those it was opened with. */
static enum kms_err inherit_context(const struct kms_header *old, struct kms_str_map brought,
    struct kms_arena *arena, struct kms_envelope_encrypt_options *options)
{
    struct kms_str_map stored = old->info.context;
    struct kms_str_pair *pairs =
        kms_arena_calloc(arena, stored.count + brought.count, sizeof(*pairs));
    struct kms_str *unstored = kms_arena_calloc(arena, brought.count, sizeof(*unstored));
    if (pairs == NULL || unstored == NULL)
        return KMS_ERR_NO_MEMORY;
    size_t count = 0;
    size_t unstored_count = 0;
    for (size_t i = 0; i < stored.count; i++) {
        if (!kms_context_is_reserved(stored.items[i].key))
            pairs[count++] = stored.items[i];
    }
    for (size_t i = 0; i < brought.count; i++) {
        if (kms_context_find(stored, brought.items[i].key) != NULL)
            continue;
        pairs[count++] = brought.items[i];
        unstored[unstored_count++] = brought.items[i].key;
    }
    options->context = (struct kms_str_map){.items = pairs, .count = count};
    options->unstored_keys = (struct kms_str_list){.items = unstored, .count = unstored_count};
    return KMS_OK;
}

static enum kms_err create_successor(const struct kms_header *old,
    const struct kms_envelope_decrypt_options *decrypt_options,
    const struct kms_envelope_encrypt_options *encrypt_options, struct kms_message *out,
    struct kms_envelope_failure *failure)
{
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, SCRATCH_MAX);
    struct kms_envelope_encrypt_options options = *encrypt_options;
    if (options.context.items == NULL && options.unstored_keys.items == NULL) {
        enum kms_err err =
            inherit_context(old, decrypt_options->unstored_context, &arena, &options);
        if (err != KMS_OK)
            return kms_failure_plain(failure, err);
    }
    return kms_message_create(&options, kms_bytes(NULL, 0), out, failure);
}

/* With the same frame length, frame goes to frame; otherwise through a stream. */
static enum kms_err reencrypt_body(struct kms_transfer *transfer, struct kms_message *old,
    const struct kms_envelope_limits *limits, const struct kms_envelope_fd_options *fd_options,
    struct kms_envelope_failure *failure)
{
    const struct kms_envelope_info *info = &old->header->info;
    transfer->frame_length = transfer->sealed->header->info.frame_length;
    if (info->framed && info->frame_length == transfer->frame_length) {
        transfer->opened = old;
        return kms_transfer_run(transfer, fd_options, failure);
    }
    enum kms_err err = kms_decryptor_from_message(old, limits, &transfer->inner);
    if (err != KMS_OK)
        return kms_failure_plain(failure, err);
    err = kms_transfer_run(transfer, fd_options, failure);
    kms_envelope_decryptor_free(transfer->inner);
    return err;
}

enum kms_err kms_envelope_reencrypt_fd(int in_fd, int out_fd,
    const struct kms_envelope_decrypt_options *decrypt_options,
    const struct kms_envelope_encrypt_options *encrypt_options,
    const struct kms_envelope_fd_options *fd_options, struct kms_envelope_info **info,
    struct kms_envelope_failure *failure)
{
    KMS_MESSAGE_AUTO old = {0};
    KMS_MESSAGE_AUTO message = {0};
    struct kms_envelope_limits limits = kms_limits_or_defaults(&decrypt_options->limits);
    struct kms_transfer transfer = {
        .in = kms_io_of(in_fd, -1), .out = kms_io_of(out_fd, -1), .sealed = &message};
    enum kms_err err = open_header(&transfer.in, decrypt_options, &old, failure);
    if (err != KMS_OK)
        return err;
    err = create_successor(old.header, decrypt_options, encrypt_options, &message, failure);
    if (err != KMS_OK)
        return err;
    transfer.in_bytes = old.header->body_at;
    err = reencrypt_body(&transfer, &old, &limits, fd_options, failure);
    if (err != KMS_OK)
        return err;
    kms_header_set_counts(
        message.header, transfer.frames, transfer.plaintext_len, transfer.out_bytes);
    give_info(&message, info);
    return KMS_OK;
}

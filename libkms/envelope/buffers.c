/* Whole messages in memory: the streams, run to their end in one step. */
#include "libkms/base/secret.h"
#include "libkms/envelope/decryptor.h"
#include "libkms/envelope/encryptor.h"
#include "libkms/envelope/failure.h"

#include <openssl/crypto.h>
#include <sys/mman.h>

enum { LARGE_PAGE = 2 << 20 }; /* of x86-64, and of arm64 with pages of 4 KiB */

void kms_envelope_buffer_free(uint8_t *data, size_t len)
{
    if (data == NULL)
        return;
    kms_wipe(data, len);
    OPENSSL_free(data);
}

/* For a result of about len bytes. A large one is asked for in large pages: less time to get them from
 * the system, and fewer addresses to translate. */
static uint8_t *new_buffer(size_t len)
{
    uint8_t *data = OPENSSL_malloc(len);
    if (data == NULL || len < 2 * LARGE_PAGE)
        return data;
    uint8_t *first = data + (LARGE_PAGE - (uintptr_t)data % LARGE_PAGE) % LARGE_PAGE;
    size_t whole = (size_t)(data + len - first) / LARGE_PAGE * LARGE_PAGE;
    if (whole > 0)
        (void)madvise(first, whole, MADV_HUGEPAGE);
    return data;
}

/* Bytes that the message of a plaintext takes. KMS_ERR_LIMIT: more than memory can have. */
static enum kms_err message_len(
    const struct kms_envelope_info *info, size_t plaintext_len, size_t *out)
{
    const struct kms_suite *suite = kms_suite_find((unsigned)info->suite);
    size_t frame_length = info->frame_length;
    size_t regular = plaintext_len / frame_length;
    size_t footer = suite->signature == NULL ? 0 : 2 + suite->signature->der_len;
    size_t overhead = 0;
    if (__builtin_mul_overflow(regular, (size_t)KMS_FRAME_OVERHEAD, &overhead) ||
        __builtin_add_overflow(overhead,
            (size_t)info->section_len + info->header_len + kms_frame_overhead(KMS_FRAME_FINAL) +
                footer,
            &overhead) ||
        __builtin_add_overflow(overhead, plaintext_len, out))
        return KMS_ERR_LIMIT;
    return KMS_OK;
}

static enum kms_err encrypt_all(struct kms_envelope_encryptor *encryptor,
    struct kms_bytes plaintext, uint8_t **out, size_t *out_len,
    struct kms_envelope_failure *failure)
{
    size_t len = 0;
    enum kms_err err = message_len(kms_envelope_encryptor_info(encryptor), plaintext.len, &len);
    if (err != KMS_OK)
        return kms_failure_plain(failure, err);
    uint8_t *data = new_buffer(len);
    if (data == NULL)
        return kms_failure_plain(failure, KMS_ERR_NO_MEMORY);
    struct kms_room room = {.data = data, .len = len};
    bool done = false;
    err = kms_envelope_encryptor_step(encryptor, &plaintext, true, &room, &done, failure);
    if (err == KMS_OK && (!done || room.len != 0))
        err = kms_failure_plain(failure, KMS_ERR_INTERNAL);
    if (err != KMS_OK) {
        kms_envelope_buffer_free(data, len);
        return err;
    }
    *out = data;
    *out_len = len;
    return KMS_OK;
}

enum kms_err kms_envelope_encrypt(const struct kms_envelope_encrypt_options *options,
    struct kms_bytes plaintext, uint8_t **out, size_t *out_len, struct kms_envelope_info **info,
    struct kms_envelope_failure *failure)
{
    struct kms_envelope_encryptor *encryptor = NULL;
    enum kms_err err = kms_envelope_encryptor_new(options, &encryptor, failure);
    if (err != KMS_OK)
        return err;
    err = encrypt_all(encryptor, plaintext, out, out_len, failure);
    if (err == KMS_OK && info != NULL)
        *info = kms_encryptor_take_info(encryptor);
    kms_envelope_encryptor_free(encryptor);
    return err;
}

static enum kms_err decrypt_all(struct kms_envelope_decryptor *decryptor, struct kms_bytes message,
    uint8_t **out, size_t *out_len, struct kms_envelope_failure *failure)
{
    size_t capacity = message.len == 0 ? 1 : message.len; /* plaintext is always shorter */
    uint8_t *data = new_buffer(capacity);
    if (data == NULL)
        return kms_failure_plain(failure, KMS_ERR_NO_MEMORY);
    struct kms_room room = {.data = data, .len = capacity};
    bool done = false;
    enum kms_err err =
        kms_envelope_decryptor_step(decryptor, &message, true, &room, &done, failure);
    if (err == KMS_OK && !done)
        err = kms_failure_plain(failure, KMS_ERR_INTERNAL);
    size_t len = capacity - room.len;
    if (err != KMS_OK) {
        kms_envelope_buffer_free(data, len);
        return err;
    }
    *out = data;
    *out_len = len;
    return KMS_OK;
}

enum kms_err kms_envelope_decrypt(const struct kms_envelope_decrypt_options *options,
    struct kms_bytes message, uint8_t **out, size_t *out_len, struct kms_envelope_info **info,
    struct kms_envelope_failure *failure)
{
    struct kms_envelope_decryptor *decryptor = NULL;
    enum kms_err err = kms_envelope_decryptor_new(options, &decryptor, failure);
    if (err != KMS_OK)
        return err;
    kms_decryptor_trust_room(decryptor); /* it is decrypt_all's own */
    err = decrypt_all(decryptor, message, out, out_len, failure);
    if (err == KMS_OK && info != NULL)
        *info = kms_decryptor_take_info(decryptor);
    kms_envelope_decryptor_free(decryptor);
    return err;
}

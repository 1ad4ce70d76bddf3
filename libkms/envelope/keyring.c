#include "libkms/envelope/keyring.h"

#include "libkms/base/encoding.h"
#include "libkms/envelope/failure.h"

void kms_keyring_free(struct kms_keyring *keyring)
{
    if (keyring != NULL)
        keyring->ops->free(keyring);
}

void kms_keyring_free_at(struct kms_keyring **keyring)
{
    kms_keyring_free(*keyring);
    *keyring = NULL;
}

enum kms_err kms_keyring_wrap(const struct kms_keyring *keyring, struct kms_wrap *wrap)
{
    enum kms_err err = keyring->ops->wrap(keyring, wrap);
    if (err != KMS_OK) {
        if (wrap->failure != NULL && wrap->failure->err == KMS_OK)
            (void)kms_failure_set(
                wrap->failure, err, "the keyring cannot make a data key: %s", kms_err_text(err));
        return err;
    }
    if (wrap->data_key == NULL || kms_secret_len(wrap->data_key) != wrap->suite->key_len ||
        wrap->edk_count == 0)
        return kms_failure_set(
            wrap->failure, KMS_ERR_INTERNAL, "the keyring gave no usable data key");
    return KMS_OK;
}

enum kms_err kms_keyring_unwrap(const struct kms_keyring *keyring, struct kms_unwrap *unwrap)
{
    enum kms_err err = keyring->ops->unwrap(keyring, unwrap);
    if (err == KMS_OK && unwrap->data_key == NULL)
        err = KMS_ERR_INTERNAL;
    if (err == KMS_OK) {
        kms_failure_clear(unwrap->failure); /* of attempts before the one that succeeded */
        return KMS_OK;
    }
    if (unwrap->attempts == 0 && err == KMS_ERR_NO_KEY)
        return kms_failure_set(unwrap->failure, err,
            "none of the message's %zu encrypted data keys is for the key at hand",
            unwrap->edk_count);
    if (unwrap->attempts > 0 && err != KMS_ERR_NO_MEMORY)
        err = unwrap->attempt_err;
    if (unwrap->failure != NULL && unwrap->failure->err == KMS_OK)
        (void)kms_failure_plain(unwrap->failure, err);
    if (unwrap->failure != NULL)
        unwrap->failure->err = err; /* the text and fault are those of the last attempt */
    return err;
}

enum kms_err kms_wrap_generate(struct kms_wrap *wrap)
{
    if (wrap->data_key != NULL)
        return KMS_OK;
    return kms_secret_random(wrap->suite->key_len, &wrap->data_key);
}

enum kms_err kms_wrap_add(struct kms_wrap *wrap, struct kms_str provider_id,
    struct kms_bytes provider_info, struct kms_bytes ciphertext)
{
    if (wrap->edk_count >= wrap->edk_max)
        return kms_failure_set(
            wrap->failure, KMS_ERR_LIMIT, "more encrypted data keys than the limit");
    struct kms_envelope_edk edk = {
        .provider_id = kms_arena_str(wrap->arena, provider_id),
        .provider_info = kms_arena_bytes(wrap->arena, provider_info),
        .ciphertext = kms_arena_bytes(wrap->arena, ciphertext),
    };
    if (edk.provider_id.data == NULL || edk.provider_info.data == NULL ||
        edk.ciphertext.data == NULL)
        return KMS_ERR_NO_MEMORY;
    wrap->edks[wrap->edk_count++] = edk;
    return KMS_OK;
}

enum kms_err kms_unwrap_accept(struct kms_unwrap *unwrap, struct kms_bytes plaintext)
{
    if (plaintext.len != unwrap->suite->key_len)
        return kms_failure_set(unwrap->failure, KMS_ERR_AUTHENTICATION,
            "an encrypted data key holds a key of the wrong length");
    return kms_secret_copy(plaintext, &unwrap->data_key);
}

enum kms_err kms_unwrap_failed(struct kms_unwrap *unwrap, enum kms_err err)
{
    if (unwrap->attempts == 0)
        unwrap->attempt_err = err;
    else if (unwrap->attempt_err != err)
        unwrap->attempt_err = KMS_ERR_NO_KEY;
    unwrap->attempts++;
    return err;
}

void kms_unwrap_add_note(struct kms_unwrap *unwrap, struct kms_unwrap_note *note)
{
    note->next = unwrap->notes;
    unwrap->notes = note;
}

void kms_unwrap_settle(struct kms_unwrap *unwrap, bool authentic)
{
    while (unwrap->notes != NULL) {
        struct kms_unwrap_note *note = unwrap->notes;
        unwrap->notes = note->next;
        note->settle(note, authentic);
    }
}

bool kms_name_space_ok(struct kms_str name_space)
{
    static const struct kms_str reserved = KMS_STR_LITERAL("aws-kms");
    return name_space.data != NULL && name_space.len <= UINT16_MAX && kms_utf8_valid(name_space) &&
           !(name_space.len >= reserved.len &&
               memcmp(name_space.data, reserved.data, reserved.len) == 0);
}

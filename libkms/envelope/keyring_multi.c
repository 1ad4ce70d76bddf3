/*
 * Several keyrings as one.
 * Source: AWS Encryption SDK specification, "Multi-Keyring".
 */
#include "libkms/envelope/failure.h"
#include "libkms/envelope/keyring.h"

#include <openssl/crypto.h>

enum { CHILDREN_MAX = 64 };

struct multi_keyring {
    struct kms_keyring base; /* must stay first */
    size_t count;
    const struct kms_keyring *members[]; /* borrowed; the one that generates comes first */
};

static enum kms_err wrap_multi(const struct kms_keyring *base, struct kms_wrap *wrap)
{
    const struct multi_keyring *keyring = (const struct multi_keyring *)base;
    for (size_t i = 0; i < keyring->count; i++) {
        enum kms_err err = keyring->members[i]->ops->wrap(keyring->members[i], wrap);
        if (err != KMS_OK)
            return err;
    }
    return KMS_OK;
}

static enum kms_err unwrap_multi(const struct kms_keyring *base, struct kms_unwrap *unwrap)
{
    const struct multi_keyring *keyring = (const struct multi_keyring *)base;
    enum kms_err last = KMS_ERR_NO_KEY;
    for (size_t i = 0; i < keyring->count; i++) {
        enum kms_err err = keyring->members[i]->ops->unwrap(keyring->members[i], unwrap);
        if (err == KMS_OK || err == KMS_ERR_NO_MEMORY)
            return err;
        if (err != KMS_ERR_NO_KEY)
            last = err;
    }
    return last;
}

static void free_multi(struct kms_keyring *base)
{
    OPENSSL_free(base);
}

static const struct kms_keyring_ops multi_ops = {wrap_multi, unwrap_multi, free_multi};

enum kms_err kms_keyring_new_multi(const struct kms_keyring *generator,
    const struct kms_keyring *const *children, size_t count, struct kms_keyring **out)
{
    if (generator == NULL && count == 0)
        return KMS_ERR_INVALID_ARGUMENT;
    if (count > CHILDREN_MAX)
        return KMS_ERR_LIMIT;
    struct multi_keyring *keyring =
        OPENSSL_zalloc(sizeof(*keyring) + (count + 1) * sizeof(const struct kms_keyring *));
    if (keyring == NULL)
        return KMS_ERR_NO_MEMORY;
    keyring->base.ops = &multi_ops;
    if (generator != NULL)
        keyring->members[keyring->count++] = generator;
    for (size_t i = 0; i < count; i++) {
        if (children[i] == NULL) {
            OPENSSL_free(keyring);
            return KMS_ERR_INVALID_ARGUMENT;
        }
        keyring->members[keyring->count++] = children[i];
    }
    *out = &keyring->base;
    return KMS_OK;
}

#include "kmsd/iam/access_key.h"

#include "kmsd/crypto/custody.h"

enum { PREFIX_LEN = 4 };

/* RFC 4648 base32 and base64 letters; a byte's low bits choose, so that all are equally likely. */
static enum kms_err random_letters(const char *alphabet, uint8_t mask, char *out, size_t count)
{
    enum kms_err err = kmsd_custody_random((uint8_t *)out, count);
    for (size_t i = 0; err == KMS_OK && i < count; i++)
        out[i] = alphabet[(uint8_t)out[i] & mask];
    return err;
}

enum kms_err kmsd_access_key_draw_id(const char *prefix, char *out, size_t len)
{
    memcpy(out, prefix, PREFIX_LEN);
    out[len] = '\0';
    return random_letters(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 31, out + PREFIX_LEN, len - PREFIX_LEN);
}

enum kms_err kmsd_access_key_make(const char *prefix, struct kmsd_access_key *out)
{
    struct kmsd_access_key made = {.secret = NULL};
    KMS_SECRET_AUTO secret = NULL;
    enum kms_err err = kmsd_access_key_draw_id(prefix, made.id, KMSD_ACCESS_KEY_ID_LEN);
    if (err == KMS_OK)
        err = kms_secret_new(KMSD_ACCESS_KEY_SECRET_LEN, &secret);
    if (err == KMS_OK)
        err = random_letters("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 63,
            (char *)kms_secret_data(secret), KMSD_ACCESS_KEY_SECRET_LEN);
    if (err != KMS_OK)
        return err;
    made.secret = secret;
    secret = NULL; /* now the caller's */
    *out = made;
    return KMS_OK;
}

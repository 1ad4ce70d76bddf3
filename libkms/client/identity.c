#include "libkms/client/identity.h"

#include "libkms/client/detail.h"

#include <openssl/crypto.h>
#include <stdatomic.h>
#include <string.h>

struct kms_identity {
    atomic_uint references;
    int64_t expires_ms; /* 0: never */
    struct kms_secret *secret_access_key;
    struct kms_secret *session_token; /* NULL: none */
    size_t id_len;
    char id[KMS_CREDENTIAL_ID_MAX];
};

int64_t kms_identity_expires_ms(const struct kms_identity *identity)
{
    return identity->expires_ms;
}

struct kms_str kms_identity_access_key_id(const struct kms_identity *identity)
{
    struct kms_str view = {identity->id, identity->id_len};
    return view;
}

struct kms_bytes kms_identity_secret_access_key(const struct kms_identity *identity)
{
    return kms_secret_bytes(identity->secret_access_key);
}

struct kms_str kms_identity_session_token(const struct kms_identity *identity)
{
    if (identity->session_token == NULL)
        return kms_str(NULL);
    struct kms_bytes token = kms_secret_bytes(identity->session_token);
    struct kms_str view = {(const char *)token.data, token.len};
    return view;
}

void kms_identity_release(struct kms_identity *identity)
{
    if (identity == NULL ||
        atomic_fetch_sub_explicit(&identity->references, 1, memory_order_acq_rel) != 1)
        return;
    kms_secret_free(identity->secret_access_key);
    kms_secret_free(identity->session_token);
    OPENSSL_free(identity);
}

void kms_identity_release_at(struct kms_identity **identity)
{
    kms_identity_release(*identity);
}

struct kms_identity *kms_identity_share(struct kms_identity *identity)
{
    atomic_fetch_add_explicit(&identity->references, 1, memory_order_relaxed);
    return identity;
}

/* Ids and tokens go into header lines: printable ASCII, nothing that ends a line or a parameter. */
static bool is_header_safe(struct kms_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    }
    return true;
}

static enum kms_err check(const struct kms_credentials *given, struct kms_detail *detail)
{
    const char *wrong = NULL;
    if (given->access_key_id.len == 0 || given->access_key_id.len > KMS_CREDENTIAL_ID_MAX ||
        !is_header_safe(given->access_key_id) ||
        memchr(given->access_key_id.data, '/', given->access_key_id.len) != NULL ||
        memchr(given->access_key_id.data, ',', given->access_key_id.len) != NULL)
        wrong = "access key id";
    else if (given->secret_access_key.len == 0 ||
             given->secret_access_key.len > KMS_CREDENTIAL_ID_MAX)
        wrong = "secret access key";
    else if (given->session_token.len > KMS_CREDENTIAL_TOKEN_MAX ||
             !is_header_safe(given->session_token))
        wrong = "session token";
    if (wrong == NULL)
        return KMS_OK;
    kms_detail_set(detail, "the credentials have a missing or malformed %s", wrong);
    return KMS_ERR_NO_CREDENTIALS;
}

enum kms_err kms_identity_new(
    const struct kms_credentials *given, struct kms_identity **out, struct kms_detail *detail)
{
    enum kms_err err = check(given, detail);
    if (err != KMS_OK)
        return err;
    KMS_IDENTITY_AUTO identity = OPENSSL_zalloc(sizeof(*identity));
    if (identity == NULL)
        return KMS_ERR_NO_MEMORY;
    atomic_init(&identity->references, 1);
    identity->expires_ms = given->expires_ms;
    identity->id_len = given->access_key_id.len;
    memcpy(identity->id, given->access_key_id.data, given->access_key_id.len);
    err = kms_secret_copy(kms_bytes(given->secret_access_key.data, given->secret_access_key.len),
        &identity->secret_access_key);
    if (err == KMS_OK && given->session_token.len > 0)
        err = kms_secret_copy(kms_bytes(given->session_token.data, given->session_token.len),
            &identity->session_token);
    if (err != KMS_OK)
        return err;
    *out = identity;
    identity = NULL; /* now the caller's */
    return KMS_OK;
}

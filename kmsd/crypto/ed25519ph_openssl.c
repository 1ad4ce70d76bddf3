#include "kmsd/crypto/ed25519ph.h"
#include "kmsd/crypto/pkey.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>

enum { FIRST_VERSION = 0x30200000 };

/* Built with a libcrypto that has it, but maybe run with an older one, which would pass over the
 * parameter and sign with plain Ed25519. */
static bool offered(void)
{
    return OpenSSL_version_num() >= FIRST_VERSION;
}

static void fill(OSSL_PARAM params[2])
{
    params[0] = kmsd_pkey_text(OSSL_SIGNATURE_PARAM_INSTANCE, "Ed25519ph");
    params[1] = OSSL_PARAM_construct_end();
}

enum kms_err kmsd_ed25519ph_sign(EVP_PKEY *key, struct kms_bytes message, struct kms_buf *signature)
{
    OSSL_PARAM params[2];
    if (!offered())
        return KMS_ERR_UNSUPPORTED;
    fill(params);
    return kmsd_pkey_sign_message(key, NULL, params, message, signature);
}

enum kms_err kmsd_ed25519ph_verify(
    EVP_PKEY *key, struct kms_bytes message, struct kms_bytes signature)
{
    OSSL_PARAM params[2];
    if (!offered())
        return KMS_ERR_UNSUPPORTED;
    fill(params);
    return kmsd_pkey_verify_message(key, NULL, params, message, signature);
}

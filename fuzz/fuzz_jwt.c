/*
 * Web identity tokens and sets of keys. The first byte chooses: 't' a token, checked against one
 * public key whose private half is gone, so that the only token to be accepted is the known one;
 * anything else a set of keys, against which the known token is checked.
 */
#include "kmsd/iam/jwt.h"
#include "tests/unit/kmsd/iam/known_token.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum kmsd_jwt_verdict verify(
    struct kms_str token, struct kms_str jwks, struct kms_arena *arena)
{
    static const struct kms_str audience = KMS_STR_LITERAL(KNOWN_AUDIENCE);
    const struct kmsd_jwt_expectation expected = {
        .jwks = jwks,
        .issuer = KMS_STR_LITERAL(KNOWN_ISSUER),
        .audiences = &audience,
        .audience_count = 1,
        .now_s = KNOWN_ISSUED_S,
    };
    struct kmsd_jwt_claims claims;
    enum kmsd_jwt_verdict verdict = KMSD_JWT_MALFORMED;
    enum kms_err err = kmsd_jwt_verify(token, &expected, arena, &claims, &verdict);
    if (err == KMS_OK && verdict == KMSD_JWT_GOOD && !kms_str_is(claims.subject, KNOWN_SUBJECT))
        abort();
    return err == KMS_OK ? verdict : KMSD_JWT_MALFORMED;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct kms_str text = {(const char *)data + 1, size - 1};
    struct kms_arena arena;
    kms_arena_init(&arena, 1 << 20);
    if (data[0] == 't') {
        struct kms_str issuer;
        enum kmsd_jwt_verdict verdict = KMSD_JWT_MALFORMED;
        (void)!kmsd_jwt_issuer(text, &arena, &issuer, &verdict);
        if (verify(text, kms_str(KNOWN_JWKS), &arena) == KMSD_JWT_GOOD &&
            !kms_str_is(text, KNOWN_TOKEN))
            abort();
    } else {
        bool is_usable = kmsd_jwks_is_usable(text);
        if (verify(kms_str(KNOWN_TOKEN), text, &arena) == KMSD_JWT_GOOD && !is_usable)
            abort();
    }
    kms_arena_clean_up(&arena);
    return 0;
}

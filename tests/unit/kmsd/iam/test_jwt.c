/* One known token, and what it is refused for. tests/api/test_web_identity.py has the algorithms. */
#include "kmsd/iam/jwt.h"
#include "known_token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct kms_arena arena;
static struct kms_str audiences[] = {KMS_STR_LITERAL("x"), KMS_STR_LITERAL(KNOWN_AUDIENCE)};

static struct kmsd_jwt_expectation known(void)
{
    return (struct kmsd_jwt_expectation){
        .jwks = kms_str(KNOWN_JWKS),
        .issuer = kms_str(KNOWN_ISSUER),
        .audiences = audiences,
        .audience_count = 2,
        .now_s = KNOWN_ISSUED_S,
    };
}

static enum kmsd_jwt_verdict verify(
    const char *token, const struct kmsd_jwt_expectation *expected, struct kmsd_jwt_claims *claims)
{
    enum kmsd_jwt_verdict verdict = KMSD_JWT_MALFORMED;
    kms_arena_reset(&arena);
    assert_int_equal(kmsd_jwt_verify(kms_str(token), expected, &arena, claims, &verdict), KMS_OK);
    return verdict;
}

static void takes_what_is_right(void **state)
{
    struct kmsd_jwt_expectation expected = known();
    struct kmsd_jwt_claims claims;
    struct kms_str issuer;
    enum kmsd_jwt_verdict verdict = KMSD_JWT_MALFORMED;
    (void)state;
    assert_int_equal(verify(KNOWN_TOKEN, &expected, &claims), KMSD_JWT_GOOD);
    assert_true(kms_str_is(claims.subject, KNOWN_SUBJECT));
    assert_true(kms_str_is(claims.audience, KNOWN_AUDIENCE));
    assert_true(kms_str_is(claims.issuer, KNOWN_ISSUER));
    assert_true(claims.expires_s == KNOWN_EXPIRES_S);
    assert_int_equal(kmsd_jwt_issuer(kms_str(KNOWN_TOKEN), &arena, &issuer, &verdict), KMS_OK);
    assert_int_equal(verdict, KMSD_JWT_GOOD);
    assert_true(kms_str_is(issuer, KNOWN_ISSUER));
}

static void refuses_by_time_issuer_and_audience(void **state)
{
    struct kmsd_jwt_expectation expected = known();
    struct kmsd_jwt_claims claims;
    (void)state;
    expected.now_s = KNOWN_EXPIRES_S - 1;
    assert_int_equal(verify(KNOWN_TOKEN, &expected, &claims), KMSD_JWT_GOOD);
    expected.now_s = KNOWN_EXPIRES_S;
    assert_int_equal(verify(KNOWN_TOKEN, &expected, &claims), KMSD_JWT_EXPIRED);
    expected.now_s = KNOWN_ISSUED_S - KMSD_JWT_SKEW_S;
    assert_int_equal(verify(KNOWN_TOKEN, &expected, &claims), KMSD_JWT_GOOD);
    expected.now_s--;
    assert_int_equal(verify(KNOWN_TOKEN, &expected, &claims), KMSD_JWT_NOT_YET);
    expected = known();
    expected.issuer = kms_str(KNOWN_ISSUER "/");
    assert_int_equal(verify(KNOWN_TOKEN, &expected, &claims), KMSD_JWT_ISSUER);
    expected = known();
    expected.audience_count = 1;
    assert_int_equal(verify(KNOWN_TOKEN, &expected, &claims), KMSD_JWT_AUDIENCE);
}

static void refuses_every_altered_token(void **state)
{
    struct kmsd_jwt_expectation expected = known();
    struct kmsd_jwt_claims claims;
    char token[] = KNOWN_TOKEN;
    (void)state;
    for (size_t i = 0; i < sizeof(token) - 1; i++) {
        char was = token[i];
        token[i] = was == 'A' ? 'B' : 'A';
        assert_int_not_equal(verify(token, &expected, &claims), KMSD_JWT_GOOD);
        token[i] = was;
    }
    for (size_t len = 0; len < sizeof(token) - 1; len += 5) {
        char cut[sizeof(token)];
        memcpy(cut, token, len);
        cut[len] = '\0';
        assert_int_not_equal(verify(cut, &expected, &claims), KMSD_JWT_GOOD);
    }
}

static void knows_usable_sets_of_keys(void **state)
{
    (void)state;
    assert_true(kmsd_jwks_is_usable(kms_str(KNOWN_JWKS)));
    assert_false(kmsd_jwks_is_usable(kms_str("")));
    assert_false(kmsd_jwks_is_usable(kms_str("{\"keys\":[]}")));
    assert_false(kmsd_jwks_is_usable(kms_str("{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}")));
    assert_false(kmsd_jwks_is_usable(
        kms_str("{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_is_right),
        cmocka_unit_test(refuses_by_time_issuer_and_audience),
        cmocka_unit_test(refuses_every_altered_token),
        cmocka_unit_test(knows_usable_sets_of_keys),
    };
    kms_arena_init(&arena, 1 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kms_arena_clean_up(&arena);
    return failed;
}

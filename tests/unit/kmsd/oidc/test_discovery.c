/* What an issuer says about itself, and what is not believed. */
#include "kmsd/oidc/discovery.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ISSUER "https://issuer.example/realm"

static struct kms_arena arena;

static enum kms_err read_document(const char *document, struct kms_str *uri)
{
    struct kmsd_detail detail = {.text = ""};
    kms_arena_reset(&arena);
    enum kms_err err =
        kmsd_discovery_read(kms_str(document), kms_str(ISSUER), &arena, uri, &detail);
    assert_true((err == KMS_OK) == (detail.text[0] == '\0'));
    return err;
}

static void finds_the_keys(void **state)
{
    struct kms_str uri;
    (void)state;
    assert_true(kms_str_is(
        kmsd_discovery_url(kms_str(ISSUER), &arena), ISSUER "/.well-known/openid-configuration"));
    assert_int_equal(read_document("{\"issuer\":\"" ISSUER "\",\"x\":[1],\"jwks_uri\":"
                                   "\"https://keys.example/certs?v=3\"}",
                         &uri),
        KMS_OK);
    assert_true(kms_str_is(uri, "https://keys.example/certs?v=3"));
}

static void believes_no_other(void **state)
{
    static const char *const documents[] = {
        "",
        "[]",
        "\"" ISSUER "\"",
        "{",
        "{\"jwks_uri\":\"https://k\"}",
        "{\"issuer\":1,\"jwks_uri\":\"https://k\"}",
        "{\"issuer\":\"" ISSUER "/\",\"jwks_uri\":\"https://k\"}",
        "{\"issuer\":\"https://ISSUER.example/realm\",\"jwks_uri\":\"https://k\"}",
        "{\"issuer\":\"" ISSUER "\"}",
        "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":7}",
        "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"https://\"}",
        "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"http://k/\"}",
        "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"file:///etc/passwd\"}",
        "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"https://k/a b\"}",
        "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"https://k/\\r\\nX: y\"}",
        "{\"issuer\":\"" ISSUER "\",\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"https://k\"}",
    };
    struct kms_str uri;
    (void)state;
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        if (read_document(documents[i], &uri) != KMS_ERR_PROTOCOL)
            fail_msg("%s", documents[i]);
    }
}

static void knows_a_key_set(void **state)
{
    (void)state;
    assert_true(kmsd_discovery_is_key_set(kms_str("{\"keys\":[]}")));
    assert_false(kmsd_discovery_is_key_set(kms_str("{\"keys\":{}}")));
    assert_false(kmsd_discovery_is_key_set(kms_str("{\"keys\":[],\"keys\":[]}")));
    assert_false(kmsd_discovery_is_key_set(kms_str("<html>")));
    assert_false(kmsd_discovery_is_key_set(kms_str("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_keys),
        cmocka_unit_test(believes_no_other),
        cmocka_unit_test(knows_a_key_set),
    };
    kms_arena_init(&arena, 65536);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kms_arena_clean_up(&arena);
    return failed;
}

#include <kms/kms.h>

#include "tests/unit/client/sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

static void set(const char *name, const char *value)
{
    assert_int_equal(setenv(name, value, 1), 0);
}

static void assert_refused(
    const struct kms_client_options *options, enum kms_err expected, const char *text)
{
    struct kms_client *client = NULL;
    struct kms_detail detail = {"untouched"};
    enum kms_err err = kms_client_new(options, &client, &detail);
    if (err != expected || strstr(detail.text, text) == NULL)
        fail_msg("%s: %s", kms_err_text(err), detail.text);
    assert_null(client);
    assert_int_equal(kms_client_new(options, &client, NULL), expected); /* detail is optional */
}

static void test_from_the_environment_alone(void **state)
{
    (void)state;
    assert_refused(NULL, KMS_ERR_CONFIG, "AWS_REGION");
    set("AWS_REGION", "eu-north-1");
    assert_refused(NULL, KMS_ERR_NO_CREDENTIALS, "AWS_ACCESS_KEY_ID");
    set("AWS_ACCESS_KEY_ID", "test");
    set("AWS_SECRET_ACCESS_KEY", "test");
    {
        KMS_CLIENT_AUTO client = NULL;
        struct kms_detail detail = {"old"};
        assert_int_equal(kms_client_new(NULL, &client, &detail), KMS_OK);
        assert_string_equal(detail.text, "");
        assert_string_equal(kms_client_region(client), "eu-north-1");
        assert_string_equal(kms_client_endpoint(client), "https://kms.eu-north-1.amazonaws.com");
        assert_int_equal(kms_client_protocol(client), KMS_PROTOCOL_JSON);
    }
    set("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:4599/");
    KMS_CLIENT_AUTO client = NULL;
    assert_int_equal(kms_client_new(NULL, &client, NULL), KMS_OK);
    assert_string_equal(kms_client_endpoint(client), "http://127.0.0.1:4599");
    assert_int_equal(kms_client_protocol(client), KMS_PROTOCOL_CBOR);
}

static void test_from_a_profile_alone(void **state)
{
    (void)state;
    sandbox_write("config", "[profile dev]\nregion = us-east-2\nservices = local\n"
                            "[services local]\nkms =\n  endpoint_url = http://127.0.0.1:4599\n");
    sandbox_write("credentials", "[dev]\naws_access_key_id = a\naws_secret_access_key = b\n");
    struct kms_client_options options = {.profile = kms_str("dev")};
    KMS_CLIENT_AUTO client = NULL;
    assert_int_equal(kms_client_new(&options, &client, NULL), KMS_OK);
    assert_string_equal(kms_client_region(client), "us-east-2");
    assert_string_equal(kms_client_endpoint(client), "http://127.0.0.1:4599");
    options.profile = kms_str("other");
    assert_refused(&options, KMS_ERR_CONFIG, "other");
}

static void test_options_are_checked(void **state)
{
    (void)state;
    const struct kms_client_options usable = {.region = kms_str("r"),
        .endpoint_url = kms_str("http://127.0.0.1:4599"),
        .credentials = {.access_key_id = kms_str("a"), .secret_access_key = kms_str("b")}};
    KMS_CLIENT_AUTO client = NULL;
    assert_int_equal(kms_client_new(&usable, &client, NULL), KMS_OK);

    struct kms_client_options options = usable;
    options.protocol = (enum kms_protocol)17;
    assert_refused(&options, KMS_ERR_INVALID_ARGUMENT, "protocol");
    options = usable;
    options.max_attempts = KMS_MAX_ATTEMPTS + 1;
    assert_refused(&options, KMS_ERR_INVALID_ARGUMENT, "max_attempts");
    options = usable;
    options.attempt_timeout_ms = UINT32_MAX;
    assert_refused(&options, KMS_ERR_INVALID_ARGUMENT, "timeout");
    options = usable;
    options.user_agent_suffix = kms_str("x\r\nX-Evil: y");
    assert_refused(&options, KMS_ERR_INVALID_ARGUMENT, "user_agent_suffix");
    options = usable;
    options.region = kms_str("x.example.org/");
    assert_refused(&options, KMS_ERR_CONFIG, "x.example.org/");
    options = usable;
    options.endpoint_url = kms_str("file:///etc/passwd");
    assert_refused(&options, KMS_ERR_CONFIG, "URL");
}

/* The same at a configured endpoint, and of AWS's endpoints the region's own of the same kind. */
static void test_in_another_region(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"", "https://kms-fips.cn-north-1.amazonaws.com.cn"},
        {"http://127.0.0.1:4599", "http://127.0.0.1:4599"}};
    set("AWS_USE_FIPS_ENDPOINT", "true");
    for (size_t i = 0; i < 2; i++) {
        const struct kms_client_options options = {.region = kms_str("eu-north-1"),
            .endpoint_url = kms_str(cases[i][0]),
            .credentials = {.access_key_id = kms_str("a"), .secret_access_key = kms_str("b")}};
        KMS_CLIENT_AUTO origin = NULL;
        KMS_CLIENT_AUTO client = NULL;
        KMS_CLIENT_AUTO none = NULL;
        struct kms_detail detail = {"old"};
        assert_int_equal(kms_client_new(&options, &origin, NULL), KMS_OK);
        assert_int_equal(
            kms_client_new_in_region(origin, kms_str("cn-north-1"), &client, &detail), KMS_OK);
        assert_string_equal(detail.text, "");
        assert_string_equal(kms_client_region(client), "cn-north-1");
        assert_string_equal(kms_client_endpoint(client), cases[i][1]);
        assert_int_equal(kms_client_protocol(client), kms_client_protocol(origin));
        assert_int_equal(
            kms_client_new_in_region(client, kms_str("x.example.org/"), &none, &detail),
            KMS_ERR_CONFIG);
        assert_non_null(strstr(detail.text, "x.example.org/"));
    }
}

static void test_null_is_allowed(void **state)
{
    (void)state;
    kms_client_free(NULL);
    kms_response_free(NULL);
}

#define SANDBOXED(test) cmocka_unit_test_setup_teardown(test, sandbox_enter, sandbox_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SANDBOXED(test_from_the_environment_alone),
        SANDBOXED(test_from_a_profile_alone),
        SANDBOXED(test_options_are_checked),
        SANDBOXED(test_in_another_region),
        cmocka_unit_test(test_null_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

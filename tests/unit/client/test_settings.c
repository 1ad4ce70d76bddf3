#include "libkms/client/settings.h"

#include "tests/unit/client/sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#define SETTINGS_AUTO __attribute__((cleanup(kms_settings_clean_up))) struct kms_settings

static void set(const char *name, const char *value)
{
    assert_int_equal(setenv(name, value, 1), 0);
}

static void load(const char *profile, struct kms_settings *settings)
{
    struct kms_detail detail = {""};
    enum kms_err err = kms_settings_load(kms_str(profile), settings, &detail);
    if (err != KMS_OK)
        fail_msg("%s: %s", kms_err_text(err), detail.text);
}

static void assert_load_fails(const char *profile, const char *expected)
{
    struct kms_settings settings;
    struct kms_detail detail = {""};
    assert_int_equal(kms_settings_load(kms_str(profile), &settings, &detail), KMS_ERR_CONFIG);
    if (strstr(detail.text, expected) == NULL)
        fail_msg("%s", detail.text);
}

static void assert_region(
    const struct kms_settings *settings, const char *option, const char *expected)
{
    struct kms_str region = {NULL, 0};
    struct kms_detail detail = {""};
    enum kms_err err = kms_settings_region(settings, kms_str(option), &region, &detail);
    if (expected == NULL) {
        assert_int_equal(err, KMS_ERR_CONFIG);
        assert_string_not_equal(detail.text, "");
        return;
    }
    assert_int_equal(err, KMS_OK);
    assert_true(kms_str_is(region, expected));
}

static void assert_endpoint(
    const struct kms_settings *settings, const char *option, const char *expected)
{
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 65536);
    struct kms_endpoint endpoint = {0};
    struct kms_detail detail = {""};
    enum kms_err err = kms_settings_endpoint(
        settings, kms_str(option), kms_str("eu-west-1"), &arena, &endpoint, &detail);
    if (expected == NULL) {
        assert_int_equal(err, KMS_ERR_CONFIG);
        assert_string_not_equal(detail.text, "");
        return;
    }
    if (err != KMS_OK)
        fail_msg("%s", detail.text);
    assert_string_equal(endpoint.url.data, expected);
}

static void test_nothing_set(void **state)
{
    (void)state;
    SETTINGS_AUTO settings;
    load(NULL, &settings);
    assert_true(kms_str_is(settings.profile_name, "default"));
    assert_false(settings.profile_chosen);
    assert_region(&settings, NULL, NULL);
    assert_endpoint(&settings, NULL, "https://kms.eu-west-1.amazonaws.com");
    uint32_t attempts = 0;
    assert_int_equal(kms_settings_max_attempts(&settings, 0, &attempts, NULL), KMS_OK);
    assert_int_equal(attempts, 3);
    assert_null(kms_settings_ca_file(&settings, kms_str(NULL)).data);
}

static void test_region_order(void **state)
{
    (void)state;
    sandbox_write("config", "[default]\nregion = from-profile\n");
    SETTINGS_AUTO settings;
    load(NULL, &settings);
    assert_region(&settings, NULL, "from-profile");
    set("AWS_DEFAULT_REGION", "from-default-region");
    assert_region(&settings, NULL, "from-default-region");
    set("AWS_REGION", "from-region");
    assert_region(&settings, NULL, "from-region");
    assert_region(&settings, "from-option", "from-option");
    assert_region(&settings, "a.b", NULL);
    set("AWS_REGION", ""); /* as if it were not set */
    assert_region(&settings, NULL, "from-default-region");
}

static void test_profile_choice(void **state)
{
    (void)state;
    sandbox_write("config", "[profile a]\nregion = ra\n[profile b]\nregion = rb\n");
    sandbox_write("credentials", "[b]\nregion = rb-credentials\n[c]\nregion = rc\n");
    {
        SETTINGS_AUTO settings;
        set("AWS_PROFILE", "a");
        load(NULL, &settings);
        assert_region(&settings, NULL, "ra");
        assert_false(settings.profile_chosen);
    }
    {
        SETTINGS_AUTO settings;
        load("b", &settings); /* the option beats AWS_PROFILE; the credentials file the config */
        assert_region(&settings, NULL, "rb-credentials");
        assert_true(settings.profile_chosen);
    }
    {
        SETTINGS_AUTO settings;
        load("c", &settings); /* in one file is enough */
        assert_region(&settings, NULL, "rc");
    }
    assert_load_fails("d", "\"d\"");
    set("AWS_PROFILE", "e");
    assert_load_fails(NULL, "\"e\"");
}

static void test_files_elsewhere(void **state)
{
    (void)state;
    sandbox_write("other-config", "[default]\nregion = elsewhere\n");
    sandbox_write("config", "[default]\nregion = standard\n");
    set("AWS_CONFIG_FILE", sandbox_path(".aws/other-config"));
    set("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    {
        SETTINGS_AUTO settings;
        load(NULL, &settings);
        assert_region(&settings, NULL, "elsewhere");
    }
    set("AWS_CONFIG_FILE", "~/.aws/config");
    {
        SETTINGS_AUTO settings;
        load(NULL, &settings);
        assert_region(&settings, NULL, "standard");
    }
    sandbox_write("broken", "region = x\n");
    set("AWS_SHARED_CREDENTIALS_FILE", sandbox_path(".aws/broken"));
    assert_load_fails(NULL, "broken:1:");
}

static void test_endpoint_order(void **state)
{
    (void)state;
    sandbox_write("config", "[default]\n"
                            "endpoint_url = http://profile:1\n"
                            "services = mine\n"
                            "[services mine]\n"
                            "s3 =\n"
                            "  endpoint_url = http://s3:1\n"
                            "kms =\n"
                            "  endpoint_url = http://profile-kms:1\n"
                            "[profile plain]\n"
                            "endpoint_url = http://plain:1\n"
                            "[profile lost]\n"
                            "services = nowhere\n"
                            "[profile deaf]\n"
                            "endpoint_url = http://unheard:1\n"
                            "ignore_configured_endpoint_urls = true\n"
                            "use_fips_endpoint = TRUE\n");
    SETTINGS_AUTO settings;
    load(NULL, &settings);
    assert_endpoint(&settings, NULL, "http://profile-kms:1");
    SETTINGS_AUTO plain;
    load("plain", &plain);
    assert_endpoint(&plain, NULL, "http://plain:1");
    SETTINGS_AUTO lost;
    load("lost", &lost);
    assert_endpoint(&lost, NULL, NULL);
    SETTINGS_AUTO deaf;
    load("deaf", &deaf);
    assert_endpoint(&deaf, NULL, "https://kms-fips.eu-west-1.amazonaws.com");
    assert_endpoint(&deaf, "http://option:1", "http://option:1");

    set("AWS_ENDPOINT_URL", "http://environment:1");
    assert_endpoint(&settings, NULL, "http://environment:1");
    set("AWS_ENDPOINT_URL_KMS", "http://environment-kms:1");
    assert_endpoint(&settings, NULL, "http://environment-kms:1");
    assert_endpoint(&settings, "http://option:1", "http://option:1");
    set("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
    assert_endpoint(&settings, NULL, "https://kms.eu-west-1.amazonaws.com");
    assert_endpoint(&settings, "http://option:1", "http://option:1");
    set("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false");
    set("AWS_ENDPOINT_URL_KMS", "nonsense");
    assert_endpoint(&settings, NULL, NULL);
}

static void assert_protocol(enum kms_protocol option, const char *url, enum kms_protocol expected)
{
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 65536);
    struct kms_endpoint endpoint;
    assert_int_equal(kms_endpoint_parse(kms_str(url), &arena, &endpoint, NULL), KMS_OK);
    enum kms_protocol protocol = KMS_PROTOCOL_AUTO;
    assert_int_equal(kms_settings_protocol(option, &endpoint, &protocol, NULL), KMS_OK);
    assert_int_equal(protocol, expected);
}

static void test_protocol_order(void **state)
{
    (void)state;
    const char *local = "http://127.0.0.1:4599";
    const char *aws = "https://kms.us-east-1.amazonaws.com";
    assert_protocol(KMS_PROTOCOL_AUTO, local, KMS_PROTOCOL_CBOR);
    assert_protocol(KMS_PROTOCOL_AUTO, aws, KMS_PROTOCOL_JSON);
    assert_protocol(KMS_PROTOCOL_CBOR, aws, KMS_PROTOCOL_CBOR);
    set("KMS_PROTOCOL", "json");
    assert_protocol(KMS_PROTOCOL_AUTO, local, KMS_PROTOCOL_JSON);
    assert_protocol(KMS_PROTOCOL_CBOR, local, KMS_PROTOCOL_CBOR);
    set("KMS_PROTOCOL", "CBOR");
    assert_protocol(KMS_PROTOCOL_AUTO, aws, KMS_PROTOCOL_CBOR);
    set("KMS_PROTOCOL", "xml");
    struct kms_endpoint endpoint = {0};
    enum kms_protocol protocol = KMS_PROTOCOL_AUTO;
    struct kms_detail detail = {""};
    assert_int_equal(
        kms_settings_protocol(KMS_PROTOCOL_AUTO, &endpoint, &protocol, &detail), KMS_ERR_CONFIG);
    assert_string_not_equal(detail.text, "");
}

static void test_attempts_and_authorities(void **state)
{
    (void)state;
    sandbox_write("config", "[default]\nmax_attempts = 5\nca_bundle = /profile.pem\n");
    SETTINGS_AUTO settings;
    load(NULL, &settings);
    uint32_t attempts = 0;
    struct kms_detail detail = {""};
    assert_int_equal(kms_settings_max_attempts(&settings, 0, &attempts, &detail), KMS_OK);
    assert_int_equal(attempts, 5);
    assert_true(kms_str_is(kms_settings_ca_file(&settings, kms_str(NULL)), "/profile.pem"));
    set("AWS_MAX_ATTEMPTS", "100");
    set("AWS_CA_BUNDLE", "/environment.pem");
    assert_int_equal(kms_settings_max_attempts(&settings, 0, &attempts, &detail), KMS_OK);
    assert_int_equal(attempts, 100);
    assert_true(kms_str_is(kms_settings_ca_file(&settings, kms_str(NULL)), "/environment.pem"));
    assert_int_equal(kms_settings_max_attempts(&settings, 7, &attempts, &detail), KMS_OK);
    assert_int_equal(attempts, 7);
    assert_true(kms_str_is(kms_settings_ca_file(&settings, kms_str("/o.pem")), "/o.pem"));
    static const char *const bad[] = {"0", "101", "-1", "3x", "99999999999999999999"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        set("AWS_MAX_ATTEMPTS", bad[i]);
        assert_int_equal(
            kms_settings_max_attempts(&settings, 0, &attempts, &detail), KMS_ERR_CONFIG);
        assert_non_null(strstr(detail.text, bad[i]));
    }
}

#define SANDBOXED(test) cmocka_unit_test_setup_teardown(test, sandbox_enter, sandbox_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SANDBOXED(test_nothing_set),
        SANDBOXED(test_region_order),
        SANDBOXED(test_profile_choice),
        SANDBOXED(test_files_elsewhere),
        SANDBOXED(test_endpoint_order),
        SANDBOXED(test_protocol_order),
        SANDBOXED(test_attempts_and_authorities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

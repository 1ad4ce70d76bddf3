#include "libkms/client/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static const struct row {
    const char *url;
    bool tls;
    const char *normal; /* NULL: refused */
    const char *host;
    const char *host_header;
    const char *prefix;
} rows[] = {
    {"http://127.0.0.1:4599", false, "http://127.0.0.1:4599", "127.0.0.1", "127.0.0.1:4599", ""},
    {"https://KMS.Example.org/", true, "https://kms.example.org", "kms.example.org",
        "kms.example.org", ""},
    {"HTTPS://h:443/a/b//", true, "https://h/a/b", "h", "h", "/a/b"},
    {"http://h:80", false, "http://h", "h", "h", ""},
    {"http://h:443", false, "http://h:443", "h", "h:443", ""},
    {"http://[::1]:8080/x", false, "http://[::1]:8080/x", "[::1]", "[::1]:8080", "/x"},
    {"", false, NULL, "", "", ""},
    {"localhost:4599", false, NULL, "", "", ""},
    {"ftp://h", false, NULL, "", "", ""},
    {"http://", false, NULL, "", "", ""},
    {"http://user:secret@h", false, NULL, "", "", ""},
    {"http://h:0", false, NULL, "", "", ""},
    {"http://h:65536", false, NULL, "", "", ""},
    {"http://h:", false, NULL, "", "", ""},
    {"http://h:80x", false, NULL, "", "", ""},
    {"http://h?x=y", false, NULL, "", "", ""},
    {"http://h/?x", false, NULL, "", "", ""},
    {"http://h/#x", false, NULL, "", "", ""},
    {"http://h/../x", false, NULL, "", "", ""},
    {"http://h/a//b", false, NULL, "", "", ""},
    {"http://h/a%20b", false, NULL, "", "", ""},
    {"http://h\r\nX: y", false, NULL, "", "", ""},
    {"http://[::1", false, NULL, "", "", ""},
    {"http://[]", false, NULL, "", "", ""},
    {"http://[::1]x", false, NULL, "", "", ""},
};

static void test_takes_urls_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        KMS_ARENA_AUTO arena;
        kms_arena_init(&arena, 65536);
        struct kms_endpoint endpoint = {0};
        struct kms_detail detail = {""};
        enum kms_err err = kms_endpoint_parse(kms_str(rows[i].url), &arena, &endpoint, &detail);
        if (rows[i].normal == NULL) {
            if (err != KMS_ERR_CONFIG)
                fail_msg("%s was taken", rows[i].url);
            assert_string_not_equal(detail.text, "");
            assert_null(strstr(detail.text, "secret"));
            continue;
        }
        assert_int_equal(err, KMS_OK);
        assert_true(endpoint.tls == rows[i].tls);
        assert_string_equal(endpoint.url.data, rows[i].normal);
        assert_string_equal(endpoint.host.data, rows[i].host);
        assert_string_equal(endpoint.host_header.data, rows[i].host_header);
        assert_string_equal(endpoint.path_prefix.data, rows[i].prefix);
    }
}

static void assert_region(const char *region, bool fips, bool dual_stack, const char *expected)
{
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 65536);
    struct kms_endpoint endpoint = {0};
    assert_int_equal(
        kms_endpoint_of_region(kms_str(region), fips, dual_stack, &arena, &endpoint, NULL), KMS_OK);
    assert_string_equal(endpoint.url.data, expected);
    assert_true(endpoint.tls);
    assert_true(kms_endpoint_is_aws(&endpoint));
}

/* Expected values: botocore's endpoint rules and partitions. */
static void test_knows_aws_regions(void **state)
{
    (void)state;
    assert_region("us-east-1", false, false, "https://kms.us-east-1.amazonaws.com");
    assert_region("us-gov-west-1", true, false, "https://kms-fips.us-gov-west-1.amazonaws.com");
    assert_region("eu-central-1", false, true, "https://kms.eu-central-1.api.aws");
    assert_region("cn-north-1", false, false, "https://kms.cn-north-1.amazonaws.com.cn");
    assert_region("us-isob-east-1", false, false, "https://kms.us-isob-east-1.sc2s.sgov.gov");
    assert_region("eusc-de-east-1", false, false, "https://kms.eusc-de-east-1.amazonaws.eu");
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 65536);
    struct kms_endpoint endpoint;
    assert_int_equal(
        kms_endpoint_of_region(kms_str("x.evil.org/"), false, false, &arena, &endpoint, NULL),
        KMS_ERR_CONFIG);
}

static void test_validates_regions(void **state)
{
    (void)state;
    assert_true(kms_region_valid(kms_str("us-east-1")));
    assert_true(kms_region_valid(kms_str("x")));
    static const char *const bad[] = {"", "-a", "a-", "a.b", "a/b", "a b", "a\n",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(kms_region_valid(kms_str(bad[i])));
}

static void test_tells_aws_hosts(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool aws;
    } hosts[] = {
        {"https://vpce-1.kms.us-east-1.vpce.amazonaws.com", true},
        {"https://kms.eu-west-1.api.aws", true},
        {"https://kms.cn-north-1.amazonaws.com.cn", true},
        {"https://amazonaws.com.example.org", false},
        {"https://notamazonaws.com", false},
        {"http://localhost:4566", false},
    };
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        KMS_ARENA_AUTO arena;
        kms_arena_init(&arena, 65536);
        struct kms_endpoint endpoint;
        assert_int_equal(
            kms_endpoint_parse(kms_str(hosts[i].url), &arena, &endpoint, NULL), KMS_OK);
        assert_true(kms_endpoint_is_aws(&endpoint) == hosts[i].aws);
    }
}

static void assert_sts(const struct kms_endpoint *keys, struct kms_arena *arena, const char *url)
{
    struct kms_endpoint sts = {0};
    assert_true(kms_endpoint_is_aws_kms(keys));
    assert_int_equal(kms_endpoint_of_sts(keys, arena, &sts, NULL), KMS_OK);
    assert_string_equal(sts.url.data, url);
    assert_true(sts.tls);
}

/* Expected values: botocore's endpoint rules of STS. */
static void test_sts_of_a_region(void **state)
{
    (void)state;
    static const struct {
        const char *region;
        bool fips;
        bool dual_stack;
        const char *url;
    } cases[] = {
        {"us-east-1", false, false, "https://sts.us-east-1.amazonaws.com"},
        {"us-east-1", true, false, "https://sts-fips.us-east-1.amazonaws.com"},
        {"us-east-1", false, true, "https://sts.us-east-1.api.aws"},
        {"us-east-1", true, true, "https://sts-fips.us-east-1.api.aws"},
        {"us-gov-west-1", false, false, "https://sts.us-gov-west-1.amazonaws.com"},
        {"us-gov-west-1", true, false, "https://sts.us-gov-west-1.amazonaws.com"},
        {"us-gov-west-1", true, true, "https://sts-fips.us-gov-west-1.api.aws"},
        {"cn-north-1", true, false, "https://sts-fips.cn-north-1.amazonaws.com.cn"},
        {"us-iso-east-1", true, false, "https://sts-fips.us-iso-east-1.c2s.ic.gov"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        KMS_ARENA_AUTO arena;
        kms_arena_init(&arena, 65536);
        struct kms_endpoint keys;
        assert_int_equal(kms_endpoint_of_region(kms_str(cases[i].region), cases[i].fips,
                             cases[i].dual_stack, &arena, &keys, NULL),
            KMS_OK);
        assert_sts(&keys, &arena, cases[i].url);
    }
}

static void test_sts_of_a_host(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool aws_kms;
        const char *sts; /* NULL: none */
    } cases[] = {
        {"https://kms.us-east-1.amazonaws.com", true, "https://sts.us-east-1.amazonaws.com"},
        {"https://KMS-FIPS.us-east-1.amazonaws.com", true,
            "https://sts-fips.us-east-1.amazonaws.com"},
        {"https://kms-fips.us-east-2.api.aws", true, "https://sts-fips.us-east-2.api.aws"},
        {"https://vpce-0a1b-2c3d.kms.us-east-1.vpce.amazonaws.com", true, NULL},
        {"https://vpce-0a1b-2c3d.kms-fips.us-east-1.vpce.amazonaws.com", true, NULL},
        {"https://my-kms-1.us-east-1.elb.amazonaws.com", false, NULL},
        {"https://ec2-192-0-2-1.compute-1.amazonaws.com", false, NULL},
        {"https://kms.example.org", false, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        KMS_ARENA_AUTO arena;
        kms_arena_init(&arena, 65536);
        struct kms_endpoint keys;
        struct kms_endpoint sts;
        struct kms_detail detail = {""};
        assert_int_equal(kms_endpoint_parse(kms_str(cases[i].url), &arena, &keys, NULL), KMS_OK);
        assert_true(kms_endpoint_is_aws_kms(&keys) == cases[i].aws_kms);
        if (cases[i].sts != NULL)
            assert_sts(&keys, &arena, cases[i].sts);
        else if (cases[i].aws_kms) {
            assert_int_equal(
                kms_endpoint_of_sts(&keys, &arena, &sts, &detail), KMS_ERR_UNSUPPORTED);
            assert_non_null(strstr(detail.text, "vpce-0a1b-2c3d"));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_urls_apart),
        cmocka_unit_test(test_knows_aws_regions),
        cmocka_unit_test(test_validates_regions),
        cmocka_unit_test(test_tells_aws_hosts),
        cmocka_unit_test(test_sts_of_a_region),
        cmocka_unit_test(test_sts_of_a_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

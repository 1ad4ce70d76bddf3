/* HMAC against Project Wycheproof's vectors and those of RFC 4231. */
#include "pkey_fixture.h"

static const struct kmsd_mac *row_of(enum kms_key_spec spec)
{
    const struct kmsd_kind *kind = kind_of(spec, KMS_KEY_USAGE_GENERATE_VERIFY_MAC);
    assert_int_equal(kind->mac_count, 1);
    return kind->macs;
}

/* Vectors with shorter tags are cut from the whole one. */
static bool check_mac(const json_t *group, const json_t *test, void *context)
{
    const struct kmsd_mac *row = context;
    size_t tag_len = (size_t)json_integer_value(json_object_get(group, "tagSize")) / 8;
    struct kms_bytes key = hex_at(test, "key");
    struct kms_bytes message = hex_at(test, "msg");
    struct kms_bytes tag = hex_at(test, "tag");
    uint8_t made[64];
    assert_true(tag_len <= row->mac_size);
    assert_int_equal(kmsd_hmac.mac(row, key, message, made), KMS_OK);
    bool same = tag.len == tag_len && memcmp(tag.data, made, tag_len) == 0;
    if (same != (verdict_of(test) == VERDICT_VALID))
        fail_case(test, KMS_OK);
    free_bytes(key);
    free_bytes(message);
    free_bytes(tag);
    return true;
}

static void vectors_hold(void **state)
{
    (void)state;
    run_wycheproof("hmac_sha256", check_mac, (void *)row_of(KMS_KEY_SPEC_HMAC_256), 174);
    run_wycheproof("hmac_sha384", check_mac, (void *)row_of(KMS_KEY_SPEC_HMAC_384), 174);
}

static bool check_rfc(const json_t *group, const json_t *test, void *context)
{
    static const struct {
        const char *name;
        enum kms_key_spec spec;
    } specs[] = {
        {"HMAC_224", KMS_KEY_SPEC_HMAC_224},
        {"HMAC_256", KMS_KEY_SPEC_HMAC_256},
        {"HMAC_384", KMS_KEY_SPEC_HMAC_384},
        {"HMAC_512", KMS_KEY_SPEC_HMAC_512},
    };
    size_t i = 0;
    (void)context;
    while (strcmp(specs[i].name, text_at(group, "keySpec")) != 0)
        assert_true(++i < COUNT_OF(specs));
    const struct kmsd_mac *row = row_of(specs[i].spec);
    struct kms_bytes key = hex_at(test, "key");
    struct kms_bytes message = hex_at(test, "msg");
    uint8_t made[64];
    assert_int_equal(kmsd_hmac.mac(row, key, message, made), KMS_OK);
    assert_bytes(kms_bytes(made, row->mac_size), text_at(test, "mac"));
    free_bytes(key);
    free_bytes(message);
    return true;
}

static void the_rfcs_cases_hold(void **state)
{
    (void)state;
    run_cases("rfc/hmac-4231.json", check_rfc, NULL, 24);
}

static void key_lengths_are_the_services(void **state)
{
    (void)state;
    static const struct {
        enum kms_key_spec spec;
        size_t made;
        size_t longest;
    } rows[] = {
        {KMS_KEY_SPEC_HMAC_224, 28, 64},
        {KMS_KEY_SPEC_HMAC_256, 32, 64},
        {KMS_KEY_SPEC_HMAC_384, 48, 128},
        {KMS_KEY_SPEC_HMAC_512, 64, 128},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct kmsd_kind *kind = kind_of(rows[i].spec, KMS_KEY_USAGE_GENERATE_VERIFY_MAC);
        assert_int_equal(kind->secret_size, rows[i].made);
        assert_int_equal(kind->secret_max, rows[i].longest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_hold),
        cmocka_unit_test(the_rfcs_cases_hold),
        cmocka_unit_test(key_lengths_are_the_services),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

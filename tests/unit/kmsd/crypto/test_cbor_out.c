/* Encodings as RFC 8949 appendix A gives them. */
#include "crypto_fixture.h"

#include "kmsd/crypto/cbor_out.h"

static void integers_are_shortest(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        const char *encoding;
    } cases[] = {
        {0, "00"},
        {1, "01"},
        {10, "0a"},
        {23, "17"},
        {24, "1818"},
        {25, "1819"},
        {100, "1864"},
        {255, "18ff"},
        {256, "190100"},
        {1000, "1903e8"},
        {65535, "19ffff"},
        {65536, "1a00010000"},
        {1000000, "1a000f4240"},
        {1000000000000, "1b000000e8d4a51000"},
        {INT64_MAX, "1b7fffffffffffffff"},
        {-1, "20"},
        {-10, "29"},
        {-24, "37"},
        {-25, "3818"},
        {-100, "3863"},
        {-1000, "3903e7"},
        {-65536, "39ffff"},
        {KMSD_COSE_MATERIAL_ID, "3a00010000"},
        {KMSD_COSE_NONCE, "3a00010001"},
        {INT64_MIN, "3b7fffffffffffffff"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        KMS_BUF_AUTO buf;
        kms_buf_init(&buf, 16);
        kmsd_cbor_append_int(&buf, cases[i].value);
        assert_int_equal(buf.err, KMS_OK);
        assert_bytes(kms_buf_bytes(&buf), cases[i].encoding);
        int64_t value = cases[i].value;
        assert_int_equal(
            kmsd_cbor_head_size(value >= 0 ? (uint64_t)value : ~(uint64_t)value), buf.len);
    }
}

static void strings_and_containers_are_definite(void **state)
{
    (void)state;
    KMS_BUF_AUTO buf;
    kms_buf_init(&buf, 4096);
    kmsd_cbor_append_array(&buf, 6);
    kmsd_cbor_append_bytes(&buf, kms_bytes(NULL, 0));
    kmsd_cbor_append_bytes(&buf, kms_bytes("\1\2\3\4", 4));
    kmsd_cbor_append_text(&buf, kms_str(""));
    kmsd_cbor_append_text(&buf, kms_str("\xc3\xbc"));
    kmsd_cbor_append_map(&buf, 1);
    kmsd_cbor_append_text(&buf, kms_str("a"));
    kmsd_cbor_append_array(&buf, 0);
    kmsd_cbor_append_map(&buf, 0);
    assert_int_equal(buf.err, KMS_OK);
    assert_bytes(kms_buf_bytes(&buf), "86"
                                      "40"
                                      "4401020304"
                                      "60"
                                      "62c3bc"
                                      "a1"
                                      "6161"
                                      "80"
                                      "a0");
}

static void heads_grow_with_lengths(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        const char *bytes, *text, *array, *map;
    } cases[] = {
        {23, "57", "77", "97", "b7"},
        {24, "5818", "7818", "9818", "b818"},
        {255, "58ff", "78ff", "98ff", "b8ff"},
        {256, "590100", "790100", "990100", "b90100"},
        {65535, "59ffff", "79ffff", "99ffff", "b9ffff"},
        {65536, "5a00010000", "7a00010000", "9a00010000", "ba00010000"},
    };
    char *filler = calloc(65537, 1);
    assert_non_null(filler);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        KMS_BUF_AUTO buf;
        kms_buf_init(&buf, 1 << 20);
        kmsd_cbor_append_bytes_head(&buf, cases[i].len);
        assert_bytes(kms_buf_bytes(&buf), cases[i].bytes);
        assert_int_equal(kmsd_cbor_head_size(cases[i].len), buf.len);
        kms_buf_reset(&buf);
        kmsd_cbor_append_array(&buf, cases[i].len);
        assert_bytes(kms_buf_bytes(&buf), cases[i].array);
        kms_buf_reset(&buf);
        kmsd_cbor_append_map(&buf, cases[i].len);
        assert_bytes(kms_buf_bytes(&buf), cases[i].map);
        kms_buf_reset(&buf);
        kmsd_cbor_append_text(&buf, (struct kms_str){filler, cases[i].len});
        assert_bytes(kms_bytes(buf.data, kmsd_cbor_head_size(cases[i].len)), cases[i].text);
        assert_int_equal(buf.len, kmsd_cbor_head_size(cases[i].len) + cases[i].len);
    }
    assert_int_equal(kmsd_cbor_head_size(UINT32_MAX), 5);
    assert_int_equal(kmsd_cbor_head_size((uint64_t)UINT32_MAX + 1), 9);
    free(filler);
}

static void errors_are_sticky(void **state)
{
    (void)state;
    KMS_BUF_AUTO buf;
    kms_buf_init(&buf, 3);
    kmsd_cbor_append_text(&buf, kms_str("abc"));
    kmsd_cbor_append_int(&buf, 1);
    assert_int_equal(buf.err, KMS_ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_shortest),
        cmocka_unit_test(strings_and_containers_are_definite),
        cmocka_unit_test(heads_grow_with_lengths),
        cmocka_unit_test(errors_are_sticky),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "kmsctl/blob.h"
#include "libkms/base/encoding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A ciphertext of kmsd: tag 16, [protected header, {}, ciphertext and tag]; the header holds alg,
 * crit, kid "key-1", IV, material id and nonce. Three bytes of plaintext. */
#define HEADER                                                                       \
    "a6010302823a000100003a0001000104456b65792d31054c000102030405060708090a0b"       \
    "3a000100005820000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" \
    "3a0001000150000102030405060708090a0b0c0d0e0f"
#define CIPHERTEXT     \
    "d083"             \
    "5861" HEADER "a0" \
    "53"               \
    "00000000000000000000000000000000000000"

static json_t *describe(const char *hex)
{
    uint8_t bytes[512];
    struct kms_str text = kms_str(hex);

    assert_true(text.len / 2 <= sizeof(bytes));
    assert_int_equal(kms_hex_decode(text, bytes), KMS_OK);
    json_t *value = kmsctl_blob_describe(kms_bytes(bytes, text.len / 2));
    assert_non_null(value);
    return value;
}

static const char *member(const json_t *value, const char *name)
{
    return json_string_value(json_object_get(value, name));
}

static void names_the_key_of_kmsd(void **state)
{
    json_t *value = describe(CIPHERTEXT);

    (void)state;
    assert_string_equal(member(value, "Type"), "CiphertextBlob");
    assert_string_equal(member(value, "Format"), "COSE_Encrypt0");
    assert_string_equal(member(value, "KeyId"), "key-1");
    assert_string_equal(member(value, "KeyMaterialId"),
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    assert_int_equal(json_integer_value(json_object_get(value, "PlaintextLength")), 3);
    assert_int_equal(json_integer_value(json_object_get(value, "Length")), strlen(CIPHERTEXT) / 2);
    json_decref(value);
}

static void expect_format(const char *hex, const char *format)
{
    json_t *value = describe(hex);

    assert_string_equal(member(value, "Format"), format);
    assert_null(json_object_get(value, "KeyId"));
    json_decref(value);
}

static void says_what_it_can_of_others(void **state)
{
    (void)state;
    expect_format("0102020078aabbccdd", "AWS KMS");
    expect_format("0102030078aabbccdd", "AWS KMS");
    expect_format("0101020078aabbccdd", "AWS KMS");
    expect_format("00", "Unknown");
    expect_format("ffffffffffffffff", "Unknown");
    expect_format("d0", "Unknown");   /* a tag without an item */
    expect_format("d001", "Unknown"); /* tag 16 on a number */
    expect_format("d083404040"
                  "00",
        "Unknown");                                       /* something follows */
    expect_format("d1834040a0", "Unknown");               /* tag 17 is COSE_Mac0 */
    expect_format("d08340a040", "COSE_Encrypt0");         /* no header at all */
    expect_format("d08341a0a040", "COSE_Encrypt0");       /* an empty one */
    expect_format("d08341ffa040", "COSE_Encrypt0");       /* a malformed one */
    expect_format("d083010203", "COSE_Encrypt0");         /* numbers in place of byte strings */
    expect_format("d0835f41a0ffa040", "COSE_Encrypt0");   /* a header in pieces */
    expect_format("d08344a1046131a040", "COSE_Encrypt0"); /* a key id that is text */
}

/* Every cut and every changed byte is described without complaint. */
static void survives_damage(void **state)
{
    uint8_t bytes[512];
    size_t len = strlen(CIPHERTEXT) / 2;

    (void)state;
    assert_int_equal(kms_hex_decode(kms_str(CIPHERTEXT), bytes), KMS_OK);
    for (size_t cut = 0; cut < len; cut++)
        json_decref(kmsctl_blob_describe(kms_bytes(bytes, cut)));
    for (size_t at = 0; at < len; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            bytes[at] ^= (uint8_t)(1u << bit);
            json_t *value = kmsctl_blob_describe(kms_bytes(bytes, len));
            assert_non_null(value);
            json_decref(value);
            bytes[at] ^= (uint8_t)(1u << bit);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_key_of_kmsd),
        cmocka_unit_test(says_what_it_can_of_others),
        cmocka_unit_test(survives_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

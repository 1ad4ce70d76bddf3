#include "libkms/base/encoding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>

/* --- base64 ----------------------------------------------------------------------------------- */

static void test_base64_vectors(void **state)
{
    (void)state;
    static const char *const vectors[][2] = {
        /* RFC 4648 section 10 */
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        /* both ends of the alphabet */
        {"\xfb\xff\xbf", "+/+/"},
    };
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        struct kms_bytes plain = kms_bytes(vectors[i][0], strlen(vectors[i][0]));
        struct kms_str encoded = kms_str(vectors[i][1]);
        uint8_t decoded[16];
        size_t len = 99;
        KMS_BUF_AUTO buf;
        kms_buf_init(&buf, 100);
        kms_base64_append(&buf, plain);
        assert_int_equal(buf.err, KMS_OK);
        assert_true(kms_str_eq(kms_buf_str(&buf), encoded));
        assert_int_equal(kms_base64_encoded_len(plain.len), encoded.len);
        assert_int_equal(kms_base64_decode(encoded, decoded, &len), KMS_OK);
        assert_int_equal(len, plain.len);
        assert_memory_equal(decoded, plain.data, len);
        assert_true(len <= kms_base64_decoded_max(encoded.len));
    }
}

static void test_base64_agrees_with_libcrypto(void **state)
{
    (void)state;
    uint8_t data[300];
    uint8_t decoded[303];
    char encoded[400];
    unsigned char expected[401];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * i * 31 + i * 7 + 5);
    for (size_t len = 0; len < sizeof(data); len++) {
        size_t back = 0;
        int expected_len = EVP_EncodeBlock(expected, data, (int)len);
        kms_base64_encode(kms_bytes(data, len), encoded);
        struct kms_str text = {encoded, kms_base64_encoded_len(len)};
        assert_int_equal(text.len, expected_len);
        assert_memory_equal(encoded, expected, text.len);
        assert_int_equal(kms_base64_decode(text, decoded, &back), KMS_OK);
        assert_int_equal(back, len);
        assert_memory_equal(decoded, data, len);
    }
}

static void test_base64_every_letter(void **state)
{
    (void)state;
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (unsigned letter = 0; letter < 256; letter++) {
        const char *at = letter == 0 ? NULL : strchr(alphabet, (int)letter);
        for (size_t place = 0; place < 8; place++) { /* in the last group, and before it */
            char text[] = "AAAAAAAA";
            uint8_t out[9];
            size_t len = 0;
            text[place] = (char)letter;
            bool padding_at_the_end = letter == '=' && place == 7;
            struct kms_str view = {text, 8};
            enum kms_err err = kms_base64_decode(view, out, &len);
            assert_int_equal(err, at != NULL || padding_at_the_end ? KMS_OK : KMS_ERR_SYNTAX);
            if (at == NULL)
                continue;
            size_t value = (size_t)out[place / 4 * 3] << 16 | (size_t)out[place / 4 * 3 + 1] << 8 |
                           out[place / 4 * 3 + 2];
            assert_int_equal(value >> (18 - 6 * (place % 4)), at - alphabet);
        }
    }
}

static void test_base64_is_strict(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "A",
        "AA",
        "AAA",
        "AAAAA", /* length */
        "A===",
        "====",
        "AA=A",
        "=AAA", /* padding in the wrong place */
        "AA==AAAA",
        "AAA=AAAA",
        "AAAA====",
        "AAA==",
        "AB==",
        "AP==",
        "AAB=",
        "AAD=", /* unused bits */
        "AAA ",
        "AAA\n",
        "AAAA\n",
        " AAAA",
        "AAAA AAAA ", /* white space */
        "AA-_",
        "AAA*",
        "AA\xc3\xa9",
        "Zm9v\r\nYmFy",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        uint8_t out[16];
        size_t len = 77;
        assert_int_equal(kms_base64_decode(kms_str(refused[i]), out, &len), KMS_ERR_SYNTAX);
        assert_int_equal(len, 77);
    }
}

static void test_base64_decodes_in_place(void **state)
{
    (void)state;
    char text[] = "Zm9vYmFyZm9vYmE=";
    size_t len = 0;
    assert_int_equal(kms_base64_decode(kms_str(text), (uint8_t *)text, &len), KMS_OK);
    assert_int_equal(len, 11);
    assert_memory_equal(text, "foobarfooba", 11);
}

static void test_base64_append_keeps_to_the_maximum(void **state)
{
    (void)state;
    KMS_BUF_AUTO buf;
    kms_buf_init(&buf, 7);
    kms_base64_append(&buf, kms_bytes("foob", 4));
    assert_int_equal(buf.err, KMS_ERR_LIMIT);
    assert_int_equal(buf.len, 0);
    kms_buf_reset(&buf);
    kms_base64_append(&buf, kms_bytes("", SIZE_MAX)); /* its encoded length overflows */
    assert_int_equal(buf.err, KMS_ERR_LIMIT);
}

/* --- hexadecimal ------------------------------------------------------------------------------ */

static void test_hex(void **state)
{
    (void)state;
    uint8_t octets[256];
    uint8_t decoded[256];
    char text[513];
    for (size_t i = 0; i < 256; i++)
        octets[i] = (uint8_t)i;
    kms_hex_encode(kms_bytes(octets, 256), text);
    assert_int_equal(strlen(text), 512);
    assert_memory_equal(text, "000102", 6);
    assert_string_equal(text + 506, "fdfeff");
    assert_int_equal(kms_hex_decode(kms_str(text), decoded), KMS_OK);
    assert_memory_equal(decoded, octets, 256);
    assert_int_equal(kms_hex_decode(kms_str("AbCdEf"), decoded), KMS_OK);
    assert_memory_equal(decoded, "\xab\xcd\xef", 3);
    assert_int_equal(kms_hex_decode(kms_str(""), decoded), KMS_OK);

    KMS_BUF_AUTO buf;
    kms_buf_init(&buf, 4);
    kms_hex_append(&buf, kms_bytes("\x00\x9f", 2));
    kms_hex_append(&buf, kms_bytes("", 0));
    assert_int_equal(buf.err, KMS_OK);
    assert_true(kms_str_is(kms_buf_str(&buf), "009f"));
    kms_hex_append(&buf, kms_bytes("x", 1));
    assert_int_equal(buf.err, KMS_ERR_LIMIT);
}

static void test_hex_of_every_length(void **state)
{
    (void)state;
    uint8_t octets[33];
    char text[2 * sizeof(octets) + 1];
    for (size_t len = 0; len <= sizeof(octets); len++) {
        char expected[2 * sizeof(octets) + 1] = "";
        for (size_t i = 0; i < len; i++) {
            octets[i] = (uint8_t)(i * 37 + len * 11);
            (void)snprintf(expected + 2 * i, 3, "%02x", octets[i]);
        }
        kms_hex_encode(kms_bytes(octets, len), text);
        assert_string_equal(text, expected);
    }
}

static void test_hex_refuses_other_letters(void **state)
{
    (void)state;
    uint8_t out[2] = {1, 2};
    for (unsigned letter = 0; letter < 256; letter++) {
        bool is_digit = letter != 0 && strchr("0123456789abcdefABCDEF", (int)letter) != NULL;
        const char text[] = {'0', '0', '0', (char)letter};
        struct kms_str view = {text, 4};
        assert_int_equal(kms_hex_decode(view, (uint8_t[2]){0}), is_digit ? KMS_OK : KMS_ERR_SYNTAX);
    }
    assert_int_equal(kms_hex_decode(kms_str("abc"), out), KMS_ERR_SYNTAX);
    assert_int_equal(kms_hex_decode(kms_str("abxx"), out), KMS_ERR_SYNTAX);
    assert_int_equal(out[0], 1); /* untouched */
}

/* --- UTF-8 ------------------------------------------------------------------------------------ */

static size_t put_utf8(uint32_t point, char out[4])
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    size_t len = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--, point >>= 6)
        out[i] = (char)(0x80 | (point & 0x3f));
    out[0] = (char)((0xf00U >> len & 0xf0) | point);
    return len;
}

static void test_utf8_every_code_point(void **state)
{
    (void)state;
    for (uint32_t point = 0; point <= 0x110010; point++) {
        char text[4];
        struct kms_str view = {text, put_utf8(point, text)};
        bool is_scalar = point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
        if (kms_utf8_valid(view) != is_scalar)
            fail_msg("U+%04X", point);
        if (!is_scalar)
            continue;
        size_t offset = 0;
        if (kms_utf8_utf16_units(view) != (point >= 0x10000 ? 2 : 1))
            fail_msg("units of U+%04X", point);
        if (kms_utf8_next(view, &offset) != point || offset != view.len)
            fail_msg("next of U+%04X", point);
        view.len--; /* cut short; nothing is well-formed, one less than a letter is nothing */
        if (kms_utf8_valid(view) != (view.len == 0))
            fail_msg("cut U+%04X", point);
    }
}

static void test_utf8_refuses(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "\x80",
        "\xbf",
        "a\x80", /* continuation alone */
        "\xc0\x80",
        "\xc1\xbf",
        "\xe0\x80\x80",
        "\xe0\x9f\xbf", /* overlong */
        "\xf0\x80\x80\x80",
        "\xf0\x8f\xbf\xbf",
        "\xed\xa0\x80",
        "\xed\xbf\xbf", /* surrogates */
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "\xfe", /* past U+10FFFF */
        "\xc3",
        "\xe2\x82",
        "\xf0\x9f\x98",
        "\xc3(",
        "\xe2(\xa1", /* cut short */
        "\xe2\x82(",
        "\xf0\x9f\x98(",
        "\xf0(\x8c\xbc",
        "12345678\xc3",
        "1234567\37712345678",
        "12345678901234\xed\xa0\x80",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (kms_utf8_valid(kms_str(refused[i])))
            fail_msg("sequence %zu", i);
    }
}

static void test_utf8_accepts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t units;
    } accepted[] = {
        {"", 0},
        {"plain ASCII text, longer than a word", 36},
        {"Schl\xc3\xbcssel", 9},
        {"\xe3\x82\xad\xe3\x83\xbc", 2},
        {"1234567\360\237\224\22112345678", 17},
    };
    for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
        assert_true(kms_utf8_valid(kms_str(accepted[i].text)));
        assert_int_equal(kms_utf8_utf16_units(kms_str(accepted[i].text)), accepted[i].units);
    }
    struct kms_str with_nul = {"a\0b", 3};
    assert_true(kms_utf8_valid(with_nul));
    assert_true(kms_utf8_valid((struct kms_str){NULL, 0}));
}

static void test_utf8_next_walks(void **state)
{
    (void)state;
    struct kms_str text = kms_str("a\xc3\xbc\xe3\x82\xad\xf0\x9f\x94\x91z");
    static const uint32_t points[] = {'a', 0xfc, 0x30ad, 0x1f511, 'z'};
    size_t offset = 0;
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++)
        assert_int_equal(kms_utf8_next(text, &offset), points[i]);
    assert_int_equal(offset, text.len);
}

/* --- names ------------------------------------------------------------------------------------ */

/* Every two octets, alone and as one of eight, against tolower() in the C locale. */
static void test_ascii_eq_knows_every_letter(void **state)
{
    (void)state;
    char left[8] = "AbCdEfGh";
    char right[8] = "aBcDeFgH";
    for (int a = 0; a < 256; a++) {
        for (int b = 0; b < 256; b++) {
            bool same = tolower(a) == tolower(b);
            left[3] = (char)a;
            right[3] = (char)b;
            assert_true(
                kms_ascii_eq((struct kms_str){left, 8}, (struct kms_str){right, 8}) == same);
            assert_true(kms_ascii_eq(
                            (struct kms_str){left + 3, 1}, (struct kms_str){right + 3, 1}) == same);
        }
    }
}

static void test_ascii_eq_looks_at_every_place(void **state)
{
    (void)state;
    static const char name[] = "X-Amz-Content-Sha256-Long";
    for (size_t len = 0; len < sizeof(name); len++) {
        char other[sizeof(name)] = "";
        for (size_t i = 0; i < len; i++)
            other[i] = (char)(i % 2 == 0 ? toupper(name[i]) : tolower(name[i]));
        assert_true(kms_ascii_eq((struct kms_str){name, len}, (struct kms_str){other, len}));
        for (size_t i = 0; i < len; i++) {
            char kept = other[i];
            other[i] = '!';
            assert_false(kms_ascii_eq((struct kms_str){name, len}, (struct kms_str){other, len}));
            other[i] = kept;
        }
        if (len != 0)
            assert_false(
                kms_ascii_eq((struct kms_str){name, len}, (struct kms_str){other, len - 1}));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64_vectors),
        cmocka_unit_test(test_base64_agrees_with_libcrypto),
        cmocka_unit_test(test_base64_every_letter),
        cmocka_unit_test(test_base64_is_strict),
        cmocka_unit_test(test_base64_decodes_in_place),
        cmocka_unit_test(test_base64_append_keeps_to_the_maximum),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_hex_of_every_length),
        cmocka_unit_test(test_hex_refuses_other_letters),
        cmocka_unit_test(test_ascii_eq_knows_every_letter),
        cmocka_unit_test(test_ascii_eq_looks_at_every_place),
        cmocka_unit_test(test_utf8_every_code_point),
        cmocka_unit_test(test_utf8_refuses),
        cmocka_unit_test(test_utf8_accepts),
        cmocka_unit_test(test_utf8_next_walks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

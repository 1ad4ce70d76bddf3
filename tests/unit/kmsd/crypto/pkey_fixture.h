/* Keys from the parts that vectors give, and the loop over files of vectors. */
#ifndef PKEY_FIXTURE_H
#define PKEY_FIXTURE_H

#include "crypto_fixture.h"

#include "kmsd/crypto/ec_point.h"
#include "kmsd/crypto/family.h"
#include "kmsd/crypto/pkey.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

/* --- keys ------------------------------------------------------------------------------------- */

static inline const struct kmsd_kind *kind_of(enum kms_key_spec spec, enum kms_key_usage usage)
{
    const struct kmsd_kind *kind = kmsd_kind_find(spec, usage);
    assert_non_null(kind);
    return kind;
}

static inline const struct kmsd_signing *signing_of(
    enum kms_key_spec spec, enum kms_signing_algorithm algorithm)
{
    const struct kmsd_signing *row =
        kmsd_kind_signing(kind_of(spec, KMS_KEY_USAGE_SIGN_VERIFY), algorithm);
    assert_non_null(row);
    return row;
}

/* From parameters of libcrypto; both may be NULL but not together. The private key is a number. NULL:
 * libcrypto does not take the point. */
static inline EVP_PKEY *try_key_from(
    const char *type, const char *group, const char *private_hex, const char *public_hex)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    BIGNUM *number = NULL;
    struct kms_bytes point = {NULL, 0};
    assert_non_null(builder);
    assert_int_equal(
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, group, 0), 1);
    if (private_hex != NULL) {
        assert_true(BN_hex2bn(&number, private_hex) > 0);
        assert_int_equal(OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, number), 1);
    }
    if (public_hex != NULL) {
        point = unhex(public_hex);
        assert_int_equal(OSSL_PARAM_BLD_push_octet_string(
                             builder, OSSL_PKEY_PARAM_PUB_KEY, point.data, point.len),
            1);
    }
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;
    int selection = private_hex != NULL ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
    assert_non_null(context);
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    if (EVP_PKEY_fromdata(context, &key, selection, params) != 1)
        ERR_clear_error();
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    BN_free(number);
    free_bytes(point);
    return key;
}

/* A whole point in hex, of coordinates that may have more or fewer zeros at their beginning. */
static inline void write_point(
    char out[2 + 4 * KMSD_EC_FIELD_MAX + 1], const char *group, const char *x, const char *y)
{
    static const char zeros[2 * KMSD_EC_FIELD_MAX + 1] =
        "000000000000000000000000000000000000000000000000000000000000000000"
        "000000000000000000000000000000000000000000000000000000000000000000";
    size_t digits = 2 * kmsd_ec_field_size(group);
    x += strspn(x, "0");
    y += strspn(y, "0");
    assert_true(digits != 0 && strlen(x) <= digits && strlen(y) <= digits);
    (void)snprintf(out, 2 + 2 * digits + 1, "04%.*s%s%.*s%s", (int)(digits - strlen(x)), zeros, x,
        (int)(digits - strlen(y)), zeros, y);
}

static inline EVP_PKEY *key_from(
    const char *type, const char *group, const char *private_hex, const char *public_hex)
{
    EVP_PKEY *key = try_key_from(type, group, private_hex, public_hex);
    assert_non_null(key);
    return key;
}

/* From bytes in hex, under libcrypto's name for their form. NULL: it does not take them. */
static inline EVP_PKEY *raw_key(const struct kmsd_kind *kind, const char *param, const char *hex)
{
    struct kms_bytes bytes = unhex(hex);
    OSSL_PARAM params[] = {OSSL_PARAM_construct_octet_string(param, (void *)bytes.data, bytes.len),
        OSSL_PARAM_construct_end()};
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, kind->key_type, NULL);
    EVP_PKEY *key = NULL;
    int selection = strcmp(param, "pub") == 0 ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEYPAIR;
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    if (EVP_PKEY_fromdata(context, &key, selection, params) != 1)
        ERR_clear_error();
    EVP_PKEY_CTX_free(context);
    free_bytes(bytes);
    return key;
}

static inline void assert_raw(EVP_PKEY *key, const char *param, const char *hex)
{
    uint8_t bytes[4096];
    size_t len = 0;
    assert_int_equal(EVP_PKEY_get_octet_string_param(key, param, bytes, sizeof(bytes), &len), 1);
    assert_bytes(kms_bytes(bytes, len), hex);
}

static inline EVP_PKEY *public_key_at(
    const struct kmsd_kind *kind, const json_t *object, const char *name)
{
    struct kms_bytes der = hex_at(object, name);
    EVP_PKEY *key = NULL;
    assert_int_equal(kmsd_pkey_read_public(kind, der, &key), KMS_OK);
    free_bytes(der);
    return key;
}

static inline EVP_PKEY *private_key_at(
    const struct kmsd_kind *kind, const json_t *object, const char *name)
{
    struct kms_bytes der = hex_at(object, name);
    EVP_PKEY *key = NULL;
    assert_int_equal(kmsd_pkey_read_private(kind, der, &key), KMS_OK);
    free_bytes(der);
    return key;
}

/* --- vectors ---------------------------------------------------------------------------------- */

/* What NIST's files say of a case: "P (0 - Correct)", "F (3 - S changed)". */
static inline bool passes(const json_t *test)
{
    return text_at(test, "Result")[0] == 'P';
}

enum verdict { VERDICT_INVALID, VERDICT_ACCEPTABLE, VERDICT_VALID, VERDICTS };

static inline enum verdict verdict_of(const json_t *test)
{
    const char *result = text_at(test, "result");
    if (strcmp(result, "valid") == 0)
        return VERDICT_VALID;
    return strcmp(result, "acceptable") == 0 ? VERDICT_ACCEPTABLE : VERDICT_INVALID;
}

static inline bool has_flag(const json_t *test, const char *flag)
{
    size_t i = 0;
    json_t *value = NULL;
    json_array_foreach(json_object_get(test, "flags"), i, value)
    {
        if (strcmp(json_string_value(value), flag) == 0)
            return true;
    }
    return false;
}

/* One case; returns whether it was looked at. */
typedef bool check_case(const json_t *group, const json_t *test, void *context);

/* Runs all cases of a file and asserts how many were looked at, so that none is left out unseen. */
static inline void run_cases(const char *path, check_case *check, void *context, size_t expected)
{
    json_t *root = load_vectors(path);
    size_t run = 0;
    size_t g = 0;
    json_t *group = NULL;
    json_array_foreach(json_object_get(root, "testGroups"), g, group)
    {
        size_t t = 0;
        json_t *test = NULL;
        json_array_foreach(json_object_get(group, "tests"), t, test)
        {
            if (check(group, test, context))
                run++;
        }
    }
    json_decref(root);
    assert_int_equal(run, expected);
    assert_int_equal(ERR_peek_error(), 0);
}

static inline void run_wycheproof(
    const char *file, check_case *check, void *context, size_t expected)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "wycheproof/%s_test.json", file);
    run_cases(path, check, context, expected);
}

static inline void fail_case(const json_t *test, enum kms_err err)
{
    bool has_comment = json_object_get(test, "comment") != NULL;
    fail_msg("case %d (%s, %s): %s", (int)json_integer_value(json_object_get(test, "tcId")),
        has_comment ? text_at(test, "comment") : "no comment", text_at(test, "result"),
        kms_err_text(err));
}

/* Signatures over messages, of groups with a publicKeyDer. Nothing that Wycheproof calls only
 * acceptable is accepted. */
struct signature_check {
    const struct kmsd_kind *kind;
    const struct kmsd_signing *signing;
};

static inline bool check_signature(const json_t *group, const json_t *test, void *context)
{
    const struct signature_check *check = context;
    EVP_PKEY *key = public_key_at(check->kind, group, "publicKeyDer");
    struct kms_bytes message = hex_at(test, "msg");
    struct kms_bytes signature = hex_at(test, "sig");
    enum kms_err err = check->kind->family->verify(
        key, NULL, check->signing, KMS_MESSAGE_TYPE_RAW, message, signature);
    if (err != (verdict_of(test) == VERDICT_VALID ? KMS_OK : KMS_ERR_AUTHENTICATION))
        fail_case(test, err);
    free_bytes(message);
    free_bytes(signature);
    EVP_PKEY_free(key);
    return true;
}

static inline void run_signatures(
    const char *file, enum kms_key_spec spec, enum kms_signing_algorithm algorithm, size_t expected)
{
    struct signature_check check = {
        kind_of(spec, KMS_KEY_USAGE_SIGN_VERIFY), signing_of(spec, algorithm)};
    run_wycheproof(file, check_signature, &check, expected);
}

/* What was made ready for a key and a row serves again and again, and is given up when a call fails.
 */
static inline void check_ready(const struct kmsd_kind *kind, const struct kmsd_signing *signing)
{
    static const char *const messages[] = {"first", "another", "and one more"};
    EVP_PKEY *key = NULL;
    struct kmsd_ready ready = {.has_place = true};
    KMS_BUF_AUTO signature;
    kms_buf_init(&signature, 1024);
    assert_int_equal(kmsd_pkey_generate(kind, &key), KMS_OK);
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        struct kms_bytes message = kms_bytes(messages[i], strlen(messages[i]));
        const EVP_PKEY_CTX *sign_before = ready.sign;
        const EVP_PKEY_CTX *verify_before = ready.verify;
        kms_buf_reset(&signature);
        assert_int_equal(
            kind->family->sign(key, &ready, signing, KMS_MESSAGE_TYPE_RAW, message, &signature),
            KMS_OK);
        assert_int_equal(kind->family->verify(key, &ready, signing, KMS_MESSAGE_TYPE_RAW, message,
                             kms_buf_bytes(&signature)),
            KMS_OK);
        assert_non_null(ready.sign);
        assert_non_null(ready.verify);
        if (i > 0) {
            assert_ptr_equal(ready.sign, sign_before);
            assert_ptr_equal(ready.verify, verify_before);
        }
        /* one that nobody helped verifies the same */
        assert_int_equal(kind->family->verify(key, NULL, signing, KMS_MESSAGE_TYPE_RAW, message,
                             kms_buf_bytes(&signature)),
            KMS_OK);
    }
    assert_int_equal(kind->family->verify(key, &ready, signing, KMS_MESSAGE_TYPE_RAW,
                         kms_bytes("none of them", 12), kms_buf_bytes(&signature)),
        KMS_ERR_AUTHENTICATION);
    assert_null(ready.verify);
    assert_non_null(ready.sign);
    kmsd_ready_clean_up(&ready);
    assert_null(ready.sign);
    EVP_PKEY_free(key);
}

#endif

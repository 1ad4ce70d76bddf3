/* Material that is brought, through custody's face: it works as it did outside, has one id, and
 * tokens are good for what they say. Material that goes to another region works there. */
#include "pkey_fixture.h"

#include "kmsd/crypto/import.h"
#include "kmsd/crypto/wrapping.h"

#include <openssl/rand.h>

#define NOW_MS     INT64_C(1700000000000)
#define DAY_MS     INT64_C(86400000)
#define OTHER_ARN  "arn:aws:kms:eu-central-1:111122223333:key/ffffffff-12ab-34cd-56ef-1234567890ab"
#define MRK        "mrk-1234abcd12ab34cd56ef1234567890ab"
#define HERE_ARN   "arn:aws:kms:eu-central-1:111122223333:key/" MRK
#define THERE_ARN  "arn:aws:kms:us-east-1:111122223333:key/" MRK
#define SECRET_HEX EXAMPLE_MATERIAL

/* Ids that another implementation computed of the example's material, and of RFC 8032's key. */
#define ID_SYMMETRIC "e0be2a60f415cf0e4d04477528af50b1c76928745f6a35e17f55e64a2945682e"
#define ID_HMAC_256  "25e3c05f0fc9cadc779ffc080226bf689aaa54d6562ba9ace34865e75aef6199"
#define ID_ED25519   "1901b40e6777cfb94a4cd608567e4a23f4b6da161deeee82bcfae3770a501093"
#define ED25519_PRIVATE_KEY                                                                        \
    "302e020100300506032b657004220420833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca" \
    "3d42"

static struct kmsd_custody *custody;

static int set_up(void **state)
{
    (void)state;
    custody = example_custody();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kmsd_custody_free(custody);
    return 0;
}

/* --- the owner's side ------------------------------------------------------------------------- */

struct parameters {
    struct kmsd_import_terms terms;
    struct kms_buf public_key;
    struct kms_buf token;
};

static void begin(struct parameters *parameters, const char *arn,
    enum kms_wrapping_algorithm algorithm, enum kms_wrapping_key_spec spec)
{
    parameters->terms = (struct kmsd_import_terms){algorithm, spec, NOW_MS + DAY_MS};
    kms_buf_init(&parameters->public_key, KMSD_PUBLIC_KEY_MAX);
    kms_buf_init(&parameters->token, KMSD_IMPORT_TOKEN_MAX);
    assert_int_equal(kmsd_custody_import_begin(custody, kms_str(arn), &parameters->terms,
                         &parameters->public_key, &parameters->token),
        KMS_OK);
}

static void end(struct parameters *parameters)
{
    kms_buf_clean_up(&parameters->public_key);
    kms_buf_clean_up(&parameters->token);
}

/* Wraps with the public key of GetParametersForImport, as its owner would. */
static void wrap(const struct parameters *parameters, struct kms_bytes secret, struct kms_buf *out)
{
    const struct kmsd_wrapping *wrapping = kmsd_wrapping_find(parameters->terms.algorithm);
    const struct kmsd_kind *kind = kmsd_wrapping_kind(wrapping, parameters->terms.spec);
    const struct kmsd_encryption *row = kmsd_kind_encryption(kind, wrapping->encryption);
    EVP_PKEY *key = NULL;
    uint8_t aes_key[KMSD_WRAPPING_AES_SIZE];
    assert_int_equal(
        kmsd_pkey_read_public(kind, kms_buf_bytes(&parameters->public_key), &key), KMS_OK);
    assert_int_equal(RAND_bytes(aes_key, sizeof(aes_key)), 1);
    struct kms_bytes outer = wrapping->has_aes_key ? kms_bytes(aes_key, sizeof(aes_key)) : secret;
    assert_int_equal(kind->family->encrypt(key, row, outer, out), KMS_OK);
    if (wrapping->has_aes_key) {
        EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-WRAP-PAD", NULL);
        EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
        size_t before = out->len;
        int len = 0;
        uint8_t *at = kms_buf_extend(out, secret.len + 16);
        assert_non_null(at);
        EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
        assert_int_equal(EVP_EncryptInit_ex2(context, cipher, aes_key, NULL, NULL), 1);
        assert_int_equal(EVP_EncryptUpdate(context, at, &len, secret.data, (int)secret.len), 1);
        kms_buf_truncate(out, before + (size_t)len);
        EVP_CIPHER_CTX_free(context);
        EVP_CIPHER_free(cipher);
    }
    EVP_PKEY_free(key);
}

/* --- imported material ------------------------------------------------------------------------ */

struct imported {
    struct kmsd_material material;
    struct kms_buf wrapped;
    struct kms_buf public_key;
};

static void discard(struct imported *imported)
{
    kms_buf_clean_up(&imported->wrapped);
    kms_buf_clean_up(&imported->public_key);
}

static enum kmsd_import_verdict import(const struct kmsd_import *wanted, struct imported *out)
{
    enum kmsd_import_verdict verdict = KMSD_IMPORT_TAKEN;
    kms_buf_init(&out->wrapped, KMSD_WRAPPED_MAX);
    kms_buf_init(&out->public_key, KMSD_PUBLIC_KEY_MAX);
    out->material = (struct kmsd_material){
        .key_arn = wanted->key_arn,
        .record_version = KMSD_MATERIAL_VERSION,
        .spec = wanted->spec,
        .usage = wanted->usage,
    };
    assert_int_equal(kmsd_custody_import(custody, wanted, &verdict, out->material.id, &out->wrapped,
                         &out->public_key),
        KMS_OK);
    assert_int_equal(ERR_peek_error(), 0);
    assert_true((out->wrapped.len != 0) == (verdict == KMSD_IMPORT_TAKEN));
    out->material.wrapped = kms_buf_bytes(&out->wrapped);
    out->material.public_key = kms_buf_bytes(&out->public_key);
    if (verdict == KMSD_IMPORT_TAKEN)
        assert_int_equal(kmsd_custody_verify(custody, &out->material), KMS_OK);
    return verdict;
}

/* Brings a secret by an algorithm to a key. */
static void bring(const char *arn, enum kms_key_spec spec, enum kms_key_usage usage,
    enum kms_wrapping_algorithm algorithm, struct kms_bytes secret, struct imported *out)
{
    struct parameters parameters;
    KMS_BUF_AUTO wrapped;
    kms_buf_init(&wrapped, 6144);
    begin(&parameters, arn, algorithm, KMS_WRAPPING_KEY_SPEC_RSA_2048);
    wrap(&parameters, secret, &wrapped);
    const struct kmsd_import wanted = {.key_arn = kms_str(arn),
        .spec = spec,
        .usage = usage,
        .token = kms_buf_bytes(&parameters.token),
        .wrapped = kms_buf_bytes(&wrapped),
        .now_ms = NOW_MS};
    assert_int_equal(import(&wanted, out), KMSD_IMPORT_TAKEN);
    end(&parameters);
}

static void a_symmetric_key_works_as_the_example_does(void **state)
{
    (void)state;
    struct kms_bytes secret = unhex(SECRET_HEX);
    struct imported key;
    bring(EXAMPLE_ARN, KMS_KEY_SPEC_SYMMETRIC_DEFAULT, KMS_KEY_USAGE_ENCRYPT_DECRYPT,
        KMS_WRAPPING_ALGORITHM_RSAES_OAEP_SHA_256, secret, &key);
    assert_bytes(kms_bytes(key.material.id, sizeof(key.material.id)), ID_SYMMETRIC);
    assert_int_equal(key.public_key.len, 0);

    KMS_BUF_AUTO blob;
    KMS_BUF_AUTO plaintext;
    struct kmsd_ciphertext parsed;
    kms_buf_init(&blob, KMSD_CIPHERTEXT_MAX);
    kms_buf_init(&plaintext, KMSD_PLAINTEXT_MAX);
    assert_int_equal(kmsd_custody_encrypt(custody, &key.material, kms_str(EXAMPLE_KEY_ID),
                         &example_context, kms_bytes("fox", 3), &blob),
        KMS_OK);
    assert_int_equal(kmsd_ciphertext_parse(kms_buf_bytes(&blob), &parsed), KMS_OK);
    assert_int_equal(
        kmsd_custody_decrypt(custody, &key.material, &parsed, &example_context, &plaintext),
        KMS_OK);
    assert_int_equal(plaintext.len, 3);
    discard(&key);
    free_bytes(secret);
}

static void an_hmac_key_gives_the_macs_that_it_gives_outside(void **state)
{
    (void)state;
    struct kms_bytes secret = unhex(SECRET_HEX);
    struct imported key;
    bring(EXAMPLE_ARN, KMS_KEY_SPEC_HMAC_256, KMS_KEY_USAGE_GENERATE_VERIFY_MAC,
        KMS_WRAPPING_ALGORITHM_RSAES_OAEP_SHA_1, secret, &key);
    assert_bytes(kms_bytes(key.material.id, sizeof(key.material.id)), ID_HMAC_256);
    KMS_BUF_AUTO mac;
    kms_buf_init(&mac, 64);
    assert_int_equal(kmsd_custody_mac(custody, &key.material, KMS_MAC_ALGORITHM_HMAC_SHA_256,
                         kms_bytes("Hi There", 8), &mac),
        KMS_OK);
    assert_bytes(
        kms_buf_bytes(&mac), "a25fde0875403607a241ee0eb4c6f0a9c5d601aed7ae35028ddd91e3accc9ac8");
    discard(&key);
    free_bytes(secret);
}

static void a_key_pair_signs_as_it_does_outside(void **state)
{
    (void)state;
    struct kms_bytes secret = unhex(ED25519_PRIVATE_KEY);
    struct imported key;
    bring(EXAMPLE_ARN, KMS_KEY_SPEC_ECC_NIST_EDWARDS25519, KMS_KEY_USAGE_SIGN_VERIFY,
        KMS_WRAPPING_ALGORITHM_RSA_AES_KEY_WRAP_SHA_256, secret, &key);
    assert_bytes(kms_bytes(key.material.id, sizeof(key.material.id)), ID_ED25519);
    static const char text[] = "The quick brown fox jumps over the lazy dog";
    const struct kmsd_message message = {KMS_SIGNING_ALGORITHM_ED25519_SHA_512,
        KMS_MESSAGE_TYPE_RAW, kms_bytes(text, sizeof(text) - 1)};
    KMS_BUF_AUTO signature;
    kms_buf_init(&signature, KMSD_SIGNATURE_MAX);
    assert_int_equal(kmsd_custody_sign(custody, &key.material, &message, &signature), KMS_OK);
    assert_bytes(kms_buf_bytes(&signature),
        "efd9da4aa9f4d7de43a7f2e4b0b6d821547554df33844969eef7df6ec92ab860e41b"
        "42e28c29a697694b13f33eba4e6766efd739a8d29baf7c34524bd5ca0b04");
    discard(&key);
    free_bytes(secret);
}

static void one_material_has_one_id(void **state)
{
    (void)state;
    struct kms_bytes secret = unhex(SECRET_HEX);
    struct imported keys[4];
    static const char *const arns[] = {HERE_ARN, THERE_ARN, OTHER_ARN};
    for (size_t i = 0; i < 3; i++)
        bring(arns[i], KMS_KEY_SPEC_SYMMETRIC_DEFAULT, KMS_KEY_USAGE_ENCRYPT_DECRYPT,
            i == 0 ? KMS_WRAPPING_ALGORITHM_RSAES_OAEP_SHA_1
                   : KMS_WRAPPING_ALGORITHM_RSAES_OAEP_SHA_256,
            secret, &keys[i]);
    ((uint8_t *)secret.data)[31] ^= 1;
    bring(HERE_ARN, KMS_KEY_SPEC_SYMMETRIC_DEFAULT, KMS_KEY_USAGE_ENCRYPT_DECRYPT,
        KMS_WRAPPING_ALGORITHM_RSAES_OAEP_SHA_256, secret, &keys[3]);
    assert_memory_equal(keys[0].material.id, keys[1].material.id, KMSD_MATERIAL_ID_SIZE);
    assert_memory_not_equal(keys[0].material.id, keys[2].material.id, KMSD_MATERIAL_ID_SIZE);
    assert_memory_not_equal(keys[0].material.id, keys[3].material.id, KMSD_MATERIAL_ID_SIZE);
    /* the records are each region's own all the same */
    keys[0].material.key_arn = kms_str(THERE_ARN);
    assert_int_equal(kmsd_custody_verify(custody, &keys[0].material), KMS_ERR_AUTHENTICATION);
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        discard(&keys[i]);
    free_bytes(secret);
}

/* --- what is refused -------------------------------------------------------------------------- */

static enum kmsd_import_verdict verdict_on(const struct kmsd_import *wanted)
{
    struct imported key;
    enum kmsd_import_verdict verdict = import(wanted, &key);
    discard(&key);
    return verdict;
}

static void verdicts_are_told_apart(void **state)
{
    (void)state;
    struct parameters parameters;
    struct parameters others;
    KMS_BUF_AUTO wrapped;
    kms_buf_init(&wrapped, 6144);
    uint8_t secret[32];
    assert_int_equal(RAND_bytes(secret, sizeof(secret)), 1);
    begin(&parameters, EXAMPLE_ARN, KMS_WRAPPING_ALGORITHM_RSAES_OAEP_SHA_256,
        KMS_WRAPPING_KEY_SPEC_RSA_2048);
    begin(&others, OTHER_ARN, KMS_WRAPPING_ALGORITHM_RSAES_OAEP_SHA_256,
        KMS_WRAPPING_KEY_SPEC_RSA_2048);
    wrap(&parameters, kms_bytes(secret, sizeof(secret)), &wrapped);
    const struct kmsd_import good = {.key_arn = kms_str(EXAMPLE_ARN),
        .spec = KMS_KEY_SPEC_SYMMETRIC_DEFAULT,
        .usage = KMS_KEY_USAGE_ENCRYPT_DECRYPT,
        .token = kms_buf_bytes(&parameters.token),
        .wrapped = kms_buf_bytes(&wrapped),
        .now_ms = NOW_MS};
    assert_int_equal(verdict_on(&good), KMSD_IMPORT_TAKEN);
    assert_int_equal(verdict_on(&good), KMSD_IMPORT_TAKEN); /* as often as one likes */

    struct kmsd_import bad = good;
    bad.now_ms = NOW_MS + DAY_MS - 1;
    assert_int_equal(verdict_on(&bad), KMSD_IMPORT_TAKEN);
    bad.now_ms = NOW_MS + DAY_MS;
    assert_int_equal(verdict_on(&bad), KMSD_IMPORT_EXPIRED_TOKEN);
    bad = good;
    bad.token = kms_buf_bytes(&others.token);
    assert_int_equal(verdict_on(&bad), KMSD_IMPORT_BAD_TOKEN);
    bad.key_arn = kms_str(OTHER_ARN); /* a good token, but of another wrapping key */
    assert_int_equal(verdict_on(&bad), KMSD_IMPORT_NOT_OPENED);
    bad = good;
    bad.token = kms_bytes("token", 5);
    assert_int_equal(verdict_on(&bad), KMSD_IMPORT_BAD_TOKEN);
    bad = good;
    bad.wrapped = kms_bytes(wrapped.data, wrapped.len - 1);
    assert_int_equal(verdict_on(&bad), KMSD_IMPORT_NOT_OPENED);
    bad = good;
    bad.spec = KMS_KEY_SPEC_HMAC_512;
    bad.usage = KMS_KEY_USAGE_GENERATE_VERIFY_MAC;
    assert_int_equal(verdict_on(&bad), KMSD_IMPORT_BAD_MATERIAL);
    bad.spec = KMS_KEY_SPEC_ECC_NIST_P256;
    bad.usage = KMS_KEY_USAGE_SIGN_VERIFY;
    assert_int_equal(verdict_on(&bad), KMSD_IMPORT_BAD_MATERIAL);
    end(&parameters);
    end(&others);
}

static void what_cannot_be_imported_is_an_error(void **state)
{
    (void)state;
    KMS_BUF_AUTO public_key;
    KMS_BUF_AUTO token;
    kms_buf_init(&public_key, KMSD_PUBLIC_KEY_MAX);
    kms_buf_init(&token, KMSD_IMPORT_TOKEN_MAX);
    struct kmsd_import_terms terms = {
        KMS_WRAPPING_ALGORITHM_RSAES_PKCS1_V1_5, KMS_WRAPPING_KEY_SPEC_RSA_2048, NOW_MS};
    assert_int_equal(
        kmsd_custody_import_begin(custody, kms_str(EXAMPLE_ARN), &terms, &public_key, &token),
        KMS_ERR_INVALID_ARGUMENT);
    terms.algorithm = KMS_WRAPPING_ALGORITHM_SM2PKE;
    assert_int_equal(
        kmsd_custody_import_begin(custody, kms_str(EXAMPLE_ARN), &terms, &public_key, &token),
        KMS_ERR_INVALID_ARGUMENT);
    assert_int_equal(public_key.len, 0);
    assert_int_equal(token.len, 0);
}

/* --- another region --------------------------------------------------------------------------- */

static const struct {
    enum kms_key_spec spec;
    enum kms_key_usage usage;
} movable[] = {
    {KMS_KEY_SPEC_SYMMETRIC_DEFAULT, KMS_KEY_USAGE_ENCRYPT_DECRYPT},
    {KMS_KEY_SPEC_HMAC_384, KMS_KEY_USAGE_GENERATE_VERIFY_MAC},
    {KMS_KEY_SPEC_ECC_NIST_P256, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_RSA_2048, KMS_KEY_USAGE_ENCRYPT_DECRYPT},
};

static void make(size_t index, const char *arn, struct imported *out)
{
    const struct kmsd_new_material wanted = {
        kms_str(arn), movable[index].spec, movable[index].usage};
    kms_buf_init(&out->wrapped, KMSD_WRAPPED_MAX);
    kms_buf_init(&out->public_key, KMSD_PUBLIC_KEY_MAX);
    out->material = (struct kmsd_material){.key_arn = wanted.key_arn,
        .record_version = KMSD_MATERIAL_VERSION,
        .spec = wanted.spec,
        .usage = wanted.usage};
    assert_int_equal(
        kmsd_custody_generate(custody, &wanted, out->material.id, &out->wrapped, &out->public_key),
        KMS_OK);
    out->material.wrapped = kms_buf_bytes(&out->wrapped);
    out->material.public_key = kms_buf_bytes(&out->public_key);
}

static void material_opens_in_the_region_that_it_was_wrapped_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(movable); i++) {
        struct imported here;
        struct imported there;
        make(i, HERE_ARN, &here);
        kms_buf_init(&there.wrapped, KMSD_WRAPPED_MAX);
        kms_buf_init(&there.public_key, KMSD_PUBLIC_KEY_MAX);
        assert_int_equal(kmsd_custody_rewrap(custody, &here.material, kms_str(THERE_ARN),
                             &there.wrapped, &there.public_key),
            KMS_OK);
        there.material = here.material;
        there.material.wrapped = kms_buf_bytes(&there.wrapped);
        there.material.public_key = kms_buf_bytes(&there.public_key);
        assert_int_not_equal(kmsd_custody_verify(custody, &there.material), KMS_OK);
        there.material.key_arn = kms_str(THERE_ARN);
        assert_int_equal(kmsd_custody_verify(custody, &there.material), KMS_OK);
        if (here.public_key.len != 0) {
            KMS_BUF_AUTO a;
            KMS_BUF_AUTO b;
            kms_buf_init(&a, KMSD_PUBLIC_KEY_MAX);
            kms_buf_init(&b, KMSD_PUBLIC_KEY_MAX);
            assert_int_equal(kmsd_custody_public_key(custody, &here.material, &a), KMS_OK);
            assert_int_equal(kmsd_custody_public_key(custody, &there.material, &b), KMS_OK);
            assert_int_equal(a.len, b.len);
            assert_memory_equal(a.data, b.data, a.len);
        }
        discard(&here);
        discard(&there);
    }
}

static void ciphertexts_open_in_every_region(void **state)
{
    (void)state;
    struct imported here;
    struct imported there;
    KMS_BUF_AUTO blob;
    KMS_BUF_AUTO plaintext;
    struct kmsd_ciphertext parsed;
    kms_buf_init(&blob, KMSD_CIPHERTEXT_MAX);
    kms_buf_init(&plaintext, KMSD_PLAINTEXT_MAX);
    make(0, HERE_ARN, &here);
    kms_buf_init(&there.wrapped, KMSD_WRAPPED_MAX);
    kms_buf_init(&there.public_key, KMSD_PUBLIC_KEY_MAX);
    assert_int_equal(kmsd_custody_rewrap(custody, &here.material, kms_str(THERE_ARN),
                         &there.wrapped, &there.public_key),
        KMS_OK);
    there.material = here.material;
    there.material.wrapped = kms_buf_bytes(&there.wrapped);
    there.material.key_arn = kms_str(THERE_ARN);
    assert_int_equal(kmsd_custody_encrypt(custody, &here.material, kms_str(MRK), &example_context,
                         kms_bytes("fox", 3), &blob),
        KMS_OK);
    assert_int_equal(kmsd_ciphertext_parse(kms_buf_bytes(&blob), &parsed), KMS_OK);
    assert_int_equal(
        kmsd_custody_decrypt(custody, &there.material, &parsed, &example_context, &plaintext),
        KMS_OK);
    assert_int_equal(plaintext.len, 3);
    assert_memory_equal(plaintext.data, "fox", 3);
    discard(&here);
    discard(&there);
}

static void nothing_else_moves(void **state)
{
    (void)state;
    static const char *const elsewhere[] = {
        "arn:aws:kms:us-east-1:999999999999:key/" MRK,
        "arn:aws-cn:kms:cn-north-1:111122223333:key/" MRK,
        "arn:aws:kms:us-east-1:111122223333:key/mrk-ffffabcd12ab34cd56ef1234567890ab",
        "no ARN",
    };
    struct imported key;
    KMS_BUF_AUTO wrapped;
    KMS_BUF_AUTO public_key;
    kms_buf_init(&wrapped, KMSD_WRAPPED_MAX);
    kms_buf_init(&public_key, KMSD_PUBLIC_KEY_MAX);
    make(0, HERE_ARN, &key);
    for (size_t i = 0; i < COUNT_OF(elsewhere); i++)
        assert_int_equal(kmsd_custody_rewrap(
                             custody, &key.material, kms_str(elsewhere[i]), &wrapped, &public_key),
            KMS_ERR_INVALID_ARGUMENT);
    key.wrapped.data[key.wrapped.len - 1] ^= 1;
    assert_int_equal(
        kmsd_custody_rewrap(custody, &key.material, kms_str(THERE_ARN), &wrapped, &public_key),
        KMS_ERR_CORRUPT);
    discard(&key);
    make(0, EXAMPLE_ARN, &key); /* a key of a single region */
    assert_int_equal(kmsd_custody_rewrap(custody, &key.material,
                         kms_str("arn:aws:kms:us-east-1:111122223333:key/" EXAMPLE_KEY_ID),
                         &wrapped, &public_key),
        KMS_ERR_INVALID_ARGUMENT);
    assert_int_equal(wrapped.len, 0);
    discard(&key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_symmetric_key_works_as_the_example_does),
        cmocka_unit_test(an_hmac_key_gives_the_macs_that_it_gives_outside),
        cmocka_unit_test(a_key_pair_signs_as_it_does_outside),
        cmocka_unit_test(one_material_has_one_id),
        cmocka_unit_test(verdicts_are_told_apart),
        cmocka_unit_test(what_cannot_be_imported_is_an_error),
        cmocka_unit_test(material_opens_in_the_region_that_it_was_wrapped_for),
        cmocka_unit_test(ciphertexts_open_in_every_region),
        cmocka_unit_test(nothing_else_moves),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* Each of libcrypto's allocations fails in turn while a key is used: nothing is given out, nothing
 * leaks, no good ciphertext is called bad, and the next call works as if nothing had happened. */
#include "crypto_fixture.h"

#include "kmsd/crypto/import.h"
#include "kmsd/crypto/kind.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

static size_t allowed = SIZE_MAX; /* allocations until one fails */
static bool failed;

static bool may_allocate(void)
{
    if (allowed == 0) {
        failed = true;
        return false;
    }
    allowed -= allowed != SIZE_MAX;
    return true;
}

static void *counted_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return may_allocate() ? malloc(size) : NULL;
}

static void *counted_realloc(void *data, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return may_allocate() ? realloc(data, size) : NULL;
}

static void plain_free(void *data, const char *file, int line)
{
    (void)file;
    (void)line;
    free(data);
}

static struct kmsd_custody *custody;
static const uint8_t bytes[64] = {1, 2, 3};

struct subject {
    struct kmsd_material material;
    struct kms_buf wrapped;
    struct kms_buf public_key;
    struct kms_buf made; /* a signature, MAC or ciphertext that is good */
    const struct kmsd_kind *kind;
};

static void prepare(struct subject *subject, enum kms_key_spec spec, enum kms_key_usage usage)
{
    const struct kmsd_new_material wanted = {kms_str(EXAMPLE_ARN), spec, usage};
    *subject = (struct subject){.kind = kmsd_kind_find(spec, usage)};
    assert_non_null(subject->kind);
    assert_int_equal(kmsd_kind_available(subject->kind), KMS_OK);
    kms_buf_init(&subject->wrapped, KMSD_WRAPPED_MAX);
    kms_buf_init(&subject->public_key, KMSD_PUBLIC_KEY_MAX);
    kms_buf_init(&subject->made, KMSD_SIGNATURE_MAX);
    subject->material = (struct kmsd_material){.key_arn = wanted.key_arn,
        .record_version = KMSD_MATERIAL_VERSION,
        .spec = spec,
        .usage = usage};
    assert_int_equal(kmsd_custody_generate(custody, &wanted, subject->material.id,
                         &subject->wrapped, &subject->public_key),
        KMS_OK);
    subject->material.wrapped = kms_buf_bytes(&subject->wrapped);
    subject->material.public_key = kms_buf_bytes(&subject->public_key);
}

static void discard(struct subject *subject)
{
    kms_buf_clean_up(&subject->wrapped);
    kms_buf_clean_up(&subject->public_key);
    kms_buf_clean_up(&subject->made);
}

/* One use of a subject, its output appended to out. */
typedef enum kms_err use(struct subject *subject, struct kms_buf *out);

static struct kmsd_message message_of(const struct subject *subject, size_t row)
{
    const struct kmsd_signing *signing = &subject->kind->signing[row];
    bool raw = kmsd_signing_takes(signing, KMS_MESSAGE_TYPE_RAW);
    return (struct kmsd_message){signing->algorithm,
        raw ? KMS_MESSAGE_TYPE_RAW : KMS_MESSAGE_TYPE_DIGEST, kms_bytes(bytes, sizeof(bytes))};
}

static size_t row; /* of the algorithm in use */

static enum kms_err sign(struct subject *subject, struct kms_buf *out)
{
    struct kmsd_message message = message_of(subject, row);
    enum kms_err err = kmsd_custody_sign(custody, &subject->material, &message, out);
    size_t left = allowed;
    allowed = SIZE_MAX;
    if (err == KMS_OK)
        assert_int_equal(kmsd_custody_verify_signature(
                             custody, &subject->material, &message, kms_buf_bytes(out)),
            KMS_OK);
    allowed = left;
    return err;
}

static enum kms_err verify(struct subject *subject, struct kms_buf *out)
{
    struct kmsd_message message = message_of(subject, row);
    (void)out;
    return kmsd_custody_verify_signature(
        custody, &subject->material, &message, kms_buf_bytes(&subject->made));
}

static enum kms_err make_mac(struct subject *subject, struct kms_buf *out)
{
    return kmsd_custody_mac(custody, &subject->material, subject->kind->macs[0].algorithm,
        kms_bytes(bytes, sizeof(bytes)), out);
}

static enum kms_err encrypt(struct subject *subject, struct kms_buf *out)
{
    return kmsd_custody_encrypt_asymmetric(custody, &subject->material,
        subject->kind->encryption[row].algorithm, kms_bytes(bytes, sizeof(bytes)), out);
}

static enum kms_err decrypt(struct subject *subject, struct kms_buf *out)
{
    return kmsd_custody_decrypt_asymmetric(custody, &subject->material,
        subject->kind->encryption[row].algorithm, kms_buf_bytes(&subject->made), out);
}

static enum kms_err derive(struct subject *subject, struct kms_buf *out)
{
    return kmsd_custody_derive_shared_secret(
        custody, &subject->material, kms_buf_bytes(&subject->made), out);
}

static enum kms_err read_public(struct subject *subject, struct kms_buf *out)
{
    return kmsd_custody_public_key(custody, &subject->material, out);
}

static enum kms_err generate(struct subject *subject, struct kms_buf *out)
{
    const struct kmsd_new_material wanted = {
        kms_str(EXAMPLE_ARN), subject->kind->spec, subject->kind->usage};
    uint8_t id[KMSD_MATERIAL_ID_SIZE];
    KMS_BUF_AUTO wrapped;
    kms_buf_init(&wrapped, KMSD_WRAPPED_MAX);
    enum kms_err err = kmsd_custody_generate(custody, &wanted, id, &wrapped, out);
    assert_int_equal(wrapped.len != 0, err == KMS_OK);
    return err;
}

/* Forgets the key, and uses it that often. */
static void warm_up(struct subject *subject, use *run, int uses)
{
    kmsd_custody_forget(custody, subject->material.id);
    subject->material.as_of = kmsd_custody_forgets(custody); /* so that it is kept */
    for (int i = 0; i < uses; i++) {
        KMS_BUF_AUTO out;
        kms_buf_init(&out, KMSD_CIPHERTEXT_MAX);
        assert_int_equal(run(subject, &out), KMS_OK);
    }
}

/* Fails at every allocation in turn: with the key not there, there, and with what is made ready for
 * it when it is used again. */
static void fail_everywhere(struct subject *subject, use *run)
{
    for (int uses = 0; uses < 3; uses++) {
        for (size_t at = 0;; at++) {
            KMS_BUF_AUTO out;
            kms_buf_init(&out, KMSD_CIPHERTEXT_MAX);
            assert_in_range(at, 0, 100000);
            warm_up(subject, run, uses);
            allowed = at;
            failed = false;
            enum kms_err err = run(subject, &out);
            allowed = SIZE_MAX;
            if (!failed) {
                assert_int_equal(err, KMS_OK);
                break;
            }
            if (err != KMS_OK) {
                assert_int_equal(out.len, 0);
                if (run != verify) /* there libcrypto does not always say why it refused */
                    assert_int_not_equal(err, KMS_ERR_AUTHENTICATION);
            }
            kms_buf_reset(&out);
            assert_int_equal(run(subject, &out), KMS_OK);
        }
    }
}

static void signatures_survive(enum kms_key_spec spec)
{
    struct subject subject;
    prepare(&subject, spec, KMS_KEY_USAGE_SIGN_VERIFY);
    for (row = 0; row < subject.kind->signing_count; row += 3) {
        fail_everywhere(&subject, sign);
        kms_buf_reset(&subject.made);
        assert_int_equal(sign(&subject, &subject.made), KMS_OK);
        fail_everywhere(&subject, verify);
    }
    row = 0;
    fail_everywhere(&subject, read_public);
    discard(&subject);
}

static void ecdsa_survives(void **state)
{
    (void)state;
    struct subject subject;
    signatures_survive(KMS_KEY_SPEC_ECC_NIST_P256);
    prepare(&subject, KMS_KEY_SPEC_ECC_NIST_P256, KMS_KEY_USAGE_SIGN_VERIFY);
    fail_everywhere(&subject, generate);
    discard(&subject);
}

static void eddsa_survives(void **state)
{
    (void)state;
    signatures_survive(KMS_KEY_SPEC_ECC_NIST_EDWARDS25519);
}

static void rsa_signatures_survive(void **state)
{
    (void)state;
    signatures_survive(KMS_KEY_SPEC_RSA_2048);
}

/* Where libcrypto is too old for a spec. */
static void assert_refused(enum kms_key_spec spec, enum kms_key_usage usage)
{
    const struct kmsd_new_material wanted = {kms_str(EXAMPLE_ARN), spec, usage};
    uint8_t id[KMSD_MATERIAL_ID_SIZE];
    KMS_BUF_AUTO wrapped;
    KMS_BUF_AUTO public_key;
    kms_buf_init(&wrapped, KMSD_WRAPPED_MAX);
    kms_buf_init(&public_key, KMSD_PUBLIC_KEY_MAX);
    assert_int_equal(
        kmsd_custody_generate(custody, &wanted, id, &wrapped, &public_key), KMS_ERR_UNSUPPORTED);
    assert_int_equal(wrapped.len + public_key.len, 0);
}

static void ml_dsa_survives(void **state)
{
    (void)state;
    if (kmsd_kind_available(kmsd_kind_find(KMS_KEY_SPEC_ML_DSA_44, KMS_KEY_USAGE_SIGN_VERIFY)) ==
        KMS_OK)
        signatures_survive(KMS_KEY_SPEC_ML_DSA_44);
    else
        assert_refused(KMS_KEY_SPEC_ML_DSA_44, KMS_KEY_USAGE_SIGN_VERIFY);
}

static void rsa_encryption_survives(void **state)
{
    (void)state;
    struct subject subject;
    prepare(&subject, KMS_KEY_SPEC_RSA_2048, KMS_KEY_USAGE_ENCRYPT_DECRYPT);
    fail_everywhere(&subject, encrypt);
    assert_int_equal(encrypt(&subject, &subject.made), KMS_OK);
    fail_everywhere(&subject, decrypt);
    discard(&subject);
}

static void macs_survive(void **state)
{
    (void)state;
    struct subject subject;
    prepare(&subject, KMS_KEY_SPEC_HMAC_384, KMS_KEY_USAGE_GENERATE_VERIFY_MAC);
    fail_everywhere(&subject, make_mac);
    fail_everywhere(&subject, generate);
    discard(&subject);
}

static void agreement_survives(void **state)
{
    (void)state;
    struct subject subject;
    prepare(&subject, KMS_KEY_SPEC_ECC_NIST_P256, KMS_KEY_USAGE_KEY_AGREEMENT);
    assert_int_equal(read_public(&subject, &subject.made), KMS_OK); /* with itself, why not */
    fail_everywhere(&subject, derive);
    discard(&subject);
}

static int set_up(void **state)
{
    (void)state;
    custody = example_custody();
    return 0;
}

static int clean_up(void **state)
{
    (void)state;
    kmsd_custody_free(custody);
    return 0;
}

/* --- import ----------------------------------------------------------------------------------- */

static const struct kmsd_import_terms terms = {
    KMS_WRAPPING_ALGORITHM_RSAES_OAEP_SHA_256, KMS_WRAPPING_KEY_SPEC_RSA_2048, 2};

/* P-256's private key 1, as PKCS #8. */
#define PRIVATE_KEY                                                       \
    "3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010" \
    "420"                                                                 \
    "0000000000000000000000000000000000000000000000000000000000000001"

/* Wraps it as its owner would. */
static void wrap(struct kms_bytes public_key, struct kms_buf *out)
{
    struct kms_bytes secret = unhex(PRIVATE_KEY);
    const unsigned char *at = public_key.data;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)public_key.len);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    size_t len = 256;
    uint8_t *room = kms_buf_extend(out, len);
    assert_non_null(room);
    assert_int_equal(EVP_PKEY_encrypt_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()), 1);
    assert_int_equal(EVP_PKEY_encrypt(context, room, &len, secret.data, secret.len), 1);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key);
    free_bytes(secret);
}

/* libcrypto's decoders do not always say why they refused, so good material may be called bad, but
 * what is taken is whole, and the same the next time. */
static bool import_once(struct kms_bytes token, struct kms_bytes wrapped, uint8_t *id)
{
    const struct kmsd_import import = {.key_arn = kms_str(EXAMPLE_ARN),
        .spec = KMS_KEY_SPEC_ECC_NIST_P256,
        .usage = KMS_KEY_USAGE_SIGN_VERIFY,
        .token = token,
        .wrapped = wrapped,
        .now_ms = 1};
    enum kmsd_import_verdict verdict = KMSD_IMPORT_BAD_TOKEN;
    KMS_BUF_AUTO secret;
    KMS_BUF_AUTO public_key;
    kms_buf_init(&secret, KMSD_WRAPPED_MAX);
    kms_buf_init(&public_key, KMSD_PUBLIC_KEY_MAX);
    enum kms_err err = kmsd_custody_import(custody, &import, &verdict, id, &secret, &public_key);
    allowed = SIZE_MAX;
    bool taken = err == KMS_OK && verdict == KMSD_IMPORT_TAKEN;
    assert_int_equal(secret.len != 0, taken);
    assert_int_equal(public_key.len != 0, taken);
    if (!taken)
        return false;
    struct kmsd_material material = {.key_arn = import.key_arn,
        .record_version = KMSD_MATERIAL_VERSION,
        .spec = import.spec,
        .usage = import.usage,
        .wrapped = kms_buf_bytes(&secret),
        .public_key = kms_buf_bytes(&public_key)};
    memcpy(material.id, id, sizeof(material.id));
    assert_int_equal(kmsd_custody_verify(custody, &material), KMS_OK);
    return true;
}

static void imports_survive(void **state)
{
    (void)state;
    uint8_t expected[KMSD_MATERIAL_ID_SIZE];
    uint8_t id[KMSD_MATERIAL_ID_SIZE];
    KMS_BUF_AUTO public_key;
    KMS_BUF_AUTO token;
    KMS_BUF_AUTO wrapped;
    kms_buf_init(&public_key, KMSD_PUBLIC_KEY_MAX);
    kms_buf_init(&token, KMSD_IMPORT_TOKEN_MAX);
    kms_buf_init(&wrapped, 6144);
    assert_int_equal(
        kmsd_custody_import_begin(custody, kms_str(EXAMPLE_ARN), &terms, &public_key, &token),
        KMS_OK);
    wrap(kms_buf_bytes(&public_key), &wrapped);
    assert_true(import_once(kms_buf_bytes(&token), kms_buf_bytes(&wrapped), expected));
    size_t failures = 0;
    for (size_t at = 0;; at += 1 + at / 8) { /* there are thousands */
        assert_in_range(at, 0, 1000000);
        allowed = at;
        failed = false;
        bool taken = import_once(kms_buf_bytes(&token), kms_buf_bytes(&wrapped), id);
        if (taken)
            assert_memory_equal(id, expected, sizeof(id));
        if (!failed) {
            assert_true(taken);
            break;
        }
        failures += !taken;
        assert_true(import_once(kms_buf_bytes(&token), kms_buf_bytes(&wrapped), id));
    }
    assert_true(failures > 10);
}

int main(void)
{
    if (CRYPTO_set_mem_functions(counted_malloc, counted_realloc, plain_free) != 1)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(imports_survive),
        cmocka_unit_test(ecdsa_survives),
        cmocka_unit_test(eddsa_survives),
        cmocka_unit_test(rsa_signatures_survive),
        cmocka_unit_test(ml_dsa_survives),
        cmocka_unit_test(rsa_encryption_survives),
        cmocka_unit_test(macs_survive),
        cmocka_unit_test(agreement_survives),
    };
    return cmocka_run_group_tests(tests, set_up, clean_up);
}

/* Keys of every kind through custody's face: made, used, and useless anywhere but in their own
 * place. */
#include "crypto_fixture.h"

#include "kmsd/crypto/custody_state.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <pthread.h>

#define OTHER_ARN "arn:aws:kms:eu-central-1:111122223333:key/ffffffff-12ab-34cd-56ef-1234567890ab"

/* --- keys of each kind, made once ------------------------------------------------------------- */

struct key {
    const struct kmsd_kind *kind;
    struct kmsd_material material;
    struct kms_buf wrapped;
    struct kms_buf public_key;
};

static const struct {
    enum kms_key_spec spec;
    enum kms_key_usage usage;
} all_kinds[] = {
    {KMS_KEY_SPEC_ECC_NIST_P256, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_ECC_NIST_P384, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_ECC_NIST_P521, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_ECC_SECG_P256K1, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_ECC_NIST_EDWARDS25519, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_RSA_2048, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_RSA_3072, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_RSA_4096, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_RSA_2048, KMS_KEY_USAGE_ENCRYPT_DECRYPT},
    {KMS_KEY_SPEC_RSA_3072, KMS_KEY_USAGE_ENCRYPT_DECRYPT},
    {KMS_KEY_SPEC_RSA_4096, KMS_KEY_USAGE_ENCRYPT_DECRYPT},
    {KMS_KEY_SPEC_HMAC_224, KMS_KEY_USAGE_GENERATE_VERIFY_MAC},
    {KMS_KEY_SPEC_HMAC_256, KMS_KEY_USAGE_GENERATE_VERIFY_MAC},
    {KMS_KEY_SPEC_HMAC_384, KMS_KEY_USAGE_GENERATE_VERIFY_MAC},
    {KMS_KEY_SPEC_HMAC_512, KMS_KEY_USAGE_GENERATE_VERIFY_MAC},
    {KMS_KEY_SPEC_ECC_NIST_P256, KMS_KEY_USAGE_KEY_AGREEMENT},
    {KMS_KEY_SPEC_ECC_NIST_P384, KMS_KEY_USAGE_KEY_AGREEMENT},
    {KMS_KEY_SPEC_ECC_NIST_P521, KMS_KEY_USAGE_KEY_AGREEMENT},
    {KMS_KEY_SPEC_ML_DSA_44, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_ML_DSA_65, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_ML_DSA_87, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_ML_KEM_512, KMS_KEY_USAGE_ENCAPSULATE_DECAPSULATE},
    {KMS_KEY_SPEC_ML_KEM_768, KMS_KEY_USAGE_ENCAPSULATE_DECAPSULATE},
    {KMS_KEY_SPEC_ML_KEM_1024, KMS_KEY_USAGE_ENCAPSULATE_DECAPSULATE},
    {KMS_KEY_SPEC_SM2, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_SM2, KMS_KEY_USAGE_ENCRYPT_DECRYPT},
    {KMS_KEY_SPEC_SM2, KMS_KEY_USAGE_KEY_AGREEMENT},
};

static struct kmsd_custody *custody;
static struct key keys[COUNT_OF(all_kinds)]; /* kind NULL: not offered by this libcrypto */

static void make_key(size_t index, struct key *key)
{
    const struct kmsd_new_material wanted = {
        kms_str(EXAMPLE_ARN), all_kinds[index].spec, all_kinds[index].usage};
    const struct kmsd_kind *kind = kmsd_kind_find(wanted.spec, wanted.usage);
    assert_non_null(kind);
    memset(key, 0, sizeof(*key));
    kms_buf_init(&key->wrapped, KMSD_WRAPPED_MAX);
    kms_buf_init(&key->public_key, KMSD_PUBLIC_KEY_MAX);
    enum kms_err err =
        kmsd_custody_generate(custody, &wanted, key->material.id, &key->wrapped, &key->public_key);
    assert_int_equal(err, kmsd_kind_available(kind));
    if (err != KMS_OK) {
        assert_int_equal(err, KMS_ERR_UNSUPPORTED);
        assert_int_equal(key->wrapped.len, 0);
        assert_int_equal(key->public_key.len, 0);
        return;
    }
    key->kind = kind;
    key->material.key_arn = wanted.key_arn;
    key->material.spec = wanted.spec;
    key->material.usage = wanted.usage;
    key->material.record_version = KMSD_MATERIAL_VERSION;
    key->material.wrapped = kms_buf_bytes(&key->wrapped);
    key->material.public_key = kms_buf_bytes(&key->public_key);
    assert_int_equal(kmsd_custody_verify(custody, &key->material), KMS_OK);
}

static void discard(struct key *key)
{
    kms_buf_clean_up(&key->wrapped);
    kms_buf_clean_up(&key->public_key);
}

static int make_all(void **state)
{
    (void)state;
    custody = example_custody();
    for (size_t i = 0; i < COUNT_OF(all_kinds); i++)
        make_key(i, &keys[i]);
    return 0;
}

static int discard_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(all_kinds); i++)
        discard(&keys[i]);
    kmsd_custody_free(custody);
    return 0;
}

/* The first key of that kind, or NULL where it is not offered. */
static struct key *key_of(enum kms_key_spec spec, enum kms_key_usage usage)
{
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        if (all_kinds[i].spec == spec && all_kinds[i].usage == usage)
            return keys[i].kind == NULL ? NULL : &keys[i];
    }
    fail();
    return NULL;
}

/* --- the documented examples ------------------------------------------------------------------ */

static struct kmsd_material documented(enum kms_key_spec spec, enum kms_key_usage usage)
{
    struct kmsd_material material = {.key_arn = kms_str(EXAMPLE_ARN),
        .record_version = KMSD_MATERIAL_VERSION,
        .spec = spec,
        .usage = usage};
    struct kms_bytes id = unhex(EXAMPLE_MATERIAL_ID);
    memcpy(material.id, id.data, sizeof(material.id));
    free_bytes(id);
    return material;
}

static void the_documented_hmac_key_opens(void **state)
{
    (void)state;
    struct kmsd_material material =
        documented(KMS_KEY_SPEC_HMAC_256, KMS_KEY_USAGE_GENERATE_VERIFY_MAC);
    struct kms_bytes wrapped = unhex(EXAMPLE_HMAC_WRAPPED);
    KMS_BUF_AUTO mac;
    kms_buf_init(&mac, 32);
    material.wrapped = wrapped;
    assert_int_equal(kmsd_custody_mac(custody, &material, KMS_MAC_ALGORITHM_HMAC_SHA_256,
                         kms_bytes("Hi There", 8), &mac),
        KMS_OK);
    assert_bytes(kms_buf_bytes(&mac), EXAMPLE_HMAC);
    free_bytes(wrapped);
}

static void the_documented_key_pair_opens(void **state)
{
    (void)state;
    struct kmsd_material material =
        documented(KMS_KEY_SPEC_ECC_NIST_EDWARDS25519, KMS_KEY_USAGE_SIGN_VERIFY);
    struct kms_bytes wrapped = unhex(EXAMPLE_ED25519_WRAPPED);
    struct kms_bytes sealed = unhex(EXAMPLE_ED25519_PUBLIC);
    const struct kmsd_message message = {.algorithm = KMS_SIGNING_ALGORITHM_ED25519_SHA_512,
        .bytes = kms_bytes(EXAMPLE_PLAINTEXT, strlen(EXAMPLE_PLAINTEXT))};
    KMS_BUF_AUTO out;
    kms_buf_init(&out, 64);
    material.wrapped = wrapped;
    material.public_key = sealed;
    assert_int_equal(kmsd_custody_verify(custody, &material), KMS_OK);
    assert_int_equal(kmsd_custody_sign(custody, &material, &message, &out), KMS_OK);
    assert_bytes(kms_buf_bytes(&out), EXAMPLE_ED25519_SIGNATURE);
    assert_int_equal(
        kmsd_custody_verify_signature(custody, &material, &message, kms_buf_bytes(&out)), KMS_OK);
    kms_buf_reset(&out);
    assert_int_equal(kmsd_custody_public_key(custody, &material, &out), KMS_OK);
    assert_bytes(kms_buf_bytes(&out), EXAMPLE_ED25519_SPKI);
    free_bytes(wrapped);
    free_bytes(sealed);
}

/* --- signatures ------------------------------------------------------------------------------- */

static uint8_t text[4096];

static struct kmsd_message message_of(
    const struct kmsd_signing *signing, enum kms_message_type type, size_t raw_len)
{
    return (struct kmsd_message){.algorithm = signing->algorithm,
        .type = type,
        .bytes = kms_bytes(text, type == KMS_MESSAGE_TYPE_RAW ? raw_len : signing->digest_size)};
}

static void sign(const struct key *key, const struct kmsd_message *message, struct kms_buf *out)
{
    kms_buf_init(out, KMSD_SIGNATURE_MAX);
    assert_int_equal(kmsd_custody_sign(custody, &key->material, message, out), KMS_OK);
    assert_int_equal(
        kmsd_custody_verify_signature(custody, &key->material, message, kms_buf_bytes(out)),
        KMS_OK);
}

static void refuse(
    const struct key *key, const struct kmsd_message *message, const uint8_t *signature, size_t len)
{
    assert_int_equal(
        kmsd_custody_verify_signature(custody, &key->material, message, kms_bytes(signature, len)),
        KMS_ERR_AUTHENTICATION);
}

static void check_signing(
    const struct key *key, const struct kmsd_signing *signing, enum kms_message_type type)
{
    static const size_t sizes[] = {1, 32, 64, 4096};
    static const uint8_t junk[6144] = {0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01};
    struct kms_buf signature;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct kmsd_message message = message_of(signing, type, sizes[i]);
        sign(key, &message, &signature);
        kms_buf_clean_up(&signature);
    }
    struct kmsd_message message = message_of(signing, type, 100);
    sign(key, &message, &signature);
    for (size_t i = 0; i < signature.len; i += signature.len / 16 + 1) {
        signature.data[i] ^= 0x01;
        refuse(key, &message, signature.data, signature.len);
        signature.data[i] ^= 0x01;
    }
    text[0] ^= 0x80;
    refuse(key, &message, signature.data, signature.len);
    text[0] ^= 0x80;
    refuse(key, &message, signature.data, signature.len - 1);
    refuse(key, &message, signature.data, 1);
    refuse(key, &message, signature.data, 0);
    refuse(key, &message, junk, 8);
    refuse(key, &message, junk, sizeof(junk));
    kms_buf_append_u8(&signature, 0);
    refuse(key, &message, signature.data, signature.len);
    kms_buf_clean_up(&signature);
}

static void every_signing_algorithm_signs(void **state)
{
    (void)state;
    static const enum kms_message_type types[] = {
        KMS_MESSAGE_TYPE_RAW, KMS_MESSAGE_TYPE_DIGEST, KMS_MESSAGE_TYPE_EXTERNAL_MU};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        for (size_t s = 0; keys[i].kind != NULL && s < keys[i].kind->signing_count; s++) {
            for (size_t t = 0; t < COUNT_OF(types); t++) {
                if (kmsd_signing_takes(&keys[i].kind->signing[s], types[t]))
                    check_signing(&keys[i], &keys[i].kind->signing[s], types[t]);
            }
        }
    }
}

/* A type or algorithm that the kind has not, a digest of another length. */
static void what_a_kind_does_not_sign_is_refused(void **state)
{
    (void)state;
    KMS_BUF_AUTO out;
    kms_buf_init(&out, KMSD_SIGNATURE_MAX);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const struct key *key = &keys[i];
        for (int a = -1; key->kind != NULL && a <= KMS_SIGNING_ALGORITHM_SM2DSA + 1; a++) {
            for (int t = -1; t <= KMS_MESSAGE_TYPE_RAW + 1; t++) {
                const struct kmsd_signing *row =
                    kmsd_kind_signing(key->kind, (enum kms_signing_algorithm)a);
                struct kmsd_message message = {.algorithm = (enum kms_signing_algorithm)a,
                    .type = (enum kms_message_type)t,
                    .bytes = kms_bytes(text, 63)};
                bool takes = row != NULL && kmsd_signing_takes(row, (enum kms_message_type)t);
                if (takes && (t == KMS_MESSAGE_TYPE_RAW || t == KMS_MESSAGE_TYPE_UNSET))
                    continue;
                enum kms_err want = takes ? KMS_ERR_LIMIT : KMS_ERR_INVALID_ARGUMENT;
                assert_int_equal(kmsd_custody_sign(custody, &key->material, &message, &out), want);
                assert_int_equal(kmsd_custody_verify_signature(
                                     custody, &key->material, &message, kms_bytes(text, 64)),
                    want);
                assert_int_equal(out.len, 0);
            }
        }
    }
}

/* RAW is the digest's signature with the digest computed here. */
static void a_digest_signature_is_one_of_the_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const struct key *key = &keys[i];
        for (size_t s = 0; key->kind != NULL && s < key->kind->signing_count; s++) {
            const struct kmsd_signing *signing = &key->kind->signing[s];
            uint8_t digest[EVP_MAX_MD_SIZE];
            if (!kmsd_signing_takes(signing, KMS_MESSAGE_TYPE_DIGEST) ||
                !kmsd_signing_takes(signing, KMS_MESSAGE_TYPE_RAW) ||
                key->kind->spec == KMS_KEY_SPEC_SM2)
                continue;
            assert_int_equal(
                EVP_Q_digest(NULL, signing->digest, NULL, text, 1000, digest, NULL), 1);
            struct kmsd_message raw = {
                signing->algorithm, KMS_MESSAGE_TYPE_UNSET, kms_bytes(text, 1000)};
            struct kmsd_message digested = {signing->algorithm, KMS_MESSAGE_TYPE_DIGEST,
                kms_bytes(digest, signing->digest_size)};
            struct kms_buf signature;
            sign(key, &digested, &signature);
            assert_int_equal(kmsd_custody_verify_signature(
                                 custody, &key->material, &raw, kms_buf_bytes(&signature)),
                KMS_OK);
            kms_buf_clean_up(&signature);
        }
    }
}

static void a_signature_needs_room(void **state)
{
    (void)state;
    const struct key *key = key_of(KMS_KEY_SPEC_RSA_2048, KMS_KEY_USAGE_SIGN_VERIFY);
    struct kmsd_message message = message_of(&key->kind->signing[0], KMS_MESSAGE_TYPE_RAW, 10);
    KMS_BUF_AUTO out;
    kms_buf_init(&out, 255);
    assert_int_equal(kmsd_custody_sign(custody, &key->material, &message, &out), KMS_ERR_LIMIT);
    assert_int_equal(out.len, 0);
}

/* --- message authentication codes ------------------------------------------------------------- */

static void macs_verify_only_themselves(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const struct key *key = &keys[i];
        for (size_t m = 0; key->kind != NULL && m < key->kind->mac_count; m++) {
            const struct kmsd_mac *row = &key->kind->macs[m];
            struct kms_bytes message = kms_bytes(text, 777);
            KMS_BUF_AUTO mac;
            kms_buf_init(&mac, KMSD_SIGNATURE_MAX);
            assert_int_equal(
                kmsd_custody_mac(custody, &key->material, row->algorithm, message, &mac), KMS_OK);
            assert_int_equal(mac.len, row->mac_size);
            struct kms_bytes whole = kms_buf_bytes(&mac);
            assert_int_equal(
                kmsd_custody_verify_mac(custody, &key->material, row->algorithm, message, whole),
                KMS_OK);
            for (size_t len = 0; len < mac.len; len++)
                assert_int_equal(kmsd_custody_verify_mac(custody, &key->material, row->algorithm,
                                     message, kms_bytes(mac.data, len)),
                    KMS_ERR_AUTHENTICATION);
            assert_int_equal(kmsd_custody_verify_mac(custody, &key->material, row->algorithm,
                                 kms_bytes(text, 776), whole),
                KMS_ERR_AUTHENTICATION);
            mac.data[mac.len - 1] ^= 1;
            assert_int_equal(
                kmsd_custody_verify_mac(custody, &key->material, row->algorithm, message, whole),
                KMS_ERR_AUTHENTICATION);
        }
    }
    const struct key *key = key_of(KMS_KEY_SPEC_HMAC_256, KMS_KEY_USAGE_GENERATE_VERIFY_MAC);
    KMS_BUF_AUTO out;
    kms_buf_init(&out, 64);
    assert_int_equal(kmsd_custody_mac(custody, &key->material, KMS_MAC_ALGORITHM_HMAC_SHA_512,
                         kms_bytes(text, 1), &out),
        KMS_ERR_INVALID_ARGUMENT);
    assert_int_equal(kmsd_custody_verify_mac(custody, &key->material,
                         KMS_MAC_ALGORITHM_HMAC_SHA_512, kms_bytes(text, 1), kms_bytes(text, 64)),
        KMS_ERR_INVALID_ARGUMENT);
}

/* --- encryption ------------------------------------------------------------------------------- */

static void round_trip(
    const struct key *key, const struct kmsd_encryption *row, size_t plaintext_len)
{
    KMS_BUF_AUTO ciphertext;
    KMS_BUF_AUTO plaintext;
    kms_buf_init(&ciphertext, KMSD_CIPHERTEXT_MAX);
    kms_buf_init(&plaintext, plaintext_len); /* no more than the plaintext takes */
    assert_int_equal(kmsd_custody_encrypt_asymmetric(custody, &key->material, row->algorithm,
                         kms_bytes(text, plaintext_len), &ciphertext),
        KMS_OK);
    if (key->kind->bits != 0)
        assert_int_equal(ciphertext.len, key->kind->bits / 8);
    assert_int_equal(kmsd_custody_decrypt_asymmetric(custody, &key->material, row->algorithm,
                         kms_buf_bytes(&ciphertext), &plaintext),
        KMS_OK);
    assert_int_equal(plaintext.len, plaintext_len);
    if (plaintext_len != 0)
        assert_memory_equal(plaintext.data, text, plaintext_len);
    kms_buf_reset(&plaintext);
    for (size_t i = 0; i < ciphertext.len; i += ciphertext.len / 8) {
        ciphertext.data[i] ^= 1;
        assert_int_equal(kmsd_custody_decrypt_asymmetric(custody, &key->material, row->algorithm,
                             kms_buf_bytes(&ciphertext), &plaintext),
            KMS_ERR_AUTHENTICATION);
        ciphertext.data[i] ^= 1;
    }
    for (size_t len = 0; len < ciphertext.len; len += ciphertext.len / 8 + 1)
        assert_int_equal(kmsd_custody_decrypt_asymmetric(custody, &key->material, row->algorithm,
                             kms_bytes(ciphertext.data, len), &plaintext),
            KMS_ERR_AUTHENTICATION);
    assert_int_equal(plaintext.len, 0);
}

static void every_encryption_algorithm_encrypts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const struct key *key = &keys[i];
        for (size_t e = 0; key->kind != NULL && e < key->kind->encryption_count; e++) {
            const struct kmsd_encryption *row = &key->kind->encryption[e];
            KMS_BUF_AUTO out;
            kms_buf_init(&out, KMSD_CIPHERTEXT_MAX);
            round_trip(key, row, 1);
            round_trip(key, row, 32);
            round_trip(key, row, row->plaintext_max);
            assert_int_equal(kmsd_custody_encrypt_asymmetric(custody, &key->material,
                                 row->algorithm, kms_bytes(text, row->plaintext_max + 1), &out),
                KMS_ERR_LIMIT);
            assert_int_equal(out.len, 0);
        }
    }
}

/* The two hashes of OAEP are not each other's. */
static void an_oaep_hash_is_not_the_other(void **state)
{
    (void)state;
    const struct key *key = key_of(KMS_KEY_SPEC_RSA_2048, KMS_KEY_USAGE_ENCRYPT_DECRYPT);
    KMS_BUF_AUTO ciphertext;
    KMS_BUF_AUTO out;
    kms_buf_init(&ciphertext, KMSD_CIPHERTEXT_MAX);
    kms_buf_init(&out, KMSD_CIPHERTEXT_MAX);
    assert_int_equal(
        kmsd_custody_encrypt_asymmetric(custody, &key->material,
            KMS_ENCRYPTION_ALGORITHM_RSAES_OAEP_SHA_1, kms_bytes(text, 9), &ciphertext),
        KMS_OK);
    assert_int_equal(
        kmsd_custody_decrypt_asymmetric(custody, &key->material,
            KMS_ENCRYPTION_ALGORITHM_RSAES_OAEP_SHA_256, kms_buf_bytes(&ciphertext), &out),
        KMS_ERR_AUTHENTICATION);
    assert_int_equal(
        kmsd_custody_decrypt_asymmetric(custody, &key->material,
            KMS_ENCRYPTION_ALGORITHM_SYMMETRIC_DEFAULT, kms_buf_bytes(&ciphertext), &out),
        KMS_ERR_INVALID_ARGUMENT);
}

/* --- shared secrets --------------------------------------------------------------------------- */

static void two_sides_agree(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        if (keys[i].kind == NULL || !keys[i].kind->agrees)
            continue;
        struct key other;
        make_key(i, &other);
        KMS_BUF_AUTO public_here;
        KMS_BUF_AUTO public_there;
        KMS_BUF_AUTO here;
        KMS_BUF_AUTO there;
        kms_buf_init(&public_here, KMSD_PUBLIC_KEY_MAX);
        kms_buf_init(&public_there, KMSD_PUBLIC_KEY_MAX);
        kms_buf_init(&here, KMSD_SHARED_SECRET_MAX);
        kms_buf_init(&there, KMSD_SHARED_SECRET_MAX);
        assert_int_equal(kmsd_custody_public_key(custody, &keys[i].material, &public_here), KMS_OK);
        assert_int_equal(kmsd_custody_public_key(custody, &other.material, &public_there), KMS_OK);
        assert_int_equal(kmsd_custody_derive_shared_secret(
                             custody, &keys[i].material, kms_buf_bytes(&public_there), &here),
            KMS_OK);
        assert_int_equal(kmsd_custody_derive_shared_secret(
                             custody, &other.material, kms_buf_bytes(&public_here), &there),
            KMS_OK);
        assert_true(here.len >= 32);
        assert_int_equal(here.len, there.len);
        assert_memory_equal(here.data, there.data, here.len);
        public_there.data[public_there.len - 1] ^=
            1; /* off the curve, for all practical purposes */
        kms_buf_reset(&here);
        assert_int_equal(kmsd_custody_derive_shared_secret(
                             custody, &keys[i].material, kms_buf_bytes(&public_there), &here),
            KMS_ERR_VALIDATION);
        assert_int_equal(here.len, 0);
        discard(&other);
    }
}

static void what_is_encapsulated_decapsulates(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const struct kmsd_material *material = &keys[i].material;
        if (keys[i].kind == NULL || !keys[i].kind->encapsulates)
            continue;
        KMS_BUF_AUTO sent;
        KMS_BUF_AUTO got;
        KMS_BUF_AUTO ciphertext;
        kms_buf_init(&sent, KMSD_SHARED_SECRET_MAX);
        kms_buf_init(&got, KMSD_SHARED_SECRET_MAX);
        kms_buf_init(&ciphertext, KMSD_CIPHERTEXT_MAX);
        assert_int_equal(kmsd_custody_encapsulate(custody, material, &sent, &ciphertext), KMS_OK);
        assert_int_equal(
            kmsd_custody_decapsulate(custody, material, kms_buf_bytes(&ciphertext), &got), KMS_OK);
        assert_int_equal(sent.len, 32);
        assert_int_equal(got.len, 32);
        assert_memory_equal(sent.data, got.data, 32);
        kms_buf_reset(&got);
        assert_int_equal(kmsd_custody_decapsulate(custody, material,
                             kms_bytes(ciphertext.data, ciphertext.len - 1), &got),
            KMS_ERR_AUTHENTICATION);
        assert_int_equal(got.len, 0);
        ciphertext.data[0] ^= 1;
        assert_int_equal(
            kmsd_custody_decapsulate(custody, material, kms_buf_bytes(&ciphertext), &got), KMS_OK);
        assert_memory_not_equal(sent.data, got.data, 32);
    }
}

/* --- key pairs for callers -------------------------------------------------------------------- */

static void key_pairs_are_handed_out_whole(void **state)
{
    (void)state;
    for (int spec = -1; spec <= KMS_KEY_SPEC_SYMMETRIC_DEFAULT + 1; spec++) {
        const struct kmsd_kind *kind = kmsd_kind_of_pair((enum kms_key_spec)spec);
        KMS_BUF_AUTO private_key;
        KMS_BUF_AUTO public_key;
        kms_buf_init(&private_key, KMSD_PRIVATE_KEY_MAX);
        kms_buf_init(&public_key, KMSD_PUBLIC_KEY_MAX);
        enum kms_err err = kmsd_custody_generate_key_pair(
            custody, (enum kms_key_spec)spec, &private_key, &public_key);
        assert_int_equal(err, kind == NULL ? KMS_ERR_INVALID_ARGUMENT : kmsd_kind_available(kind));
        if (err != KMS_OK) {
            assert_int_equal(private_key.len + public_key.len, 0);
            continue;
        }
        const uint8_t *private_at = private_key.data;
        const uint8_t *public_at = public_key.data;
        EVP_PKEY *private_pkey = d2i_AutoPrivateKey(NULL, &private_at, (long)private_key.len);
        EVP_PKEY *public_pkey = d2i_PUBKEY(NULL, &public_at, (long)public_key.len);
        assert_non_null(private_pkey);
        assert_non_null(public_pkey);
        assert_ptr_equal(private_at, private_key.data + private_key.len);
        assert_ptr_equal(public_at, public_key.data + public_key.len);
        assert_int_equal(EVP_PKEY_eq(private_pkey, public_pkey), 1);
        EVP_PKEY_free(private_pkey);
        EVP_PKEY_free(public_pkey);
        if ((enum kms_key_spec)spec == KMS_KEY_SPEC_ECC_NIST_EDWARDS25519)
            assert_int_equal(public_key.len, 44);
    }
}

/* --- records ---------------------------------------------------------------------------------- */

/* Tries every use of the kind; all must give err. */
static void use_all(const struct kmsd_kind *kind, const struct kmsd_material *material,
    enum kms_err private_err, enum kms_err public_err)
{
    KMS_BUF_AUTO out;
    KMS_BUF_AUTO more;
    kms_buf_init(&out, KMSD_CIPHERTEXT_MAX);
    kms_buf_init(&more, KMSD_CIPHERTEXT_MAX);
    struct kms_bytes bytes = kms_bytes(text, 64);
    for (size_t i = 0; i < kind->signing_count; i++) {
        struct kmsd_message message = {kind->signing[i].algorithm, KMS_MESSAGE_TYPE_DIGEST,
            kms_bytes(text, kind->signing[i].digest_size)};
        if (!kmsd_signing_takes(&kind->signing[i], message.type))
            message.type = KMS_MESSAGE_TYPE_RAW;
        assert_int_equal(kmsd_custody_sign(custody, material, &message, &out), private_err);
        assert_int_equal(
            kmsd_custody_verify_signature(custody, material, &message, bytes), public_err);
    }
    for (size_t i = 0; i < kind->mac_count; i++) {
        assert_int_equal(
            kmsd_custody_mac(custody, material, kind->macs[i].algorithm, bytes, &out), private_err);
        assert_int_equal(
            kmsd_custody_verify_mac(custody, material, kind->macs[i].algorithm, bytes, bytes),
            private_err);
    }
    for (size_t i = 0; i < kind->encryption_count; i++) {
        enum kms_encryption_algorithm algorithm = kind->encryption[i].algorithm;
        assert_int_equal(
            kmsd_custody_encrypt_asymmetric(custody, material, algorithm, bytes, &out), public_err);
        assert_int_equal(kmsd_custody_decrypt_asymmetric(custody, material, algorithm, bytes, &out),
            private_err);
    }
    if (kind->agrees)
        assert_int_equal(
            kmsd_custody_derive_shared_secret(custody, material, bytes, &out), private_err);
    if (kind->encapsulates) {
        assert_int_equal(kmsd_custody_encapsulate(custody, material, &out, &more), public_err);
        assert_int_equal(kmsd_custody_decapsulate(custody, material, bytes, &out), private_err);
    }
    if (kind->key_type != NULL)
        assert_int_equal(kmsd_custody_public_key(custody, material, &out), public_err);
    assert_int_equal(out.len + more.len, 0);
}

static void refuse_all(const struct key *key, const struct kmsd_material *material)
{
    use_all(key->kind, material, KMS_ERR_CORRUPT, KMS_ERR_CORRUPT);
    assert_int_equal(kmsd_custody_verify(custody, material), KMS_ERR_CORRUPT);
}

/* Each use is tried on a cold cache and again after the key has been in use. */
static void material_serves_only_in_its_own_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const struct key *key = &keys[i];
        if (key->kind == NULL)
            continue;
        struct kmsd_material moved = key->material;
        moved.key_arn = kms_str(OTHER_ARN);
        refuse_all(key, &moved);
        moved = key->material;
        moved.id[0] ^= 1;
        refuse_all(key, &moved);
        moved = key->material;
        moved.record_version = KMSD_MATERIAL_VERSION + 1;
        use_all(key->kind, &moved, KMS_ERR_UNSUPPORTED, KMS_ERR_UNSUPPORTED);
        moved = key->material;
        moved.spec = KMS_KEY_SPEC_UNRECOGNIZED;
        use_all(key->kind, &moved, KMS_ERR_INVALID_ARGUMENT, KMS_ERR_INVALID_ARGUMENT);
        assert_int_equal(kmsd_custody_verify(custody, &moved), KMS_ERR_INVALID_ARGUMENT);
    }
}

static void a_kind_is_not_another(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        for (size_t k = 0; k < COUNT_OF(keys); k++) {
            if (i == k || keys[i].kind == NULL || keys[k].kind == NULL)
                continue;
            struct kmsd_material posing = keys[i].material;
            posing.spec = keys[k].material.spec;
            posing.usage = keys[k].material.usage;
            refuse_all(&keys[k], &posing);
        }
    }
}

static void refuse_damaged(const struct key *key, struct kms_bytes original, bool is_public)
{
    struct kmsd_material damaged = key->material;
    uint8_t *copy = malloc(original.len);
    assert_non_null(copy);
    memcpy(copy, original.data, original.len);
    struct kms_bytes *view = is_public ? &damaged.public_key : &damaged.wrapped;
    *view = kms_bytes(copy, original.len);
    for (size_t i = 0; i < original.len; i += i < 40 ? 1 : original.len / 10 + 1) {
        copy[i] ^= 0x10;
        assert_int_equal(kmsd_custody_verify(custody, &damaged), KMS_ERR_CORRUPT);
        copy[i] ^= 0x10;
    }
    for (size_t len = 0; len < original.len; len += len < 40 ? 1 : original.len / 10 + 1) {
        view->len = len;
        assert_int_equal(kmsd_custody_verify(custody, &damaged), KMS_ERR_CORRUPT);
    }
    free(copy);
}

static void damaged_records_do_not_open(void **state)
{
    (void)state;
    const struct key *signing = key_of(KMS_KEY_SPEC_ECC_NIST_P256, KMS_KEY_USAGE_SIGN_VERIFY);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        if (keys[i].kind == NULL)
            continue;
        refuse_damaged(&keys[i], keys[i].material.wrapped, false);
        if (keys[i].kind->key_type != NULL)
            refuse_damaged(&keys[i], keys[i].material.public_key, true);
    }
    struct kmsd_material damaged = signing->material;
    damaged.public_key = kms_bytes(NULL, 0);
    assert_int_equal(kmsd_custody_verify(custody, &damaged), KMS_ERR_CORRUPT);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const struct key *key = &keys[i];
        if (key->kind == NULL || key->kind->key_type == NULL)
            continue;
        struct kmsd_material swapped = key->material; /* somebody else's, as well sealed */
        swapped.public_key = keys[(i + 1) % 5].material.public_key;
        if (i != (i + 1) % 5)
            assert_int_equal(kmsd_custody_verify(custody, &swapped), KMS_ERR_CORRUPT);
    }
}

static void another_root_key_opens_nothing(void **state)
{
    (void)state;
    struct kms_secret *root_key = NULL;
    struct kmsd_custody *right = custody;
    struct kmsd_custody *other = NULL;
    assert_int_equal(kms_secret_random(KMSD_ROOT_KEY_SIZE, &root_key), KMS_OK);
    assert_int_equal(kmsd_custody_new(root_key, &other), KMS_OK);
    custody = other;
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        if (keys[i].kind != NULL)
            refuse_all(&keys[i], &keys[i].material);
    }
    custody = right;
    kmsd_custody_free(other);
}

static void the_symmetric_functions_refuse_other_kinds(void **state)
{
    (void)state;
    KMS_BUF_AUTO out;
    kms_buf_init(&out, KMSD_CIPHERTEXT_MAX);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        if (keys[i].kind == NULL)
            continue;
        assert_int_equal(kmsd_custody_encrypt(custody, &keys[i].material, kms_str(EXAMPLE_KEY_ID),
                             NULL, kms_bytes(text, 1), &out),
            KMS_ERR_INVALID_ARGUMENT);
    }
    /* An HMAC key as long as a symmetric one's is still none. */
    struct kmsd_material posing =
        key_of(KMS_KEY_SPEC_HMAC_256, KMS_KEY_USAGE_GENERATE_VERIFY_MAC)->material;
    posing.spec = KMS_KEY_SPEC_SYMMETRIC_DEFAULT;
    assert_int_equal(kmsd_custody_verify(custody, &posing), KMS_ERR_AUTHENTICATION);
    assert_int_equal(out.len, 0);
}

static void a_symmetric_key_is_made_by_the_same_face(void **state)
{
    (void)state;
    const struct kmsd_new_material wanted = {
        kms_str(EXAMPLE_ARN), KMS_KEY_SPEC_SYMMETRIC_DEFAULT, KMS_KEY_USAGE_ENCRYPT_DECRYPT};
    KMS_BUF_AUTO wrapped;
    KMS_BUF_AUTO public_key;
    kms_buf_init(&wrapped, 256);
    kms_buf_init(&public_key, 256);
    struct kmsd_material material = {.key_arn = wanted.key_arn,
        .record_version = KMSD_MATERIAL_VERSION,
        .spec = wanted.spec,
        .usage = wanted.usage};
    assert_int_equal(
        kmsd_custody_generate(custody, &wanted, material.id, &wrapped, &public_key), KMS_OK);
    material.wrapped = kms_buf_bytes(&wrapped);
    assert_int_equal(public_key.len, 0);
    assert_int_equal(kmsd_custody_verify(custody, &material), KMS_OK);
    assert_int_equal(
        kmsd_custody_public_key(custody, &material, &public_key), KMS_ERR_INVALID_ARGUMENT);
    const struct kmsd_new_material nonsense = {
        kms_str(EXAMPLE_ARN), KMS_KEY_SPEC_RSA_2048, KMS_KEY_USAGE_KEY_AGREEMENT};
    assert_int_equal(kmsd_custody_generate(custody, &nonsense, material.id, &wrapped, &public_key),
        KMS_ERR_INVALID_ARGUMENT);
}

/* --- the cache -------------------------------------------------------------------------------- */

static void a_forgotten_key_is_opened_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const struct key *key = &keys[i];
        if (key->kind == NULL || key->kind->signing_count == 0)
            continue;
        const struct kmsd_signing *signing = &key->kind->signing[0];
        struct kmsd_message message = message_of(signing, KMS_MESSAGE_TYPE_RAW, 50);
        struct kms_buf signature;
        sign(key, &message, &signature);
        kmsd_custody_forget(custody, key->material.id);
        assert_int_equal(kmsd_custody_verify_signature(
                             custody, &key->material, &message, kms_buf_bytes(&signature)),
            KMS_OK);
        kms_buf_clean_up(&signature);
        sign(key, &message, &signature);
        kms_buf_clean_up(&signature);
    }
}

static bool is_cached(const struct kmsd_key_cache *cache, const struct kmsd_material *material)
{
    for (size_t i = 0; i < KMSD_KEY_CACHE_MAX; i++) {
        if (cache->entries[i].key != NULL &&
            memcmp(cache->entries[i].id, material->id, KMSD_MATERIAL_ID_SIZE) == 0)
            return true;
    }
    return false;
}

static struct kmsd_held_key hold(const struct key *key, const struct kmsd_material *material)
{
    struct kmsd_held_key held = {.key = NULL};
    assert_int_equal(
        kmsd_custody_private_pkey(custody, key->kind, material, &key->kind->signing[0], &held),
        KMS_OK);
    return held;
}

static void sign_held(
    const struct key *key, struct kmsd_held_key *held, const struct kmsd_message *message)
{
    KMS_BUF_AUTO signature;
    kms_buf_init(&signature, KMSD_SIGNATURE_MAX);
    assert_int_equal(key->kind->family->sign(held->key, &held->ready, &key->kind->signing[0],
                         message->type, message->bytes, &signature),
        KMS_OK);
    assert_int_equal(
        kmsd_custody_verify_signature(custody, &key->material, message, kms_buf_bytes(&signature)),
        KMS_OK);
}

/* As many as there are places sign with copies, which end with the key also while they are in use (or
 * AddressSanitizer would see it); whoever comes then shares the key. */
static void rsa_keys_are_copied_for_a_few_at_a_time(void **state)
{
    (void)state;
    const struct key *key = key_of(KMS_KEY_SPEC_RSA_2048, KMS_KEY_USAGE_SIGN_VERIFY);
    struct kmsd_message message = message_of(&key->kind->signing[0], KMS_MESSAGE_TYPE_RAW, 50);
    struct kmsd_material material = key->material;
    struct kmsd_held_key held[KMSD_KEY_CACHE_READY + 1];
    kmsd_custody_forget(custody, material.id);
    material.as_of = kmsd_custody_forgets(custody);
    held[0] = hold(key, &material); /* read for the first time: perhaps for the only one */
    sign_held(key, &held[0], &message);
    assert_null(held[0].ready.sign);
    kmsd_held_key_release(&held[0]);

    const EVP_PKEY_CTX *first = NULL;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i <= KMSD_KEY_CACHE_READY; i++) {
            held[i] = hold(key, &material);
            sign_held(key, &held[i], &message);
            assert_int_equal(held[i].ready.sign != NULL, i < KMSD_KEY_CACHE_READY);
        }
        if (round == 0) {
            first = held[0].ready.sign;
            for (size_t i = 0; i <= KMSD_KEY_CACHE_READY; i++)
                kmsd_held_key_release(&held[i]);
        }
    }
    bool is_there = false;
    for (size_t i = 0; i < KMSD_KEY_CACHE_READY; i++)
        is_there = is_there || held[i].ready.sign == first;
    assert_true(is_there);

    kmsd_held_key_release(&held[0]);
    kmsd_custody_forget(custody, material.id); /* one waits, the others are out */
    for (size_t i = 1; i <= KMSD_KEY_CACHE_READY; i++) {
        sign_held(key, &held[i], &message);
        kmsd_held_key_release(&held[i]);
    }
    assert_false(is_cached(&custody->private_keys, &material));
}

/* Who looked a key up before it was disabled may use it, but does not bring it back into memory. */
static void what_was_forgotten_since_it_was_looked_up_is_not_kept(void **state)
{
    (void)state;
    const struct key *key = &keys[0];
    struct kmsd_material material = key->material;
    struct kmsd_message message = message_of(&key->kind->signing[0], KMS_MESSAGE_TYPE_RAW, 50);
    for (int is_late = 0; is_late < 2; is_late++) {
        KMS_BUF_AUTO signature;
        kms_buf_init(&signature, KMSD_SIGNATURE_MAX);
        material.as_of = kmsd_custody_forgets(custody);
        if (is_late)
            kmsd_custody_forget(custody, material.id);
        assert_int_equal(kmsd_custody_sign(custody, &material, &message, &signature), KMS_OK);
        assert_int_equal(
            kmsd_custody_verify_signature(custody, &material, &message, kms_buf_bytes(&signature)),
            KMS_OK);
        assert_int_equal(is_cached(&custody->private_keys, &material), !is_late);
        assert_int_equal(is_cached(&custody->public_keys, &material), !is_late);
    }
}

static void symmetric_material_that_was_forgotten_is_not_kept(void **state)
{
    (void)state;
    KMS_BUF_AUTO wrapped;
    kms_buf_init(&wrapped, KMSD_WRAPPED_MAX);
    struct kmsd_material material = {
        .key_arn = kms_str(EXAMPLE_ARN), .record_version = KMSD_MATERIAL_VERSION};
    assert_int_equal(
        kmsd_custody_generate_symmetric(custody, material.key_arn, material.id, &wrapped), KMS_OK);
    material.wrapped = kms_buf_bytes(&wrapped);
    for (int is_late = 0; is_late < 2; is_late++) {
        KMS_BUF_AUTO blob;
        kms_buf_init(&blob, KMSD_CIPHERTEXT_MAX);
        material.as_of = kmsd_custody_forgets(custody);
        if (is_late)
            kmsd_custody_forget(custody, material.id);
        assert_int_equal(kmsd_custody_encrypt(
                             custody, &material, kms_str("k"), NULL, kms_bytes(text, 20), &blob),
            KMS_OK);
        /* the workspace that was used last is the first to be taken */
        const uint8_t *kept = kmsd_recall_find(custody->pool.idle->recall, &material);
        assert_int_equal(kept != NULL, !is_late);
    }
}

static void *use_from_a_thread(void *argument)
{
    size_t start = *(const size_t *)argument;
    for (size_t round = 0; round < 6; round++) {
        for (size_t n = 0; n < COUNT_OF(keys); n++) {
            const struct key *key = &keys[(start + n) % COUNT_OF(keys)];
            if (key->kind == NULL || key->kind->bits > 2048)
                continue;
            struct kmsd_material material = key->material;
            material.as_of = kmsd_custody_forgets(custody);
            KMS_BUF_AUTO out;
            KMS_BUF_AUTO back;
            kms_buf_init(&out, KMSD_CIPHERTEXT_MAX);
            kms_buf_init(&back, KMSD_CIPHERTEXT_MAX);
            enum kms_err err = KMS_OK;
            if (key->kind->signing_count != 0) {
                const struct kmsd_signing *signing =
                    &key->kind->signing[round % key->kind->signing_count];
                bool raw = kmsd_signing_takes(signing, KMS_MESSAGE_TYPE_RAW);
                struct kmsd_message message = message_of(
                    signing, raw ? KMS_MESSAGE_TYPE_RAW : KMS_MESSAGE_TYPE_DIGEST, 20 * start);
                err = kmsd_custody_sign(custody, &material, &message, &out);
                if (err == KMS_OK)
                    err = kmsd_custody_verify_signature(
                        custody, &material, &message, kms_buf_bytes(&out));
            } else if (key->kind->encryption_count != 0) {
                enum kms_encryption_algorithm algorithm = key->kind->encryption[0].algorithm;
                err = kmsd_custody_encrypt_asymmetric(
                    custody, &material, algorithm, kms_bytes(text, 20), &out);
                if (err == KMS_OK)
                    err = kmsd_custody_decrypt_asymmetric(
                        custody, &material, algorithm, kms_buf_bytes(&out), &back);
            } else if (key->kind->mac_count != 0) {
                err = kmsd_custody_mac(
                    custody, &material, key->kind->macs[0].algorithm, kms_bytes(text, 20), &out);
            }
            if (err != KMS_OK)
                return (void *)"failed";
            if (round % 3 == 2)
                kmsd_custody_forget(custody, key->material.id);
        }
    }
    return NULL;
}

static void keys_are_used_by_several_threads(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    size_t starts[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        starts[i] = 1 + 5 * i;
        assert_int_equal(pthread_create(&threads[i], NULL, use_from_a_thread, &starts[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
}

/* No use, successful or not, leaves anything in libcrypto's error queue for the next one. */
static void no_errors_stay_behind(void **state)
{
    (void)state;
    assert_int_equal(ERR_peek_error(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_documented_hmac_key_opens),
        cmocka_unit_test(the_documented_key_pair_opens),
        cmocka_unit_test(every_signing_algorithm_signs),
        cmocka_unit_test(what_a_kind_does_not_sign_is_refused),
        cmocka_unit_test(a_digest_signature_is_one_of_the_message),
        cmocka_unit_test(a_signature_needs_room),
        cmocka_unit_test(macs_verify_only_themselves),
        cmocka_unit_test(every_encryption_algorithm_encrypts),
        cmocka_unit_test(an_oaep_hash_is_not_the_other),
        cmocka_unit_test(two_sides_agree),
        cmocka_unit_test(what_is_encapsulated_decapsulates),
        cmocka_unit_test(no_errors_stay_behind),
        cmocka_unit_test(key_pairs_are_handed_out_whole),
        cmocka_unit_test(material_serves_only_in_its_own_place),
        cmocka_unit_test(a_kind_is_not_another),
        cmocka_unit_test(damaged_records_do_not_open),
        cmocka_unit_test(another_root_key_opens_nothing),
        cmocka_unit_test(the_symmetric_functions_refuse_other_kinds),
        cmocka_unit_test(a_symmetric_key_is_made_by_the_same_face),
        cmocka_unit_test(a_forgotten_key_is_opened_again),
        cmocka_unit_test(rsa_keys_are_copied_for_a_few_at_a_time),
        cmocka_unit_test(what_was_forgotten_since_it_was_looked_up_is_not_kept),
        cmocka_unit_test(symmetric_material_that_was_forgotten_is_not_kept),
        cmocka_unit_test(keys_are_used_by_several_threads),
        cmocka_unit_test(no_errors_stay_behind),
    };
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (uint8_t)(i * 31 + 7);
    return cmocka_run_group_tests(tests, make_all, discard_all);
}

/* SM2 against the examples of GB/T 32918.5, and agreement against numbers worked out without
 * libcrypto. */
#include "pkey_fixture.h"

#define PRIVATE "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"
#define POINT                                                                                      \
    "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020ccea490ce26775a52dc6ea718c" \
    "c1aa600aed05fbf35e084a6632f6072da9ad13"

/* Annex A.2: "message digest" signed with the default identifier; r and s in DER. */
#define SIGNATURE                                                                                  \
    "3046022100f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3022100b1b6aa29df21" \
    "2fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"

/* Its e: SM3 over the identifier's hash and the message. */
#define DIGEST "f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640"

/* Annex C.2: "encryption standard" encrypted; x, y, hash and text in DER. */
#define CIPHERTEXT                                                                                 \
    "307c022004ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73022100e858f9d81e5430" \
    "a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0042059983c18f809e262923c53aec295d30383b54e" \
    "39d609d160afcb1908d0bd8766041321886ca989ca9c7d58087307ca93092d651efa"

static const struct kmsd_kind *kind_for(enum kms_key_usage usage)
{
    const struct kmsd_kind *kind = kind_of(KMS_KEY_SPEC_SM2, usage);
    if (kmsd_kind_available(kind) != KMS_OK)
        skip();
    return kind;
}

static void the_standards_signature_verifies(void **state)
{
    (void)state;
    const struct kmsd_kind *kind = kind_for(KMS_KEY_USAGE_SIGN_VERIFY);
    EVP_PKEY *key = key_from("SM2", "SM2", NULL, POINT);
    struct kms_bytes signature = unhex(SIGNATURE);
    struct kms_bytes digest = unhex(DIGEST);
    assert_int_equal(kind->family->verify(key, NULL, kind->signing, KMS_MESSAGE_TYPE_RAW,
                         kms_bytes("message digest", 14), signature),
        KMS_OK);
    assert_int_equal(
        kind->family->verify(key, NULL, kind->signing, KMS_MESSAGE_TYPE_DIGEST, digest, signature),
        KMS_OK);
    assert_int_equal(kind->family->verify(key, NULL, kind->signing, KMS_MESSAGE_TYPE_RAW,
                         kms_bytes("message Digest", 14), signature),
        KMS_ERR_AUTHENTICATION);
    free_bytes(signature);
    free_bytes(digest);
    EVP_PKEY_free(key);
}

static void the_standards_ciphertext_opens(void **state)
{
    (void)state;
    const struct kmsd_kind *kind = kind_for(KMS_KEY_USAGE_ENCRYPT_DECRYPT);
    EVP_PKEY *key = key_from("SM2", "SM2", PRIVATE, POINT);
    struct kms_bytes ciphertext = unhex(CIPHERTEXT);
    KMS_BUF_AUTO plaintext;
    kms_buf_init(&plaintext, 64);
    assert_int_equal(kind->family->decrypt(key, kind->encryption, ciphertext, &plaintext), KMS_OK);
    assert_true(kms_str_is(kms_buf_str(&plaintext), "encryption standard"));
    free_bytes(ciphertext);
    EVP_PKEY_free(key);
}

static void a_known_agreement_holds(void **state)
{
    (void)state;
    const struct kmsd_kind *kind = kind_for(KMS_KEY_USAGE_KEY_AGREEMENT);
    EVP_PKEY *key = key_from("SM2", "SM2",
        "00965ce95ecce6393463632be47e3e43d1aedcd36ce838f4cf63ea68556463c7",
        "048eaf46bf17ff3ef7cc71177a0e427224cc71572fdf339d8ad8fe7b1ad003fc680c49782e69aab18e0050e3"
        "eb2d7c7f925926ce787d37a59442cab123c3563493");
    EVP_PKEY *peer = key_from("SM2", "SM2", NULL,
        "04f29e4a70dfecd051e7dea3f3e965bf6f4741c74134da1853ee77beb520c3f098f4f18d9c184c25046689a9"
        "f6938657d5621d5eb761d92748de1523f5acd860b5");
    KMS_BUF_AUTO spki;
    KMS_BUF_AUTO secret;
    kms_buf_init(&spki, 256);
    kms_buf_init(&secret, 32);
    assert_int_equal(kmsd_pkey_write_public(peer, &spki), KMS_OK);
    assert_int_equal(kind->family->derive(kind, key, kms_buf_bytes(&spki), &secret), KMS_OK);
    assert_bytes(
        kms_buf_bytes(&secret), "271940821a227860d2d064e5f706a2909d74208806536412d33a026bacd0bc37");
    EVP_PKEY_free(key);
    EVP_PKEY_free(peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_standards_signature_verifies),
        cmocka_unit_test(the_standards_ciphertext_opens),
        cmocka_unit_test(a_known_agreement_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

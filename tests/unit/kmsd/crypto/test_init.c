/* Process set-up: secrets come from the secure heap from then on. */
#include "crypto_fixture.h"

#include "kmsd/crypto/init.h"

#include <openssl/crypto.h>

static void use_a_custody(void)
{
    size_t before = CRYPTO_secure_used();
    struct kmsd_custody *custody = example_custody();
    assert_true(CRYPTO_secure_used() > before); /* the wrapping keys; the root key is gone */
    KMS_BUF_AUTO out;
    kms_buf_init(&out, KMSD_CANARY_MAX);
    assert_int_equal(kmsd_custody_canary_make(custody, &out), KMS_OK);
    kmsd_custody_free(custody);
}

static void secrets_live_in_the_secure_heap(void **state)
{
    (void)state;
    struct kmsd_detail detail = {"untouched"};
    assert_int_equal(CRYPTO_secure_malloc_initialized(), 0);
    assert_int_equal(kmsd_crypto_init(&detail), KMS_OK);
    assert_string_not_equal(detail.text, "untouched"); /* empty, or a warning */
    assert_int_equal(CRYPTO_secure_malloc_initialized(), 1);
    assert_int_equal(kmsd_crypto_init(NULL), KMS_OK); /* twice does no harm */

    use_a_custody(); /* libcrypto's own generators settle in the heap */
    size_t before = CRYPTO_secure_used();
    use_a_custody();
    assert_int_equal(CRYPTO_secure_used(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_live_in_the_secure_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

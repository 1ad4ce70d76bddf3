/* Each of libcrypto's allocations fails in turn: nothing is given out, nothing leaks, and the next
 * call works as if nothing had happened. */
#include "crypto_fixture.h"

#include <openssl/crypto.h>

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

/* Everything that a custody does, once. False with nothing given out after a failure. */
static bool live_once(void)
{
    struct kms_secret *root_key = NULL;
    struct kmsd_custody *custody = NULL;
    struct kmsd_material material = {
        .key_arn = kms_str(EXAMPLE_ARN), .record_version = KMSD_MATERIAL_VERSION};
    KMS_BUF_AUTO wrapped;
    KMS_BUF_AUTO blob;
    KMS_BUF_AUTO out;
    KMS_BUF_AUTO canary;
    kms_buf_init(&wrapped, 256);
    kms_buf_init(&blob, KMSD_CIPHERTEXT_MAX);
    kms_buf_init(&out, KMSD_PLAINTEXT_MAX);
    kms_buf_init(&canary, KMSD_CANARY_MAX);
    if (kms_secret_new(KMSD_ROOT_KEY_SIZE, &root_key) != KMS_OK)
        return false;
    if (kmsd_custody_new(root_key, &custody) != KMS_OK) {
        assert_null(custody);
        return false;
    }
    bool ok =
        kmsd_custody_generate_symmetric(custody, material.key_arn, material.id, &wrapped) == KMS_OK;
    assert_int_equal(wrapped.len, ok ? 61 : 0);
    material.wrapped = kms_buf_bytes(&wrapped);
    if (ok) {
        ok = kmsd_custody_encrypt(custody, &material, kms_str(EXAMPLE_KEY_ID), &example_context,
                 kms_bytes("text", 4), &blob) == KMS_OK;
        assert_int_equal(blob.len != 0, ok);
    }
    struct kmsd_ciphertext parsed;
    if (ok) {
        assert_int_equal(kmsd_ciphertext_parse(kms_buf_bytes(&blob), &parsed), KMS_OK);
        ok = kmsd_custody_decrypt(custody, &material, &parsed, &example_context, &out) == KMS_OK;
        assert_int_equal(out.len, ok ? 4 : 0);
    }
    if (ok)
        ok = kmsd_custody_canary_make(custody, &canary) == KMS_OK &&
             kmsd_custody_canary_check(custody, kms_buf_bytes(&canary)) == KMS_OK;
    kmsd_custody_free(custody);
    return ok;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(live_once()); /* what libcrypto sets up once is not looked at */
    size_t failures = 0;
    for (size_t at = 0;; at++) {
        assert_in_range(at, 0, 10000);
        allowed = at;
        failed = false;
        bool ok = live_once();
        allowed = SIZE_MAX;
        if (!failed) {
            assert_true(ok);
            break;
        }
        failures += !ok;
        assert_true(live_once());
    }
    assert_true(failures > 0); /* how many there are is up to libcrypto */
}

int main(void)
{
    if (CRYPTO_set_mem_functions(counted_malloc, counted_realloc, plain_free) != 1)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

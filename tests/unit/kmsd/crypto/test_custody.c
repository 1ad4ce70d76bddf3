/* Custody through its face alone: what goes in comes out, and only in its own place. */
#define OPENSSL_SUPPRESS_DEPRECATED /* replacing the generator is, but nothing takes its place */

#include "crypto_fixture.h"

#include "kmsd/crypto/rootkey.h"

#include <openssl/rand.h>
#include <pthread.h>
#include <unistd.h>

#define OTHER_ARN "arn:aws:kms:eu-central-1:111122223333:key/ffffffff-12ab-34cd-56ef-1234567890ab"

struct key {
    struct kmsd_material material;
    struct kms_buf wrapped;
};

static void generate(struct kmsd_custody *custody, const char *arn, struct key *key)
{
    memset(key, 0, sizeof(*key));
    kms_buf_init(&key->wrapped, 256);
    key->material.key_arn = kms_str(arn);
    key->material.record_version = KMSD_MATERIAL_VERSION;
    assert_int_equal(
        kmsd_custody_generate_symmetric(custody, kms_str(arn), key->material.id, &key->wrapped),
        KMS_OK);
    assert_int_equal(key->wrapped.len, 61);
    key->material.wrapped = kms_buf_bytes(&key->wrapped);
    assert_int_equal(kmsd_custody_verify(custody, &key->material), KMS_OK);
}

static void discard(struct key *key)
{
    kms_buf_clean_up(&key->wrapped);
}

static enum kms_err decrypt(struct kmsd_custody *custody, const struct kmsd_material *material,
    struct kms_bytes blob, const struct kms_str_map *context, struct kms_buf *out)
{
    struct kmsd_ciphertext parsed;
    assert_int_equal(kmsd_ciphertext_parse(blob, &parsed), KMS_OK);
    return kmsd_custody_decrypt(custody, material, &parsed, context, out);
}

static void the_documented_example_opens(void **state)
{
    (void)state;
    struct kmsd_custody *custody = example_custody();
    struct kms_bytes wrapped = unhex(EXAMPLE_WRAPPED);
    struct kms_bytes id = unhex(EXAMPLE_MATERIAL_ID);
    struct kms_bytes blob = unhex(EXAMPLE_BLOB);
    struct kms_bytes empty = unhex(EXAMPLE_EMPTY_BLOB);
    struct kms_bytes sealed = unhex(EXAMPLE_SEALED);
    struct kmsd_material material = {.key_arn = kms_str(EXAMPLE_ARN),
        .record_version = KMSD_MATERIAL_VERSION,
        .wrapped = wrapped};
    memcpy(material.id, id.data, sizeof(material.id));
    KMS_BUF_AUTO out;
    kms_buf_init(&out, KMSD_PLAINTEXT_MAX);
    assert_int_equal(kmsd_custody_verify(custody, &material), KMS_OK);
    assert_int_equal(decrypt(custody, &material, blob, &example_context, &out), KMS_OK);
    assert_true(kms_str_is(kms_buf_str(&out), EXAMPLE_PLAINTEXT));
    kms_buf_reset(&out);
    assert_int_equal(decrypt(custody, &material, empty, NULL, &out), KMS_OK);
    assert_int_equal(out.len, 0);
    KMS_SECRET_AUTO secret = NULL;
    assert_int_equal(kmsd_custody_unseal(custody, kms_str(EXAMPLE_PURPOSE), kms_str(EXAMPLE_OWNER),
                         sealed, &secret),
        KMS_OK);
    assert_int_equal(kms_secret_len(secret), strlen(EXAMPLE_SECRET));
    assert_memory_equal(kms_secret_data(secret), EXAMPLE_SECRET, strlen(EXAMPLE_SECRET));
    free_bytes(wrapped);
    free_bytes(id);
    free_bytes(blob);
    free_bytes(empty);
    free_bytes(sealed);
    kmsd_custody_free(custody);
}

static void what_is_encrypted_decrypts(void **state)
{
    (void)state;
    static uint8_t plaintext[KMSD_PLAINTEXT_MAX + 1];
    static const size_t sizes[] = {0, 1, 15, 16, 17, 31, 32, 33, 1000, 4095, KMSD_PLAINTEXT_MAX};
    struct kmsd_custody *custody = example_custody();
    struct key key;
    generate(custody, EXAMPLE_ARN, &key);
    for (size_t i = 0; i < sizeof(plaintext); i++)
        plaintext[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        KMS_BUF_AUTO blob;
        KMS_BUF_AUTO out;
        kms_buf_init(&blob, KMSD_CIPHERTEXT_MAX);
        kms_buf_init(&out, KMSD_PLAINTEXT_MAX);
        assert_int_equal(kmsd_custody_encrypt(custody, &key.material, kms_str(EXAMPLE_KEY_ID),
                             &example_context, kms_bytes(plaintext, sizes[i]), &blob),
            KMS_OK);
        assert_int_equal(
            decrypt(custody, &key.material, kms_buf_bytes(&blob), &example_context, &out), KMS_OK);
        assert_int_equal(out.len, sizes[i]);
        if (sizes[i] != 0)
            assert_memory_equal(out.data, plaintext, sizes[i]);
    }
    KMS_BUF_AUTO blob;
    kms_buf_init(&blob, KMSD_CIPHERTEXT_MAX);
    assert_int_equal(kmsd_custody_encrypt(custody, &key.material, kms_str(EXAMPLE_KEY_ID), NULL,
                         kms_bytes(plaintext, sizeof(plaintext)), &blob),
        KMS_ERR_LIMIT);
    assert_int_equal(kmsd_custody_encrypt(custody, &key.material, kms_str("not/an/id"), NULL,
                         kms_bytes(plaintext, 1), &blob),
        KMS_ERR_INVALID_ARGUMENT);
    assert_int_equal(blob.len, 0);
    discard(&key);
    kmsd_custody_free(custody);
}

static void encrypt_text(struct kmsd_custody *custody, const struct key *key,
    const struct kms_str_map *context, struct kms_buf *blob)
{
    kms_buf_init(blob, KMSD_CIPHERTEXT_MAX);
    assert_int_equal(kmsd_custody_encrypt(custody, &key->material, kms_str(EXAMPLE_KEY_ID), context,
                         kms_bytes("text", 4), blob),
        KMS_OK);
}

static void no_two_ciphertexts_share_nonce_or_iv(void **state)
{
    (void)state;
    enum { MESSAGES = 300 };
    static uint8_t nonces[MESSAGES][KMSD_NONCE_SIZE];
    static uint8_t ivs[MESSAGES][KMSD_AEAD_IV_SIZE];
    struct kmsd_custody *custody = example_custody();
    struct key key;
    generate(custody, EXAMPLE_ARN, &key);
    for (size_t i = 0; i < MESSAGES; i++) {
        KMS_BUF_AUTO blob;
        struct kmsd_ciphertext parsed;
        encrypt_text(custody, &key, NULL, &blob);
        assert_int_equal(kmsd_ciphertext_parse(kms_buf_bytes(&blob), &parsed), KMS_OK);
        assert_true(kms_str_is(parsed.key_id, EXAMPLE_KEY_ID));
        assert_memory_equal(parsed.material_id.data, key.material.id, KMSD_MATERIAL_ID_SIZE);
        memcpy(nonces[i], parsed.nonce.data, KMSD_NONCE_SIZE);
        memcpy(ivs[i], parsed.iv.data, KMSD_AEAD_IV_SIZE);
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(nonces[i], nonces[j], KMSD_NONCE_SIZE);
            assert_memory_not_equal(ivs[i], ivs[j], KMSD_AEAD_IV_SIZE);
        }
    }
    discard(&key);
    kmsd_custody_free(custody);
}

static void the_context_is_bound_whatever_its_order(void **state)
{
    (void)state;
    static const struct kms_str_pair reversed[] = {
        {KMS_STR_LITERAL("a"), KMS_STR_LITERAL("b")},
        {KMS_STR_LITERAL("purpose"), KMS_STR_LITERAL("backup")},
    };
    static const struct kms_str_pair other_value[] = {
        {KMS_STR_LITERAL("a"), KMS_STR_LITERAL("c")},
        {KMS_STR_LITERAL("purpose"), KMS_STR_LITERAL("backup")},
    };
    static const struct kms_str_pair other_case[] = {
        {KMS_STR_LITERAL("A"), KMS_STR_LITERAL("b")},
        {KMS_STR_LITERAL("purpose"), KMS_STR_LITERAL("backup")},
    };
    static const struct kms_str_pair shifted[] = {
        {KMS_STR_LITERAL("ab"), KMS_STR_LITERAL("")},
        {KMS_STR_LITERAL("purpose"), KMS_STR_LITERAL("backup")},
    };
    static const struct kms_str_pair more[] = {
        {KMS_STR_LITERAL("a"), KMS_STR_LITERAL("b")},
        {KMS_STR_LITERAL("purpose"), KMS_STR_LITERAL("backup")},
        {KMS_STR_LITERAL("z"), KMS_STR_LITERAL("")},
    };
    static const struct kms_str_map wrong[] = {
        {other_value, 2}, {other_case, 2}, {shifted, 2}, {more, 3}, {reversed, 1}, {NULL, 0}};
    struct kms_str_map same = {reversed, 2};
    struct kmsd_custody *custody = example_custody();
    struct key key;
    generate(custody, EXAMPLE_ARN, &key);
    KMS_BUF_AUTO blob;
    KMS_BUF_AUTO out;
    kms_buf_init(&out, KMSD_PLAINTEXT_MAX);
    encrypt_text(custody, &key, &example_context, &blob);
    assert_int_equal(decrypt(custody, &key.material, kms_buf_bytes(&blob), &same, &out), KMS_OK);
    kms_buf_reset(&out);
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_int_equal(decrypt(custody, &key.material, kms_buf_bytes(&blob), &wrong[i], &out),
            KMS_ERR_AUTHENTICATION);
    assert_int_equal(
        decrypt(custody, &key.material, kms_buf_bytes(&blob), NULL, &out), KMS_ERR_AUTHENTICATION);
    assert_int_equal(out.len, 0);

    KMS_BUF_AUTO bare; /* no context and an empty one are the same */
    struct kms_str_map none = {NULL, 0};
    encrypt_text(custody, &key, NULL, &bare);
    assert_int_equal(decrypt(custody, &key.material, kms_buf_bytes(&bare), &none, &out), KMS_OK);
    discard(&key);
    kmsd_custody_free(custody);
}

static void every_bit_of_a_ciphertext_matters(void **state)
{
    (void)state;
    struct kmsd_custody *custody = example_custody();
    struct key key;
    generate(custody, EXAMPLE_ARN, &key);
    KMS_BUF_AUTO blob;
    KMS_BUF_AUTO out;
    kms_buf_init(&out, KMSD_PLAINTEXT_MAX);
    encrypt_text(custody, &key, &example_context, &blob);
    for (size_t bit = 0; bit < blob.len * 8; bit++) {
        struct kmsd_ciphertext parsed;
        blob.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        if (kmsd_ciphertext_parse(kms_buf_bytes(&blob), &parsed) == KMS_OK)
            assert_int_equal(
                kmsd_custody_decrypt(custody, &key.material, &parsed, &example_context, &out),
                KMS_ERR_AUTHENTICATION);
        blob.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_int_equal(out.len, 0);
    assert_int_equal(
        decrypt(custody, &key.material, kms_buf_bytes(&blob), &example_context, &out), KMS_OK);
    discard(&key);
    kmsd_custody_free(custody);
}

static void material_opens_in_its_own_row_only(void **state)
{
    (void)state;
    struct kmsd_custody *custody = example_custody();
    struct key a;
    struct key b;
    generate(custody, EXAMPLE_ARN, &a);
    generate(custody, OTHER_ARN, &b);
    KMS_BUF_AUTO blob;
    encrypt_text(custody, &a, NULL, &blob);

    struct kmsd_material swapped = a.material;
    swapped.key_arn = kms_str(OTHER_ARN); /* A's material in B's row */
    assert_int_equal(kmsd_custody_verify(custody, &swapped), KMS_ERR_AUTHENTICATION);
    swapped = a.material;
    swapped.wrapped = b.material.wrapped; /* only the wrapped bytes */
    assert_int_equal(kmsd_custody_verify(custody, &swapped), KMS_ERR_AUTHENTICATION);
    swapped = a.material;
    memcpy(swapped.id, b.material.id, sizeof(swapped.id)); /* another of its versions */
    assert_int_equal(kmsd_custody_verify(custody, &swapped), KMS_ERR_AUTHENTICATION);
    swapped = a.material;
    swapped.record_version = 2;
    assert_int_equal(kmsd_custody_verify(custody, &swapped), KMS_ERR_UNSUPPORTED);
    swapped = a.material;
    swapped.key_arn = kms_str(NULL);
    assert_int_equal(kmsd_custody_verify(custody, &swapped), KMS_ERR_INVALID_ARGUMENT);

    KMS_BUF_AUTO out;
    kms_buf_init(&out, KMSD_CIPHERTEXT_MAX);
    swapped = a.material;
    swapped.key_arn = kms_str(OTHER_ARN);
    assert_int_equal(kmsd_custody_encrypt(custody, &swapped, kms_str(EXAMPLE_KEY_ID), NULL,
                         kms_bytes("text", 4), &out),
        KMS_ERR_AUTHENTICATION);
    assert_int_equal(
        decrypt(custody, &swapped, kms_buf_bytes(&blob), NULL, &out), KMS_ERR_AUTHENTICATION);
    assert_int_equal(
        decrypt(custody, &b.material, kms_buf_bytes(&blob), NULL, &out), KMS_ERR_AUTHENTICATION);
    assert_int_equal(out.len, 0);

    uint8_t *octets = a.wrapped.data;
    for (size_t bit = 0; bit < a.wrapped.len * 8; bit++) {
        octets[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(kmsd_custody_verify(custody, &a.material), KMS_ERR_AUTHENTICATION);
        octets[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (a.material.wrapped.len = 0; a.material.wrapped.len < a.wrapped.len;
         a.material.wrapped.len++)
        assert_int_equal(kmsd_custody_verify(custody, &a.material), KMS_ERR_AUTHENTICATION);
    assert_int_equal(kmsd_custody_verify(custody, &a.material), KMS_OK);
    discard(&a);
    discard(&b);
    kmsd_custody_free(custody);
}

static struct kmsd_custody *random_custody(void)
{
    struct kms_secret *root_key = NULL;
    struct kmsd_custody *custody = NULL;
    assert_int_equal(kms_secret_random(KMSD_ROOT_KEY_SIZE, &root_key), KMS_OK);
    assert_int_equal(kmsd_custody_new(root_key, &custody), KMS_OK);
    return custody;
}

static void another_root_key_opens_nothing(void **state)
{
    (void)state;
    struct kmsd_custody *custody = example_custody();
    struct kmsd_custody *other = random_custody();
    struct key key;
    generate(custody, EXAMPLE_ARN, &key);
    assert_int_equal(kmsd_custody_verify(other, &key.material), KMS_ERR_AUTHENTICATION);

    KMS_BUF_AUTO canary;
    kms_buf_init(&canary, KMSD_CANARY_MAX);
    assert_int_equal(kmsd_custody_canary_make(custody, &canary), KMS_OK);
    assert_int_equal(kmsd_custody_canary_check(custody, kms_buf_bytes(&canary)), KMS_OK);
    assert_int_equal(
        kmsd_custody_canary_check(other, kms_buf_bytes(&canary)), KMS_ERR_AUTHENTICATION);
    for (size_t bit = 0; bit < canary.len * 8; bit++) {
        canary.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(
            kmsd_custody_canary_check(custody, kms_buf_bytes(&canary)), KMS_ERR_AUTHENTICATION);
        canary.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_int_equal(
        kmsd_custody_canary_check(custody, kms_bytes(NULL, 0)), KMS_ERR_AUTHENTICATION);

    KMS_BUF_AUTO same_place; /* sealed where the canary goes, but something else */
    kms_buf_init(&same_place, KMSD_WRAPPED_SECRET_MAX);
    assert_int_equal(kmsd_custody_seal(custody, kms_str("canary"), kms_str("store"),
                         kms_bytes("another", 7), &same_place),
        KMS_OK);
    assert_int_equal(
        kmsd_custody_canary_check(custody, kms_buf_bytes(&same_place)), KMS_ERR_AUTHENTICATION);
    discard(&key);
    kmsd_custody_free(other);
    kmsd_custody_free(custody);
}

static void sealed_secrets_open_in_their_place_only(void **state)
{
    (void)state;
    static uint8_t secret[KMSD_SEALED_SECRET_MAX + 1];
    struct kmsd_custody *custody = example_custody();
    struct kms_str purpose = kms_str("access-key");
    struct kms_str owner = kms_str("AKIDEXAMPLE");
    memset(secret, 's', sizeof(secret));
    for (size_t len = 1; len <= KMSD_SEALED_SECRET_MAX; len += 241) {
        KMS_BUF_AUTO sealed;
        kms_buf_init(&sealed, KMSD_WRAPPED_SECRET_MAX);
        assert_int_equal(
            kmsd_custody_seal(custody, purpose, owner, kms_bytes(secret, len), &sealed), KMS_OK);
        assert_int_equal(sealed.len, len + 29);
        KMS_SECRET_AUTO opened = NULL;
        assert_int_equal(
            kmsd_custody_unseal(custody, purpose, owner, kms_buf_bytes(&sealed), &opened), KMS_OK);
        assert_int_equal(kms_secret_len(opened), len);
        assert_memory_equal(kms_secret_data(opened), secret, len);

        struct kms_secret *none = NULL;
        assert_int_equal(
            kmsd_custody_unseal(custody, kms_str("session"), owner, kms_buf_bytes(&sealed), &none),
            KMS_ERR_AUTHENTICATION);
        assert_int_equal(kmsd_custody_unseal(custody, purpose, kms_str("AKIDEXAMPLF"),
                             kms_buf_bytes(&sealed), &none),
            KMS_ERR_AUTHENTICATION);
        assert_int_equal(kmsd_custody_unseal(custody, purpose, owner,
                             kms_bytes(sealed.data, sealed.len - 1), &none),
            KMS_ERR_AUTHENTICATION);
        assert_null(none);
    }
    KMS_BUF_AUTO out;
    kms_buf_init(&out, 1024);
    struct kms_secret *none = NULL;
    assert_int_equal(kmsd_custody_seal(custody, purpose, owner, kms_bytes(NULL, 0), &out),
        KMS_ERR_INVALID_ARGUMENT);
    assert_int_equal(
        kmsd_custody_seal(custody, purpose, owner, kms_bytes(secret, sizeof(secret)), &out),
        KMS_ERR_LIMIT);
    assert_int_equal(kmsd_custody_seal(custody, kms_str(""), owner, kms_bytes(secret, 1), &out),
        KMS_ERR_INVALID_ARGUMENT);
    assert_int_equal(kmsd_custody_unseal(custody, purpose, owner, kms_bytes(secret, 29), &none),
        KMS_ERR_AUTHENTICATION);
    assert_int_equal(kmsd_custody_unseal(custody, purpose, owner, kms_bytes(NULL, 0), &none),
        KMS_ERR_AUTHENTICATION);
    static uint8_t long_record[KMSD_WRAPPED_SECRET_MAX + 1] = {1};
    assert_int_equal(kmsd_custody_unseal(custody, purpose, owner,
                         kms_bytes(long_record, sizeof(long_record)), &none),
        KMS_ERR_AUTHENTICATION);
    kmsd_custody_free(custody);
}

static void arguments_are_checked(void **state)
{
    (void)state;
    struct kmsd_custody *custody = NULL;
    struct kms_secret *short_key = NULL;
    assert_int_equal(kms_secret_random(KMSD_ROOT_KEY_SIZE - 1, &short_key), KMS_OK);
    assert_int_equal(kmsd_custody_new(short_key, &custody), KMS_ERR_INVALID_ARGUMENT);
    assert_int_equal(kmsd_custody_new(NULL, &custody), KMS_ERR_INVALID_ARGUMENT);
    assert_null(custody);
    kmsd_custody_free(NULL);

    custody = example_custody();
    struct key key;
    generate(custody, EXAMPLE_ARN, &key);
    KMS_BUF_AUTO out;
    kms_buf_init(&out, 16);
    struct kmsd_ciphertext unparsed = {.material_id = kms_bytes(key.material.id, 32)};
    assert_int_equal(kmsd_custody_decrypt(custody, &key.material, &unparsed, NULL, &out),
        KMS_ERR_INVALID_ARGUMENT);
    uint8_t id[KMSD_MATERIAL_ID_SIZE] = {0};
    static const uint8_t zero[KMSD_MATERIAL_ID_SIZE] = {0};
    assert_int_equal(
        kmsd_custody_generate_symmetric(custody, kms_str(EXAMPLE_ARN), id, &out), KMS_ERR_LIMIT);
    assert_memory_equal(id, zero, sizeof(id));
    assert_int_equal(kmsd_custody_encrypt(custody, &key.material, kms_str(EXAMPLE_KEY_ID), NULL,
                         kms_bytes("text", 4), &out),
        KMS_ERR_LIMIT);
    assert_int_equal(out.len, 0);
    discard(&key);
    kmsd_custody_free(custody);
}

static void random_bytes_are_random(void **state)
{
    (void)state;
    uint8_t one[1024];
    uint8_t two[1024];
    uint8_t seen[256] = {0};
    size_t different = 0;
    assert_int_equal(kmsd_custody_random(one, sizeof(one)), KMS_OK);
    assert_int_equal(kmsd_custody_random(two, sizeof(two)), KMS_OK);
    assert_memory_not_equal(one, two, sizeof(one));
    for (size_t i = 0; i < sizeof(one); i++)
        different += seen[one[i]]++ == 0;
    assert_true(different > 200); /* 251 expected of 256 */
    assert_int_equal(kmsd_custody_random(NULL, 0), KMS_OK);
    assert_int_equal(kmsd_custody_random(one, SIZE_MAX), KMS_ERR_LIMIT);
}

/* --- without randomness ----------------------------------------------------------------------- */

static int no_bytes(unsigned char *out, int len)
{
    memset(out, 0, (size_t)len); /* what must not be used for anything */
    return 0;
}

static int no_entropy(void)
{
    return 0;
}

static void without_randomness_nothing_is_made(void **state)
{
    (void)state;
    static const RAND_METHOD broken = {
        .bytes = no_bytes, .pseudorand = no_bytes, .status = no_entropy};
    static const char path[] = "/tmp/kmsd-test-custody-root.key";
    struct kmsd_custody *custody = example_custody();
    struct key key;
    generate(custody, EXAMPLE_ARN, &key);
    KMS_BUF_AUTO out;
    kms_buf_init(&out, KMSD_CIPHERTEXT_MAX);
    uint8_t id[KMSD_MATERIAL_ID_SIZE];
    uint8_t random[32];
    const RAND_METHOD *before = RAND_get_rand_method();
    assert_int_equal(RAND_set_rand_method(&broken), 1);
    enum kms_err errors[] = {
        kmsd_custody_encrypt(
            custody, &key.material, kms_str(EXAMPLE_KEY_ID), NULL, kms_bytes("text", 4), &out),
        kmsd_custody_generate_symmetric(custody, kms_str(EXAMPLE_ARN), id, &out),
        kmsd_custody_seal(custody, kms_str("p"), kms_str("o"), kms_bytes("text", 4), &out),
        kmsd_custody_random(random, sizeof(random)),
        kmsd_rootkey_create(path, NULL),
    };
    assert_int_equal(RAND_set_rand_method(before), 1);
    for (size_t i = 0; i < COUNT_OF(errors); i++)
        assert_int_equal(errors[i], KMS_ERR_CRYPTO);
    assert_int_equal(out.len, 0);
    assert_int_equal(access(path, F_OK), -1);
    encrypt_text(custody, &key, NULL, &out); /* and then it works again */
    assert_true(out.len > 0);
    discard(&key);
    kmsd_custody_free(custody);
}

/* --- threads ---------------------------------------------------------------------------------- */

enum { THREADS = 8, ROUNDS = 400 };

struct worker {
    pthread_t thread;
    struct kmsd_custody *custody;
    const struct kmsd_material *material;
    unsigned number;
    unsigned done;
};

static bool round_trip(const struct worker *worker, unsigned round)
{
    char text[64];
    int len = snprintf(text, sizeof(text), "thread %u, round %u", worker->number, round);
    struct kms_str_pair pair = {KMS_STR_LITERAL("who"), {text, (size_t)len}};
    struct kms_str_map context = {&pair, 1};
    KMS_BUF_AUTO blob;
    KMS_BUF_AUTO out;
    struct kmsd_ciphertext parsed;
    kms_buf_init(&blob, KMSD_CIPHERTEXT_MAX);
    kms_buf_init(&out, KMSD_PLAINTEXT_MAX);
    return kmsd_custody_encrypt(worker->custody, worker->material, kms_str(EXAMPLE_KEY_ID),
               &context, kms_bytes(text, (size_t)len), &blob) == KMS_OK &&
           kmsd_ciphertext_parse(kms_buf_bytes(&blob), &parsed) == KMS_OK &&
           kmsd_custody_decrypt(worker->custody, worker->material, &parsed, &context, &out) ==
               KMS_OK &&
           kms_str_is(kms_buf_str(&out), text) &&
           kmsd_custody_verify(worker->custody, worker->material) == KMS_OK;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    for (unsigned round = 0; round < ROUNDS; round++)
        worker->done += round_trip(worker, round);
    return NULL;
}

static void threads_share_a_custody(void **state)
{
    (void)state;
    struct kmsd_custody *custody = example_custody();
    struct key key;
    generate(custody, EXAMPLE_ARN, &key);
    struct worker workers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.custody = custody, .material = &key.material, .number = i};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_int_equal(workers[i].done, ROUNDS);
    }
    discard(&key);
    kmsd_custody_free(custody);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_documented_example_opens),
        cmocka_unit_test(what_is_encrypted_decrypts),
        cmocka_unit_test(no_two_ciphertexts_share_nonce_or_iv),
        cmocka_unit_test(the_context_is_bound_whatever_its_order),
        cmocka_unit_test(every_bit_of_a_ciphertext_matters),
        cmocka_unit_test(material_opens_in_its_own_row_only),
        cmocka_unit_test(another_root_key_opens_nothing),
        cmocka_unit_test(sealed_secrets_open_in_their_place_only),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(random_bytes_are_random),
        cmocka_unit_test(without_randomness_nothing_is_made),
        cmocka_unit_test(threads_share_a_custody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * What a KMS encryption costs in custody (unwrap the material, derive the message's key, encrypt,
 * with fresh nonces), as a ratio to the least that it could be: AES-256-GCM of the same bytes by
 * libcrypto with a kept context and a new key each time. Run in turns, so that all see the same
 * machine; processor time is counted, and the best turn of each.
 *
 *     bench_custody [milliseconds per turn]
 */
#include "kmsd/crypto/custody.h"
#include "kmsd/crypto/init.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define KEY_ID "1234abcd-12ab-34cd-56ef-1234567890ab"

enum { TURNS = 5, BATCH = 64, SIZES = 3 };

static const size_t sizes[SIZES] = {32, 1024, KMSD_PLAINTEXT_MAX};

struct bench {
    struct kmsd_custody *custody;
    struct kmsd_material material;
    struct kms_str_map context;
    struct kms_bytes plaintext;
    struct kmsd_ciphertext parsed;
    struct kms_buf blob;
    struct kms_buf out;
    EVP_CIPHER_CTX *gcm;
};

typedef bool run_once(struct bench *bench);

static double now_ns(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static bool raw_encrypt(struct bench *bench)
{
    static const uint8_t key[32] = {1};
    static const uint8_t iv[12] = {2};
    uint8_t *out = kms_buf_extend(&bench->out, bench->plaintext.len + 16);
    int len = 0;
    bool ok =
        out != NULL && EVP_EncryptInit_ex2(bench->gcm, NULL, key, iv, NULL) == 1 &&
        EVP_EncryptUpdate(
            bench->gcm, out, &len, bench->plaintext.data, (int)bench->plaintext.len) == 1 &&
        EVP_EncryptFinal_ex(bench->gcm, out + len, &len) == 1 &&
        EVP_CIPHER_CTX_ctrl(bench->gcm, EVP_CTRL_AEAD_GET_TAG, 16, out + bench->plaintext.len) == 1;
    kms_buf_reset(&bench->out);
    return ok;
}

static bool encrypt(struct bench *bench)
{
    enum kms_err err = kmsd_custody_encrypt(bench->custody, &bench->material, kms_str(KEY_ID),
        &bench->context, bench->plaintext, &bench->out);
    kms_buf_reset(&bench->out);
    return err == KMS_OK;
}

static bool decrypt(struct bench *bench)
{
    enum kms_err err = kmsd_ciphertext_parse(kms_buf_bytes(&bench->blob), &bench->parsed);
    if (err == KMS_OK)
        err = kmsd_custody_decrypt(
            bench->custody, &bench->material, &bench->parsed, &bench->context, &bench->out);
    kms_buf_reset(&bench->out);
    return err == KMS_OK;
}

/* The lesser of best and the nanoseconds per call in one turn. */
static double turn(struct bench *bench, run_once *run, double turn_ns, double best)
{
    size_t calls = 0;
    double start = now_ns();
    double spent = 0;
    while (spent < turn_ns) {
        for (int i = 0; i < BATCH; i++) {
            if (!run(bench)) {
                (void)fprintf(stderr, "bench_custody: a call failed\n");
                exit(1);
            }
        }
        calls += BATCH;
        spent = now_ns() - start;
    }
    double each = spent / (double)calls;
    return best == 0 || each < best ? each : best;
}

static void run_size(struct bench *bench, size_t size, double turn_ns)
{
    static const uint8_t zeros[KMSD_PLAINTEXT_MAX];
    bench->plaintext = kms_bytes(zeros, size);
    kms_buf_reset(&bench->blob);
    if (kmsd_custody_encrypt(bench->custody, &bench->material, kms_str(KEY_ID), &bench->context,
            bench->plaintext, &bench->blob) != KMS_OK)
        exit(1);
    double raw = 0;
    double encrypting = 0;
    double decrypting = 0;
    for (int i = 0; i < TURNS; i++) {
        raw = turn(bench, raw_encrypt, turn_ns, raw);
        encrypting = turn(bench, encrypt, turn_ns, encrypting);
        decrypting = turn(bench, decrypt, turn_ns, decrypting);
    }
    (void)printf("%5zu bytes: raw AES-256-GCM %6.0f ns, encrypt %6.0f ns (%.2f of it), "
                 "decrypt %6.0f ns (%.2f)\n",
        size, raw, encrypting, encrypting / raw, decrypting, decrypting / raw);
}

static bool set_up(struct bench *bench, struct kms_buf *wrapped)
{
    struct kms_secret *root_key = NULL;
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    bench->gcm = EVP_CIPHER_CTX_new();
    bench->material.key_arn = kms_str("arn:aws:kms:eu-central-1:111122223333:key/" KEY_ID);
    bench->material.record_version = KMSD_MATERIAL_VERSION;
    bool ok = cipher != NULL && bench->gcm != NULL &&
              EVP_EncryptInit_ex2(bench->gcm, cipher, NULL, NULL, NULL) == 1 &&
              kmsd_crypto_init(NULL) == KMS_OK &&
              kms_secret_random(KMSD_ROOT_KEY_SIZE, &root_key) == KMS_OK &&
              kmsd_custody_new(root_key, &bench->custody) == KMS_OK &&
              kmsd_custody_generate_symmetric(
                  bench->custody, bench->material.key_arn, bench->material.id, wrapped) == KMS_OK;
    bench->material.wrapped = kms_buf_bytes(wrapped);
    EVP_CIPHER_free(cipher);
    return ok;
}

int main(int argc, char **argv)
{
    static const struct kms_str_pair pairs[] = {
        {KMS_STR_LITERAL("purpose"), KMS_STR_LITERAL("backup")},
        {KMS_STR_LITERAL("host"), KMS_STR_LITERAL("db-1.example.com")},
    };
    double turn_ms = argc > 1 ? strtod(argv[1], NULL) : 100;
    struct bench bench = {.context = {pairs, 2}};
    KMS_BUF_AUTO wrapped;
    kms_buf_init(&wrapped, 256);
    kms_buf_init(&bench.blob, KMSD_CIPHERTEXT_MAX);
    kms_buf_init(&bench.out, KMSD_CIPHERTEXT_MAX);
    bool ok = set_up(&bench, &wrapped);
    for (size_t i = 0; ok && i < SIZES; i++)
        run_size(&bench, sizes[i], turn_ms * 1e6);
    kmsd_custody_free(bench.custody);
    EVP_CIPHER_CTX_free(bench.gcm);
    kms_buf_clean_up(&bench.blob);
    kms_buf_clean_up(&bench.out);
    return ok ? 0 : 1;
}

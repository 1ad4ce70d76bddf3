/*
 * What a signature costs in custody, as a ratio of its rate to that of a bare loop over libcrypto's
 * own call with everything set up beforehand (which is what `openssl speed` does), in the same run
 * and in turns. Twice: with the key kept ready from its last use, and with the key unwrapped and
 * decoded for each signature, which shows what the cache is worth. One thread's processor time is counted; of several, which
 * use the same key and may wait for each other, the wall time.
 *
 *     bench_sign [milliseconds per turn [threads]]
 */
#include "kmsd/crypto/custody.h"
#include "kmsd/crypto/init.h"
#include "kmsd/crypto/kind.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ARN "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

enum { TURNS = 3, BATCH = 8, THREADS_MAX = 64, SIGNATURE_MAX = 8192 };

static const struct subject {
    const char *name;
    enum kms_key_spec spec;
    enum kms_signing_algorithm algorithm;
    enum kms_message_type type;
    size_t message_len;
} subjects[] = {
    {"P-256", KMS_KEY_SPEC_ECC_NIST_P256, KMS_SIGNING_ALGORITHM_ECDSA_SHA_256,
        KMS_MESSAGE_TYPE_DIGEST, 32},
    {"Ed25519", KMS_KEY_SPEC_ECC_NIST_EDWARDS25519, KMS_SIGNING_ALGORITHM_ED25519_SHA_512,
        KMS_MESSAGE_TYPE_RAW, 32},
    {"RSA-2048", KMS_KEY_SPEC_RSA_2048, KMS_SIGNING_ALGORITHM_RSASSA_PKCS1_V1_5_SHA_256,
        KMS_MESSAGE_TYPE_DIGEST, 32},
    {"RSA-4096", KMS_KEY_SPEC_RSA_4096, KMS_SIGNING_ALGORITHM_RSASSA_PKCS1_V1_5_SHA_256,
        KMS_MESSAGE_TYPE_DIGEST, 32},
    {"P-384", KMS_KEY_SPEC_ECC_NIST_P384, KMS_SIGNING_ALGORITHM_ECDSA_SHA_384,
        KMS_MESSAGE_TYPE_DIGEST, 48},
    {"P-521", KMS_KEY_SPEC_ECC_NIST_P521, KMS_SIGNING_ALGORITHM_ECDSA_SHA_512,
        KMS_MESSAGE_TYPE_DIGEST, 64},
    {"secp256k1", KMS_KEY_SPEC_ECC_SECG_P256K1, KMS_SIGNING_ALGORITHM_ECDSA_SHA_256,
        KMS_MESSAGE_TYPE_DIGEST, 32},
    {"ML-DSA-65", KMS_KEY_SPEC_ML_DSA_65, KMS_SIGNING_ALGORITHM_ML_DSA_SHAKE_256,
        KMS_MESSAGE_TYPE_RAW, 32},
};

struct bench {
    const struct subject *subject;
    struct kmsd_custody *custody;
    struct kmsd_material material;
    struct kmsd_message message;
    EVP_PKEY *bare;     /* another key of the same kind */
    const char *digest; /* the bare loop signs digests of this; NULL: messages */
};

/* One signature each; state is the thread's own. */
typedef bool sign_once(const struct bench *bench, void *state);

static bool sign_ready(const struct bench *bench, void *state)
{
    struct kms_buf *out = state;
    kms_buf_reset(out);
    return kmsd_custody_sign(bench->custody, &bench->material, &bench->message, out) == KMS_OK;
}

static bool sign_unwrapping(const struct bench *bench, void *state)
{
    kmsd_custody_forget(bench->custody, bench->material.id);
    return sign_ready(bench, state);
}

struct bare_state {
    EVP_PKEY_CTX *context;
    EVP_MD_CTX *md_context;
};

static bool sign_bare(const struct bench *bench, void *state)
{
    const struct bare_state *bare = state;
    uint8_t out[SIGNATURE_MAX];
    size_t len = sizeof(out);
#if OPENSSL_VERSION_NUMBER >= 0x30400000L /* a context there signs once */
    if (bench->digest == NULL && EVP_DigestSignInit(bare->md_context, NULL, NULL, NULL, NULL) != 1)
        return false;
#endif
    if (bench->digest == NULL)
        return EVP_DigestSign(bare->md_context, out, &len, bench->message.bytes.data,
                   bench->message.bytes.len) == 1;
    return EVP_PKEY_sign(
               bare->context, out, &len, bench->message.bytes.data, bench->message.bytes.len) == 1;
}

static bool bare_init(const struct bench *bench, struct bare_state *bare)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, (char *)bench->digest, 0),
        OSSL_PARAM_construct_end(),
    };
    bare->md_context = EVP_MD_CTX_new();
    bare->context = EVP_PKEY_CTX_new_from_pkey(NULL, bench->bare, NULL);
    if (bench->digest == NULL)
        return EVP_DigestSignInit(bare->md_context, NULL, NULL, NULL, bench->bare) == 1;
    return EVP_PKEY_sign_init_ex(bare->context, params) == 1;
}

/* --- timing ----------------------------------------------------------------------------------- */

struct run {
    const struct bench *bench;
    sign_once *sign;
    double turn_ns;
    clockid_t clock;
    atomic_size_t calls;
    _Atomic(double) spent_ns; /* of one thread; all take as long */
};

static double now_ns(clockid_t clock)
{
    struct timespec time;
    (void)clock_gettime(clock, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void *loop(void *argument)
{
    struct run *run = argument;
    KMS_BUF_AUTO out;
    kms_buf_init(&out, SIGNATURE_MAX);
    struct bare_state bare = {.context = NULL};
    void *state = run->sign == sign_bare ? (void *)&bare : (void *)&out;
    bool ok = run->sign != sign_bare || bare_init(run->bench, &bare);
    size_t calls = 0;
    double start = now_ns(run->clock);
    double spent = 0;
    while (ok && spent < run->turn_ns) {
        for (int i = 0; ok && i < BATCH; i++)
            ok = run->sign(run->bench, state);
        calls += BATCH;
        spent = now_ns(run->clock) - start;
    }
    (void)atomic_fetch_add(&run->calls, calls);
    atomic_store(&run->spent_ns, spent);
    EVP_PKEY_CTX_free(bare.context);
    EVP_MD_CTX_free(bare.md_context);
    if (!ok) {
        (void)fprintf(stderr, "bench_sign: %s: a call failed\n", run->bench->subject->name);
        exit(1);
    }
    return NULL;
}

/* Signatures a second, or best if that is more. */
static double turn(
    const struct bench *bench, sign_once *sign, double turn_ns, size_t threads, double best)
{
    clockid_t clock = threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
    struct run run = {.bench = bench, .sign = sign, .turn_ns = turn_ns, .clock = clock};
    pthread_t ids[THREADS_MAX];
    for (size_t i = 0; i < threads; i++) {
        if (pthread_create(&ids[i], NULL, loop, &run) != 0)
            exit(1);
    }
    for (size_t i = 0; i < threads; i++)
        (void)pthread_join(ids[i], NULL);
    double rate = (double)atomic_load(&run.calls) / atomic_load(&run.spent_ns) * 1e9;
    return rate > best ? rate : best;
}

static void measure(struct bench *bench, double turn_ns, size_t threads)
{
    double bare = 0;
    double ready = 0;
    double unwrapping = 0;
    for (int i = 0; i < TURNS; i++) {
        bare = turn(bench, sign_bare, turn_ns, threads, bare);
        bench->material.as_of = kmsd_custody_forgets(bench->custody); /* so that it is kept */
        ready = turn(bench, sign_ready, turn_ns, threads, ready);
        unwrapping = turn(bench, sign_unwrapping, turn_ns, threads, unwrapping);
    }
    (void)printf("%-10s bare %8.0f/s, key ready %8.0f/s (%.2f), key unwrapped each time %8.0f/s "
                 "(%.2f)\n",
        bench->subject->name, bare, ready, ready / bare, unwrapping, unwrapping / bare);
}

/* --- keys ------------------------------------------------------------------------------------- */

static EVP_PKEY *bare_key(struct kmsd_custody *custody, enum kms_key_spec spec)
{
    KMS_BUF_AUTO private_key;
    KMS_BUF_AUTO public_key;
    kms_buf_init(&private_key, KMSD_PRIVATE_KEY_MAX);
    kms_buf_init(&public_key, KMSD_PUBLIC_KEY_MAX);
    if (kmsd_custody_generate_key_pair(custody, spec, &private_key, &public_key) != KMS_OK)
        return NULL;
    const uint8_t *at = private_key.data;
    return d2i_AutoPrivateKey(NULL, &at, (long)private_key.len);
}

static void run(struct bench *bench, double turn_ns, size_t threads)
{
    static const uint8_t bytes[64] = {1, 2, 3};
    const struct kmsd_kind *kind = kmsd_kind_find(bench->subject->spec, KMS_KEY_USAGE_SIGN_VERIFY);
    const struct kmsd_new_material wanted = {
        kms_str(ARN), bench->subject->spec, KMS_KEY_USAGE_SIGN_VERIFY};
    KMS_BUF_AUTO wrapped;
    KMS_BUF_AUTO public_key;
    kms_buf_init(&wrapped, KMSD_WRAPPED_MAX);
    kms_buf_init(&public_key, KMSD_PUBLIC_KEY_MAX);
    if (kmsd_kind_available(kind) != KMS_OK) {
        (void)printf("%-10s not offered by this libcrypto\n", bench->subject->name);
        return;
    }
    bench->material = (struct kmsd_material){.key_arn = wanted.key_arn,
        .record_version = KMSD_MATERIAL_VERSION,
        .spec = wanted.spec,
        .usage = wanted.usage};
    if (kmsd_custody_generate(bench->custody, &wanted, bench->material.id, &wrapped, &public_key) !=
        KMS_OK)
        exit(1);
    bench->material.wrapped = kms_buf_bytes(&wrapped);
    bench->material.public_key = kms_buf_bytes(&public_key);
    bench->message = (struct kmsd_message){bench->subject->algorithm, bench->subject->type,
        kms_bytes(bytes, bench->subject->message_len)};
    bench->digest = kmsd_kind_signing(kind, bench->subject->algorithm)->digest;
    bench->bare = bare_key(bench->custody, bench->subject->spec);
    if (bench->bare == NULL)
        exit(1);
    measure(bench, turn_ns, threads);
    EVP_PKEY_free(bench->bare);
}

int main(int argc, char **argv)
{
    double turn_ms = argc > 1 ? strtod(argv[1], NULL) : 300;
    size_t threads = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    struct kms_secret *root_key = NULL;
    struct kmsd_custody *custody = NULL;
    if (threads < 1 || threads > THREADS_MAX || kmsd_crypto_init(NULL) != KMS_OK ||
        kms_secret_random(KMSD_ROOT_KEY_SIZE, &root_key) != KMS_OK ||
        kmsd_custody_new(root_key, &custody) != KMS_OK)
        return 1;
    for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
        struct bench bench = {.subject = &subjects[i], .custody = custody};
        run(&bench, turn_ms * 1e6, threads);
    }
    kmsd_custody_free(custody);
    return 0;
}

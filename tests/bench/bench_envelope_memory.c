/*
 * bench_envelope_memory [MIB [FRAME]]: messages in memory on one thread, against bare AES-256-GCM of
 * libcrypto over pieces of a frame's length, as `openssl speed -evp aes-256-gcm -bytes FRAME` measures
 * it, in turns in the same run. The first line is for one message of MIB, the second for many of
 * 1 MiB, one after the other, which cost as much to set up but stay in the processor's caches.
 *
 * Time is the thread's own processor time, the best of fifteen rounds: all of a message but the release of
 * its result, which wipes it. The allocator is told to keep what is freed: fresh pages from the system,
 * which messages over 32 MiB are in any case, take longer to be zeroed than to be encrypted.
 */
#include <kms/envelope.h>

#include <limits.h>
#include <malloc.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 15, MIB = 1 << 20, MANY = 64 };

struct work {
    const struct kms_keyring *keyring;
    struct kms_bytes plaintext; /* of each message */
    size_t messages;
    uint32_t frame;
};

static double cpu_seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "%s failed\n", what);
    exit(1);
}

/* What openssl speed does: the same piece over and over, neither tags nor new IVs. */
static double bare(const struct work *work)
{
    size_t total = work->plaintext.len * work->messages;
    size_t frame = work->frame;
    static const uint8_t key[32];
    uint8_t *in = calloc(1, frame);
    uint8_t *out = calloc(1, frame);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    check(in != NULL && out != NULL && ctx != NULL &&
              EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, key) == 1,
        "setting up");
    double start = cpu_seconds();
    for (size_t done = 0; done < total; done += frame)
        check(EVP_EncryptUpdate(ctx, out, &n, in, (int)frame) == 1, "encrypting");
    double took = cpu_seconds() - start;
    EVP_CIPHER_CTX_free(ctx);
    free(in);
    free(out);
    return took;
}

static struct kms_envelope_encrypt_options options_of(const struct work *work)
{
    return (struct kms_envelope_encrypt_options){
        .keyring = work->keyring, .frame_length = work->frame};
}

/* The last message is given out. */
static double encrypt(const struct work *work, uint8_t **message, size_t *len)
{
    const struct kms_envelope_encrypt_options options = options_of(work);
    double took = 0;
    for (size_t i = 0; i < work->messages; i++) {
        kms_envelope_buffer_free(*message, *len);
        double start = cpu_seconds();
        check(kms_envelope_encrypt(&options, work->plaintext, message, len, NULL, NULL) == KMS_OK,
            "encrypting");
        took += cpu_seconds() - start;
    }
    return took;
}

static double decrypt(const struct work *work, struct kms_bytes message)
{
    const struct kms_envelope_decrypt_options options = {.keyring = work->keyring};
    uint8_t *opened = NULL;
    size_t len = 0;
    double took = 0;
    for (size_t i = 0; i < work->messages; i++) {
        kms_envelope_buffer_free(opened, len);
        double start = cpu_seconds();
        check(kms_envelope_decrypt(&options, message, &opened, &len, NULL, NULL) == KMS_OK,
            "decrypting");
        took += cpu_seconds() - start;
    }
    check(
        len == work->plaintext.len && memcmp(opened, work->plaintext.data, len) == 0, "comparing");
    kms_envelope_buffer_free(opened, len);
    return took;
}

static void stream_one(const struct work *work, uint8_t *room_data, size_t room_len)
{
    const struct kms_envelope_encrypt_options options = options_of(work);
    struct kms_envelope_encryptor *encryptor = NULL;
    struct kms_bytes in = work->plaintext;
    bool done = false;
    check(kms_envelope_encryptor_new(&options, &encryptor, NULL) == KMS_OK, "beginning");
    while (!done) {
        struct kms_room room = {.data = room_data, .len = room_len};
        check(kms_envelope_encryptor_step(encryptor, &in, true, &room, &done, NULL) == KMS_OK,
            "encrypting");
    }
    kms_envelope_encryptor_free(encryptor);
}

/* Through an encryptor into a buffer for a few frames, as a sender would. */
static double stream(const struct work *work)
{
    size_t room_len = 4 * ((size_t)work->frame + 32); /* with heads and tags */
    uint8_t *room_data = calloc(1, room_len);
    check(room_data != NULL, "setting up");
    double start = cpu_seconds();
    for (size_t i = 0; i < work->messages; i++)
        stream_one(work, room_data, room_len);
    double took = cpu_seconds() - start;
    free(room_data);
    return took;
}

struct results {
    double bare;
    double encrypt;
    double stream;
    double decrypt;
};

static void keep_best(double *best, double took)
{
    if (*best == 0 || took < *best)
        *best = took;
}

static void round_of_all(const struct work *work, struct results *best)
{
    uint8_t *message = NULL;
    size_t len = 0;
    keep_best(&best->bare, bare(work));
    keep_best(&best->encrypt, encrypt(work, &message, &len));
    keep_best(&best->stream, stream(work));
    keep_best(&best->decrypt, decrypt(work, kms_bytes(message, len)));
    kms_envelope_buffer_free(message, len);
}

static void measure(const struct work *work)
{
    struct results best = {0};
    for (int i = 0; i < ROUNDS; i++)
        round_of_all(work, &best);
    double mb = (double)(work->plaintext.len * work->messages) / 1e6;
    (void)printf("one thread, %zu x %zu MiB, frames of %u: aes-256-gcm %.0f MB/s; buffer encrypt "
                 "%.2f, decrypt %.2f, stream encrypt %.2f of it\n",
        work->messages, work->plaintext.len / MIB, work->frame, mb / best.bare,
        best.bare / best.encrypt, best.bare / best.decrypt, best.bare / best.stream);
}

int main(int argc, char **argv)
{
    static const uint8_t key[32] = "a fixed key, for measuring only";
    size_t total = (argc > 1 ? strtoul(argv[1], NULL, 10) : 16) * MIB;
    uint32_t frame = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 65536;
    struct kms_keyring *keyring = NULL;
    (void)mallopt(M_MMAP_THRESHOLD, 32 * MIB);
    (void)mallopt(M_TRIM_THRESHOLD, INT_MAX);
    uint8_t *plaintext = malloc(total);
    check(total >= MIB && plaintext != NULL &&
              kms_keyring_new_raw_aes(kms_str("bench"), kms_str("fixed"),
                  kms_bytes(key, sizeof(key)), &keyring) == KMS_OK,
        "setting up");
    for (size_t i = 0; i < total; i++)
        plaintext[i] = (uint8_t)(i * 131 >> 3);
    const struct work one = {keyring, kms_bytes(plaintext, total), 1, frame};
    const struct work many = {keyring, kms_bytes(plaintext, MIB), MANY, frame};
    measure(&one);
    measure(&many);
    kms_keyring_free(keyring);
    free(plaintext);
    return 0;
}

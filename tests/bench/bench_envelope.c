/*
 * Encrypts, decrypts or re-encrypts a file with a fixed raw AES key, so that the envelope can be
 * measured without a service: what time and memory it takes is for the caller to measure.
 *
 *   bench_envelope encrypt|decrypt|reencrypt|verify IN OUT [frame length [threads [suite]]]
 *   bench_envelope range IN OUT       opening, then 1,000 reads of 4 KiB here and there
 */
#include <kms/envelope_range.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct job {
    int in;
    int out;
    struct kms_keyring *keyring;
    struct kms_envelope_encrypt_options encrypt;
    struct kms_envelope_decrypt_options decrypt;
    struct kms_envelope_fd_options fds;
};

static enum kms_err run(const char *verb, const struct job *job, struct kms_envelope_info **info,
    struct kms_envelope_failure *failure)
{
    if (strcmp(verb, "encrypt") == 0)
        return kms_envelope_encrypt_fd(job->in, job->out, &job->encrypt, &job->fds, info, failure);
    if (strcmp(verb, "decrypt") == 0)
        return kms_envelope_decrypt_fd(job->in, job->out, &job->decrypt, &job->fds, info, failure);
    if (strcmp(verb, "reencrypt") == 0)
        return kms_envelope_reencrypt_fd(
            job->in, job->out, &job->decrypt, &job->encrypt, &job->fds, info, failure);
    if (strcmp(verb, "verify") == 0)
        return kms_envelope_verify_fd(job->in, &job->decrypt, &job->fds, info, failure);
    return KMS_ERR_INVALID_ARGUMENT;
}

static double seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static enum kms_err read_ranges(const struct job *job, struct kms_envelope_failure *failure)
{
    enum { READS = 1000, LEN = 4096 };
    uint8_t part[LEN];
    struct kms_envelope_reader *reader = NULL;
    double start = seconds();
    enum kms_err err = kms_envelope_reader_open(job->in, &job->decrypt, &reader, failure);
    double opened = seconds();
    uint64_t x = 88172645463325252u; /* xorshift */
    for (int i = 0; i < READS && err == KMS_OK; i++) {
        size_t got = 0;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        err = kms_envelope_pread(
            reader, part, LEN, x % kms_envelope_reader_size(reader), &got, failure);
    }
    if (err == KMS_OK)
        (void)printf("range: opened in %.3f ms, 4 KiB read in %.3f ms of %llu bytes\n",
            (opened - start) * 1e3, (seconds() - opened) * 1e3 / READS,
            (unsigned long long)kms_envelope_reader_size(reader));
    kms_envelope_reader_free(reader);
    return err;
}

int main(int argc, char **argv)
{
    static const uint8_t key[32] = "a fixed key, for measuring only";
    if (argc < 4) {
        (void)fprintf(stderr,
            "usage: %s encrypt|decrypt|reencrypt IN OUT [frame length [threads [suite]]]\n",
            argv[0]);
        return 2;
    }
    struct job job = {.in = open(argv[2], O_RDONLY | O_CLOEXEC)};
    job.out = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (job.in < 0 || job.out < 0) {
        perror("open");
        return 1;
    }
    enum kms_err err = kms_keyring_new_raw_aes(
        kms_str("bench"), kms_str("fixed"), kms_bytes(key, sizeof(key)), &job.keyring);
    if (err != KMS_OK) {
        (void)fprintf(stderr, "keyring: %s\n", kms_err_text(err));
        return 1;
    }
    job.encrypt.keyring = job.decrypt.keyring = job.keyring;
    job.encrypt.frame_length = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 0) : 0;
    job.fds.threads = argc > 5 ? (unsigned)strtoul(argv[5], NULL, 0) : 0;
    job.encrypt.suite = argc > 6 ? (enum kms_envelope_suite)strtoul(argv[6], NULL, 16) : 0;

    struct kms_envelope_failure failure;
    struct kms_envelope_info *info = NULL;
    double start = seconds();
    if (strcmp(argv[1], "range") == 0) {
        err = read_ranges(&job, &failure);
        if (err != KMS_OK)
            (void)fprintf(stderr, "range: frame %u: %s\n", failure.frame, failure.text);
        kms_keyring_free(job.keyring);
        return err == KMS_OK ? 0 : 1;
    }
    err = run(argv[1], &job, &info, &failure);
    if (err != KMS_OK)
        (void)fprintf(stderr, "%s: frame %u: %s\n", argv[1], failure.frame, failure.text);
    else
        (void)printf("%s: %.3f s, %llu bytes of plaintext in %llu frames of %u\n", argv[1],
            seconds() - start, (unsigned long long)info->plaintext_len,
            (unsigned long long)info->frames, info->frame_length);
    kms_envelope_info_free(info);
    kms_keyring_free(job.keyring);
    (void)close(job.in);
    (void)close(job.out);
    return err == KMS_OK ? 0 : 1;
}

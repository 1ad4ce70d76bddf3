/*
 * Encrypts or decrypts a stream piece by piece, as a program does that has its data from somewhere else
 * than a descriptor: the library is fed and drained, and does no I/O of its own.
 *
 *   stream_file encrypt|decrypt KEY-FILE <in >out
 *
 * KEY-FILE holds an AES key of 32 bytes. What decrypt writes is verified frame by frame, but the whole
 * is authentic only when it exits with 0: throw the output away otherwise.
 */
#include <kms/kms.h>

#include <stdio.h>
#include <string.h>

enum { PIECE = 64 * 1024 };

/* Either direction: the two step functions are alike. */
struct stream {
    struct kms_envelope_encryptor *encryptor;
    struct kms_envelope_decryptor *decryptor;
};

static enum kms_err step(struct stream *stream, struct kms_bytes *in, bool end,
    struct kms_room *out, bool *done, struct kms_envelope_failure *failure)
{
    return stream->encryptor != NULL
               ? kms_envelope_encryptor_step(stream->encryptor, in, end, out, done, failure)
               : kms_envelope_decryptor_step(stream->decryptor, in, end, out, done, failure);
}

static enum kms_err pump(struct stream *stream, struct kms_envelope_failure *failure)
{
    static uint8_t in_bytes[PIECE];
    static uint8_t out_bytes[PIECE];
    struct kms_bytes in = kms_bytes(in_bytes, 0);
    bool end = false;
    bool done = false;
    while (!done) {
        if (in.len == 0 && !end) {
            in = kms_bytes(in_bytes, fread(in_bytes, 1, PIECE, stdin));
            end = in.len < PIECE;
        }
        struct kms_room out = {.data = out_bytes, .len = PIECE};
        enum kms_err err = step(stream, &in, end, &out, &done, failure);
        size_t len = PIECE - out.len; /* also on an error: what was verified before it */
        if (fwrite(out_bytes, 1, len, stdout) != len)
            return KMS_ERR_IO;
        if (err != KMS_OK)
            return err;
    }
    return ferror(stdin) || fflush(stdout) != 0 ? KMS_ERR_IO : KMS_OK;
}

int main(int argc, char **argv)
{
    uint8_t key[32];
    struct kms_keyring *keyring = NULL;
    struct kms_envelope_failure failure = {0};
    struct stream stream = {NULL, NULL};
    FILE *key_file = argc == 3 ? fopen(argv[2], "rb") : NULL;
    if (key_file == NULL || fread(key, 1, sizeof(key), key_file) != sizeof(key)) {
        (void)fprintf(stderr, "usage: %s encrypt|decrypt KEY-FILE <in >out\n", argv[0]);
        return 2;
    }
    (void)fclose(key_file);
    enum kms_err err = kms_keyring_new_raw_aes(
        kms_str("example"), kms_str("file"), kms_bytes(key, sizeof(key)), &keyring);
    if (err == KMS_OK && strcmp(argv[1], "encrypt") == 0) {
        const struct kms_envelope_encrypt_options options = {.keyring = keyring};
        err = kms_envelope_encryptor_new(&options, &stream.encryptor, &failure);
    } else if (err == KMS_OK) {
        const struct kms_envelope_decrypt_options options = {.keyring = keyring};
        err = kms_envelope_decryptor_new(&options, &stream.decryptor, &failure);
    }
    if (err == KMS_OK)
        err = pump(&stream, &failure);
    if (err != KMS_OK)
        (void)fprintf(stderr, "%s: %s (frame %u, offset %llu)\n", argv[1],
            failure.err == KMS_OK ? kms_err_text(err) : failure.text, failure.frame,
            (unsigned long long)failure.offset);
    kms_envelope_encryptor_free(stream.encryptor);
    kms_envelope_decryptor_free(stream.decryptor);
    kms_keyring_free(keyring);
    return err == KMS_OK ? 0 : 1;
}

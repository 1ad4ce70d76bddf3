#include "tests/unit/envelope/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static enum kms_err wrap_given(const struct kms_keyring *base, struct kms_wrap *wrap)
{
    struct given_keyring *keyring = (struct given_keyring *)base; /* it counts its calls */
    const struct kms_envelope_edk one = {.provider_id = kms_str("given"),
        .provider_info = kms_bytes("info", 4),
        .ciphertext = kms_bytes("wrapped", 7)};
    const struct kms_envelope_edk *edks = keyring->edks == NULL ? &one : keyring->edks;
    size_t count = keyring->edks == NULL ? 1 : keyring->edk_count;
    keyring->calls++;
    enum kms_err err = kms_secret_copy(keyring->data_key, &wrap->data_key);
    for (size_t i = 0; i < count && err == KMS_OK; i++)
        err = kms_wrap_add(wrap, edks[i].provider_id, edks[i].provider_info, edks[i].ciphertext);
    return err;
}

static enum kms_err unwrap_given(const struct kms_keyring *base, struct kms_unwrap *unwrap)
{
    struct given_keyring *keyring = (struct given_keyring *)base; /* it counts its calls */
    keyring->calls++;
    return kms_unwrap_accept(unwrap, keyring->data_key);
}

static void free_given(struct kms_keyring *base)
{
    (void)base;
}

struct given_keyring given_keyring(struct kms_bytes data_key)
{
    static const struct kms_keyring_ops ops = {wrap_given, unwrap_given, free_given};
    return (struct given_keyring){.base = {&ops}, .data_key = data_key};
}

struct kms_keyring *aes_keyring(const char *name)
{
    uint8_t key[32] = {0};
    struct kms_keyring *keyring = NULL;
    for (size_t i = 0; i < sizeof(key) && name[i] != '\0'; i++)
        key[i] = (uint8_t)name[i];
    assert_ok(kms_keyring_new_raw_aes(
        kms_str("tests"), kms_str(name), kms_bytes(key, sizeof(key)), &keyring));
    return keyring;
}

uint8_t *pattern(size_t len)
{
    uint8_t *data = malloc(len + 1);
    uint32_t x = 2463534242u; /* xorshift */
    assert_non_null(data);
    for (size_t i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        data[i] = (uint8_t)x;
    }
    return data;
}

static uint8_t *read_all(FILE *file, size_t *len)
{
    size_t capacity = 4096;
    uint8_t *data = malloc(capacity);
    *len = 0;
    for (;;) {
        assert_non_null(data);
        size_t n = fread(data + *len, 1, capacity - *len, file);
        *len += n;
        if (n == 0)
            return data;
        if (*len == capacity)
            data = realloc(data, capacity *= 2);
    }
}

uint8_t *read_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("cannot open %s", path);
    uint8_t *data = read_all(file, len);
    (void)fclose(file);
    return data;
}

int temp_file(const void *contents, size_t len)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    assert_true(fd >= 0);
    for (size_t at = 0; at < len;) {
        ssize_t n = write(fd, (const uint8_t *)contents + at, len - at);
        assert_true(n > 0);
        at += (size_t)n;
    }
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

uint8_t *fd_contents(int fd, size_t *len)
{
    off_t size = lseek(fd, 0, SEEK_END);
    assert_true(size >= 0);
    uint8_t *data = malloc((size_t)size + 1);
    assert_non_null(data);
    size_t at = 0;
    while (at < (size_t)size) {
        ssize_t n = pread(fd, data + at, (size_t)size - at, (off_t)at);
        assert_true(n > 0);
        at += (size_t)n;
    }
    *len = at;
    return data;
}

uint8_t *encrypt_ok(const struct kms_envelope_encrypt_options *options, const void *plaintext,
    size_t len, size_t *out_len)
{
    uint8_t *out = NULL;
    struct kms_envelope_failure failure;
    enum kms_err err =
        kms_envelope_encrypt(options, kms_bytes(plaintext, len), &out, out_len, NULL, &failure);
    if (err != KMS_OK)
        fail_msg("encrypting: %s", failure.text);
    return out;
}

static size_t at_most(size_t len, size_t piece)
{
    return piece != 0 && len > piece ? piece : len;
}

typedef enum kms_err (*step_fn)(void *stream, struct kms_bytes *in, bool end, struct kms_room *out,
    bool *done, struct kms_envelope_failure *failure);

static enum kms_err run_in_pieces(step_fn step, void *stream, struct kms_bytes in, size_t in_piece,
    size_t out_piece, struct kms_buf *out, struct kms_envelope_failure *failure)
{
    bool done = false;
    size_t fed = 0;
    size_t room_len = out_piece == 0 ? (size_t)1 << 20 : out_piece;
    uint8_t *space = malloc(room_len);
    assert_non_null(space);
    enum kms_err err = KMS_OK;
    while (!done && err == KMS_OK) {
        size_t piece = at_most(in.len - fed, in_piece);
        struct kms_bytes view = kms_bytes(in.data + fed, piece);
        struct kms_room room = {.data = space, .len = room_len};
        err = step(stream, &view, fed + piece == in.len, &room, &done, failure);
        kms_buf_append(out, space, room_len - room.len);
        fed += piece - view.len;
    }
    free(space);
    assert_int_equal(out->err, KMS_OK);
    return err;
}

static enum kms_err decrypt_step(void *stream, struct kms_bytes *in, bool end, struct kms_room *out,
    bool *done, struct kms_envelope_failure *failure)
{
    return kms_envelope_decryptor_step(stream, in, end, out, done, failure);
}

static enum kms_err encrypt_step(void *stream, struct kms_bytes *in, bool end, struct kms_room *out,
    bool *done, struct kms_envelope_failure *failure)
{
    return kms_envelope_encryptor_step(stream, in, end, out, done, failure);
}

enum kms_err decrypt_in_pieces(const struct kms_envelope_decrypt_options *options,
    struct kms_bytes message, size_t in_piece, size_t out_piece, struct kms_buf *released,
    struct kms_envelope_failure *failure)
{
    struct kms_envelope_decryptor *decryptor = NULL;
    assert_ok(kms_envelope_decryptor_new(options, &decryptor, NULL));
    enum kms_err err =
        run_in_pieces(decrypt_step, decryptor, message, in_piece, out_piece, released, failure);
    kms_envelope_decryptor_free(decryptor);
    return err;
}

enum kms_err encrypt_in_pieces(struct kms_envelope_encryptor *encryptor, struct kms_bytes plaintext,
    size_t in_piece, size_t out_piece, struct kms_buf *out)
{
    return run_in_pieces(encrypt_step, encryptor, plaintext, in_piece, out_piece, out, NULL);
}

/* What the tests of the envelope share. */
#ifndef KMS_TEST_ENVELOPE_SUPPORT_H
#define KMS_TEST_ENVELOPE_SUPPORT_H

#include "libkms/base/buf.h"
#include "libkms/envelope/keyring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/*
 * A keyring that was given its data key and its EDKs. Writing uses them as they are; reading gives
 * the data key without looking at the EDKs. calls counts both.
 */
struct given_keyring {
    struct kms_keyring base;
    struct kms_bytes data_key;
    const struct kms_envelope_edk *edks; /* NULL: one made-up EDK */
    size_t edk_count;
    unsigned calls;
};

struct given_keyring given_keyring(struct kms_bytes data_key);

/* A raw AES keyring, name space "tests"; the key is made of the name. The caller frees it. */
struct kms_keyring *aes_keyring(const char *name);

/* Bytes that repeat in no short pattern. The caller frees them. */
uint8_t *pattern(size_t len);

/* Whole files; the caller frees. */
uint8_t *read_file(const char *path, size_t *len);

/* An open, nameless file. */
int temp_file(const void *contents, size_t len);
uint8_t *fd_contents(int fd, size_t *len); /* from its beginning; the caller frees */

/* Encrypts to memory; fails the test when that fails. The caller frees with free. */
uint8_t *encrypt_ok(const struct kms_envelope_encrypt_options *options, const void *plaintext,
    size_t len, size_t *out_len);

/* Decrypts in memory, feeding at most in_piece bytes to at most out_piece bytes of room at a time
 * (0: all at once). What was released is in released also when it fails. */
enum kms_err decrypt_in_pieces(const struct kms_envelope_decrypt_options *options,
    struct kms_bytes message, size_t in_piece, size_t out_piece, struct kms_buf *released,
    struct kms_envelope_failure *failure);
enum kms_err encrypt_in_pieces(struct kms_envelope_encryptor *encryptor, struct kms_bytes plaintext,
    size_t in_piece, size_t out_piece, struct kms_buf *out);

#define assert_ok(call) assert_int_equal((call), KMS_OK)

#endif

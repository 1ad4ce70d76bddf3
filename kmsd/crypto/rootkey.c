#include "kmsd/crypto/rootkey.h"

#include "kmsd/crypto/custody.h"
#include "kmsd/crypto/kdf.h"
#include "kmsd/crypto/private_file.h"
#include "libkms/base/encoding.h"
#include "libkms/base/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_LINE "kmsd-root-key 1\n"
#define KEY_LINE   "key "
#define CHECK_LINE "check "

enum {
    CHECK_SIZE = 8,
    KEY_TEXT = 44, /* base64 of KMSD_ROOT_KEY_SIZE bytes */
    CHECK_TEXT = 2 * CHECK_SIZE,
    KEY_AT = sizeof(FIRST_LINE) - 1 + sizeof(KEY_LINE) - 1,
    CHECK_AT = KEY_AT + KEY_TEXT + 1 + sizeof(CHECK_LINE) - 1,
    FILE_SIZE = CHECK_AT + CHECK_TEXT + 1,
};

/* --- the text --------------------------------------------------------------------------------- */

/* Writes the FILE_SIZE bytes of a root key's file. */
static enum kms_err format(const struct kms_secret *root_key, uint8_t *text)
{
    uint8_t check[KMSD_KDF_KEY_SIZE];
    char digits[CHECK_TEXT + 1];
    enum kms_err err = kmsd_kdf_derive(
        kms_secret_bytes(root_key), KMSD_LABEL_ROOT_CHECK, kms_bytes(NULL, 0), check);
    if (err != KMS_OK)
        return err;
    kms_hex_encode(kms_bytes(check, CHECK_SIZE), digits);
    memcpy(text, FIRST_LINE KEY_LINE, KEY_AT);
    kms_base64_encode(kms_secret_bytes(root_key), (char *)text + KEY_AT);
    memcpy(text + KEY_AT + KEY_TEXT, "\n" CHECK_LINE, sizeof("\n" CHECK_LINE) - 1);
    memcpy(text + CHECK_AT, digits, CHECK_TEXT);
    text[FILE_SIZE - 1] = '\n';
    kms_wipe(check, sizeof(check));
    return KMS_OK;
}

/* Takes exactly what format writes: the key is read and written again, and the texts compared. */
static enum kms_err parse(const uint8_t *text, size_t len, struct kms_secret **out)
{
    KMS_SECRET_AUTO decoded = NULL;
    KMS_SECRET_AUTO key = NULL;
    KMS_SECRET_AUTO again = NULL;
    if (len != FILE_SIZE)
        return KMS_ERR_CORRUPT;
    enum kms_err err = kms_secret_new(kms_base64_decoded_max(KEY_TEXT), &decoded);
    if (err == KMS_OK)
        err = kms_secret_new(FILE_SIZE, &again);
    if (err != KMS_OK)
        return err;
    struct kms_str base64 = {(const char *)text + KEY_AT, KEY_TEXT};
    size_t key_len = 0;
    if (kms_base64_decode(base64, kms_secret_data(decoded), &key_len) != KMS_OK ||
        key_len != KMSD_ROOT_KEY_SIZE)
        return KMS_ERR_CORRUPT;
    err = kms_secret_copy(kms_bytes(kms_secret_data(decoded), key_len), &key);
    if (err == KMS_OK)
        err = format(key, kms_secret_data(again));
    if (err != KMS_OK)
        return err;
    if (!kms_bytes_eq_ct(text, kms_secret_data(again), FILE_SIZE))
        return KMS_ERR_CORRUPT;
    *out = key;
    key = NULL; /* now the caller's */
    return KMS_OK;
}

/* --- the file --------------------------------------------------------------------------------- */

static enum kms_err failed(
    const char *doing, const char *path, enum kms_err err, struct kmsd_detail *detail)
{
    kmsd_detail_set(detail, "%s the root key file %s: %s", doing, path, strerror(errno));
    return err;
}

static bool write_all(int fd, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, data, len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        data += written;
        len -= (size_t)written;
    }
    return true;
}

/* Reads up to max bytes, to the end of the file. */
static bool read_all(int fd, uint8_t *data, size_t max, size_t *len)
{
    size_t have = 0;
    while (have < max) {
        ssize_t got = read(fd, data + have, max - have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (got == 0)
            break;
        have += (size_t)got;
    }
    *len = have;
    return true;
}

enum kms_err kmsd_rootkey_create(const char *path, struct kmsd_detail *detail)
{
    KMS_SECRET_AUTO key = NULL;
    KMS_SECRET_AUTO text = NULL;
    enum kms_err err = kms_secret_random(KMSD_ROOT_KEY_SIZE, &key);
    if (err == KMS_OK)
        err = kms_secret_new(FILE_SIZE, &text);
    if (err == KMS_OK)
        err = format(key, kms_secret_data(text));
    if (err != KMS_OK) {
        kmsd_detail_set(detail, "making a root key: %s", kms_err_text(err));
        return err;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return failed("creating", path, errno == EEXIST ? KMS_ERR_EXISTS : KMS_ERR_IO, detail);
    bool ok = fchmod(fd, S_IRUSR | S_IWUSR) == 0 &&
              write_all(fd, kms_secret_data(text), FILE_SIZE) && fsync(fd) == 0 &&
              kms_folder_sync_of(path);
    if (!ok) {
        err = failed("writing", path, KMS_ERR_IO, detail);
        (void)unlink(path);
    }
    (void)close(fd);
    return err;
}

static enum kms_err load_from(
    int fd, const char *path, struct kms_secret **out, struct kmsd_detail *detail)
{
    static const char any_version[] = "kmsd-root-key ";
    enum kms_err err = kmsd_private_file_check(fd, "root key file", path, detail);
    if (err != KMS_OK)
        return err;
    KMS_SECRET_AUTO text = NULL;
    err = kms_secret_new(FILE_SIZE + 1, &text); /* one more than there may be */
    if (err != KMS_OK)
        return err;
    const uint8_t *at = kms_secret_data(text);
    size_t len = 0;
    if (!read_all(fd, kms_secret_data(text), FILE_SIZE + 1, &len))
        return failed("reading", path, KMS_ERR_IO, detail);
    err = parse(at, len, out);
    if (err == KMS_ERR_CORRUPT && len >= sizeof(FIRST_LINE) - 1 &&
        memcmp(at, any_version, sizeof(any_version) - 1) == 0 &&
        memcmp(at, FIRST_LINE, sizeof(FIRST_LINE) - 1) != 0) {
        kmsd_detail_set(detail, "the root key file %s has a version unknown to this kmsd", path);
        return KMS_ERR_UNSUPPORTED;
    }
    if (err == KMS_ERR_CORRUPT)
        kmsd_detail_set(
            detail, "the root key file %s is damaged, or no root key file at all", path);
    return err;
}

enum kms_err kmsd_rootkey_load(
    const char *path, struct kms_secret **out, struct kmsd_detail *detail)
{
    /* Without blocking: a named pipe is refused, not waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return failed("opening", path, errno == ENOENT ? KMS_ERR_NOT_FOUND : KMS_ERR_IO, detail);
    enum kms_err err = load_from(fd, path, out, detail);
    (void)close(fd);
    return err;
}

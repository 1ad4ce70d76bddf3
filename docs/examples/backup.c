/*
 * A backup tool: any stream in, one encrypted file out that several keys open; and back.
 *
 *   tar -c DIRECTORY | backup create FILE KEY-ID [KEY-ID...]      (up to 16)
 *   backup restore FILE | tar -x
 *   backup replace FILE OLD-KEY-ARN NEW-KEY-ID      (who can open it; the contents stay as they are)
 *
 * Endpoint, region and credentials come from the environment, as with every AWS tool.
 */
#include <kms/kms.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { KEYS_MAX = 16 };

static struct kms_client *client;
static struct kms_envelope_failure failure;

/* The first id makes the file's key, every one of them can open it; none: whatever the file names. */
static struct kms_keyring *keyring_of(char **ids, int count)
{
    struct kms_str keys[KEYS_MAX];
    struct kms_keyring *keyring = NULL;
    if (count > KEYS_MAX)
        return NULL;
    for (int i = 0; i < count; i++)
        keys[i] = kms_str(ids[i]);
    struct kms_keyring_kms_options options = {.discovery = count == 0};
    if (count > 0) {
        options.generator = keys[0];
        options.key_ids = (struct kms_str_list){.items = keys + 1, .count = (size_t)count - 1};
    }
    return kms_keyring_new_kms(client, &options, &keyring) == KMS_OK ? keyring : NULL;
}

/* Under a temporary name until it is whole and on the disk. */
static enum kms_err create(const char *path, const struct kms_keyring *keyring)
{
    char temporary[4096];
    (void)snprintf(temporary, sizeof(temporary), "%s.part", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const struct kms_envelope_encrypt_options options = {.keyring = keyring, .key_slots = true};
    if (fd < 0)
        return KMS_ERR_IO;
    enum kms_err err = kms_envelope_encrypt_fd(STDIN_FILENO, fd, &options, NULL, NULL, &failure);
    if (err == KMS_OK && (fsync(fd) != 0 || rename(temporary, path) != 0))
        err = KMS_ERR_IO;
    if (err != KMS_OK)
        (void)unlink(temporary);
    (void)close(fd);
    return err;
}

static enum kms_err restore(int fd, const struct kms_keyring *keyring)
{
    const struct kms_envelope_decrypt_options options = {.keyring = keyring};
    return kms_envelope_decrypt_fd(fd, STDOUT_FILENO, &options, NULL, NULL, &failure);
}

static enum kms_err replace(
    int fd, const char *old, const struct kms_keyring *keyring, const struct kms_keyring *adder)
{
    struct kms_key_slots *slots = NULL;
    enum kms_err err = kms_key_slots_list(fd, &slots, &failure);
    if (err != KMS_OK)
        return err;
    err = KMS_ERR_NOT_FOUND;
    for (size_t i = 0; i < slots->count && err == KMS_ERR_NOT_FOUND; i++) {
        struct kms_bytes arn = slots->slots[i].edk.provider_info;
        if (arn.len == strlen(old) && memcmp(arn.data, old, arn.len) == 0)
            err = kms_key_slots_replace(fd, keyring, slots->slots[i].id, adder, NULL, &failure);
    }
    kms_key_slots_free(slots);
    return err;
}

int main(int argc, char **argv)
{
    if (argc < 3 || kms_client_new(NULL, &client, NULL) != KMS_OK)
        return 2;
    bool creates = strcmp(argv[1], "create") == 0;
    bool replaces = strcmp(argv[1], "replace") == 0 && argc == 5;
    struct kms_keyring *made =
        argc > 3 ? keyring_of(argv + (replaces ? 4 : 3), argc - (replaces ? 4 : 3)) : NULL;
    struct kms_keyring *any = keyring_of(NULL, 0);
    int fd = creates ? -1 : open(argv[2], (replaces ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    enum kms_err err = creates    ? create(argv[2], made)
                       : replaces ? replace(fd, argv[3], any, made)
                                  : restore(fd, any);
    if (err != KMS_OK)
        (void)fprintf(
            stderr, "backup: %s\n", failure.err != KMS_OK ? failure.text : kms_err_text(err));
    kms_keyring_free(made);
    kms_keyring_free(any);
    kms_client_free(client);
    return err == KMS_OK ? 0 : 1;
}

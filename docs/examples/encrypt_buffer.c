/*
 * Encrypts a buffer and decrypts it again.
 *
 *   encrypt_buffer [KEY-ID]
 *
 * With a key id (or alias) the data key comes from the service that the environment names
 * (AWS_ENDPOINT_URL, AWS_REGION, credentials); without one from an AES key of our own.
 */
#include <kms/kms.h>

#include <stdio.h>
#include <string.h>

static int complain(const char *what, enum kms_err err, const struct kms_envelope_failure *failure)
{
    (void)fprintf(stderr, "%s: %s\n", what, failure == NULL ? kms_err_text(err) : failure->text);
    return 1;
}

/* What is encrypted is bound to its context: who decrypts can insist on it, key policies can look at
 * it, and the service's log shows it. It is no secret. */
static const struct kms_str_pair context[] = {
    {KMS_STR_LITERAL("purpose"), KMS_STR_LITERAL("example")},
};

static int round_trip(const struct kms_keyring *keyring)
{
    static const char secret[] = "the quick brown fox";
    const struct kms_envelope_encrypt_options encrypt = {
        .keyring = keyring, .context = {.items = context, .count = 1}};
    const struct kms_envelope_decrypt_options decrypt = {
        .keyring = keyring, .context = {.items = context, .count = 1}};
    struct kms_envelope_failure failure;
    uint8_t *message = NULL;
    uint8_t *plaintext = NULL;
    size_t message_len = 0;
    size_t len = 0;

    enum kms_err err = kms_envelope_encrypt(
        &encrypt, kms_bytes(secret, strlen(secret)), &message, &message_len, NULL, &failure);
    if (err != KMS_OK)
        return complain("encrypting", err, &failure);
    (void)printf("%zu bytes became a message of %zu\n", strlen(secret), message_len);

    err = kms_envelope_decrypt(
        &decrypt, kms_bytes(message, message_len), &plaintext, &len, NULL, &failure);
    kms_envelope_buffer_free(message, message_len);
    if (err != KMS_OK)
        return complain("decrypting", err, &failure);
    (void)printf("and again: %.*s\n", (int)len, (const char *)plaintext);
    kms_envelope_buffer_free(plaintext, len); /* wipes it */
    return 0;
}

int main(int argc, char **argv)
{
    static const uint8_t own_key[32] =
        "thirty-two bytes, from a vault.."; /* of your own, never this */
    struct kms_client *client = NULL;
    struct kms_keyring *keyring = NULL;
    enum kms_err err = KMS_OK;
    if (argc > 1) {
        const struct kms_keyring_kms_options options = {.generator = kms_str(argv[1])};
        err = kms_client_new(NULL, &client, NULL);
        if (err == KMS_OK)
            err = kms_keyring_new_kms(client, &options, &keyring);
    } else {
        err = kms_keyring_new_raw_aes(
            kms_str("example"), kms_str("own"), kms_bytes(own_key, sizeof(own_key)), &keyring);
    }
    int status = err == KMS_OK ? round_trip(keyring) : complain("setting up", err, NULL);
    kms_keyring_free(keyring);
    kms_client_free(client);
    return status;
}

/* kmsd init: a data directory from nothing. */
#include "kmsd/server/command.h"
#include "kmsd/server/datadir.h"
#include "kmsd/server/log.h"
#include "libkms/base/clock.h"

#include <stdio.h>
#include <string.h>

static bool print_credentials(
    const struct kmsd_datadir_options *options, const struct kmsd_access_key *key, bool as_json)
{
    const int secret_len = (int)kms_secret_len(key->secret);
    const char *secret = (const char *)kms_secret_data(key->secret);
    /* nothing in these texts needs escaping: digits, letters, '+' and '/' */
    if (as_json)
        (void)printf("{\n    \"Account\": \"%s\",\n    \"AccessKeyId\": \"%s\",\n"
                     "    \"SecretAccessKey\": \"%.*s\"\n}\n",
            options->account, key->id, secret_len, secret);
    else
        (void)printf("Made %s for account %s.\n\n"
                     "The account root's access key; the secret is shown this once:\n\n"
                     "  AWS_ACCESS_KEY_ID=%s\n  AWS_SECRET_ACCESS_KEY=%.*s\n\n"
                     "Keep a copy of the root key apart from the backups of the data: each is "
                     "worthless without the other.\nServe it with: kmsd run --data-dir %s\n",
            options->path, options->account, key->id, secret_len, secret, options->path);
    return fflush(stdout) == 0 && ferror(stdout) == 0;
}

static bool check_arguments(const struct kmsd_arguments *arguments)
{
    const char *missing = NULL;
    if (arguments->data_dir == NULL)
        missing = "--data-dir";
    else if (arguments->account_id == NULL)
        missing = "--account-id";
    else if (arguments->regions.count == 0)
        missing = "--region";
    if (missing != NULL) {
        (void)fprintf(stderr, "kmsd init: %s is needed\nTry 'kmsd init --help'.\n", missing);
        return false;
    }
    if (arguments->output != NULL && strcmp(arguments->output, "json") != 0 &&
        strcmp(arguments->output, "text") != 0) {
        (void)fputs("kmsd init: --output takes text or json\n", stderr);
        return false;
    }
    return true;
}

int kmsd_init(const struct kmsd_arguments *arguments)
{
    struct kmsd_detail detail = {.text = ""};
    struct kmsd_access_key key = {.secret = NULL};
    if (!check_arguments(arguments))
        return KMSD_EXIT_USAGE;
    const struct kmsd_datadir_options options = {
        .path = arguments->data_dir,
        .root_key_file = arguments->root_key,
        .account = arguments->account_id,
        .regions = &arguments->regions,
        .now_ms = kms_clock_now_ms(),
    };
    if (kmsd_datadir_check(&options, &detail) != KMS_OK) {
        (void)fprintf(stderr, "kmsd init: %s\n", detail.text);
        return KMSD_EXIT_USAGE;
    }
    enum kms_err err = kmsd_datadir_create(&options, &key, &detail);
    if (err != KMS_OK) {
        (void)fprintf(stderr, "kmsd init: %s\n", detail.text);
        return KMSD_EXIT_FAILURE;
    }
    bool as_json = arguments->output != NULL && strcmp(arguments->output, "json") == 0;
    bool printed = print_credentials(&options, &key, as_json);
    kms_secret_free(key.secret);
    if (!printed) { /* nobody knows the secret: then there must be no such directory either */
        kmsd_datadir_remove(&options);
        (void)fputs("kmsd init: the credentials could not be printed; nothing was made\n", stderr);
        return KMSD_EXIT_FAILURE;
    }
    return KMSD_EXIT_OK;
}

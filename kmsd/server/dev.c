/* kmsd dev: one command for development and for test suites, with credentials that everybody knows.
 */
#include "kmsd/auth/identities.h"
#include "kmsd/server/clock.h"
#include "kmsd/server/command.h"
#include "kmsd/server/file.h"
#include "kmsd/server/service.h"
#include "libkms/base/clock.h"

#include <stdio.h>

#define DEFAULT_ACCOUNT "000000000000"
#define DEFAULT_REGION  "us-east-1"
#define DEV_KEY_ID      "test"
#define DEV_SECRET      "test"

struct dev {
    const struct kmsd_arguments *arguments;
    struct kmsd_config config;
    struct kmsd_datadir datadir;
    struct kms_str regions[KMSD_MAX_REPEATED];
    size_t region_count;
    const char *admin_socket; /* NULL: none */
    char admin_path[PATH_MAX];
    const char *audit_folder; /* NULL: in memory, as the keys */
    char audit_path[PATH_MAX];
};

static enum kms_err configure(struct dev *dev, struct kmsd_detail *detail)
{
    const struct kmsd_arguments *arguments = dev->arguments;
    enum kms_err err = kmsd_config_of(arguments, true, &dev->config, detail);
    dev->admin_socket = arguments->admin_socket;
    if (err == KMS_OK && arguments->virtual_clock && dev->admin_socket == NULL &&
        arguments->data_dir == NULL) {
        kmsd_detail_set(detail, "--virtual-clock is of use with --admin-socket or --data-dir only");
        err = KMS_ERR_CONFIG;
    }
    if (err == KMS_OK && dev->admin_socket == NULL && arguments->data_dir != NULL) {
        err = kmsd_datadir_admin_socket(arguments->data_dir, dev->admin_path, detail);
        dev->admin_socket = dev->admin_path;
    }
    if (err == KMS_OK && arguments->data_dir != NULL) {
        err = kmsd_datadir_audit(arguments->data_dir, dev->audit_path, detail);
        dev->audit_folder = dev->audit_path;
    }
    for (size_t i = 0; i < arguments->regions.count; i++)
        dev->regions[dev->region_count++] = kms_str(arguments->regions.values[i]);
    return err;
}

/* A data directory that is not there yet is made on the way. */
static enum kms_err open_on_disk(
    struct dev *dev, const struct kmsd_datadir_options *options, struct kmsd_detail *detail)
{
    if (!kmsd_datadir_exists(options->path)) {
        struct kmsd_access_key key = {.secret = NULL};
        enum kms_err err = kmsd_datadir_create(options, &key, detail);
        if (err != KMS_OK)
            return err;
        (void)printf("kmsd dev: made %s; for `kmsd run` its account root's access key is %s, "
                     "secret %.*s\n",
            options->path, key.id, (int)kms_secret_len(key.secret),
            (const char *)kms_secret_data(key.secret));
        kms_secret_free(key.secret);
    }
    enum kms_err err = kmsd_datadir_open(options->path, NULL, &dev->datadir, detail);
    if (err == KMS_OK && dev->arguments->account_id != NULL &&
        strcmp(dev->datadir.account, options->account) != 0) {
        kmsd_detail_set(detail, "%s belongs to account %s", options->path, dev->datadir.account);
        kmsd_datadir_close(&dev->datadir);
        return KMS_ERR_CONFIG;
    }
    return err;
}

static enum kms_err open_datadir(struct dev *dev, struct kmsd_detail *detail)
{
    const struct kmsd_arguments *arguments = dev->arguments;
    const struct kmsd_datadir_options options = {
        .path = arguments->data_dir,
        .account = arguments->account_id != NULL ? arguments->account_id : DEFAULT_ACCOUNT,
        .regions = &arguments->regions,
        .now_ms = kms_clock_now_ms(),
    };
    enum kms_err err = kmsd_datadir_check(&options, detail);
    if (err != KMS_OK)
        return err;
    if (options.path == NULL)
        return kmsd_datadir_open_memory(&options, &dev->datadir, detail);
    return open_on_disk(dev, &options, detail);
}

/* The credentials of dev exist in memory alone: whoever serves the same directory with run later
 * does not have them. */
static enum kms_err put_dev_credentials(struct kmsd_auth *auth, const struct dev *dev)
{
    char arn[64];
    KMS_BUF_AUTO wrapped;
    kms_buf_init(&wrapped, KMSD_WRAPPED_SECRET_MAX);
    (void)snprintf(arn, sizeof(arn), "arn:aws:iam::%s:root", dev->datadir.account);
    enum kms_err err = kmsd_iam_seal(dev->datadir.custody, kms_str(DEV_KEY_ID), kms_str(arn),
        kms_bytes(DEV_SECRET, sizeof(DEV_SECRET) - 1), &wrapped);
    if (err != KMS_OK)
        return err;
    const struct kmsd_access_key_row row = {
        .access_key_id = kms_str(DEV_KEY_ID),
        .account = kms_str(dev->datadir.account),
        .principal_arn = kms_str(arn),
        .status = kms_str("Active"),
        .wrapped_secret = kms_buf_bytes(&wrapped),
    };
    return kmsd_auth_put(auth, &row);
}

/* Whoever else the identities file names. */
static enum kms_err put_identities(
    struct kmsd_auth *auth, const struct dev *dev, struct kmsd_detail *detail)
{
    if (dev->arguments->identities == NULL)
        return KMS_OK;
    KMS_BUF_AUTO text;
    kms_buf_init(&text, KMSD_IDENTITIES_TEXT_MAX);
    struct kmsd_identities *identities = NULL;
    enum kms_err err = kmsd_file_read(dev->arguments->identities, &text, detail);
    if (err == KMS_OK)
        err = kmsd_identities_parse(kms_buf_str(&text), &identities, detail);
    return err == KMS_OK ? kmsd_auth_add_identities(auth, identities, detail) : err;
}

static void announce(void *context, const char *endpoint)
{
    const struct dev *dev = context;
    const char *region =
        dev->arguments->regions.count == 0 ? DEFAULT_REGION : dev->arguments->regions.values[0];
    if (dev->arguments->data_dir == NULL)
        (void)puts("Keys are kept in memory and end with this process.");
    (void)printf("\nexport AWS_ENDPOINT_URL=%s\nexport AWS_ACCESS_KEY_ID=" DEV_KEY_ID
                 "\nexport AWS_SECRET_ACCESS_KEY=" DEV_SECRET
                 "\nexport AWS_REGION=%s\nexport AWS_DEFAULT_REGION=%s\n\n",
        endpoint, region, region);
}

static void warn(const struct dev *dev)
{
    for (size_t i = 0; i < dev->config.listen_count; i++) {
        char text[KMSD_LISTEN_TEXT_SIZE];
        kmsd_listen_format(&dev->config.listen[i], text);
        if (!kmsd_listen_is_loopback(&dev->config.listen[i]))
            kmsd_log(KMSD_LOG_WARNING,
                "%s can be reached by others, who know the credentials %s/%s too: 'kmsd dev' is "
                "for development",
                text, DEV_KEY_ID, DEV_SECRET);
    }
    if (dev->arguments->data_dir != NULL) /* it may be one that `run` serves at other times */
        kmsd_log(KMSD_LOG_WARNING,
            "while this runs, whoever reaches it may use every key in %s with the credentials "
            "%s/%s",
            dev->arguments->data_dir, DEV_KEY_ID, DEV_SECRET);
    if (dev->arguments->accept_any_credentials)
        kmsd_log(KMSD_LOG_WARNING,
            "--accept-any-credentials: no signature is verified; whoever reaches this port may use "
            "every key");
}

static enum kms_err serve_with(struct dev *dev, struct kmsd_iam *iam, struct kmsd_detail *detail)
{
    struct kmsd_auth *auth = NULL;
    struct kmsd_auth_options options = {
        .custody = dev->datadir.custody,
        .iam = iam,
        .now_ms = kmsd_clock_now_ms,
        .regions = dev->regions,
        .region_count = dev->region_count,
    };
    if (dev->arguments->accept_any_credentials)
        options.accept_any_account = kms_str(dev->datadir.account);
    enum kms_err err = kmsd_auth_new(&options, &auth);
    if (err == KMS_OK)
        err = put_dev_credentials(auth, dev);
    if (err == KMS_OK)
        err = put_identities(auth, dev, detail);
    if (err != KMS_OK && detail->text[0] != '\0') {
        kmsd_auth_free(auth);
        return err;
    }
    if (err != KMS_OK) {
        kmsd_detail_set(detail, "setting up authentication: %s", kms_err_text(err));
        kmsd_auth_free(auth);
        return err;
    }
    const struct kmsd_service service = {
        .config = &dev->config,
        .datadir = &dev->datadir,
        .iam = iam,
        .auth = auth,
        .regions = dev->regions,
        .region_count = dev->region_count,
        .admin_socket = dev->admin_socket,
        .virtual_clock = dev->arguments->virtual_clock,
        .audit_folder = dev->audit_folder,
        .announce = announce,
        .context = dev,
    };
    warn(dev);
    err = kmsd_auth_load(auth, dev->datadir.store, detail);
    if (err == KMS_OK)
        err = kmsd_service_run(&service, detail);
    kmsd_auth_free(auth);
    return err;
}

static enum kms_err serve(struct dev *dev, struct kmsd_detail *detail)
{
    struct kmsd_iam *iam = NULL;
    enum kms_err err = kmsd_service_open_iam(&dev->datadir, &iam, detail);
    if (err != KMS_OK)
        return err;
    err = serve_with(dev, iam, detail);
    kmsd_iam_close(iam);
    return err;
}

int kmsd_dev(const struct kmsd_arguments *arguments)
{
    struct kmsd_detail detail = {.text = ""};
    struct dev dev = {.arguments = arguments};
    kmsd_service_block_signals();
    enum kms_err err = configure(&dev, &detail);
    if (err == KMS_OK) {
        kmsd_log_set_level(dev.config.log_level);
        err = open_datadir(&dev, &detail);
    }
    if (err == KMS_OK) {
        err = serve(&dev, &detail);
        kmsd_datadir_close(&dev.datadir);
    }
    if (err != KMS_OK) {
        kmsd_log(KMSD_LOG_ERROR, "%s", detail.text);
        return KMSD_EXIT_FAILURE;
    }
    return KMSD_EXIT_OK;
}

/* kmsd run: serve a data directory. */
#include "kmsd/server/clock.h"
#include "kmsd/server/command.h"
#include "kmsd/server/service.h"

#include <stdio.h>

static enum kms_err serve(const struct kmsd_arguments *arguments, const struct kmsd_config *config,
    struct kmsd_datadir *datadir, struct kmsd_detail *detail)
{
    char admin_path[PATH_MAX];
    const char *admin_socket = arguments->admin_socket;
    if (admin_socket == NULL) {
        enum kms_err named = kmsd_datadir_admin_socket(arguments->data_dir, admin_path, detail);
        if (named != KMS_OK)
            return named;
        admin_socket = admin_path;
    }
    char audit_folder[PATH_MAX];
    enum kms_err found = kmsd_datadir_audit(arguments->data_dir, audit_folder, detail);
    if (found != KMS_OK)
        return found;
    struct kmsd_iam *iam = NULL;
    enum kms_err err = kmsd_service_open_iam(datadir, &iam, detail);
    if (err != KMS_OK)
        return err;
    struct kmsd_auth *auth = NULL;
    const struct kmsd_auth_options auth_options = {
        .custody = datadir->custody,
        .iam = iam,
        .now_ms = kmsd_clock_now_ms,
        .regions = datadir->regions,
        .region_count = datadir->region_count,
    };
    err = kmsd_auth_new(&auth_options, &auth);
    if (err != KMS_OK) {
        kmsd_iam_close(iam);
        kmsd_detail_set(detail, "setting up authentication: %s", kms_err_text(err));
        return err;
    }
    const struct kmsd_service service = {
        .config = config,
        .datadir = datadir,
        .iam = iam,
        .auth = auth,
        .regions = datadir->regions,
        .region_count = datadir->region_count,
        .admin_socket = admin_socket,
        .audit_folder = audit_folder,
    };
    err = kmsd_auth_load(auth, datadir->store, detail);
    if (err == KMS_OK)
        err = kmsd_service_run(&service, detail);
    kmsd_auth_free(auth);
    kmsd_iam_close(iam);
    return err;
}

int kmsd_run(const struct kmsd_arguments *arguments)
{
    struct kmsd_detail detail = {.text = ""};
    struct kmsd_config config;
    struct kmsd_datadir datadir;
    if (arguments->data_dir == NULL) {
        (void)fputs("kmsd run: --data-dir is needed\nTry 'kmsd run --help'.\n", stderr);
        return KMSD_EXIT_USAGE;
    }
    kmsd_service_block_signals();
    enum kms_err err = kmsd_config_of(arguments, false, &config, &detail);
    if (err == KMS_OK) {
        kmsd_log_set_level(config.log_level);
        const char *root_key = arguments->root_key;
        if (root_key == NULL && config.root_key_file[0] != '\0')
            root_key = config.root_key_file;
        err = kmsd_datadir_open(arguments->data_dir, root_key, &datadir, &detail);
    }
    if (err == KMS_OK) {
        err = serve(arguments, &config, &datadir, &detail);
        kmsd_datadir_close(&datadir);
    }
    if (err != KMS_OK) {
        kmsd_log(KMSD_LOG_ERROR, "%s", detail.text);
        return KMSD_EXIT_FAILURE;
    }
    return KMSD_EXIT_OK;
}

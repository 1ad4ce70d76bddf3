#include "kmsd/server/service.h"

#include "kmsd/jobs/jobs.h"
#include "kmsd/ops/table.h"
#include "kmsd/query/query.h"
#include "kmsd/server/admin_actions.h"
#include "kmsd/server/clock.h"
#include "kmsd/server/file.h"
#include "kmsd/server/notify.h"
#include "kmsd/server/service_audit.h"
#include "libkms/base/clock.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { PEM_MAX = 1 << 20, ENDPOINT_SIZE = 128, JOBS_TICK_MS = 1000 };

static void ending_signals(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGTERM);
    (void)sigaddset(set, SIGINT);
}

void kmsd_service_block_signals(void)
{
    sigset_t set;
    ending_signals(&set);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* From here on a second signal ends the process at once: the store survives that. */
static void restore_signals(void)
{
    sigset_t set;
    ending_signals(&set);
    (void)signal(SIGTERM, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void log_transport(const char *text)
{
    kmsd_log(KMSD_LOG_DEBUG, "http: %s", text);
}

static void warn_of_transport(const char *text)
{
    kmsd_log(KMSD_LOG_WARNING, "%s", text);
}

static const char *name_of(const struct kmsd_exchange *exchange)
{
    const char *action = kmsd_query_action(exchange->query);
    if (action != NULL)
        return action;
    return exchange->op == NULL ? "no operation" : kms_operations[exchange->op->id].name;
}

/* The answer tells the caller nothing of the cause; the request's id leads from the one to the
 * other. */
static void log_failure(const struct kmsd_exchange *exchange)
{
    kmsd_log(KMSD_LOG_ERROR, "request %s: %s: %s",
        exchange->request_id[0] == '\0' ? "without an id" : exchange->request_id, name_of(exchange),
        kms_err_text(exchange->cause));
}

/* Makes what was read of a PEM file a NUL-terminated text. */
static enum kms_err end_pem(
    const char *path, struct kms_buf *buf, const char **out, struct kmsd_detail *detail)
{
    kms_buf_append_u8(buf, '\0');
    if (buf->err != KMS_OK) {
        kmsd_detail_set(detail, "%s: %s", path, kms_err_text(buf->err));
        return buf->err;
    }
    *out = (const char *)buf->data;
    return KMS_OK;
}

/* Certificate and key into the options; nothing where none is configured, and never only one. */
static enum kms_err read_tls(const struct kmsd_config *config, struct kms_buf *certificate,
    struct kms_buf *key, struct kmsd_http_options *options, struct kmsd_detail *detail)
{
    if (config->tls_certificate_file[0] == '\0')
        return KMS_OK;
    enum kms_err err = kmsd_file_read(config->tls_certificate_file, certificate, detail);
    if (err == KMS_OK)
        err = kmsd_file_read_private("TLS key file", config->tls_key_file, key, detail);
    if (err == KMS_OK)
        err = end_pem(config->tls_certificate_file, certificate, &options->tls_certificate, detail);
    if (err == KMS_OK)
        err = end_pem(config->tls_key_file, key, &options->tls_key, detail);
    return err;
}

static enum kms_err start_http(const struct kmsd_config *config,
    const struct kmsd_pipeline *pipeline, struct kmsd_http **out, struct kmsd_detail *detail)
{
    KMS_BUF_AUTO certificate;
    KMS_BUF_AUTO key;
    kms_buf_init(&certificate, PEM_MAX);
    kms_buf_init(&key, PEM_MAX);
    struct kmsd_http_options options = {
        .pipeline = pipeline,
        .addresses = config->listen,
        .address_count = config->listen_count,
        .limits = config->limits,
        .log = log_transport,
        .warn = warn_of_transport,
        .failed = log_failure,
    };
    enum kms_err err = read_tls(config, &certificate, &key, &options, detail);
    if (err != KMS_OK)
        return err;
    return kmsd_http_start(&options, out, detail);
}

/* One line for each address on standard output, for people and for programs that started us. */
static void announce(const struct kmsd_service *service, const struct kmsd_http *http)
{
    char endpoint[ENDPOINT_SIZE];
    for (size_t i = service->config->listen_count; i-- > 0;) {
        kmsd_http_endpoint(http, i, endpoint, sizeof(endpoint));
        (void)printf("kmsd: listening on %s\n", endpoint);
    }
    if (service->announce != NULL)
        service->announce(service->context, endpoint);
    (void)fflush(stdout);
    kmsd_notify("READY=1");
}

/* --- jobs ------------------------------------------------------------------------------------- */

static void log_job(void *context, enum kmsd_jobs_event event, const struct kmsd_key *key,
    int64_t now_ms, enum kms_err err)
{
    static const char *const done[] = {
        [KMSD_JOBS_DELETED] = "deleted, its material destroyed",
        [KMSD_JOBS_EXPIRED] = "imported material has expired and is destroyed",
        [KMSD_JOBS_ROTATED] = "material rotated",
    };
    static const char *const undone[] = {
        [KMSD_JOBS_DELETED] = "deleting it failed",
        [KMSD_JOBS_EXPIRED] = "destroying expired material failed",
        [KMSD_JOBS_ROTATED] = "rotating its material failed",
    };
    kmsd_service_audit_job(context, event, key, now_ms, err);
    if (event == KMSD_JOBS_USES_SAVED)
        kmsd_log(KMSD_LOG_ERROR, "saving the last uses of keys failed, to be tried again: %s",
            kms_err_text(err));
    else if (key == NULL)
        kmsd_log(KMSD_LOG_WARNING,
            "the clock has jumped forward: no key is deleted for 24 hours, so that it can be "
            "corrected without a loss");
    else if (err == KMS_OK)
        kmsd_log(KMSD_LOG_INFO, "%.*s: %s", (int)key->arn.len, key->arn.data, done[event]);
    else
        kmsd_log(KMSD_LOG_ERROR, "%.*s: %s, to be tried again: %s", (int)key->arn.len,
            key->arn.data, undone[event], kms_err_text(err));
}

/* Nothing is done while it is known that it can't be recorded, as with requests. */
static bool may_do_jobs(void *context)
{
    const struct kmsd_service_audited *audited = context;
    return kmsd_audit_is_ready(audited->audit);
}

static enum kms_err start_jobs(const struct kmsd_service *service,
    const struct kmsd_service_audited *audited, struct kmsd_jobs **out, struct kmsd_detail *detail)
{
    const struct kmsd_jobs_options options = {
        .keys = audited->keys,
        .store = service->datadir->store,
        .now_ms = kmsd_clock_now_ms,
        .elapsed_ms = service->virtual_clock ? NULL : kmsd_clock_elapsed_ms,
        .tick_ms = JOBS_TICK_MS,
        .may_act = may_do_jobs,
        .report = log_job,
        .context = (void *)(uintptr_t)audited,
    };
    enum kms_err err = kmsd_jobs_start(&options, out);
    if (err != KMS_OK)
        kmsd_detail_set(detail, "starting the jobs: %s", kms_err_text(err));
    return err;
}

static void wait_for_signal(void)
{
    sigset_t set;
    int signal_number = 0;
    ending_signals(&set);
    while (sigwait(&set, &signal_number) != 0)
        continue;
    kmsd_log(KMSD_LOG_INFO, "%s: draining", signal_number == SIGINT ? "SIGINT" : "SIGTERM");
}

/* --- serving ---------------------------------------------------------------------------------- */

enum kms_err kmsd_service_open_iam(
    struct kmsd_datadir *datadir, struct kmsd_iam **out, struct kmsd_detail *detail)
{
    const struct kmsd_iam_options options = {
        .store = datadir->store,
        .custody = datadir->custody,
        .partition = kms_str(kms_partition_of_region(
            datadir->region_count == 0 ? kms_str("") : datadir->regions[0])),
        .now_ms = kmsd_clock_now_ms(),
    };
    return kmsd_iam_open(&options, out, detail);
}

/* --- issuers of web identities ---------------------------------------------------------------- */

static void log_issuer(const char *text)
{
    kmsd_log(KMSD_LOG_INFO, "%s", text);
}

/* NULL: none is asked for anything. One of the threads is left for tokens whose keys are here. */
static enum kms_err open_oidc(
    const struct kmsd_config *config, struct kmsd_oidc **out, struct kmsd_detail *detail)
{
    const struct kmsd_web_identity_config *web = &config->web_identity;
    const struct kmsd_oidc_options options = {
        .takes_any_address = web->fetch == KMSD_FETCH_ANY,
        .ca_file = web->ca_file[0] == '\0' ? NULL : web->ca_file,
        .refresh_ms = (int64_t)web->refresh_s * 1000,
        .retry_ms = (int64_t)web->retry_s * 1000,
        .waiting_max = KMSD_HTTP_FETCHERS - 1,
        .log = log_issuer,
    };
    *out = NULL;
    enum kms_err err = web->fetch == KMSD_FETCH_NEVER ? KMS_OK : kmsd_oidc_new(&options, out);
    if (err != KMS_OK)
        kmsd_detail_set(detail, "setting up web identities: %s", kms_err_text(err));
    return err;
}

/* --- the whole -------------------------------------------------------------------------------- */

static enum kms_err serve_keys(const struct kmsd_service *service, struct kmsd_audit *audit,
    struct kmsd_oidc *oidc, struct kmsd_detail *detail)
{
    struct kmsd_keys *keys = NULL;
    struct kmsd_http *http = NULL;
    enum kms_err err =
        kmsd_keys_open(service->datadir->store, service->datadir->custody, &keys, detail);
    if (err == KMS_OK)
        err = kmsd_store_verified(service->datadir->store, detail);
    if (err != KMS_OK) {
        kmsd_keys_close(keys);
        return err;
    }
    kmsd_keys_set_quotas(keys, &service->config->quotas);
    size_t unreadable = kmsd_keys_unreadable_policies(keys);
    if (unreadable != 0)
        kmsd_log(KMSD_LOG_WARNING,
            "%zu key policies were accepted by an older version and cannot be read by this one: "
            "nobody may use these keys until the account's root puts other policies",
            unreadable);
    const struct kmsd_query query = {.auth = service->auth, .iam = service->iam, .oidc = oidc};
    const struct kmsd_pipeline pipeline = {
        .auth = service->auth,
        .keys = keys,
        .audit = audit,
        .query = &query,
        .regions = service->region_count == 0 ? NULL : service->regions,
        .region_count = service->region_count,
        .now_ms = kmsd_clock_now_ms,
        .signing_now_ms = kms_clock_now_ms,
    };
    const struct kmsd_service_audited audited = {.audit = audit, .keys = keys};
    struct kmsd_jobs *jobs = NULL;
    err = start_jobs(service, &audited, &jobs, detail);
    if (err == KMS_OK)
        err = start_http(service->config, &pipeline, &http, detail);
    if (err != KMS_OK) {
        kmsd_jobs_stop(jobs);
        kmsd_keys_close(keys);
        return err;
    }
    struct kmsd_admin_state state = {.service = service,
        .query = &query,
        .keys = keys,
        .jobs = jobs,
        .audit = audit,
        .started_elapsed_ms = kmsd_clock_elapsed_ms()};
    struct kmsd_admin *admin = NULL;
    if (service->admin_socket != NULL)
        err = kmsd_admin_actions_start(&state, service->admin_socket, &admin, detail);
    if (err == KMS_OK) {
        announce(service, http);
        wait_for_signal();
        restore_signals();
        kmsd_notify("STOPPING=1");
    }
    kmsd_admin_stop(admin);
    kmsd_http_stop(http, (int64_t)service->config->drain_timeout_ms);
    kmsd_jobs_stop(jobs);
    if (err == KMS_OK)
        kmsd_log(KMSD_LOG_INFO, "stopped");
    kmsd_keys_close(keys);
    return err;
}

static enum kms_err serve(
    const struct kmsd_service *service, struct kmsd_audit *audit, struct kmsd_detail *detail)
{
    struct kmsd_oidc *oidc = NULL;
    enum kms_err err = open_oidc(service->config, &oidc, detail);
    if (err == KMS_OK)
        err = serve_keys(service, audit, oidc, detail);
    kmsd_oidc_free(oidc);
    return err;
}

enum kms_err kmsd_service_run(const struct kmsd_service *service, struct kmsd_detail *detail)
{
    struct kmsd_audit *audit = NULL;
    enum kms_err err = kmsd_service_audit_open(service, &audit, detail);
    if (err == KMS_OK)
        err = serve(service, audit, detail);
    kmsd_service_audit_close(audit);
    return err;
}

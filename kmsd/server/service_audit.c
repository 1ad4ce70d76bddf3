#include "kmsd/server/service_audit.h"

#include "kmsd/pipeline_audit_keys.h"
#include "kmsd/server/clock.h"

#include <stdio.h>
#include <stdlib.h>

/* --- life ------------------------------------------------------------------------------------- */

static void log_audit(enum kmsd_audit_severity severity, const char *text)
{
    static const enum kmsd_log_level levels[] = {
        [KMSD_AUDIT_ERROR] = KMSD_LOG_ERROR,
        [KMSD_AUDIT_WARNING] = KMSD_LOG_WARNING,
        [KMSD_AUDIT_INFO] = KMSD_LOG_INFO,
    };
    kmsd_log(levels[severity], "%s", text);
}

static enum kms_err open_trail(
    const struct kmsd_service *service, struct kmsd_audit **out, struct kmsd_detail *detail)
{
    struct kmsd_audit_options options = service->config->audit;
    options.folder = service->config->audit_folder[0] != '\0' ? service->config->audit_folder
                                                              : service->audit_folder;
    options.custody = service->datadir->custody;
    options.account = kms_str(service->datadir->account);
    options.region = service->region_count != 0 ? service->regions[0] : kms_str("us-east-1");
    options.now_ms = kmsd_clock_now_ms;
    options.log = log_audit;
    if (service->config->audit_syslog[0] != '\0')
        options.syslog = service->config->audit_syslog;
    if (service->config->audit_webhook[0] != '\0')
        options.webhook = service->config->audit_webhook;
    return kmsd_audit_open(&options, out, detail);
}

/* Steals the details. */
static enum kms_err record(struct kmsd_audit *audit, const char *event_name, json_t *details)
{
    char *text = details == NULL ? NULL : json_dumps(details, JSON_COMPACT);
    json_decref(details);
    if (text == NULL)
        return KMS_ERR_NO_MEMORY;
    const struct kmsd_audit_happening happening = {
        .event_name = event_name, .details = kms_str(text)};
    enum kms_err err = kmsd_audit_happened(audit, &happening);
    free(text);
    return err;
}

/* --- configuration ---------------------------------------------------------------------------- */

/* Adds the names of members that differ, those of objects with a dot. */
static void list_changes(json_t *list, const char *prefix, const json_t *before, json_t *now)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(now, name, value)
    {
        char full[128];
        const json_t *old = json_object_get(before, name);
        (void)snprintf(full, sizeof(full), "%s%s%s", prefix, prefix[0] == '\0' ? "" : ".", name);
        if (json_equal(old, value))
            continue;
        if (json_is_object(value))
            list_changes(list, full, old, value); /* as deep as kmsd_config_tell goes */
        else
            (void)json_array_append_new(list, json_string(full));
    }
}

/* ChangeConfiguration, if the last start was with another one. What that was is kept beside the trail: a
 * convenience for this comparison. What each start was configured with is in its own record. */
static enum kms_err record_changes(struct kmsd_audit *audit, json_t *now)
{
    KMS_BUF_AUTO text;
    kms_buf_init(&text, KMSD_CONFIG_MAX_SIZE);
    enum kms_err err = kmsd_audit_read_note(audit, &text);
    if (err == KMS_ERR_NOT_FOUND)
        return KMS_OK;
    json_t *before = err == KMS_OK ? json_loadb((const char *)text.data, text.len, 0, NULL) : NULL;
    if (json_equal(before, now)) {
        json_decref(before);
        return KMS_OK;
    }
    json_t *list = json_array();
    list_changes(list, "", before, now);
    err = record(audit, "ChangeConfiguration",
        json_pack("{s:o, s:o, s:O}", "changed", list, "before",
            before == NULL ? json_null() : before, "after", now));
    return err;
}

static enum kms_err record_start(struct kmsd_audit *audit, const struct kmsd_config *config)
{
    json_t *now = kmsd_config_tell(config);
    enum kms_err err = record(audit, "StartService",
        json_pack("{s:s, s:O?}", "version", KMS_VERSION, "configuration", now));
    if (err == KMS_OK && now != NULL)
        err = record_changes(audit, now);
    char *text = now == NULL ? NULL : json_dumps(now, JSON_COMPACT);
    if (err == KMS_OK)
        err = text == NULL ? KMS_ERR_NO_MEMORY : kmsd_audit_write_note(audit, kms_str(text));
    free(text);
    json_decref(now);
    return err;
}

enum kms_err kmsd_service_audit_open(
    const struct kmsd_service *service, struct kmsd_audit **out, struct kmsd_detail *detail)
{
    *out = NULL;
    if (!service->config->has_audit)
        return KMS_OK;
    enum kms_err err = open_trail(service, out, detail);
    if (err != KMS_OK)
        return err;
    err = record_start(*out, service->config);
    if (err != KMS_OK) {
        kmsd_detail_set(detail, "writing the audit trail: %s", kms_err_text(err));
        kmsd_audit_close(*out);
        *out = NULL;
    }
    return err;
}

void kmsd_service_audit_close(struct kmsd_audit *audit)
{
    if (audit == NULL)
        return;
    enum kms_err err = record(audit, "StopService", json_pack("{s:s}", "version", KMS_VERSION));
    if (err != KMS_OK)
        kmsd_log(KMSD_LOG_ERROR, "writing the audit trail: %s", kms_err_text(err));
    kmsd_audit_close(audit);
}

/* --- jobs ------------------------------------------------------------------------------------- */

/* What kmsd does by itself is in the trail as the live service's is in CloudTrail. */
void kmsd_service_audit_job(const struct kmsd_service_audited *audited, enum kmsd_jobs_event event,
    const struct kmsd_key *key, int64_t now_ms, enum kms_err err)
{
    enum kms_err recorded = KMS_OK;
    if (key == NULL)
        return;
    if (event == KMSD_JOBS_ROTATED)
        recorded = kmsd_audit_rotated(
            audited->audit, audited->keys, key, KMS_ROTATION_TYPE_AUTOMATIC, err);
    else if (event == KMSD_JOBS_EXPIRED)
        recorded = kmsd_audit_expired(audited->audit, key, now_ms, err);
    else
        recorded = kmsd_audit_of_key(audited->audit, "DeleteKey", key, NULL, err);
    if (recorded != KMS_OK)
        kmsd_log(KMSD_LOG_ERROR, "writing the audit trail: %s", kms_err_text(recorded));
}

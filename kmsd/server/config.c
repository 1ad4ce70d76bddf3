#include "kmsd/server/config.h"

#include "kmsd/server/arguments.h"
#include "kmsd/server/file.h"

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

#define DEFAULT_LISTEN "127.0.0.1:4599"

void kmsd_config_init(struct kmsd_config *config)
{
    *config = (struct kmsd_config){
        .log_level = KMSD_LOG_INFO,
        .quotas = kmsd_keys_default_quotas,
        .drain_timeout_ms = 10000,
        .has_audit = true,
        .web_identity = {.fetch = KMSD_FETCH_PUBLIC, .refresh_s = 3600, .retry_s = 30},
        .limits =
            {
                .max_body = 1U << 20,
                .unverified_bodies = 64U << 20,
                .connection_memory = 16384,
                .connections = 1024,
                .connections_per_address = 0,
                .idle_timeout_s = 60,
                .request_timeout_s = 30,
                .network_threads = 0,
                .worker_threads = 0,
                .worker_queue = 1024,
                .generator_threads = 0,
                .generator_queue = 64,
            },
    };
    config->audit = kmsd_audit_defaults;
}

/* --- members, as rows ------------------------------------------------------------------------- */

struct reader {
    struct kmsd_config *config;
    struct kmsd_detail *detail;
};

typedef bool read_function(struct reader *reader, const char *name, json_t *value);

struct member {
    const char *name;
    read_function *read;
};

static bool complain(struct reader *reader, const char *name, const char *expected)
{
    kmsd_detail_set(reader->detail, "configuration: '%s' must be %s", name, expected);
    return false;
}

static bool read_members(struct reader *reader, const char *name, json_t *value,
    const struct member *members, size_t count)
{
    if (!json_is_object(value))
        return complain(reader, name, "an object");
    const char *key = NULL;
    json_t *item = NULL;
    json_object_foreach(value, key, item)
    {
        size_t i = 0;
        while (i < count && strcmp(members[i].name, key) != 0)
            i++;
        if (i == count) {
            kmsd_detail_set(
                reader->detail, "configuration: unknown member '%.64s' in '%s'", key, name);
            return false;
        }
        if (!members[i].read(reader, key, item))
            return false;
    }
    return true;
}

static bool read_boolean(struct reader *reader, const char *name, json_t *value, bool *out)
{
    if (!json_is_boolean(value))
        return complain(reader, name, "true or false");
    *out = json_is_true(value);
    return true;
}

static bool read_path(struct reader *reader, const char *name, json_t *value, char out[PATH_MAX])
{
    const char *text = json_string_value(value);
    if (text == NULL || text[0] == '\0' || json_string_length(value) >= PATH_MAX ||
        strlen(text) != json_string_length(value))
        return complain(reader, name, "the path of a file");
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static bool read_listen(struct reader *reader, const char *name, json_t *value)
{
    size_t count = json_array_size(value); /* 0 for anything that is no array */
    if (count == 0 || count > KMSD_MAX_LISTEN)
        return complain(reader, name, "an array of 1 to 16 addresses");
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(value, i));
        if (text == NULL)
            return complain(reader, name, "an array of addresses such as \"127.0.0.1:4599\"");
        if (kmsd_config_add_listen(reader->config, text, reader->detail) != KMS_OK)
            return false;
    }
    return true;
}

static bool read_insecure_http(struct reader *reader, const char *name, json_t *value)
{
    return read_boolean(reader, name, value, &reader->config->insecure_http);
}

static bool read_root_key_file(struct reader *reader, const char *name, json_t *value)
{
    return read_path(reader, name, value, reader->config->root_key_file);
}

static bool read_certificate_file(struct reader *reader, const char *name, json_t *value)
{
    return read_path(reader, name, value, reader->config->tls_certificate_file);
}

static bool read_key_file(struct reader *reader, const char *name, json_t *value)
{
    return read_path(reader, name, value, reader->config->tls_key_file);
}

static bool read_tls(struct reader *reader, const char *name, json_t *value)
{
    static const struct member members[] = {
        {"certificate_file", read_certificate_file},
        {"key_file", read_key_file},
    };
    return read_members(reader, name, value, members, sizeof(members) / sizeof(members[0]));
}

static bool read_log_level(struct reader *reader, const char *name, json_t *value)
{
    const char *text = json_string_value(value);
    if (text == NULL || !kmsd_log_level_parse(text, &reader->config->log_level))
        return complain(reader, name, "\"error\", \"warning\", \"info\" or \"debug\"");
    return true;
}

/* --- limits ----------------------------------------------------------------------------------- */

/* A number of the configuration, the range in which it makes sense, and where it is kept. */
struct limit {
    const char *name;
    uint32_t min;
    uint32_t max;
    size_t offset; /* in struct kmsd_config */
};

#define AT(member) offsetof(struct kmsd_config, member)

static const struct limit http_limits[] = {
    {"max_body_bytes", 16384, 64U << 20, AT(limits.max_body)},
    {"unverified_body_bytes", 65536, 1U << 31, AT(limits.unverified_bodies)},
    {"connection_memory_bytes", 8192, 1U << 20, AT(limits.connection_memory)},
    {"connections", 1, 1000000, AT(limits.connections)},
    {"connections_per_address", 0, 1000000, AT(limits.connections_per_address)},
    {"idle_timeout_s", 1, 3600, AT(limits.idle_timeout_s)},
    {"request_timeout_s", 1, 3600, AT(limits.request_timeout_s)},
    {"network_threads", 0, 1024, AT(limits.network_threads)},
    {"worker_threads", 0, 1024, AT(limits.worker_threads)},
    {"worker_queue", 1, 1000000, AT(limits.worker_queue)},
    {"generator_threads", 0, 1024, AT(limits.generator_threads)},
    {"generator_queue", 1, 1000000, AT(limits.generator_queue)},
    {"drain_timeout_ms", 0, 600000, AT(drain_timeout_ms)},
};

static const struct limit quotas[] = {
    {"keys", 0, 100000000, AT(quotas.keys)},
    {"aliases_per_key", 0, 1000000, AT(quotas.aliases_per_key)},
    {"grants_per_key", 0, KMSD_GRANTS_MAX, AT(quotas.grants_per_key)},
    {"tags_per_key", 0, KMSD_TAGS_MAX, AT(quotas.tags_per_key)},
    {"on_demand_rotations", 0, 1000000, AT(quotas.on_demand_rotations)},
    {"policy_bytes", 1024, 32768, AT(quotas.policy_bytes)},
};

static const struct limit audit_limits[] = {
    {"sync_interval_ms", 10, 60000, AT(audit.sync_interval_ms)},
    {"digest_interval_s", 1, 86400, AT(audit.digest_interval_s)},
    {"file_bytes", 65536, 1U << 30, AT(audit.file_bytes)},
    {"file_age_s", 60, 31 * 86400, AT(audit.file_age_s)},
    {"retention_days", 0, 36500, AT(audit.retention_days)},
    {"sink_queue_bytes", 65536, 1U << 30, AT(audit.sink_queue_bytes)},
};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static bool read_limit(struct reader *reader, const struct limit *limit, json_t *value)
{
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < (json_int_t)limit->min ||
        number > (json_int_t)limit->max) {
        kmsd_detail_set(reader->detail, "configuration: '%s' must be a whole number from %u to %u",
            limit->name, limit->min, limit->max);
        return false;
    }
    const uint32_t kept = (uint32_t)number;
    memcpy((char *)reader->config + limit->offset, &kept, sizeof(kept));
    return true;
}

/* An object of numbers. */
static bool read_numbers(struct reader *reader, const char *name, json_t *value,
    const struct limit *limits, size_t count)
{
    const char *key = NULL;
    json_t *item = NULL;
    if (!json_is_object(value))
        return complain(reader, name, "an object");
    json_object_foreach(value, key, item)
    {
        size_t i = 0;
        while (i < count && strcmp(limits[i].name, key) != 0)
            i++;
        if (i == count) {
            kmsd_detail_set(
                reader->detail, "configuration: unknown member '%.64s' in '%s'", key, name);
            return false;
        }
        if (!read_limit(reader, &limits[i], item))
            return false;
    }
    return true;
}

static bool read_limits(struct reader *reader, const char *name, json_t *value)
{
    return read_numbers(reader, name, value, http_limits, COUNT(http_limits));
}

static bool read_quotas(struct reader *reader, const char *name, json_t *value)
{
    return read_numbers(reader, name, value, quotas, COUNT(quotas));
}

/* --- audit ------------------------------------------------------------------------------------ */

static bool read_audit_enabled(struct reader *reader, const char *name, json_t *value)
{
    return read_boolean(reader, name, value, &reader->config->has_audit);
}

static bool read_audit_folder(struct reader *reader, const char *name, json_t *value)
{
    return read_path(reader, name, value, reader->config->audit_folder);
}

static bool read_audit_sync(struct reader *reader, const char *name, json_t *value)
{
    const char *text = json_string_value(value);
    bool always = text != NULL && strcmp(text, "always") == 0;
    if (!always && (text == NULL || strcmp(text, "interval") != 0))
        return complain(reader, name, "\"interval\" or \"always\"");
    reader->config->audit.sync = always ? KMSD_AUDIT_SYNC_ALWAYS : KMSD_AUDIT_SYNC_INTERVAL;
    return true;
}

static bool read_audit_on_failure(struct reader *reader, const char *name, json_t *value)
{
    const char *text = json_string_value(value);
    bool goes_on = text != NULL && strcmp(text, "continue") == 0;
    if (!goes_on && (text == NULL || strcmp(text, "refuse") != 0))
        return complain(reader, name, "\"refuse\" or \"continue\"");
    reader->config->audit.on_failure = goes_on ? KMSD_AUDIT_CONTINUE : KMSD_AUDIT_REFUSE;
    return true;
}

static bool read_audit_syslog(struct reader *reader, const char *name, json_t *value)
{
    char *path = reader->config->audit_syslog;
    if (json_is_string(value))
        return read_path(reader, name, value, path);
    bool is_wanted = false;
    if (!read_boolean(reader, name, value, &is_wanted))
        return false;
    (void)snprintf(path, PATH_MAX, "%s", is_wanted ? "/dev/log" : "");
    return true;
}

static bool read_audit_webhook(struct reader *reader, const char *name, json_t *value)
{
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    if (text == NULL || len == 0 || len >= sizeof(reader->config->audit_webhook) ||
        strlen(text) != len)
        return complain(reader, name, "a URL");
    memcpy(reader->config->audit_webhook, text, len + 1);
    return true;
}

static bool read_audit_limits(struct reader *reader, const char *name, json_t *value)
{
    return read_numbers(reader, name, value, audit_limits, COUNT(audit_limits));
}

static bool read_audit(struct reader *reader, const char *name, json_t *value)
{
    static const struct member members[] = {
        {"enabled", read_audit_enabled},
        {"folder", read_audit_folder},
        {"limits", read_audit_limits},
        {"on_failure", read_audit_on_failure},
        {"sync", read_audit_sync},
        {"syslog", read_audit_syslog},
        {"webhook", read_audit_webhook},
    };
    return read_members(reader, name, value, members, sizeof(members) / sizeof(members[0]));
}

/* --- web identities --------------------------------------------------------------------------- */

static const char *const fetch_names[] = {
    [KMSD_FETCH_NEVER] = "never",
    [KMSD_FETCH_PUBLIC] = "public",
    [KMSD_FETCH_ANY] = "any",
};

static bool read_fetch(struct reader *reader, const char *name, json_t *value)
{
    const char *text = json_string_value(value);
    for (size_t i = 0; text != NULL && i < sizeof(fetch_names) / sizeof(fetch_names[0]); i++) {
        if (strcmp(text, fetch_names[i]) != 0)
            continue;
        reader->config->web_identity.fetch = (enum kmsd_fetch_from)i;
        return true;
    }
    return complain(reader, name, "\"never\", \"public\" or \"any\"");
}

static bool read_issuers_ca_file(struct reader *reader, const char *name, json_t *value)
{
    return read_path(reader, name, value, reader->config->web_identity.ca_file);
}

static bool read_refresh(struct reader *reader, const char *name, json_t *value)
{
    const struct limit limit = {name, 1, 86400, AT(web_identity.refresh_s)};
    return read_limit(reader, &limit, value);
}

static bool read_retry(struct reader *reader, const char *name, json_t *value)
{
    const struct limit limit = {name, 1, 3600, AT(web_identity.retry_s)};
    return read_limit(reader, &limit, value);
}

static bool read_web_identity(struct reader *reader, const char *name, json_t *value)
{
    static const struct member members[] = {
        {"ca_file", read_issuers_ca_file},
        {"fetch", read_fetch},
        {"refresh_s", read_refresh},
        {"retry_s", read_retry},
    };
    return read_members(reader, name, value, members, sizeof(members) / sizeof(members[0]));
}

/* --- the whole -------------------------------------------------------------------------------- */

enum kms_err kmsd_config_parse(
    struct kmsd_config *config, struct kms_str text, struct kmsd_detail *detail)
{
    static const struct member members[] = {
        {"listen", read_listen},
        {"insecure_http", read_insecure_http},
        {"tls", read_tls},
        {"root_key_file", read_root_key_file},
        {"log_level", read_log_level},
        {"limits", read_limits},
        {"quotas", read_quotas},
        {"audit", read_audit},
        {"web_identity", read_web_identity},
    };
    struct kmsd_config changed = *config;
    struct reader reader = {.config = &changed, .detail = detail};
    json_error_t error;
    json_t *root = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        kmsd_detail_set(
            detail, "configuration: line %d, column %d: %s", error.line, error.column, error.text);
        return KMS_ERR_CONFIG;
    }
    bool is_good =
        read_members(&reader, "configuration", root, members, sizeof(members) / sizeof(members[0]));
    json_decref(root);
    if (!is_good)
        return KMS_ERR_CONFIG;
    *config = changed;
    return KMS_OK;
}

enum kms_err kmsd_config_read(
    struct kmsd_config *config, const char *path, struct kmsd_detail *detail)
{
    KMS_BUF_AUTO text;
    kms_buf_init(&text, KMSD_CONFIG_MAX_SIZE);
    enum kms_err err = kmsd_file_read(path, &text, detail);
    if (err != KMS_OK)
        return err;
    return kmsd_config_parse(config, kms_buf_str(&text), detail);
}

/* --- telling ---------------------------------------------------------------------------------- */

static json_t *tell_numbers(
    const struct kmsd_config *config, const struct limit *limits, size_t count)
{
    json_t *object = json_object();
    for (size_t i = 0; i < count; i++) {
        uint32_t number = 0;
        memcpy(&number, (const char *)config + limits[i].offset, sizeof(number));
        (void)json_object_set_new(object, limits[i].name, json_integer(number));
    }
    return object;
}

static json_t *tell_text(const char *text)
{
    return text[0] == '\0' ? json_null() : json_string(text);
}

static json_t *tell_listen(const struct kmsd_config *config)
{
    json_t *list = json_array();
    for (size_t i = 0; i < config->listen_count; i++) {
        char text[KMSD_LISTEN_TEXT_SIZE];
        kmsd_listen_format(&config->listen[i], text);
        (void)json_array_append_new(list, json_string(text));
    }
    return list;
}

/* Without what stands after the host, which may be a secret. */
static json_t *tell_webhook(const char *url)
{
    const char *host = strstr(url, "://");
    const char *at = host == NULL ? NULL : strrchr(host, '@');
    size_t len = host == NULL ? 0 : (size_t)(host - url) + 3 + strcspn(host + 3, "/?#");
    if (at != NULL || len == 0)
        return url[0] == '\0' ? json_null() : json_string("not shown");
    return json_stringn(url, len);
}

json_t *kmsd_config_tell(const struct kmsd_config *config)
{
    const struct kmsd_audit_options *audit = &config->audit;
    /* a part that there is no memory for makes the whole NULL */
    return json_pack("{s:o, s:b, s:{s:o, s:o}, s:o, s:s, s:o, s:o, s:{s:s, s:o, s:I, s:I}, s:{s:b, "
                     "s:o, s:s, s:s, s:o, "
                     "s:o, s:o}}",
        "listen", tell_listen(config), "insecure_http", config->insecure_http, "tls",
        "certificate_file", tell_text(config->tls_certificate_file), "key_file",
        tell_text(config->tls_key_file), "root_key_file", tell_text(config->root_key_file),
        "log_level", kmsd_log_level_name(config->log_level), "limits",
        tell_numbers(config, http_limits, COUNT(http_limits)), "quotas",
        tell_numbers(config, quotas, COUNT(quotas)), "web_identity", "fetch",
        fetch_names[config->web_identity.fetch], "ca_file", tell_text(config->web_identity.ca_file),
        "refresh_s", (json_int_t)config->web_identity.refresh_s, "retry_s",
        (json_int_t)config->web_identity.retry_s, "audit", "enabled", config->has_audit, "folder",
        tell_text(config->audit_folder), "sync",
        audit->sync == KMSD_AUDIT_SYNC_ALWAYS ? "always" : "interval", "on_failure",
        audit->on_failure == KMSD_AUDIT_CONTINUE ? "continue" : "refuse", "syslog",
        tell_text(config->audit_syslog), "webhook", tell_webhook(config->audit_webhook), "limits",
        tell_numbers(config, audit_limits, COUNT(audit_limits)));
}

/* --- arguments -------------------------------------------------------------------------------- */

enum kms_err kmsd_config_add_listen(
    struct kmsd_config *config, const char *text, struct kmsd_detail *detail)
{
    struct kmsd_listen_address address;
    if (config->listen_count == KMSD_MAX_LISTEN) {
        kmsd_detail_set(detail, "more than %d addresses to listen on", KMSD_MAX_LISTEN);
        return KMS_ERR_CONFIG;
    }
    if (kmsd_listen_parse(kms_str(text), &address) != KMS_OK) {
        kmsd_detail_set(
            detail, "'%.100s' is no address to listen on: say 127.0.0.1:4599 or [::1]:4599", text);
        return KMS_ERR_CONFIG;
    }
    config->listen[config->listen_count++] = address;
    return KMS_OK;
}

/* The file, then the command line, whose addresses replace the file's. */
static enum kms_err read_sources(
    const struct kmsd_arguments *arguments, struct kmsd_config *config, struct kmsd_detail *detail)
{
    enum kms_err err = KMS_OK;
    if (arguments->config != NULL)
        err = kmsd_config_read(config, arguments->config, detail);
    if (arguments->listen.count != 0)
        config->listen_count = 0;
    for (size_t i = 0; err == KMS_OK && i < arguments->listen.count; i++)
        err = kmsd_config_add_listen(config, arguments->listen.values[i], detail);
    if (err == KMS_OK && config->listen_count == 0)
        err = kmsd_config_add_listen(config, DEFAULT_LISTEN, detail);
    if (err == KMS_OK && arguments->log_level != NULL &&
        !kmsd_log_level_parse(arguments->log_level, &config->log_level)) {
        kmsd_detail_set(detail, "--log-level takes error, warning, info or debug");
        err = KMS_ERR_CONFIG;
    }
    return err;
}

enum kms_err kmsd_config_of(const struct kmsd_arguments *arguments, bool for_development,
    struct kmsd_config *config, struct kmsd_detail *detail)
{
    kmsd_config_init(config);
    if (for_development)
        config->web_identity.fetch = KMSD_FETCH_ANY;
    enum kms_err err = read_sources(arguments, config, detail);
    config->insecure_http = config->insecure_http || for_development;
    return err == KMS_OK ? kmsd_config_check(config, detail) : err;
}

enum kms_err kmsd_config_check(const struct kmsd_config *config, struct kmsd_detail *detail)
{
    bool has_certificate = config->tls_certificate_file[0] != '\0';
    if (has_certificate != (config->tls_key_file[0] != '\0')) {
        kmsd_detail_set(detail, "configuration: 'tls' needs both certificate_file and key_file");
        return KMS_ERR_CONFIG;
    }
    if (config->listen_count == 0) {
        kmsd_detail_set(detail, "no address to listen on");
        return KMS_ERR_CONFIG;
    }
    for (size_t i = 0; i < config->listen_count; i++) {
        if (has_certificate || config->insecure_http || kmsd_listen_is_loopback(&config->listen[i]))
            continue;
        char text[KMSD_LISTEN_TEXT_SIZE];
        kmsd_listen_format(&config->listen[i], text);
        kmsd_detail_set(detail,
            "%s can be reached by others, and without TLS they can read every plaintext: configure "
            "'tls', or say \"insecure_http\": true if something in front of kmsd does TLS",
            text);
        return KMS_ERR_CONFIG;
    }
    return KMS_OK;
}

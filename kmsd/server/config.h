/*
 * What a running daemon is told: defaults, then the JSON configuration file, then the command line.
 * docs/OPERATING.md lists every member.
 */
#ifndef KMSD_SERVER_CONFIG_H
#define KMSD_SERVER_CONFIG_H

#include "kmsd/audit/audit.h"
#include "kmsd/detail.h"
#include "kmsd/http/http.h"
#include "kmsd/keys/keys.h"
#include "kmsd/server/log.h"

#include <jansson.h>
#include <limits.h>

#define KMSD_CONFIG_MAX_SIZE ((size_t)1 << 20)

enum { KMSD_MAX_LISTEN = 16 };

/* Which issuers of web identities are asked for their keys. */
enum kmsd_fetch_from {
    KMSD_FETCH_NEVER,
    KMSD_FETCH_PUBLIC, /* those at public addresses */
    KMSD_FETCH_ANY,
};

struct kmsd_web_identity_config {
    enum kmsd_fetch_from fetch;
    char ca_file[PATH_MAX]; /* "": the system's authorities */
    uint32_t refresh_s;     /* keys older than this are fetched anew */
    uint32_t retry_s;       /* between two tries with one issuer */
};

struct kmsd_config {
    struct kmsd_listen_address listen[KMSD_MAX_LISTEN];
    size_t listen_count;
    bool insecure_http;                  /* plain HTTP is meant, also where others can listen in */
    char tls_certificate_file[PATH_MAX]; /* "": no TLS */
    char tls_key_file[PATH_MAX];
    char root_key_file[PATH_MAX]; /* "": root.key in the data directory */
    enum kmsd_log_level log_level;
    uint32_t drain_timeout_ms;
    struct kmsd_http_limits limits;
    bool has_audit;
    struct kmsd_web_identity_config web_identity;
    char audit_folder[PATH_MAX]; /* "": audit in the data directory */
    char audit_webhook[2048];    /* "": none */
    char audit_syslog[PATH_MAX]; /* "": none */
    struct kmsd_audit_options audit;
    struct kmsd_quotas quotas;
};

/* Every default; listens nowhere yet. */
void kmsd_config_init(struct kmsd_config *config);

/* Takes in a configuration file's text (JSON, RFC 8259). Unknown members, duplicate members, wrong
 * types and values out of range are refused by name. KMS_ERR_CONFIG; detail explains. */
KMS_MUST_USE enum kms_err kmsd_config_parse(
    struct kmsd_config *config, struct kms_str text, struct kmsd_detail *detail);

/* The same from a file. KMS_ERR_IO, KMS_ERR_CONFIG. */
KMS_MUST_USE enum kms_err kmsd_config_read(
    struct kmsd_config *config, const char *path, struct kmsd_detail *detail);

/* All of it as the file would have it, for the audit trail; of the webhook no more than its host. A new
 * reference; NULL: no memory. */
json_t *kmsd_config_tell(const struct kmsd_config *config);

/* Adds an address to listen on. KMS_ERR_CONFIG: malformed, or too many. */
KMS_MUST_USE enum kms_err kmsd_config_add_listen(
    struct kmsd_config *config, const char *text, struct kmsd_detail *detail);

struct kmsd_arguments;

/* All of it: defaults, the file, the command line. Development does without TLS, for which a warning must do.
 * KMS_ERR_IO, KMS_ERR_CONFIG. */
KMS_MUST_USE enum kms_err kmsd_config_of(const struct kmsd_arguments *arguments,
    bool for_development, struct kmsd_config *config, struct kmsd_detail *detail);

/* What can be said only of the whole: TLS has both files; addresses that others can reach have TLS,
 * or plain HTTP was asked for by name. KMS_ERR_CONFIG. */
KMS_MUST_USE enum kms_err kmsd_config_check(
    const struct kmsd_config *config, struct kmsd_detail *detail);

#endif

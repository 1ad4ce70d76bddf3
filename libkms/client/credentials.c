#include "libkms/client/credentials.h"

#include "libkms/base/clock.h"
#include "libkms/client/detail.h"
#include "libkms/client/process.h"
#include "libkms/proto/codec.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <string.h>

/* --- credential_process ----------------------------------------------------------------------- */

struct process_output {
    struct kms_opt_int version;
    struct kms_str access_key_id;
    struct kms_str secret_access_key;
    struct kms_str session_token;
    struct kms_str expiration;
};

static const struct kms_type text_type = {.name = "String", .kind = KMS_KIND_STRING};
static const struct kms_type number_type = {.name = "Integer", .kind = KMS_KIND_INTEGER};
static const struct kms_member process_members[] = {
    {"Version", &number_type, offsetof(struct process_output, version), true},
    {"AccessKeyId", &text_type, offsetof(struct process_output, access_key_id), true},
    {"SecretAccessKey", &text_type, offsetof(struct process_output, secret_access_key), true},
    {"SessionToken", &text_type, offsetof(struct process_output, session_token), false},
    {"Expiration", &text_type, offsetof(struct process_output, expiration), false},
};
static const struct kms_shape process_shape = {.name = "ProcessCredentials",
    .members = process_members,
    .member_count = sizeof(process_members) / sizeof(process_members[0]),
    .size = sizeof(struct process_output)};

enum kms_err kms_credentials_parse_process(struct kms_bytes output, struct kms_arena *arena,
    struct kms_credentials *out, struct kms_detail *detail)
{
    struct process_output said;
    enum kms_err err = kms_decode_response(KMS_WIRE_JSON, &process_shape, output, arena, &said);
    if (err == KMS_ERR_NO_MEMORY)
        return err;
    if (err != KMS_OK || !said.version.set || said.version.value != 1) {
        kms_detail_set(detail, "credential_process wrote something else than version 1 JSON");
        return KMS_ERR_NO_CREDENTIALS;
    }
    int64_t expires_ms = 0;
    if (said.expiration.len > 0) {
        err = kms_time_parse_rfc3339(said.expiration, &expires_ms);
        if (err != KMS_OK || expires_ms <= 0) {
            kms_detail_set(detail, "credential_process wrote a malformed Expiration");
            return KMS_ERR_NO_CREDENTIALS;
        }
    }
    *out = (struct kms_credentials){.access_key_id = said.access_key_id,
        .secret_access_key = said.secret_access_key,
        .session_token = said.session_token,
        .expires_ms = expires_ms};
    return KMS_OK;
}

static enum kms_err ask_process(
    struct kms_str command, struct kms_identity **out, struct kms_detail *detail)
{
    KMS_BUF_AUTO output;
    kms_buf_init(&output, KMS_PROCESS_OUTPUT_MAX);
    enum kms_err err = kms_process_run(command, KMS_PROCESS_TIMEOUT_MS, &output, detail);
    if (err != KMS_OK)
        return err;
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 2 * KMS_PROCESS_OUTPUT_MAX);
    struct kms_credentials credentials = {0};
    err = kms_credentials_parse_process(kms_buf_bytes(&output), &arena, &credentials, detail);
    return err == KMS_OK ? kms_identity_new(&credentials, out, detail) : err;
}

/* --- the chain -------------------------------------------------------------------------------- */

struct kms_credentials_chain {
    /* Where renewed ones come from: at most one of the two. */
    kms_credentials_provider *provider;
    void *provider_context;
    char *process; /* command line, NUL-terminated */

    pthread_mutex_t renewing; /* held while asking; taken before lock */
    pthread_mutex_t lock;     /* guards what follows */
    struct kms_identity *current;
    int64_t not_before_ms; /* good ones are not renewed again before that */
};

static enum kms_err from_environment(struct kms_identity **out, struct kms_detail *detail)
{
    struct kms_credentials found = {.access_key_id = kms_str(kms_env("AWS_ACCESS_KEY_ID")),
        .secret_access_key = kms_str(kms_env("AWS_SECRET_ACCESS_KEY")),
        .session_token = kms_str(kms_env("AWS_SESSION_TOKEN"))};
    if (found.access_key_id.data == NULL)
        return KMS_ERR_NOT_FOUND;
    if (found.secret_access_key.data == NULL) {
        kms_detail_set(detail, "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
        return KMS_ERR_NO_CREDENTIALS;
    }
    if (found.session_token.data == NULL) /* an older name for it */
        found.session_token = kms_str(kms_env("AWS_SECURITY_TOKEN"));
    return kms_identity_new(&found, out, detail);
}

static enum kms_err from_section(
    const struct kms_profile_section *section, struct kms_identity **out, struct kms_detail *detail)
{
    struct kms_credentials found = {.access_key_id = kms_profile_get(section, "aws_access_key_id"),
        .secret_access_key = kms_profile_get(section, "aws_secret_access_key"),
        .session_token = kms_profile_get(section, "aws_session_token")};
    if (found.access_key_id.data == NULL)
        return KMS_ERR_NOT_FOUND;
    if (found.secret_access_key.len == 0) {
        kms_detail_set(
            detail, "the profile has an aws_access_key_id, but no aws_secret_access_key");
        return KMS_ERR_NO_CREDENTIALS;
    }
    if (found.session_token.len == 0)
        found.session_token = kms_profile_get(section, "aws_security_token");
    return kms_identity_new(&found, out, detail);
}

/* What the CLI would do before it looks at the profile's keys. Using those keys instead would be
 * acting as somebody else than the user asked for. */
static enum kms_err refuse_unsupported(
    const struct kms_settings *settings, struct kms_detail *detail)
{
    static const char *const names[] = {"role_arn", "web_identity_token_file", "sso_session",
        "sso_account_id", "sso_start_url", "login_session"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (kms_settings_get(settings, names[i]).len == 0)
            continue;
        kms_detail_set(detail, "the profile \"%.*s\" uses %s, which is not supported yet",
            KMS_DETAIL_ARG(settings->profile_name), names[i]);
        return KMS_ERR_UNSUPPORTED;
    }
    if (!settings->profile_chosen && kms_env("AWS_WEB_IDENTITY_TOKEN_FILE") != NULL) {
        kms_detail_set(detail, "AWS_WEB_IDENTITY_TOKEN_FILE is set: not supported yet");
        return KMS_ERR_UNSUPPORTED;
    }
    return KMS_OK;
}

static enum kms_err nothing_found(const struct kms_settings *settings, struct kms_detail *detail)
{
    if (kms_env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") != NULL ||
        kms_env("AWS_CONTAINER_CREDENTIALS_FULL_URI") != NULL) {
        kms_detail_set(detail, "container credentials are not supported yet");
        return KMS_ERR_UNSUPPORTED;
    }
    kms_detail_set(detail,
        "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or put them into the "
        "profile \"%.*s\"",
        KMS_DETAIL_ARG(settings->profile_name));
    return KMS_ERR_NO_CREDENTIALS;
}

/* The first credentials of the chain. KMS_ERR_NOT_FOUND means "go on" and is not returned. */
static enum kms_err find_first(struct kms_credentials_chain *chain,
    const struct kms_client_options *options, const struct kms_settings *settings,
    struct kms_detail *detail)
{
    if (options->credentials.access_key_id.len > 0 ||
        options->credentials.secret_access_key.len > 0) {
        struct kms_credentials given = options->credentials;
        given.expires_ms = 0;
        return kms_identity_new(&given, &chain->current, detail);
    }
    if (chain->provider != NULL)
        return KMS_OK;
    enum kms_err err = KMS_ERR_NOT_FOUND;
    if (!settings->profile_chosen)
        err = from_environment(&chain->current, detail);
    if (err == KMS_ERR_NOT_FOUND) {
        err = refuse_unsupported(settings, detail);
        if (err == KMS_OK)
            err = from_section(settings->in_credentials, &chain->current, detail);
    }
    struct kms_str command = kms_settings_get(settings, "credential_process");
    if (err == KMS_ERR_NOT_FOUND && command.len > 0) {
        chain->process = OPENSSL_strndup(command.data, command.len);
        if (chain->process == NULL)
            return KMS_ERR_NO_MEMORY;
        return ask_process(command, &chain->current, detail);
    }
    if (err == KMS_ERR_NOT_FOUND)
        err = from_section(settings->in_config, &chain->current, detail);
    return err == KMS_ERR_NOT_FOUND ? nothing_found(settings, detail) : err;
}

void kms_credentials_chain_free(struct kms_credentials_chain *chain)
{
    if (chain == NULL)
        return;
    kms_identity_release(chain->current);
    (void)pthread_mutex_destroy(&chain->renewing);
    (void)pthread_mutex_destroy(&chain->lock);
    OPENSSL_free(chain->process);
    OPENSSL_free(chain);
}

static void free_chain_at(struct kms_credentials_chain **chain)
{
    kms_credentials_chain_free(*chain);
}

enum kms_err kms_credentials_chain_new(const struct kms_client_options *options,
    const struct kms_settings *settings, int64_t now_ms, struct kms_credentials_chain **out,
    struct kms_detail *detail)
{
    __attribute__((cleanup(free_chain_at))) struct kms_credentials_chain *chain =
        OPENSSL_zalloc(sizeof(*chain));
    if (chain == NULL)
        return KMS_ERR_NO_MEMORY;
    (void)pthread_mutex_init(
        &chain->renewing, NULL); /* cannot fail on Linux with default attributes */
    (void)pthread_mutex_init(&chain->lock, NULL);
    chain->provider = options->credentials_provider;
    chain->provider_context = options->credentials_context;
    enum kms_err err = find_first(chain, options, settings, detail);
    if (err != KMS_OK)
        return err;
    if (chain->current != NULL && kms_identity_expires_ms(chain->current) != 0 &&
        kms_identity_expires_ms(chain->current) <= now_ms) {
        kms_detail_set(detail, "credential_process gave credentials that have expired");
        return KMS_ERR_NO_CREDENTIALS;
    }
    *out = chain;
    chain = NULL; /* now the caller's */
    return KMS_OK;
}

/* --- renewal ---------------------------------------------------------------------------------- */

enum freshness {
    FRESH,
    AGEING, /* good, but to be renewed */
    EXPIRED,
};

static enum freshness judge(const struct kms_identity *identity, int64_t now_ms)
{
    if (identity == NULL)
        return EXPIRED;
    int64_t expires_ms = kms_identity_expires_ms(identity);
    if (expires_ms == 0 || expires_ms - now_ms > KMS_CREDENTIAL_RENEW_MS)
        return FRESH;
    return expires_ms > now_ms ? AGEING : EXPIRED;
}

/* A share of the current credentials (NULL: none) and how good they are. */
static struct kms_identity *look(
    struct kms_credentials_chain *chain, int64_t now_ms, enum freshness *freshness)
{
    (void)pthread_mutex_lock(&chain->lock);
    struct kms_identity *identity = chain->current;
    *freshness = judge(identity, now_ms);
    if (*freshness == AGEING && now_ms < chain->not_before_ms)
        *freshness = FRESH; /* fresh enough for now: there was a renewal a moment ago */
    if (identity != NULL)
        (void)kms_identity_share(identity);
    (void)pthread_mutex_unlock(&chain->lock);
    return identity;
}

static enum kms_err ask(struct kms_credentials_chain *chain, int64_t now_ms,
    struct kms_identity **out, struct kms_detail *detail)
{
    KMS_IDENTITY_AUTO identity = NULL;
    enum kms_err err = KMS_ERR_INTERNAL;
    if (chain->process != NULL) {
        err = ask_process(kms_str(chain->process), &identity, detail);
    } else if (chain->provider != NULL) {
        struct kms_credentials given = {0};
        err = chain->provider(chain->provider_context, &given, detail);
        if (err == KMS_OK)
            err = kms_identity_new(&given, &identity, detail);
    }
    if (err == KMS_OK && judge(identity, now_ms) == EXPIRED) {
        kms_detail_set(detail, "the new credentials have expired already");
        err = KMS_ERR_NO_CREDENTIALS;
    }
    if (err != KMS_OK)
        return err;
    *out = identity;
    identity = NULL; /* now the caller's */
    return KMS_OK;
}

/* With chain->renewing held. */
static enum kms_err renew(struct kms_credentials_chain *chain, int64_t now_ms,
    struct kms_identity **out, bool *stale, struct kms_detail *detail)
{
    enum freshness freshness;
    KMS_IDENTITY_AUTO old = look(chain, now_ms, &freshness);
    KMS_IDENTITY_AUTO new = NULL;
    if (freshness != FRESH) { /* else another thread has been faster */
        enum kms_err err = ask(chain, now_ms, &new, detail);
        if (err != KMS_OK && freshness == EXPIRED)
            return err;
        (void)pthread_mutex_lock(&chain->lock);
        if (err == KMS_OK) {
            kms_identity_release(chain->current);
            chain->current = kms_identity_share(new);
        } else {
            *stale = true;
        }
        chain->not_before_ms = now_ms + KMS_CREDENTIAL_PAUSE_MS;
        (void)pthread_mutex_unlock(&chain->lock);
    }
    if (new != NULL) {
        *out = new;
        new = NULL; /* now the caller's */
    } else {
        *out = old;
        old = NULL; /* now the caller's */
    }
    return KMS_OK;
}

enum kms_err kms_credentials_get(struct kms_credentials_chain *chain, int64_t now_ms,
    struct kms_identity **out, bool *stale, struct kms_detail *detail)
{
    bool ignored = false;
    bool *is_stale = stale == NULL ? &ignored : stale;
    *is_stale = false;
    enum freshness freshness;
    KMS_IDENTITY_AUTO identity = look(chain, now_ms, &freshness);
    if (freshness == EXPIRED)
        (void)pthread_mutex_lock(&chain->renewing);
    else if (freshness == FRESH || pthread_mutex_trylock(&chain->renewing) != 0) {
        *out = identity;
        identity = NULL; /* now the caller's */
        return KMS_OK;
    }
    enum kms_err err = renew(chain, now_ms, out, is_stale, detail);
    (void)pthread_mutex_unlock(&chain->renewing);
    return err;
}

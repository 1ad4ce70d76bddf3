#include "libkms/client/call.h"

#include "libkms/base/clock.h"
#include "libkms/client/detail.h"

#include <openssl/crypto.h>
#include <string.h>

#define CLIENT_ARENA_MAX ((size_t)64 * 1024)
#define USER_AGENT_MAX   256
#define IDLE_MAX         4096
#define TIMEOUT_MAX_MS   (24u * 60 * 60 * 1000)

void kms_client_free(struct kms_client *client)
{
    if (client == NULL)
        return;
    if (client->origin == NULL) {
        kms_transport_free(client->transport);
        kms_credentials_chain_free(client->credentials);
    }
    (void)pthread_mutex_destroy(&client->quota_lock);
    kms_arena_clean_up(&client->arena);
    OPENSSL_free(client);
}

void kms_client_free_at(struct kms_client **client)
{
    kms_client_free(*client);
}

const char *kms_client_region(const struct kms_client *client)
{
    return client->region.data;
}

const char *kms_client_endpoint(const struct kms_client *client)
{
    return client->endpoint.url.data;
}

enum kms_protocol kms_client_protocol(const struct kms_client *client)
{
    return client->wire == KMS_WIRE_CBOR ? KMS_PROTOCOL_CBOR : KMS_PROTOCOL_JSON;
}

static enum kms_err check_options(
    const struct kms_client_options *options, struct kms_detail *detail)
{
    const char *wrong = NULL;
    if (options->protocol < KMS_PROTOCOL_AUTO || options->protocol > KMS_PROTOCOL_JSON)
        wrong = "protocol";
    else if (options->connect_timeout_ms > TIMEOUT_MAX_MS ||
             options->attempt_timeout_ms > TIMEOUT_MAX_MS ||
             options->call_timeout_ms > TIMEOUT_MAX_MS)
        wrong = "timeout";
    else if (options->max_attempts > KMS_MAX_ATTEMPTS)
        wrong = "max_attempts";
    else if (options->idle_connections > IDLE_MAX)
        wrong = "idle_connections";
    else if (options->ca_file.len > 0 &&
             memchr(options->ca_file.data, '\0', options->ca_file.len) != NULL)
        wrong = "ca_file";
    struct kms_str suffix = options->user_agent_suffix;
    if (suffix.len > USER_AGENT_MAX)
        wrong = "user_agent_suffix";
    for (size_t i = 0; wrong == NULL && i < suffix.len; i++) {
        if (suffix.data[i] < ' ' || suffix.data[i] > '~')
            wrong = "user_agent_suffix";
    }
    if (wrong == NULL)
        return KMS_OK;
    kms_detail_set(detail, "the option %s is out of its range", wrong);
    return KMS_ERR_INVALID_ARGUMENT;
}

static uint32_t or_default(uint32_t value, uint32_t otherwise)
{
    return value == 0 ? otherwise : value;
}

/* Everything that is decided by options, environment and files, but credentials. */
static enum kms_err decide(struct kms_client *client, const struct kms_client_options *options,
    const struct kms_settings *settings, struct kms_detail *detail)
{
    struct kms_str region = {NULL, 0};
    enum kms_err err = kms_settings_region(settings, options->region, &region, detail);
    if (err == KMS_OK)
        err = kms_settings_endpoint(
            settings, options->endpoint_url, region, &client->arena, &client->endpoint, detail);
    enum kms_protocol protocol = options->protocol;
    if (err == KMS_OK)
        err = kms_settings_protocol(options->protocol, &client->endpoint, &protocol, detail);
    if (err == KMS_OK)
        err = kms_settings_max_attempts(
            settings, options->max_attempts, &client->max_attempts, detail);
    if (err != KMS_OK)
        return err;
    client->wire = protocol == KMS_PROTOCOL_CBOR ? KMS_WIRE_CBOR : KMS_WIRE_JSON;
    client->attempt_timeout_ms =
        or_default(options->attempt_timeout_ms, KMS_DEFAULT_ATTEMPT_TIMEOUT_MS);
    client->call_timeout_ms = options->call_timeout_ms;
    client->log = options->log;
    client->log_context = options->log_context;
    client->region = kms_arena_str(&client->arena, region);
    struct kms_str suffix = options->user_agent_suffix;
    client->user_agent = kms_arena_printf(&client->arena, "libkms/%s%s%.*s", KMS_VERSION,
        suffix.len == 0 ? "" : " ", (int)suffix.len, suffix.len == 0 ? "" : suffix.data);
    if (client->region.data == NULL || client->user_agent.data == NULL)
        return KMS_ERR_NO_MEMORY;
    return KMS_OK;
}

static enum kms_err open_transport(struct kms_client *client,
    const struct kms_client_options *options, const struct kms_settings *settings,
    struct kms_detail *detail)
{
    struct kms_transport_options transport = {
        .connect_timeout_ms =
            or_default(options->connect_timeout_ms, KMS_DEFAULT_CONNECT_TIMEOUT_MS),
        .idle_connections = or_default(options->idle_connections, KMS_DEFAULT_IDLE_CONNECTIONS),
        .ca_file = kms_settings_ca_file(settings, options->ca_file)};
    return kms_transport_new(&transport, &client->transport, detail);
}

/* With nothing decided yet. */
static struct kms_client *new_client(void)
{
    struct kms_client *client = OPENSSL_zalloc(sizeof(*client));
    if (client == NULL)
        return NULL;
    kms_arena_init(&client->arena, CLIENT_ARENA_MAX);
    (void)pthread_mutex_init(&client->quota_lock, NULL); /* cannot fail on Linux */
    kms_retry_quota_init(&client->quota);
    atomic_init(&client->clock_offset_ms, 0);
    return client;
}

enum kms_err kms_client_new(
    const struct kms_client_options *options, struct kms_client **out, struct kms_detail *detail)
{
    static const struct kms_client_options defaults;
    if (options == NULL)
        options = &defaults;
    if (detail != NULL)
        detail->text[0] = '\0';
    enum kms_err err = check_options(options, detail);
    if (err != KMS_OK)
        return err;
    KMS_CLIENT_AUTO client = new_client();
    if (client == NULL)
        return KMS_ERR_NO_MEMORY;
    struct kms_settings settings;
    err = kms_settings_load(options->profile, &settings, detail);
    if (err != KMS_OK)
        return err;
    err = decide(client, options, &settings, detail);
    if (err == KMS_OK)
        err = open_transport(client, options, &settings, detail);
    if (err == KMS_OK)
        err = kms_credentials_chain_new(
            options, &settings, kms_clock_now_ms(), &client->credentials, detail);
    kms_settings_clean_up(&settings);
    if (err != KMS_OK)
        return err;
    if (!client->endpoint.tls && client->log != NULL)
        client->log(client->log_context, KMS_LOG_DEBUG,
            "the endpoint is http: requests and answers are not encrypted on the way");
    *out = client;
    client = NULL; /* now the caller's */
    return KMS_OK;
}

enum kms_err kms_client_new_in_region(const struct kms_client *origin, struct kms_str region,
    struct kms_client **out, struct kms_detail *detail)
{
    if (detail != NULL)
        detail->text[0] = '\0';
    if (!kms_region_valid(region)) {
        kms_detail_set(detail, "\"%.*s\" is not a region's name", KMS_DETAIL_ARG(region));
        return KMS_ERR_CONFIG;
    }
    KMS_CLIENT_AUTO client = new_client();
    if (client == NULL)
        return KMS_ERR_NO_MEMORY;
    client->origin = origin;
    client->endpoint = origin->endpoint;
    client->user_agent = origin->user_agent;
    client->wire = origin->wire;
    client->attempt_timeout_ms = origin->attempt_timeout_ms;
    client->call_timeout_ms = origin->call_timeout_ms;
    client->max_attempts = origin->max_attempts;
    client->log = origin->log;
    client->log_context = origin->log_context;
    client->credentials = origin->credentials;
    client->transport = origin->transport;
    client->region = kms_arena_str(&client->arena, region);
    if (client->region.data == NULL)
        return KMS_ERR_NO_MEMORY;
    if (origin->endpoint.of_region) {
        enum kms_err err = kms_endpoint_of_region(region, origin->endpoint.fips,
            origin->endpoint.dual_stack, &client->arena, &client->endpoint, detail);
        if (err != KMS_OK)
            return err;
    }
    *out = client;
    client = NULL; /* now the caller's */
    return KMS_OK;
}

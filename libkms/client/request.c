#include "libkms/client/call.h"

#include "libkms/base/clock.h"

/* Long tokens, the Authorization value, a few lines. */
#define AUTHORIZATION_MAX 4096

static void add(struct kms_signed_request *request, const char *name, struct kms_str value)
{
    struct kms_header header = {kms_str(name), value};
    request->headers[request->header_count++] = header;
}

/* What is signed beside the headers. */
struct signing {
    struct kms_str service;
    struct kms_str path;
    struct kms_bytes body;
    const struct kms_identity *identity;
    int64_t now_ms;
};

static enum kms_err sign(const struct kms_client *client, const struct signing *signing,
    struct kms_arena *arena, struct kms_signed_request *request)
{
    struct kms_http_view view = {.method = kms_str("POST"),
        .path = signing->path,
        .query = kms_str(""),
        .headers = request->headers,
        .header_count = request->header_count,
        .body = signing->body};
    struct kms_sigv4_signer signer = {
        .access_key_id = kms_identity_access_key_id(signing->identity),
        .secret_access_key = kms_identity_secret_access_key(signing->identity),
        .region = client->region,
        .service = signing->service,
        .now_ms = signing->now_ms};
    KMS_BUF_AUTO authorization;
    kms_buf_init(&authorization, AUTHORIZATION_MAX);
    enum kms_err err = kms_sigv4_sign(&view, &signer, &kms_sigv4_defaults, &authorization);
    if (err != KMS_OK)
        return err;
    struct kms_str value = kms_arena_str(arena, kms_buf_str(&authorization));
    if (value.data == NULL)
        return KMS_ERR_NO_MEMORY;
    add(request, "Authorization", value);
    return KMS_OK;
}

enum kms_err kms_request_sign(const struct kms_client *client, const struct kms_attempt *attempt,
    struct kms_arena *arena, struct kms_signed_request *out)
{
    const char *operation = kms_operations[attempt->op].name;
    bool cbor = client->wire == KMS_WIRE_CBOR;
    struct kms_str path = kms_arena_printf(arena, "%s%s%s", client->endpoint.path_prefix.data,
        cbor ? "/service/" KMS_TARGET_PREFIX "/operation/" : "/", cbor ? operation : "");
    struct kms_str target = kms_arena_printf(arena, KMS_TARGET_PREFIX ".%s", operation);
    struct kms_str retry =
        kms_arena_printf(arena, "attempt=%u; max=%u", attempt->number, client->max_attempts);
    struct kms_str date = {kms_arena_alloc(arena, KMS_TIME_BASIC_SIZE), KMS_TIME_BASIC_SIZE - 1};
    if (path.data == NULL || target.data == NULL || retry.data == NULL || date.data == NULL)
        return KMS_ERR_NO_MEMORY;
    kms_time_format_basic(attempt->now_ms, (char *)date.data);

    struct kms_signed_request request = {.header_count = 0};
    request.url = kms_arena_printf(arena, "%.*s%s",
        (int)(client->endpoint.url.len - client->endpoint.path_prefix.len),
        client->endpoint.url.data, path.data);
    if (request.url.data == NULL)
        return KMS_ERR_NO_MEMORY;
    add(&request, "Host", client->endpoint.host_header);
    add(&request, "Content-Type", kms_str(kms_wire_content_type(client->wire)));
    add(&request, "X-Amz-Date", date);
    if (cbor)
        add(&request, "Smithy-Protocol", kms_str("rpc-v2-cbor"));
    else
        add(&request, "X-Amz-Target", target);
    struct kms_str token = kms_identity_session_token(attempt->identity);
    if (token.len > 0)
        add(&request, "X-Amz-Security-Token", token);
    const struct signing signing = {
        kms_str(KMS_SIGNING_NAME), path, attempt->body, attempt->identity, attempt->now_ms};
    enum kms_err err = sign(client, &signing, arena, &request);
    if (err != KMS_OK)
        return err;
    /* Not signed: proxies may touch these, and nothing depends on them. */
    add(&request, "Accept", kms_str(kms_wire_content_type(client->wire)));
    add(&request, "User-Agent", client->user_agent);
    add(&request, "Amz-Sdk-Invocation-Id", kms_str(attempt->invocation_id));
    add(&request, "Amz-Sdk-Request", retry);
    *out = request;
    return KMS_OK;
}

enum kms_err kms_request_sign_form(const struct kms_client *client, const struct kms_form *form,
    const struct kms_identity *identity, int64_t now_ms, struct kms_arena *arena,
    struct kms_signed_request *out)
{
    const struct kms_endpoint *endpoint = form->endpoint;
    struct kms_str path = kms_arena_printf(arena, "%s/", endpoint->path_prefix.data);
    struct kms_str date = {kms_arena_alloc(arena, KMS_TIME_BASIC_SIZE), KMS_TIME_BASIC_SIZE - 1};
    struct kms_signed_request request = {.header_count = 0};
    request.url = kms_arena_printf(arena, "%s/", endpoint->url.data);
    if (path.data == NULL || date.data == NULL || request.url.data == NULL)
        return KMS_ERR_NO_MEMORY;
    kms_time_format_basic(now_ms, (char *)date.data);
    add(&request, "Host", endpoint->host_header);
    add(&request, "Content-Type", kms_str("application/x-www-form-urlencoded"));
    add(&request, "X-Amz-Date", date);
    enum kms_err err = KMS_OK;
    if (identity != NULL) {
        struct kms_str token = kms_identity_session_token(identity);
        if (token.len > 0)
            add(&request, "X-Amz-Security-Token", token);
        const struct signing signing = {form->service, path, form->body, identity, now_ms};
        err = sign(client, &signing, arena, &request);
    }
    if (err != KMS_OK)
        return err;
    add(&request, "User-Agent", client->user_agent);
    *out = request;
    return KMS_OK;
}

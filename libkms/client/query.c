/*
 * Calls in the AWS query protocol: a form out, XML in.
 *
 * Source: AWS STS API reference, version 2011-06-15; AWS IAM API reference, version 2010-05-08.
 */
#include "libkms/client/query.h"

#include "libkms/base/clock.h"
#include "libkms/client/call.h"

#include <stdio.h>
#include <string.h>

/* --- where ------------------------------------------------------------------------------------ */

/* With AWS a service has its own host beside that of the keys: sts.REGION... for kms.REGION...; a
 * daemon of ours answers for all. */
static enum kms_err find_endpoint(const struct kms_client *client, struct kms_str service,
    struct kms_arena *arena, struct kms_endpoint *out, struct kms_detail *detail)
{
    if (!kms_endpoint_is_aws_kms(&client->endpoint)) {
        *out = client->endpoint;
        return KMS_OK;
    }
    if (!kms_str_is(service, "sts")) {
        (void)snprintf(detail->text, sizeof(detail->text),
            "this is for identities of kmsd; AWS has tools of its own for its");
        return KMS_ERR_UNSUPPORTED;
    }
    return kms_endpoint_of_sts(&client->endpoint, arena, out, detail);
}

/* --- XML -------------------------------------------------------------------------------------- */

static size_t put_entity(struct kms_str text, char *out)
{
    static const struct {
        const char *name;
        char letter;
    } entities[] = {
        {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
    for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
        size_t len = strlen(entities[i].name);
        if (text.len < len || memcmp(text.data, entities[i].name, len) != 0)
            continue;
        *out = entities[i].letter;
        return len;
    }
    return 0;
}

bool kms_query_element(struct kms_str xml, const char *name, char *out, size_t size)
{
    char open[64], close[64];
    int open_len = snprintf(open, sizeof(open), "<%s>", name);
    int close_len = snprintf(close, sizeof(close), "</%s>", name);
    if (open_len < 0 || close_len < 0 || xml.data == NULL)
        return false;
    const char *start = memmem(xml.data, xml.len, open, (size_t)open_len);
    if (start == NULL)
        return false;
    start += open_len;
    size_t left = xml.len - (size_t)(start - xml.data), len = 0;
    const char *end = memmem(start, left, close, (size_t)close_len);
    if (end == NULL)
        return false;
    for (const char *at = start; at < end; len++) {
        if (len + 1 >= size || *at == '<')
            return false;
        size_t taken =
            *at == '&' ? put_entity((struct kms_str){at, (size_t)(end - at)}, &out[len]) : 0;
        if (taken == 0) {
            unsigned char letter = (unsigned char)*at;
            out[len] = *at;
            if (letter < 0x20 || letter == 0x7f)
                out[len] = '?';
            taken = 1;
        }
        at += taken;
    }
    out[len] = '\0';
    return true;
}

static enum kms_err protocol_error(struct kms_fault *fault, const char *text)
{
    (void)snprintf(fault->message, sizeof(fault->message), "%s", text);
    return KMS_ERR_PROTOCOL;
}

static enum kms_err read_answer(const struct kms_transport_answer *answer, struct kms_fault *fault)
{
    struct kms_str xml = kms_buf_str(answer->body);
    if (answer->status == 200)
        return KMS_OK;
    fault->http_status = answer->status;
    (void)kms_query_element(xml, "RequestId", fault->request_id, sizeof(fault->request_id));
    if (!kms_query_element(xml, "Code", fault->code, sizeof(fault->code)) || fault->code[0] == '\0')
        return protocol_error(fault, "the endpoint does not speak the API of identities");
    (void)kms_query_element(xml, "Message", fault->message, sizeof(fault->message));
    return KMS_ERR_FAULT;
}

/* --- the call --------------------------------------------------------------------------------- */

static enum kms_err send_form(struct kms_client *client, const struct kms_query *query,
    const struct kms_identity *identity, int64_t now_ms, struct kms_arena *arena,
    struct kms_transport_answer *answer, struct kms_detail *detail)
{
    struct kms_endpoint endpoint;
    struct kms_signed_request request;
    enum kms_err err = find_endpoint(client, query->service, arena, &endpoint, detail);
    if (err != KMS_OK)
        return err;
    const struct kms_form form = {.service = query->service,
        .endpoint = &endpoint,
        .body = kms_bytes(query->form.data, query->form.len)};
    err = kms_request_sign_form(client, &form, identity, now_ms, arena, &request);
    if (err != KMS_OK)
        return err;
    const struct kms_transport_request post = {.url = request.url.data,
        .headers = request.headers,
        .header_count = request.header_count,
        .body = form.body,
        .timeout_ms = client->attempt_timeout_ms};
    return kms_transport_post(client->transport, &post, answer, detail);
}

enum kms_err kms_query_call(struct kms_client *client, const struct kms_query *query,
    struct kms_buf *xml, struct kms_fault *fault)
{
    struct kms_detail detail = {""};
    bool stale = false;
    KMS_IDENTITY_AUTO identity = NULL;
    int64_t now_ms =
        kms_clock_now_ms() + atomic_load_explicit(&client->clock_offset_ms, memory_order_relaxed);
    KMS_ARENA_AUTO arena;
    memset(fault, 0, sizeof(*fault));
    kms_arena_init(&arena, (size_t)64 * 1024);
    struct kms_transport_answer answer = {.body = xml};
    enum kms_err err = KMS_OK;
    if (!query->is_unsigned)
        err = kms_credentials_get(client->credentials, now_ms, &identity, &stale, &detail);
    if (err == KMS_OK)
        err = send_form(client, query, identity, now_ms, &arena, &answer, &detail);
    if (err != KMS_OK) {
        (void)snprintf(fault->message, sizeof(fault->message), "%s", detail.text);
        return err;
    }
    return read_answer(&answer, fault);
}

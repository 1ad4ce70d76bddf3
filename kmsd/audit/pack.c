#include "kmsd/audit/pack.h"

#include "libkms/trail/trail.h"

#include <string.h>

#define ABSENT UINT32_MAX

/* --- which texts ------------------------------------------------------------------------------ */

#define IDENTITY(member) offsetof(struct kmsd_audit_identity, member)
#define REQUEST(member)  offsetof(struct kmsd_audit_request, member)
#define RESOURCE(member) offsetof(struct kmsd_audit_resource, member)

static const size_t identity_texts[] = {
    IDENTITY(principal_id),
    IDENTITY(arn),
    IDENTITY(account),
    IDENTITY(access_key_id),
    IDENTITY(user_name),
    IDENTITY(invoked_by),
    IDENTITY(provider),
    IDENTITY(issuer_type),
    IDENTITY(issuer_id),
    IDENTITY(issuer_arn),
    IDENTITY(issuer_account),
    IDENTITY(issuer_name),
    IDENTITY(source_identity),
    IDENTITY(web_provider),
};
static const size_t request_texts[] = {
    REQUEST(event_source),
    REQUEST(event_name),
    REQUEST(region),
    REQUEST(account),
    REQUEST(source_address),
    REQUEST(user_agent),
    REQUEST(request_id),
    REQUEST(error_code),
    REQUEST(error_message),
    REQUEST(tls_version),
    REQUEST(tls_cipher),
    REQUEST(host),
};
static const size_t request_objects[] = {
    /* JSON, whole or not at all */
    REQUEST(request_parameters),
    REQUEST(response_elements),
    REQUEST(additional_data),
};
static const size_t resource_texts[] = {RESOURCE(arn), RESOURCE(account), RESOURCE(type)};

#define COUNT(texts) (sizeof(texts) / sizeof((texts)[0]))

enum { FIXED = COUNT(identity_texts) + COUNT(request_texts) + COUNT(request_objects) };
_Static_assert(
    (int)KMSD_AUDIT_TEXTS_MAX == (int)(FIXED + KMSD_AUDIT_RESOURCES_MAX * COUNT(resource_texts)),
    "there is room for all texts");

/* A member that is added to one of them has to be packed, too: in a table above, or in the head below. */
_Static_assert(sizeof(struct kmsd_audit_identity) ==
                   COUNT(identity_texts) * sizeof(struct kms_str) + 3 * sizeof(int64_t),
    "all of an identity is packed");
_Static_assert(sizeof(struct kmsd_audit_request) ==
                   (COUNT(request_texts) + COUNT(request_objects)) * sizeof(struct kms_str) +
                       2 * sizeof(int64_t) + 2 * sizeof(void *) + sizeof(size_t),
    "all of a request is packed");
_Static_assert(sizeof(struct kmsd_audit_resource) == COUNT(resource_texts) * sizeof(struct kms_str),
    "all of a resource is packed");

/* Begins a packed request. The lengths of its texts follow, then their bytes. */
struct head {
    int64_t time_ms;
    int64_t session_created_ms;
    uint32_t who;
    uint8_t has_session;
    uint8_t is_mfa_authenticated;
    uint8_t is_read_only;
    uint8_t resource_count;
};

/* Without its JSON objects, or with one that says that they are left out, a request fits into the spool. */
_Static_assert(
    sizeof(struct head) + KMSD_AUDIT_TEXTS_MAX * (sizeof(uint32_t) + KMSD_AUDIT_TEXT_MAX) <=
        KMS_TRAIL_RECORD_MAX,
    "a request fits");

static size_t resource_count(const struct kmsd_audit_request *request)
{
    return request->resource_count < KMSD_AUDIT_RESOURCES_MAX ? request->resource_count
                                                              : KMSD_AUDIT_RESOURCES_MAX;
}

/* --- packing ---------------------------------------------------------------------------------- */

static inline void take(struct kmsd_audit_packing *packing, const void *from, const size_t *offsets,
    size_t count, size_t most)
{
    for (size_t i = 0; i < count; i++) {
        struct kms_str text =
            *(const struct kms_str *)(const void *)((const char *)from + offsets[i]);
        if (text.data == NULL)
            text.len = 0;
        if (text.len > most)
            text.len = most; /* half a letter at the end becomes U+FFFD in the record */
        packing->texts[packing->count++] = text;
        packing->size += sizeof(uint32_t) + text.len;
    }
}

void kmsd_audit_pack_begin(
    const struct kmsd_audit_request *request, struct kmsd_audit_packing *packing)
{
    const size_t most = KMSD_AUDIT_TEXT_MAX;
    packing->request = request;
    packing->size = sizeof(struct head);
    packing->count = 0;
    take(packing, request->identity, identity_texts, COUNT(identity_texts), most);
    take(packing, request, request_texts, COUNT(request_texts), most);
    take(packing, request, request_objects, COUNT(request_objects), SIZE_MAX);
    for (size_t i = 0; i < resource_count(request); i++)
        take(packing, &request->resources[i], resource_texts, COUNT(resource_texts), most);
}

void kmsd_audit_pack(const struct kmsd_audit_packing *packing, uint8_t *out)
{
    const struct kmsd_audit_request *request = packing->request;
    const struct kmsd_audit_identity *identity = request->identity;
    const struct head head = {
        .time_ms = request->time_ms,
        .session_created_ms = identity->session_created_ms,
        .who = identity->who,
        .has_session = identity->has_session,
        .is_mfa_authenticated = identity->is_mfa_authenticated,
        .is_read_only = request->is_read_only,
        .resource_count = (uint8_t)resource_count(request),
    };
    memcpy(out, &head, sizeof(head));
    uint32_t *lens = (uint32_t *)(void *)(out + sizeof(head));
    uint8_t *at = (uint8_t *)(lens + packing->count);
    for (size_t i = 0; i < packing->count; i++) {
        const struct kms_str *text = &packing->texts[i];
        lens[i] = text->data == NULL ? ABSENT : (uint32_t)text->len;
        if (text->len == 0)
            continue;
        memcpy(at, text->data, text->len);
        at += text->len;
    }
}

/* --- unpacking -------------------------------------------------------------------------------- */

struct reader {
    const uint32_t *lens;
    struct kms_str bytes; /* that are left */
    bool is_bad;
};

static void give(struct reader *in, void *to, const size_t *offsets, size_t count, size_t most)
{
    for (size_t i = 0; i < count; i++) {
        struct kms_str *text = (struct kms_str *)(void *)((char *)to + offsets[i]);
        uint32_t len = *in->lens++;
        *text = (struct kms_str){NULL, 0};
        if (len == ABSENT)
            continue;
        if (len > in->bytes.len || len > most) {
            in->is_bad = true;
            return;
        }
        *text = (struct kms_str){in->bytes.data, len};
        in->bytes = (struct kms_str){in->bytes.data + len, in->bytes.len - len};
    }
}

static bool is_sound(const struct head *head)
{
    return head->who <= KMSD_AUDIT_WHO_LAST && head->has_session <= 1 &&
           head->is_mfa_authenticated <= 1 && head->is_read_only <= 1 &&
           head->resource_count <= KMSD_AUDIT_RESOURCES_MAX;
}

enum kms_err kmsd_audit_unpack(struct kms_bytes packed, struct kmsd_audit_unpacked *out)
{
    struct head head;
    if (packed.len < sizeof(head))
        return KMS_ERR_CORRUPT;
    memcpy(&head, packed.data, sizeof(head));
    size_t texts = FIXED + head.resource_count * COUNT(resource_texts);
    size_t bytes_at = sizeof(head) + texts * sizeof(uint32_t);
    if (!is_sound(&head) || packed.len < bytes_at)
        return KMS_ERR_CORRUPT;
    struct reader in = {
        .lens = (const uint32_t *)(const void *)(packed.data + sizeof(head)),
        .bytes = {(const char *)packed.data + bytes_at, packed.len - bytes_at},
    };
    out->identity = (struct kmsd_audit_identity){
        .who = (enum kmsd_audit_who)head.who,
        .has_session = head.has_session != 0,
        .is_mfa_authenticated = head.is_mfa_authenticated != 0,
        .session_created_ms = head.session_created_ms,
    };
    out->request = (struct kmsd_audit_request){
        .identity = &out->identity,
        .time_ms = head.time_ms,
        .is_read_only = head.is_read_only != 0,
        .resources = out->resources,
        .resource_count = head.resource_count,
    };
    const size_t most = KMSD_AUDIT_TEXT_MAX;
    give(&in, &out->identity, identity_texts, COUNT(identity_texts), most);
    give(&in, &out->request, request_texts, COUNT(request_texts), most);
    give(&in, &out->request, request_objects, COUNT(request_objects), SIZE_MAX);
    for (size_t i = 0; i < head.resource_count; i++)
        give(&in, &out->resources[i], resource_texts, COUNT(resource_texts), most);
    return in.is_bad || in.bytes.len != 0 ? KMS_ERR_CORRUPT : KMS_OK;
}

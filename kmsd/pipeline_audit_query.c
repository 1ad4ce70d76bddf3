#include "kmsd/pipeline_audit_query.h"

#include "kmsd/audit/json_out.h"

#include <string.h>

/* More than any action but a simulation takes: 50 tags, each a key and a value, and what goes with them. */
enum { SHOWN_MAX = 128 };

enum traits {
    PLAIN = 0,
    UNSIGNED = 1, /* shown whoever asks */
    DOCUMENT = 2, /* a JSON text */
    LIST = 4,     /* "NAME.member.1" */
};

struct known {
    const char *name;
    unsigned traits;
};

/* The most telling first. Not here: WebIdentityToken, SAMLAssertion, Password, TokenCode, and Jwks,
 * which might hold a private key by mistake. */
static const struct known known[] = {
    {"RoleArn", UNSIGNED},
    {"RoleSessionName", UNSIGNED},
    {"ProviderId", UNSIGNED},
    {"UserName", PLAIN},
    {"GroupName", PLAIN},
    {"RoleName", PLAIN},
    {"PolicyName", PLAIN},
    {"PolicyArn", PLAIN},
    {"PermissionsBoundary", PLAIN},
    {"OpenIDConnectProviderArn", PLAIN},
    {"PolicySourceArn", PLAIN},
    {"CallerArn", PLAIN},
    {"ActionNames", LIST},
    {"ResourceArns", LIST},
    {"ResourceOwner", PLAIN},
    {"ResourceHandlingOption", PLAIN},
    {"AccessKeyId", PLAIN},
    {"Status", PLAIN},
    {"NewUserName", PLAIN},
    {"NewGroupName", PLAIN},
    {"NewPath", PLAIN},
    {"Path", PLAIN},
    {"VersionId", PLAIN},
    {"SetAsDefault", PLAIN},
    {"SourceIdentity", PLAIN},
    {"ExternalId", PLAIN},
    {"DurationSeconds", PLAIN},
    {"MaxSessionDuration", PLAIN},
    {"SerialNumber", PLAIN},
    {"Url", PLAIN},
    {"Scope", PLAIN},
    {"OnlyAttached", PLAIN},
    {"EntityFilter", PLAIN},
    {"PolicyUsageFilter", PLAIN},
    {"PathPrefix", PLAIN},
    {"MaxItems", PLAIN},
    {"Description", PLAIN},
    {"PolicyDocument", DOCUMENT},
    {"AssumeRolePolicyDocument", DOCUMENT},
    {"Policy", DOCUMENT},
    {"PolicyArns", LIST},
    {"ClientIDList", LIST},
    {"ClientID", PLAIN},
    {"ThumbprintList", LIST},
    {"Thumbprint", PLAIN},
    {"Tags", LIST},
    {"TagKeys", LIST},
    {"TransitiveTagKeys", LIST},
    {"ContextEntries", LIST},
    {"ResourcePolicy", DOCUMENT},
    {"PolicyInputList", LIST | DOCUMENT},
    {"PermissionsBoundaryPolicyInputList", LIST | DOCUMENT},
    {"Marker", PLAIN},
};

static bool take(struct kms_str *rest, struct kms_str start)
{
    if (rest->len < start.len || memcmp(rest->data, start.data, start.len) != 0)
        return false;
    *rest = (struct kms_str){rest->data + start.len, rest->len - start.len};
    return true;
}

/* ".member.1" */
static bool take_member(struct kms_str *rest)
{
    enum { DIGITS_MAX = 4 };
    size_t digits = 0;
    if (!take(rest, kms_str(".member.")))
        return false;
    while (digits < rest->len && rest->data[digits] >= '0' && rest->data[digits] <= '9')
        digits++;
    *rest = (struct kms_str){rest->data + digits, rest->len - digits};
    return digits != 0 && digits <= DIGITS_MAX;
}

/* ".member.1", ".member.1.Key": what follows the name of a list. */
static bool is_member(struct kms_str rest)
{
    static const char *const fields[] = {
        "", ".Key", ".Value", ".arn", ".ContextKeyName", ".ContextKeyType"};
    if (!take_member(&rest))
        return false;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (kms_str_is(rest, fields[i]))
            return true;
    }
    return take(&rest, kms_str(".ContextKeyValues")) && take_member(&rest) && rest.len == 0;
}

static bool is_of(const struct known *of, struct kms_str name)
{
    struct kms_str rest = name;
    if (!take(&rest, kms_str(of->name)))
        return false;
    return rest.len == 0 || ((of->traits & LIST) != 0 && is_member(rest));
}

/* Not within a letter. */
static size_t cut(struct kms_str text, size_t max)
{
    if (text.len <= max)
        return text.len;
    while (max > 0 && ((uint8_t)text.data[max] & 0xc0) == 0x80)
        max--;
    return max;
}

static void write_one(struct kms_buf *out, const struct known *of, const struct kms_str_pair *item)
{
    size_t max = (of->traits & DOCUMENT) != 0 ? KMSD_AUDIT_DOCUMENT_MAX : KMSD_AUDIT_TEXT_MAX;
    size_t len = cut(item->value, max);
    char first = (char)(item->key.data[0] - 'A' + 'a'); /* of a known one */
    kmsd_json_comma(out);
    KMSD_JSON_LITERAL(out, "\"");
    kmsd_json_raw(out, &first, 1);
    kmsd_json_raw(out, item->key.data + 1, item->key.len - 1);
    KMSD_JSON_LITERAL(out, "\":");
    kmsd_json_string(out, (struct kms_str){item->value.data, len});
    if (len < item->value.len && out->err == KMS_OK) {
        out->len--; /* the closing quote */
        KMSD_JSON_LITERAL(out, "...\"");
    }
}

void kmsd_audit_write_query(
    struct kms_buf *out, const struct kms_str_pair *parameters, size_t count, bool is_authenticated)
{
    size_t from = out->len;
    size_t shown = 0;
    uint64_t omitted = 0;
    KMSD_JSON_LITERAL(out, "{");
    for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
        if (!is_authenticated && (known[k].traits & UNSIGNED) == 0)
            continue;
        for (size_t i = 0; i < count && out->err == KMS_OK; i++) {
            size_t before = out->len;
            if (!is_of(&known[k], parameters[i].key))
                continue;
            if (shown < SHOWN_MAX)
                write_one(out, &known[k], &parameters[i]);
            if (shown < SHOWN_MAX && out->len - from <= KMSD_AUDIT_PARAMETERS_MAX) {
                shown++;
                continue;
            }
            if (out->err == KMS_OK)
                kms_buf_truncate(out, before);
            omitted++;
        }
    }
    if (omitted != 0) {
        kmsd_json_name(out, kms_str("omittedParameters"));
        kmsd_json_integer(out, (int64_t)omitted);
    }
    KMSD_JSON_LITERAL(out, "}");
}

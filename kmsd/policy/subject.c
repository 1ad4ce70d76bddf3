#include "kmsd/policy/subject.h"

#include "libkms/proto/arn.h"

static bool is_digits(struct kms_str text, size_t len)
{
    if (text.len != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return true;
}

/* What names of users, roles and sessions, with their paths, are made of: [\w+=,.@/-]. */
static bool is_name_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("_+=,.@/-", c) != NULL);
}

/* "user/path/name" begins with "user/" and goes on with names between single slashes; exactly
 * parts of them when parts is not zero. Names may have the further letters, too. */
static bool is_path_of(
    struct kms_str text, const char *prefix, size_t parts, const char *further_letters)
{
    size_t len = strlen(prefix);
    if (text.len <= len || memcmp(text.data, prefix, len) != 0)
        return false;
    size_t count = 1;
    for (size_t i = len; i < text.len; i++) {
        char c = text.data[i];
        if (!is_name_char(c) && (c == '\0' || strchr(further_letters, c) == NULL))
            return false;
        if (c != '/')
            continue;
        count++;
        if (i == len || i + 1 == text.len || text.data[i - 1] == '/')
            return false;
    }
    return parts == 0 || count == parts;
}

static bool is_path(struct kms_str text, const char *prefix, size_t parts)
{
    return is_path_of(text, prefix, parts, "");
}

/* "aws", "aws-cn", "aws-us-gov", ... */
static bool is_partition(struct kms_str text)
{
    if (text.len < 3 || memcmp(text.data, "aws", 3) != 0)
        return false;
    for (size_t i = 3; i < text.len; i++)
        if ((text.data[i] < 'a' || text.data[i] > 'z') && text.data[i] != '-')
            return false;
    return true;
}

static enum kms_err parse_arn_name(struct kms_str text, struct kmsd_policy_name *out)
{
    struct kms_arn arn;
    if (kms_arn_parse(text, &arn) != KMS_OK || !is_partition(arn.partition) ||
        arn.region.len != 0 || !is_digits(arn.account, KMS_ACCOUNT_ID_LEN))
        return KMS_ERR_SYNTAX;
    struct kmsd_policy_name name = {.text = text};
    if (kms_str_is(arn.service, "iam") && kms_str_is(arn.resource, "root"))
        name = (struct kmsd_policy_name){KMSD_NAME_ACCOUNT, arn.account};
    else if (kms_str_is(arn.service, "iam") && is_path(arn.resource, "user/", 0))
        name.kind = KMSD_NAME_USER;
    else if (kms_str_is(arn.service, "iam") && is_path(arn.resource, "role/", 0))
        name.kind = KMSD_NAME_ROLE;
    else if (kms_str_is(arn.service, "sts") && is_path(arn.resource, "assumed-role/", 2))
        name.kind = KMSD_NAME_ROLE_SESSION;
    else if (kms_str_is(arn.service, "sts") && is_path(arn.resource, "federated-user/", 1))
        name.kind = KMSD_NAME_FEDERATED_USER;
    else
        return KMS_ERR_SYNTAX;
    *out = name;
    return KMS_OK;
}

enum kms_err kmsd_policy_name_parse(
    struct kms_str text, bool may_be_everyone, struct kmsd_policy_name *out)
{
    if (is_digits(text, KMS_ACCOUNT_ID_LEN)) {
        *out = (struct kmsd_policy_name){KMSD_NAME_ACCOUNT, text};
        return KMS_OK;
    }
    if (may_be_everyone && kms_str_is(text, "*")) {
        *out = (struct kmsd_policy_name){KMSD_NAME_EVERYONE, text};
        return KMS_OK;
    }
    return parse_arn_name(text, out);
}

/* Labels of letters, digits and hyphens between single dots. */
static bool is_domain(struct kms_str text, size_t least_labels)
{
    size_t labels = 1;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool is_letter =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
        if (c == '.') {
            if (i == 0 || i + 1 == text.len || text.data[i - 1] == '.')
                return false;
            labels++;
        } else if (!is_letter) {
            return false;
        }
    }
    return text.len > 0 && labels >= least_labels;
}

enum kms_err kmsd_policy_name_parse_service(struct kms_str text, struct kmsd_policy_name *out)
{
    if (text.len > 256 || !is_domain(text, 3))
        return KMS_ERR_SYNTAX;
    *out = (struct kmsd_policy_name){KMSD_NAME_SERVICE, text};
    return KMS_OK;
}

enum kms_err kmsd_policy_name_parse_provider(struct kms_str text, struct kmsd_policy_name *out)
{
    struct kms_arn arn;
    bool is_provider =
        kms_arn_parse(text, &arn) == KMS_OK && is_partition(arn.partition) &&
        kms_str_is(arn.service, "iam") && arn.region.len == 0 &&
        is_digits(arn.account, KMS_ACCOUNT_ID_LEN) &&
        (is_path(arn.resource, "saml-provider/", 0) ||
            is_path_of(arn.resource, "oidc-provider/", 0, ":~")); /* an issuer with its port */
    if (!is_provider && !is_domain(text, 2))
        return KMS_ERR_SYNTAX;
    *out = (struct kmsd_policy_name){KMSD_NAME_PROVIDER, text};
    return KMS_OK;
}

static bool is_same(struct kms_str name, struct kms_str own)
{
    return own.data != NULL && kms_str_eq(name, own);
}

enum kmsd_policy_match kmsd_policy_name_match(
    const struct kmsd_policy_name *name, const struct kmsd_policy_subject *subject)
{
    bool is_direct = false, is_issuer = false;
    switch (name->kind) {
    case KMSD_NAME_EVERYONE:
        return KMSD_MATCH_EVERYONE;
    case KMSD_NAME_ACCOUNT:
        return subject->kind != KMSD_SUBJECT_SERVICE && is_same(name->text, subject->account)
                   ? KMSD_MATCH_ACCOUNT
                   : KMSD_MATCH_NONE;
    case KMSD_NAME_USER:
        is_direct = subject->kind == KMSD_SUBJECT_USER && is_same(name->text, subject->arn);
        is_issuer = subject->kind == KMSD_SUBJECT_FEDERATED_USER &&
                    is_same(name->text, subject->issuer_arn);
        break;
    case KMSD_NAME_ROLE:
        is_issuer =
            subject->kind == KMSD_SUBJECT_ROLE_SESSION && is_same(name->text, subject->issuer_arn);
        break;
    case KMSD_NAME_ROLE_SESSION:
        is_direct = subject->kind == KMSD_SUBJECT_ROLE_SESSION && is_same(name->text, subject->arn);
        break;
    case KMSD_NAME_FEDERATED_USER:
        is_direct =
            subject->kind == KMSD_SUBJECT_FEDERATED_USER && is_same(name->text, subject->arn);
        break;
    case KMSD_NAME_SERVICE:
        is_direct = subject->kind == KMSD_SUBJECT_SERVICE && is_same(name->text, subject->service);
        break;
    case KMSD_NAME_PROVIDER:
        is_direct = is_same(name->text, subject->federated_provider);
        break;
    }
    if (is_direct)
        return KMSD_MATCH_PRINCIPAL;
    return is_issuer ? KMSD_MATCH_ISSUER : KMSD_MATCH_NONE;
}

static bool is_root(struct kms_str arn)
{
    struct kmsd_policy_name name;
    return arn.data != NULL && parse_arn_name(arn, &name) == KMS_OK &&
           name.kind == KMSD_NAME_ACCOUNT;
}

bool kmsd_policy_names_except(
    const struct kmsd_policy_name *names, size_t count, const struct kmsd_policy_subject *subject)
{
    bool seen[KMSD_MATCH_COUNT_] = {false};
    for (size_t i = 0; i < count; i++)
        seen[kmsd_policy_name_match(&names[i], subject)] = true;
    if (seen[KMSD_MATCH_EVERYONE])
        return true;
    switch (subject->kind) {
    case KMSD_SUBJECT_ACCOUNT_ROOT:
        return seen[KMSD_MATCH_ACCOUNT];
    case KMSD_SUBJECT_USER:
        return seen[KMSD_MATCH_ACCOUNT] && seen[KMSD_MATCH_PRINCIPAL];
    case KMSD_SUBJECT_ROLE_SESSION:
    case KMSD_SUBJECT_FEDERATED_USER:
        /* root, when it made the session, is the account */
        return seen[KMSD_MATCH_ACCOUNT] && seen[KMSD_MATCH_PRINCIPAL] &&
               (seen[KMSD_MATCH_ISSUER] || is_root(subject->issuer_arn));
    case KMSD_SUBJECT_SERVICE:
        return seen[KMSD_MATCH_PRINCIPAL];
    }
    return false;
}

/* The identities file. */
#include "kmsd/auth/identities.h"

#include "kmsd/auth/state.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARENA_MAX = 64 << 20 };

struct access_key {
    struct kms_str id;
    struct kms_str secret;
};

/* One principal, with what the rows of its access keys need. */
struct entry {
    struct kmsd_identity identity; /* of an account's root without meaning */
    bool is_root;
    struct access_key keys[KMSD_IDENTITY_KEYS];
    size_t key_count;
};

struct kmsd_identities {
    struct kms_arena arena;
    struct entry *entries;
    size_t count;
    struct kmsd_policy_document **documents; /* all of them, to be freed */
    size_t document_count;
    size_t document_capacity;
};

struct reader {
    struct kmsd_identities *out;
    struct kmsd_detail *detail;
    char where[96]; /* "Users[2]" */
};

static void json_free_at(json_t **json)
{
    json_decref(*json);
}
#define JSON_AUTO __attribute__((cleanup(json_free_at))) json_t *

static enum kms_err wrong(const struct reader *reader, const char *member, const char *what)
{
    kmsd_detail_set(reader->detail, "identities: %s%s%s: %s", reader->where,
        member[0] == '\0' ? "" : ".", member, what);
    return KMS_ERR_CONFIG;
}

/* --- members ---------------------------------------------------------------------------------- */

/* A misspelt member must not be passed over: it could have been a restriction. */
static enum kms_err check_members(
    const struct reader *reader, json_t *object, const char *const *allowed)
{
    const char *name;
    json_t *value;
    if (!json_is_object(object))
        return wrong(reader, "", "must be an object");
    json_object_foreach(object, name, value)
    {
        size_t i = 0;
        while (allowed[i] != NULL && strcmp(allowed[i], name) != 0)
            i++;
        if (allowed[i] == NULL)
            return wrong(reader, name, "is no member that is known here");
    }
    return KMS_OK;
}

/* A text, copied to the arena; absent when the member is and need not be there. */
static enum kms_err read_text(const struct reader *reader, json_t *object, const char *name,
    bool is_required, struct kms_str *out)
{
    const json_t *value = json_object_get(object, name);
    *out = kms_str(NULL);
    if (value == NULL)
        return is_required ? wrong(reader, name, "is missing") : KMS_OK;
    size_t len = json_string_length(value);
    if (!json_is_string(value) || len == 0 || len > 2048)
        return wrong(reader, name, "must be a text of 1 to 2048 bytes");
    *out = kms_arena_str(&reader->out->arena, (struct kms_str){json_string_value(value), len});
    return out->data == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
}

static enum kms_err read_list(const struct reader *reader, json_t *object, const char *name,
    size_t max, json_t **out, size_t *count)
{
    *out = json_object_get(object, name);
    *count = json_array_size(*out);
    if (*out != NULL && !json_is_array(*out))
        return wrong(reader, name, "must be a list");
    return *count > max ? wrong(reader, name, "has too many items") : KMS_OK;
}

static enum kms_err read_tags(const struct reader *reader, json_t *object, struct kms_str_map *out)
{
    struct kms_arena *arena = &reader->out->arena;
    json_t *tags = json_object_get(object, "Tags");
    const char *name;
    json_t *value;
    size_t count = json_object_size(tags);
    if (tags != NULL && !json_is_object(tags))
        return wrong(reader, "Tags", "must be an object");
    if (count > KMSD_IDENTITY_TAGS)
        return wrong(reader, "Tags", "has too many members");
    struct kms_str_pair *pairs = kms_arena_calloc(arena, count + 1, sizeof(*pairs));
    if (pairs == NULL)
        return KMS_ERR_NO_MEMORY;
    size_t i = 0;
    json_object_foreach(tags, name, value)
    {
        if (!json_is_string(value))
            return wrong(reader, "Tags", "has a value that is no text");
        pairs[i].key = kms_arena_str(arena, kms_str(name));
        pairs[i].value = kms_arena_str(arena, kms_str(json_string_value(value)));
        if (pairs[i].key.data == NULL || pairs[i].value.data == NULL)
            return KMS_ERR_NO_MEMORY;
        i++;
    }
    *out = (struct kms_str_map){pairs, count};
    return KMS_OK;
}

/* --- policies --------------------------------------------------------------------------------- */

static enum kms_err keep_document(
    struct kmsd_identities *identities, struct kmsd_policy_document *document)
{
    if (identities->document_count == identities->document_capacity) {
        size_t capacity = identities->document_capacity * 2 + 16;
        struct kmsd_policy_document **documents =
            realloc(identities->documents, capacity * sizeof(struct kmsd_policy_document *));
        if (documents == NULL) {
            kmsd_policy_document_free(document);
            return KMS_ERR_NO_MEMORY;
        }
        identities->documents = documents;
        identities->document_capacity = capacity;
    }
    identities->documents[identities->document_count++] = document;
    return KMS_OK;
}

static enum kms_err read_document(const struct reader *reader, const char *name, json_t *json,
    enum kmsd_policy_kind kind, const struct kmsd_policy_document **out)
{
    if (!json_is_object(json))
        return wrong(reader, name, "must be a policy document");
    char *text = json_dumps(json, JSON_COMPACT);
    if (text == NULL)
        return KMS_ERR_NO_MEMORY;
    struct kmsd_policy_document *document = NULL;
    struct kmsd_policy_problem problem;
    enum kms_err err = kmsd_policy_parse(kms_str(text), kind, &document, &problem);
    json_free_t give_back = NULL;
    json_get_alloc_funcs(NULL, &give_back);
    give_back(text);
    if (err == KMS_OK)
        err = keep_document(reader->out, document);
    if (err == KMS_OK)
        *out = document;
    if (err == KMS_ERR_SYNTAX || err == KMS_ERR_VALIDATION || err == KMS_ERR_LIMIT)
        return wrong(reader, name, problem.text);
    return err;
}

static enum kms_err read_documents(const struct reader *reader, json_t *object, const char *name,
    enum kmsd_policy_kind kind, const struct kmsd_policy_document *const **out, size_t *out_count)
{
    json_t *list = NULL;
    size_t count = 0;
    enum kms_err err = read_list(reader, object, name, KMSD_IDENTITY_POLICIES, &list, &count);
    if (err != KMS_OK)
        return err;
    const struct kmsd_policy_document **documents = kms_arena_calloc(
        &reader->out->arena, count + 1, sizeof(const struct kmsd_policy_document *));
    if (documents == NULL)
        return KMS_ERR_NO_MEMORY;
    for (size_t i = 0; i < count && err == KMS_OK; i++)
        err = read_document(reader, name, json_array_get(list, i), kind, &documents[i]);
    *out = documents;
    *out_count = count;
    return err;
}

/* What users and roles have in common. */
static enum kms_err read_bindings(
    const struct reader *reader, json_t *object, struct kmsd_identity *identity)
{
    json_t *boundary = json_object_get(object, "PermissionsBoundary");
    enum kms_err err = read_documents(reader, object, "Policies", KMSD_POLICY_KIND_IDENTITY,
        &identity->identity_policies, &identity->identity_policy_count);
    if (err == KMS_OK && boundary != NULL)
        err = read_document(reader, "PermissionsBoundary", boundary, KMSD_POLICY_KIND_BOUNDARY,
            &identity->boundary);
    return err;
}

/* --- access keys ------------------------------------------------------------------------------ */

static enum kms_err read_access_keys(
    const struct reader *reader, json_t *object, struct entry *entry)
{
    static const char *const members[] = {"AccessKeyId", "SecretAccessKey", NULL};
    json_t *list = NULL;
    size_t count = 0;
    enum kms_err err = read_list(reader, object, "AccessKeys", KMSD_IDENTITY_KEYS, &list, &count);
    for (size_t i = 0; i < count && err == KMS_OK; i++) {
        json_t *key = json_array_get(list, i);
        err = check_members(reader, key, members);
        if (err == KMS_OK)
            err = read_text(reader, key, "AccessKeyId", true, &entry->keys[i].id);
        if (err == KMS_OK)
            err = read_text(reader, key, "SecretAccessKey", true, &entry->keys[i].secret);
    }
    entry->key_count = count;
    return err;
}

/* --- principals ------------------------------------------------------------------------------- */

static enum kms_err add_entry(struct kmsd_identities *identities, struct entry **out)
{
    if (identities->count == KMSD_IDENTITIES_MAX)
        return KMS_ERR_LIMIT;
    *out = &identities->entries[identities->count++];
    return KMS_OK;
}

static struct kms_str last_name(struct kms_str arn)
{
    size_t at = arn.len;
    while (at > 0 && arn.data[at - 1] != '/')
        at--;
    return (struct kms_str){arn.data + at, arn.len - at};
}

/* The ARN of a user or a role, and whose it is. */
static enum kms_err read_arn(const struct reader *reader, json_t *object,
    enum kmsd_policy_name_kind kind, struct kms_str *arn, struct kms_arn *parts)
{
    struct kmsd_policy_name name;
    enum kms_err err = read_text(reader, object, "Arn", true, arn);
    if (err != KMS_OK)
        return err;
    if (kmsd_policy_name_parse(*arn, false, &name) != KMS_OK || name.kind != kind ||
        kms_arn_parse(*arn, parts) != KMS_OK)
        return wrong(reader, "Arn",
            kind == KMSD_NAME_USER ? "must be the ARN of a user" : "must be the ARN of a role");
    return KMS_OK;
}

static enum kms_err read_user(struct reader *reader, json_t *user)
{
    static const char *const members[] = {
        "Arn", "UserId", "Tags", "Policies", "PermissionsBoundary", "AccessKeys", NULL};
    struct entry *entry = NULL;
    struct kms_arn parts;
    enum kms_err err = check_members(reader, user, members);
    if (err == KMS_OK)
        err = add_entry(reader->out, &entry);
    if (err != KMS_OK)
        return err;
    struct kmsd_policy_subject *subject = &entry->identity.subject;
    subject->kind = KMSD_SUBJECT_USER;
    err = read_arn(reader, user, KMSD_NAME_USER, &subject->arn, &parts);
    if (err != KMS_OK)
        return err;
    subject->account = parts.account;
    subject->user_name = last_name(subject->arn);
    err = read_text(reader, user, "UserId", false, &subject->user_id);
    if (err == KMS_OK)
        err = read_tags(reader, user, &subject->tags);
    if (err == KMS_OK)
        err = read_bindings(reader, user, &entry->identity);
    return err == KMS_OK ? read_access_keys(reader, user, entry) : err;
}

/* A session starts from what its role is. */
static enum kms_err read_session(struct reader *reader, json_t *session,
    const struct kmsd_identity *role, const struct kms_arn *role_arn)
{
    static const char *const members[] = {"Name", "Tags", "SessionPolicies", "AccessKeys", NULL};
    struct kms_arena *arena = &reader->out->arena;
    struct entry *entry = NULL;
    struct kms_str name;
    enum kms_err err = check_members(reader, session, members);
    if (err == KMS_OK)
        err = add_entry(reader->out, &entry);
    if (err == KMS_OK)
        err = read_text(reader, session, "Name", true, &name);
    if (err != KMS_OK)
        return err;
    entry->identity = *role;
    struct kmsd_policy_subject *subject = &entry->identity.subject;
    struct kms_str role_name = last_name(role->subject.issuer_arn);
    subject->arn = kms_arena_printf(arena, "arn:%.*s:sts::%.*s:assumed-role/%.*s/%.*s",
        (int)role_arn->partition.len, role_arn->partition.data, (int)role_arn->account.len,
        role_arn->account.data, (int)role_name.len, role_name.data, (int)name.len, name.data);
    if (subject->arn.data == NULL)
        return KMS_ERR_NO_MEMORY;
    struct kmsd_policy_name parsed;
    if (kmsd_policy_name_parse(subject->arn, false, &parsed) != KMS_OK ||
        parsed.kind != KMSD_NAME_ROLE_SESSION)
        return wrong(reader, "Name", "is not the name of a session");
    if (subject->user_id.data != NULL) {
        subject->user_id = kms_arena_printf(arena, "%.*s:%.*s", (int)subject->user_id.len,
            subject->user_id.data, (int)name.len, name.data);
        if (subject->user_id.data == NULL)
            return KMS_ERR_NO_MEMORY;
    }
    if (json_object_get(session, "Tags") != NULL)
        err = read_tags(reader, session, &subject->tags);
    if (err == KMS_OK)
        err = read_documents(reader, session, "SessionPolicies", KMSD_POLICY_KIND_SESSION,
            &entry->identity.session_policies, &entry->identity.session_policy_count);
    return err == KMS_OK ? read_access_keys(reader, session, entry) : err;
}

static enum kms_err read_role(struct reader *reader, json_t *role)
{
    static const char *const members[] = {
        "Arn", "RoleId", "Tags", "Policies", "PermissionsBoundary", "Sessions", NULL};
    struct kmsd_identity identity = {.subject = {.kind = KMSD_SUBJECT_ROLE_SESSION}};
    struct kms_arn parts;
    json_t *sessions = NULL;
    size_t count = 0;
    enum kms_err err = check_members(reader, role, members);
    if (err == KMS_OK)
        err = read_arn(reader, role, KMSD_NAME_ROLE, &identity.subject.issuer_arn, &parts);
    if (err != KMS_OK)
        return err;
    identity.subject.account = parts.account;
    err = read_text(reader, role, "RoleId", false, &identity.subject.user_id);
    if (err == KMS_OK)
        err = read_tags(reader, role, &identity.subject.tags);
    if (err == KMS_OK)
        err = read_bindings(reader, role, &identity);
    if (err == KMS_OK)
        err = read_list(reader, role, "Sessions", KMSD_IDENTITIES_MAX, &sessions, &count);
    size_t len = strlen(reader->where);
    for (size_t i = 0; i < count && err == KMS_OK; i++) {
        (void)snprintf(reader->where + len, sizeof(reader->where) - len, ".Sessions[%zu]", i);
        err = read_session(reader, json_array_get(sessions, i), &identity, &parts);
    }
    return err;
}

/* The root of an account, for accounts beside the daemon's own. */
static enum kms_err read_root(struct reader *reader, json_t *root)
{
    static const char *const members[] = {"Account", "AccessKeys", NULL};
    struct entry *entry = NULL;
    struct kms_str account;
    enum kms_err err = check_members(reader, root, members);
    if (err == KMS_OK)
        err = add_entry(reader->out, &entry);
    if (err == KMS_OK)
        err = read_text(reader, root, "Account", true, &account);
    if (err != KMS_OK)
        return err;
    if (!kmsd_auth_is_account(account))
        return wrong(reader, "Account", "must be 12 digits");
    entry->is_root = true;
    struct kmsd_policy_subject *subject = &entry->identity.subject;
    subject->account = account;
    subject->arn = kms_arena_printf(
        &reader->out->arena, "arn:aws:iam::%.*s:root", (int)account.len, account.data);
    if (subject->arn.data == NULL)
        return KMS_ERR_NO_MEMORY;
    return read_access_keys(reader, root, entry);
}

/* A service, which is in no account: what names it in a key policy or a grant is all that it may. */
static enum kms_err read_service(struct reader *reader, json_t *service)
{
    static const char *const members[] = {"Service", "AccessKeys", NULL};
    struct entry *entry = NULL;
    struct kmsd_policy_name name;
    enum kms_err err = check_members(reader, service, members);
    if (err == KMS_OK)
        err = add_entry(reader->out, &entry);
    if (err != KMS_OK)
        return err;
    struct kmsd_policy_subject *subject = &entry->identity.subject;
    subject->kind = KMSD_SUBJECT_SERVICE;
    err = read_text(reader, service, "Service", true, &subject->service);
    if (err != KMS_OK)
        return err;
    if (kmsd_policy_name_parse_service(subject->service, &name) != KMS_OK)
        return wrong(
            reader, "Service", "must be the name of a service, as \"backup.example.internal\"");
    subject->arn = subject->service;
    return read_access_keys(reader, service, entry);
}

/* --- the file --------------------------------------------------------------------------------- */

static enum kms_err read_kind(struct reader *reader, json_t *file, const char *name,
    enum kms_err (*read_one)(struct reader *reader, json_t *item))
{
    json_t *list = NULL;
    size_t count = 0;
    reader->where[0] = '\0';
    enum kms_err err = read_list(reader, file, name, KMSD_IDENTITIES_MAX, &list, &count);
    for (size_t i = 0; i < count && err == KMS_OK; i++) {
        (void)snprintf(reader->where, sizeof(reader->where), "%s[%zu]", name, i);
        err = read_one(reader, json_array_get(list, i));
    }
    return err;
}

static enum kms_err read_file(struct reader *reader, struct kms_str text)
{
    static const char *const members[] = {"Roots", "Users", "Roles", "Services", NULL};
    json_error_t error;
    JSON_AUTO file = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &error);
    if (file == NULL) {
        kmsd_detail_set(reader->detail, "identities: line %d: %s", error.line, error.text);
        return KMS_ERR_CONFIG;
    }
    (void)snprintf(reader->where, sizeof(reader->where), "the file");
    enum kms_err err = check_members(reader, file, members);
    if (err == KMS_OK)
        err = read_kind(reader, file, "Roots", read_root);
    if (err == KMS_OK)
        err = read_kind(reader, file, "Users", read_user);
    if (err == KMS_OK)
        err = read_kind(reader, file, "Roles", read_role);
    if (err == KMS_OK)
        err = read_kind(reader, file, "Services", read_service);
    return err;
}

enum kms_err kmsd_identities_parse(
    struct kms_str text, struct kmsd_identities **out, struct kmsd_detail *detail)
{
    if (text.len > KMSD_IDENTITIES_TEXT_MAX) {
        kmsd_detail_set(detail, "identities: the file is too large");
        return KMS_ERR_CONFIG;
    }
    struct kmsd_identities *identities = calloc(1, sizeof(*identities));
    if (identities == NULL)
        return KMS_ERR_NO_MEMORY;
    kms_arena_init(&identities->arena, ARENA_MAX);
    identities->entries =
        kms_arena_calloc(&identities->arena, KMSD_IDENTITIES_MAX, sizeof(struct entry));
    struct reader reader = {.out = identities, .detail = detail};
    enum kms_err err = identities->entries == NULL ? KMS_ERR_NO_MEMORY : read_file(&reader, text);
    if (err == KMS_ERR_LIMIT)
        err = wrong(&reader, "", "there are too many users and sessions");
    if (err != KMS_OK) {
        kmsd_identities_free(identities);
        return err;
    }
    *out = identities;
    return KMS_OK;
}

void kmsd_identities_free(struct kmsd_identities *identities)
{
    if (identities == NULL)
        return;
    for (size_t i = 0; i < identities->document_count; i++)
        kmsd_policy_document_free(identities->documents[i]);
    free(identities->documents);
    kms_arena_clean_up(&identities->arena);
    free(identities);
}

/* --- into auth -------------------------------------------------------------------------------- */

static enum kms_err put_key(
    struct kmsd_auth *auth, const struct entry *entry, const struct access_key *key)
{
    const struct kmsd_policy_subject *subject = &entry->identity.subject;
    KMS_BUF_AUTO wrapped;
    kms_buf_init(&wrapped, KMSD_WRAPPED_SECRET_MAX);
    enum kms_err err = kmsd_iam_seal(auth->custody, key->id, subject->arn,
        kms_bytes(key->secret.data, key->secret.len), &wrapped);
    if (err != KMS_OK)
        return err;
    const struct kmsd_access_key_row row = {
        .access_key_id = key->id,
        .account = subject->account,
        .principal_arn = subject->arn,
        .status = kms_str("Active"),
        .wrapped_secret = kms_buf_bytes(&wrapped),
    };
    if (kmsd_credentials_find(&auth->credentials, key->id) != NULL)
        return KMS_ERR_EXISTS;
    return kmsd_credentials_put(&auth->credentials, &row, entry->is_root ? NULL : &entry->identity);
}

enum kms_err kmsd_auth_add_identities(
    struct kmsd_auth *auth, struct kmsd_identities *identities, struct kmsd_detail *detail)
{
    if (auth->identities != NULL) {
        kmsd_identities_free(identities);
        return KMS_ERR_INTERNAL;
    }
    auth->identities = identities;
    enum kms_err err = KMS_OK;
    (void)pthread_rwlock_wrlock(&auth->lock);
    for (size_t i = 0; i < identities->count && err == KMS_OK; i++) {
        const struct entry *entry = &identities->entries[i];
        for (size_t k = 0; k < entry->key_count && err == KMS_OK; k++) {
            err = put_key(auth, entry, &entry->keys[k]);
            if (err != KMS_OK)
                kmsd_detail_set(detail, "identities: access key %.*s of %.*s: %s",
                    (int)entry->keys[k].id.len, entry->keys[k].id.data,
                    (int)entry->identity.subject.arn.len, entry->identity.subject.arn.data,
                    err == KMS_ERR_EXISTS ? "there are two of that id" : kms_err_text(err));
        }
    }
    (void)pthread_rwlock_unlock(&auth->lock);
    return err;
}

/* --- out of it again -------------------------------------------------------------------------- */

static const struct entry *find_entry(const struct kmsd_identities *identities, struct kms_str arn)
{
    const struct entry *of_role = NULL;
    for (size_t i = 0; identities != NULL && i < identities->count; i++) {
        const struct entry *entry = &identities->entries[i];
        const struct kmsd_policy_subject *subject = &entry->identity.subject;
        if (kms_str_eq(subject->arn, arn))
            return entry;
        if (of_role == NULL && subject->kind == KMSD_SUBJECT_ROLE_SESSION &&
            kms_str_eq(subject->issuer_arn, arn))
            of_role = entry;
    }
    return of_role;
}

static enum kms_err name_principal(
    struct kms_str arn, struct kms_str account, struct kmsd_principal *out)
{
    if (arn.len >= sizeof(out->arn) || account.len >= sizeof(out->account))
        return KMS_ERR_LIMIT;
    (void)snprintf(out->arn, sizeof(out->arn), "%.*s", (int)arn.len, arn.data);
    (void)snprintf(out->account, sizeof(out->account), "%.*s", (int)account.len,
        account.data == NULL ? "" : account.data);
    return KMS_OK;
}

enum kms_err kmsd_auth_principal(
    struct kmsd_auth *auth, struct kms_str name, struct kmsd_principal *out)
{
    struct kmsd_principal principal = {.is_account_root = false};
    struct kmsd_policy_name parsed;
    enum kms_err err = KMS_ERR_NOT_FOUND;
    if (kmsd_policy_name_parse(name, false, &parsed) == KMS_OK &&
        parsed.kind == KMSD_NAME_ACCOUNT) {
        char arn[64];
        (void)snprintf(
            arn, sizeof(arn), "arn:aws:iam::%.*s:root", (int)parsed.text.len, parsed.text.data);
        principal.is_account_root = true;
        err = name_principal(kms_str(arn), parsed.text, &principal);
    } else {
        const struct entry *entry = find_entry(auth->identities, name);
        if (entry != NULL) {
            principal.identity = &entry->identity;
            err = name_principal(
                entry->identity.subject.arn, entry->identity.subject.account, &principal);
        }
    }
    if (err == KMS_OK)
        *out = principal;
    return err;
}

/* Finding an action, checking what it is given, running it. */
#include "kmsd/admin/admin.h"

#include <stdbool.h>
#include <string.h>

static bool is_called(const struct kmsd_admin_action *action, struct kms_str name)
{
    size_t len = strlen(action->name);
    if (len < 2 || strcmp(action->name + len - 2, ".*") != 0)
        return kms_str_is(name, action->name);
    return name.len > len - 1 && memcmp(name.data, action->name, len - 1) == 0;
}

static const struct kmsd_admin_action *find(
    const struct kmsd_admin_table *tables, size_t table_count, struct kms_str name, void **context)
{
    for (size_t t = 0; t < table_count; t++) {
        for (size_t i = 0; i < tables[t].count; i++) {
            if (!is_called(&tables[t].actions[i], name))
                continue;
            *context = tables[t].context;
            return &tables[t].actions[i];
        }
    }
    return NULL;
}

static bool takes(const struct kmsd_admin_action *action, const char *member)
{
    for (size_t i = 0; i < KMSD_ADMIN_MEMBERS_MAX && action->members[i] != NULL; i++) {
        const char *known = action->members[i];
        if (strcmp(known, "*") == 0 || strcmp(known[0] == '?' ? known + 1 : known, member) == 0)
            return true;
    }
    return false;
}

/* A misspelt member must not be passed over: it could have been a restriction. */
static enum kms_err check_members(
    const struct kmsd_admin_action *action, const json_t *input, struct kmsd_detail *detail)
{
    const char *name = NULL;
    const json_t *value = NULL;
    if (!json_is_object(input)) {
        kmsd_detail_set(detail, "%s takes an object", action->name);
        return KMS_ERR_VALIDATION;
    }
    /* jansson's iteration has no const, though it only reads */
    json_t *walked = json_incref((json_t *)(uintptr_t)input);
    enum kms_err err = KMS_OK;
    json_object_foreach(walked, name, value)
    {
        if (err == KMS_OK && !takes(action, name)) {
            kmsd_detail_set(detail, "%s takes no '%.64s'", action->name, name);
            err = KMS_ERR_VALIDATION;
        }
    }
    json_decref(walked);
    for (size_t i = 0; err == KMS_OK && i < KMSD_ADMIN_MEMBERS_MAX; i++) {
        const char *known = action->members[i];
        if (known == NULL)
            break;
        if (known[0] == '?' || known[0] == '*' || json_object_get(input, known) != NULL)
            continue;
        kmsd_detail_set(detail, "%s needs '%s'", action->name, known);
        err = KMS_ERR_VALIDATION;
    }
    return err;
}

enum kms_err kmsd_admin_run(const struct kmsd_admin_table *tables, size_t table_count,
    int64_t peer_uid, struct kms_str name, const json_t *input, json_t **output,
    struct kmsd_detail *detail)
{
    void *context = NULL;
    *output = NULL;
    const struct kmsd_admin_action *action = find(tables, table_count, name, &context);
    if (action == NULL) {
        kmsd_detail_set(
            detail, "there is no action '%.*s'", (int)(name.len > 64 ? 64 : name.len), name.data);
        return KMS_ERR_UNSUPPORTED;
    }
    enum kms_err err = check_members(action, input, detail);
    if (err != KMS_OK)
        return err;
    struct kmsd_admin_call call = {.action = name,
        .peer_uid = peer_uid,
        .input = input,
        .output = json_object(),
        .detail = detail};
    if (call.output == NULL)
        return KMS_ERR_NO_MEMORY;
    err = action->run(context, &call);
    if (err != KMS_OK) {
        json_decref(call.output);
        return err;
    }
    *output = call.output;
    return KMS_OK;
}

enum kms_err kmsd_admin_text(
    const struct kmsd_admin_call *call, const char *name, size_t max, struct kms_str *out)
{
    const json_t *value = json_object_get(call->input, name);
    *out = kms_str(NULL);
    if (value == NULL)
        return KMS_OK;
    struct kms_str text = {json_string_value(value), json_string_length(value)};
    if (text.data == NULL || text.len > max || memchr(text.data, '\0', text.len) != NULL) {
        kmsd_detail_set(call->detail, "'%s' must be a text of at most %zu bytes", name, max);
        return KMS_ERR_VALIDATION;
    }
    *out = text;
    return KMS_OK;
}

enum kms_err kmsd_admin_put_text(
    const struct kmsd_admin_call *call, const char *name, struct kms_str value)
{
    if (value.data == NULL)
        return KMS_OK;
    int failed = json_object_set_new(call->output, name, json_stringn(value.data, value.len));
    return failed == 0 ? KMS_OK : KMS_ERR_NO_MEMORY;
}

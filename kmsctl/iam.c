/*
 * kmsctl iam ...: users, groups, roles, policies and access keys. Every action is a row: what it is
 * called, what its arguments are, what of the answer is shown.
 *
 * Source: AWS IAM API reference, version 2010-05-08.
 */
#include "kmsctl/output.h"
#include "kmsctl/query.h"
#include "kmsctl/verbs.h"

#include <string.h>

enum { PARAMETERS_MAX = 3, COLUMNS_MAX = 4, PAGES_MAX = 10000 };

enum show {
    SHOW_NOTHING,
    SHOW_FIELDS,   /* of the member, or of all */
    SHOW_ARN,      /* of the member */
    SHOW_ROWS,     /* of the list that is the member, all pages */
    SHOW_DOCUMENT, /* the member, a policy document */
};

/* Options that an action takes. */
enum takes {
    TAKES_PATH = 1U << 0,
    TAKES_TAGS = 1U << 1,
    TAKES_BOUNDARY = 1U << 2,
    TAKES_DESCRIPTION = 1U << 3,
    TAKES_TRUST = 1U << 4, /* and needs it */
};

struct action {
    const char *noun;
    const char *word;
    const char *action;
    const char *parameters[PARAMETERS_MAX]; /* "?" before one that need not be, "@" a file */
    const char *fixed[2];                   /* a parameter that is always the same */
    enum show show;
    const char *member;
    const char *columns[COLUMNS_MAX]; /* of SHOW_ROWS; none: the list is of texts */
    unsigned takes;
};

/* What users, groups and roles have in common. Kind is "User", noun "user". */
#define ENTITY_ROWS(noun, Kind)                                                                    \
    {noun, "list", "List" Kind "s", {NULL}, {NULL}, SHOW_ROWS, Kind "s",                           \
        {Kind "Name", Kind "Id", "Arn"}, 0},                                                       \
        {noun, "delete", "Delete" Kind, {Kind "Name"}, {NULL}, SHOW_NOTHING, NULL, {NULL}, 0},     \
        {noun, "attach", "Attach" Kind "Policy", {Kind "Name", "PolicyArn"}, {NULL}, SHOW_NOTHING, \
            NULL, {NULL}, 0},                                                                      \
        {noun, "detach", "Detach" Kind "Policy", {Kind "Name", "PolicyArn"}, {NULL}, SHOW_NOTHING, \
            NULL, {NULL}, 0},                                                                      \
        {noun, "attached", "ListAttached" Kind "Policies", {Kind "Name"}, {NULL}, SHOW_ROWS,       \
            "AttachedPolicies", {"PolicyName", "PolicyArn"}, 0},                                   \
        {noun, "put-policy", "Put" Kind "Policy", {Kind "Name", "PolicyName", "@PolicyDocument"},  \
            {NULL}, SHOW_NOTHING, NULL, {NULL}, 0},                                                \
        {noun, "get-policy", "Get" Kind "Policy", {Kind "Name", "PolicyName"}, {NULL},             \
            SHOW_DOCUMENT, "PolicyDocument", {NULL}, 0},                                           \
        {noun, "delete-policy", "Delete" Kind "Policy", {Kind "Name", "PolicyName"}, {NULL},       \
            SHOW_NOTHING, NULL, {NULL}, 0},                                                        \
    {                                                                                              \
        noun, "list-policies", "List" Kind "Policies", {Kind "Name"}, {NULL}, SHOW_ROWS,           \
            "PolicyNames", {NULL}, 0                                                               \
    }

#define BOUNDARY_ROWS(noun, Kind)                                                            \
    {noun, "describe", "Get" Kind, {Kind "Name"}, {NULL}, SHOW_FIELDS, Kind, {NULL}, 0},     \
        {noun, "set-boundary", "Put" Kind "PermissionsBoundary",                             \
            {Kind "Name", "PermissionsBoundary"}, {NULL}, SHOW_NOTHING, NULL, {NULL}, 0},    \
    {                                                                                        \
        noun, "delete-boundary", "Delete" Kind "PermissionsBoundary", {Kind "Name"}, {NULL}, \
            SHOW_NOTHING, NULL, {NULL}, 0                                                    \
    }

/* clang-format off */
static const struct action actions[] = {
    {"user", "create", "CreateUser", {"UserName"}, {NULL}, SHOW_ARN, "User", {NULL},
        TAKES_PATH | TAKES_TAGS | TAKES_BOUNDARY},
    ENTITY_ROWS("user", "User"),
    BOUNDARY_ROWS("user", "User"),
    {"user", "list-groups", "ListGroupsForUser", {"UserName"}, {NULL}, SHOW_ROWS, "Groups",
        {"GroupName", "Arn"}, 0},

    {"group", "create", "CreateGroup", {"GroupName"}, {NULL}, SHOW_ARN, "Group", {NULL}, TAKES_PATH},
    ENTITY_ROWS("group", "Group"),
    {"group", "members", "GetGroup", {"GroupName"}, {NULL}, SHOW_ROWS, "Users",
        {"UserName", "UserId", "Arn"}, 0},
    {"group", "add", "AddUserToGroup", {"GroupName", "UserName"}, {NULL}, SHOW_NOTHING, NULL, {NULL}, 0},
    {"group", "remove", "RemoveUserFromGroup", {"GroupName", "UserName"}, {NULL}, SHOW_NOTHING, NULL, {NULL}, 0},

    {"role", "create", "CreateRole", {"RoleName"}, {NULL}, SHOW_ARN, "Role", {NULL},
        TAKES_PATH | TAKES_TAGS | TAKES_BOUNDARY | TAKES_DESCRIPTION | TAKES_TRUST},
    ENTITY_ROWS("role", "Role"),
    BOUNDARY_ROWS("role", "Role"),
    {"role", "get-trust", "GetRole", {"RoleName"}, {NULL}, SHOW_DOCUMENT, "AssumeRolePolicyDocument", {NULL}, 0},
    {"role", "set-trust", "UpdateAssumeRolePolicy", {"RoleName", "@PolicyDocument"}, {NULL}, SHOW_NOTHING, NULL, {NULL}, 0},

    {"policy", "create", "CreatePolicy", {"PolicyName", "@PolicyDocument"}, {NULL}, SHOW_ARN, "Policy", {NULL},
        TAKES_PATH | TAKES_TAGS | TAKES_DESCRIPTION},
    {"policy", "list", "ListPolicies", {NULL}, {NULL}, SHOW_ROWS, "Policies",
        {"PolicyName", "Arn", "DefaultVersionId", "AttachmentCount"}, 0},
    {"policy", "describe", "GetPolicy", {"PolicyArn"}, {NULL}, SHOW_FIELDS, "Policy", {NULL}, 0},
    {"policy", "delete", "DeletePolicy", {"PolicyArn"}, {NULL}, SHOW_NOTHING, NULL, {NULL}, 0},
    {"policy", "get", "GetPolicyVersion", {"PolicyArn", "?VersionId"}, {NULL}, SHOW_DOCUMENT, "Document", {NULL}, 0},
    {"policy", "put", "CreatePolicyVersion", {"PolicyArn", "@PolicyDocument"}, {"SetAsDefault", "true"},
        SHOW_FIELDS, "PolicyVersion", {NULL}, 0},
    {"policy", "versions", "ListPolicyVersions", {"PolicyArn"}, {NULL}, SHOW_ROWS, "Versions",
        {"VersionId", "IsDefaultVersion", "CreateDate"}, 0},
    {"policy", "delete-version", "DeletePolicyVersion", {"PolicyArn", "VersionId"}, {NULL}, SHOW_NOTHING, NULL, {NULL}, 0},
    {"policy", "set-default", "SetDefaultPolicyVersion", {"PolicyArn", "VersionId"}, {NULL}, SHOW_NOTHING, NULL, {NULL}, 0},
    {"policy", "entities", "ListEntitiesForPolicy", {"PolicyArn"}, {NULL}, SHOW_FIELDS, NULL, {NULL}, 0},

    {"access-key", "create", "CreateAccessKey", {"?UserName"}, {NULL}, SHOW_FIELDS, "AccessKey", {NULL}, 0},
    {"access-key", "list", "ListAccessKeys", {"?UserName"}, {NULL}, SHOW_ROWS, "AccessKeyMetadata",
        {"AccessKeyId", "Status", "CreateDate"}, 0},
    {"access-key", "enable", "UpdateAccessKey", {"UserName", "AccessKeyId"}, {"Status", "Active"}, SHOW_NOTHING, NULL, {NULL}, 0},
    {"access-key", "disable", "UpdateAccessKey", {"UserName", "AccessKeyId"}, {"Status", "Inactive"}, SHOW_NOTHING, NULL, {NULL}, 0},
    {"access-key", "delete", "DeleteAccessKey", {"UserName", "AccessKeyId"}, {NULL}, SHOW_NOTHING, NULL, {NULL}, 0},
    {"access-key", "last-used", "GetAccessKeyLastUsed", {"AccessKeyId"}, {NULL}, SHOW_FIELDS, NULL, {NULL}, 0},
};
/* clang-format on */

/* --- the command line ------------------------------------------------------------------------- */

static enum kmsctl_exit find_action(
    struct kmsctl_app *app, const char *noun, const char *word, const struct action **out)
{
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (strcmp(actions[i].noun, noun) == 0 && strcmp(actions[i].word, word) == 0) {
            *out = &actions[i];
            return KMSCTL_OK;
        }
    }
    return kmsctl_fail(
        &app->failure, KMSCTL_USAGE, "no action '%s'; see 'kmsctl iam %s --help'", word, noun);
}

static enum kmsctl_exit add_arguments(struct kmsctl_app *app, const struct action *action,
    const struct kmsctl_args *args, struct kmsctl_query_form *form)
{
    size_t i = 0;
    for (; i < PARAMETERS_MAX && action->parameters[i] != NULL; i++) {
        const char *name = action->parameters[i];
        const char *value = kmsctl_args_argument(args, i + 1);
        bool is_file = name[0] == '@';
        if (value == NULL && name[0] != '?')
            return kmsctl_fail(&app->failure, KMSCTL_USAGE,
                "missing argument; see 'kmsctl iam %s --help'", action->noun);
        name += is_file || name[0] == '?';
        if (!is_file) {
            kmsctl_query_add(form, name, kms_str(value));
            continue;
        }
        enum kmsctl_exit status = kmsctl_query_add_file(app, form, name, value);
        if (status != KMSCTL_OK)
            return status;
    }
    if (args->argument_count > i + 1)
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "unexpected argument '%s'; see 'kmsctl iam %s --help'",
            kmsctl_args_argument(args, i + 1), action->noun);
    kmsctl_query_add(form, action->fixed[0] == NULL ? "" : action->fixed[0],
        kms_str(action->fixed[0] == NULL ? NULL : action->fixed[1]));
    return KMSCTL_OK;
}

static enum kmsctl_exit add_options(struct kmsctl_app *app, const struct action *action,
    const struct kmsctl_args *args, struct kmsctl_query_form *form)
{
    static const struct {
        enum kmsctl_option_id id;
        unsigned takes;
        const char *name;
        const char *parameter; /* NULL: no plain text */
    } rows[] = {
        {KMSCTL_OPT_PATH, TAKES_PATH, "path", "Path"},
        {KMSCTL_OPT_BOUNDARY, TAKES_BOUNDARY, "boundary", "PermissionsBoundary"},
        {KMSCTL_OPT_DESCRIPTION, TAKES_DESCRIPTION, "description", "Description"},
        {KMSCTL_OPT_TAG, TAKES_TAGS, "tag", NULL},
        {KMSCTL_OPT_TRUST, TAKES_TRUST, "trust", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (kmsctl_args_has(args, rows[i].id) && (action->takes & rows[i].takes) == 0)
            return kmsctl_fail(&app->failure, KMSCTL_USAGE, "'%s %s' takes no --%s", action->noun,
                action->word, rows[i].name);
        if (rows[i].parameter != NULL)
            kmsctl_query_add(form, rows[i].parameter, kms_str(kmsctl_args_value(args, rows[i].id)));
    }
    enum kmsctl_exit status = kmsctl_query_add_tags(app, form);
    if (status != KMSCTL_OK || (action->takes & TAKES_TRUST) == 0)
        return status;
    const char *trust = kmsctl_args_value(args, KMSCTL_OPT_TRUST);
    if (trust == NULL)
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "--trust FILE is required: a role that nobody may assume is of no use");
    return kmsctl_query_add_file(app, form, "AssumeRolePolicyDocument", trust);
}

/* --- asking ----------------------------------------------------------------------------------- */

static enum kmsctl_exit prepare(struct kmsctl_app *app, const struct action *action,
    const struct kmsctl_args *args, const char *marker, struct kmsctl_query_form *form)
{
    kmsctl_query_begin(form, KMSCTL_QUERY_IAM, action->action);
    kmsctl_query_add(form, "Marker", kms_str(marker));
    enum kmsctl_exit status = add_arguments(app, action, args, form);
    return status == KMSCTL_OK ? add_options(app, action, args, form) : status;
}

/* Without a version, the one that counts. */
static enum kmsctl_exit add_version(struct kmsctl_app *app, const struct action *action,
    const struct kmsctl_args *args, struct kmsctl_query_form *form)
{
    const char *arn = kmsctl_args_argument(args, 1);
    json_auto_t *policy = NULL;
    if (strcmp(action->action, "GetPolicyVersion") != 0 || kmsctl_args_argument(args, 2) != NULL)
        return KMSCTL_OK;
    KMSCTL_QUERY_FORM_AUTO question;
    kmsctl_query_begin(&question, KMSCTL_QUERY_IAM, "GetPolicy");
    kmsctl_query_add(&question, "PolicyArn", kms_str(arn));
    enum kmsctl_exit status = kmsctl_query(app, &question, arn, &policy);
    const json_t *version = json_object_get(json_object_get(policy, "Policy"), "DefaultVersionId");
    if (status == KMSCTL_OK)
        kmsctl_query_add(form, "VersionId", kms_str(json_string_value(version)));
    return status;
}

/* One answer, or a list of all pages. */
static enum kmsctl_exit ask(struct kmsctl_app *app, const struct action *action,
    const struct kmsctl_args *args, json_t **out)
{
    const char *what = kmsctl_args_argument(args, args->argument_count > 1 ? 1 : 0);
    json_auto_t *result = NULL;
    for (int page = 0; page < PAGES_MAX; page++) {
        json_auto_t *next = NULL;
        KMSCTL_QUERY_FORM_AUTO form;
        const char *marker = json_string_value(json_object_get(result, "Marker"));
        enum kmsctl_exit status = prepare(app, action, args, marker, &form);
        if (status == KMSCTL_OK)
            status = add_version(app, action, args, &form);
        if (status == KMSCTL_OK)
            status = kmsctl_query(app, &form, what, &next);
        if (status != KMSCTL_OK)
            return status;
        json_t *list = action->show == SHOW_ROWS ? json_object_get(result, action->member) : NULL;
        json_t *more = list == NULL ? NULL : json_object_get(next, action->member);
        bool is_joined = !json_is_array(list) ||
                         ((!json_is_array(more) || json_array_extend(list, more) == 0) &&
                             json_object_set(next, action->member, list) == 0);
        if (!is_joined)
            return kmsctl_fail_memory(&app->failure);
        json_decref(result);
        result = next;
        next = NULL; /* now result's */
        const char *truncated = json_string_value(json_object_get(result, "IsTruncated"));
        if (action->show != SHOW_ROWS || truncated == NULL || strcmp(truncated, "true") != 0)
            break;
    }
    *out = result;
    result = NULL; /* now the caller's */
    return KMSCTL_OK;
}

/* --- showing ---------------------------------------------------------------------------------- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Documents come percent-encoded. What is no escape stays. */
static enum kmsctl_exit show_document(struct kmsctl_app *app, const json_t *value)
{
    const char *text = json_string_value(value);
    if (text == NULL)
        return kmsctl_fail(&app->failure, KMSCTL_UNAVAILABLE, "the answer has no document");
    for (; *text != '\0'; text++) {
        int high = text[0] == '%' ? hex_value(text[1]) : -1;
        int low = high < 0 ? -1 : hex_value(text[2]);
        (void)fputc(low < 0 ? (unsigned char)*text : high << 4 | low, app->out);
        text += low < 0 ? 0 : 2;
    }
    (void)fputs("\n", app->out);
    return KMSCTL_OK;
}

/* A list of texts, one on each line. */
static enum kmsctl_exit show_texts(struct kmsctl_app *app, const json_t *result, const json_t *list)
{
    if (app->format == KMSCTL_JSON)
        return kmsctl_print_fields(app, result);
    for (size_t i = 0; i < json_array_size(list); i++) {
        kmsctl_print_escaped(app->out, kms_str(json_string_value(json_array_get(list, i))));
        (void)fputs("\n", app->out);
    }
    return KMSCTL_OK;
}

static enum kmsctl_exit show(
    struct kmsctl_app *app, const struct action *action, const json_t *result)
{
    const json_t *member =
        action->member == NULL ? result : json_object_get(result, action->member);
    size_t columns = 0;
    switch (action->show) {
    case SHOW_FIELDS:
        return kmsctl_print_fields(app, member == NULL ? result : member);
    case SHOW_ARN:
        return kmsctl_print_member(app, member == NULL ? result : member, "Arn");
    case SHOW_ROWS:
        while (columns < COLUMNS_MAX && action->columns[columns] != NULL)
            columns++;
        return columns == 0
                   ? show_texts(app, result, member)
                   : kmsctl_print_rows(app, result, action->member, action->columns, columns);
    case SHOW_DOCUMENT:
        if (member == NULL)
            member = json_object_get(json_object_get(result, "Role"), action->member);
        if (member == NULL)
            member = json_object_get(json_object_get(result, "PolicyVersion"), action->member);
        return show_document(app, member);
    case SHOW_NOTHING:
        break;
    }
    return kmsctl_print_done(app, result);
}

enum kmsctl_exit kmsctl_iam(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    const struct action *action = NULL;
    json_auto_t *result = NULL;

    enum kmsctl_exit status =
        find_action(app, args->verb->name, kmsctl_args_argument(args, 0), &action);
    if (status == KMSCTL_OK)
        status = ask(app, action, args, &result);
    return status == KMSCTL_OK ? show(app, action, result) : status;
}

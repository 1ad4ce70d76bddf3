#include "kmsd/policy/lint.h"

#include "kmsd/policy/evaluate.h"
#include "kmsd/policy/statement.h"
#include "libkms/proto/model.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

struct linter {
    kmsd_policy_hint_fn *hint;
    void *arg;
    size_t statement;
};

static void tell(const struct linter *linter, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void tell(const struct linter *linter, const char *format, ...)
{
    char text[KMSD_POLICY_HINT_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    linter->hint(linter->arg, linter->statement, text);
}

/* --- actions ---------------------------------------------------------------------------------- */

/* Actions that no operation is named after. */
static const char *const other_actions[] = {
    "ReEncryptFrom", "ReEncryptTo", "SynchronizeMultiRegionKey"};

static bool covers(const struct kmsd_policy_pattern *pattern, const char *name)
{
    char action[KMSD_POLICY_ACTION_MAX];
    int len = snprintf(action, sizeof(action), "kms:%s", name);
    for (int i = 0; i < len; i++)
        action[i] = (char)(action[i] >= 'A' && action[i] <= 'Z' ? action[i] + 32 : action[i]);
    return kmsd_policy_pattern_match(pattern, kms_str(action), KMSD_LETTERS_EXACT, NULL) ==
           KMSD_ANSWER_YES;
}

static bool covers_any(const struct kmsd_policy_pattern *pattern)
{
    for (size_t i = 0; i < KMS_OPERATION_COUNT; i++)
        if (i != KMS_OP_RE_ENCRYPT && covers(pattern, kms_operations[i].name))
            return true;
    for (size_t i = 0; i < sizeof(other_actions) / sizeof(other_actions[0]); i++)
        if (covers(pattern, other_actions[i]))
            return true;
    return false;
}

static bool is_of_this_service(const struct kmsd_policy_pattern *pattern)
{
    static const char prefix[] = "kms:";
    if (pattern->token_count == 0 || pattern->tokens[0].kind != KMSD_TOKEN_TEXT)
        return false;
    struct kms_str text = pattern->tokens[0].text;
    return text.len >= sizeof(prefix) - 1 && memcmp(text.data, prefix, sizeof(prefix) - 1) == 0;
}

/* As it was written, but for letter case. */
static void write_out(const struct kmsd_policy_pattern *pattern, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < pattern->token_count && len < size; i++) {
        const struct kmsd_policy_token *token = &pattern->tokens[i];
        struct kms_str text = token->kind == KMSD_TOKEN_TEXT
                                  ? token->text
                                  : kms_str(token->kind == KMSD_TOKEN_ONE ? "?" : "*");
        int more = snprintf(out + len, size - len, "%.*s", (int)text.len, text.data);
        len += more < 0 ? 0 : (size_t)more;
    }
}

static void lint_actions(const struct linter *linter, const struct kmsd_policy_statement *statement)
{
    for (size_t i = 0; i < statement->action_count; i++) {
        const struct kmsd_policy_pattern *pattern = &statement->actions[i];
        char text[128];
        if (!is_of_this_service(pattern) || covers_any(pattern))
            continue;
        write_out(pattern, text, sizeof(text));
        tell(linter, "the service has no action %s", text);
    }
}

/* --- conditions ------------------------------------------------------------------------------- */

static bool same_key(const struct kmsd_policy_key_name *a, const struct kmsd_policy_key_name *b)
{
    return a->text.len == b->text.len && strncasecmp(a->text.data, b->text.data, a->text.len) == 0;
}

static bool has_null_of(
    const struct kmsd_policy_statement *statement, const struct kmsd_policy_key_name *key)
{
    for (size_t i = 0; i < statement->condition_count; i++) {
        const struct kmsd_policy_condition *condition = &statement->conditions[i];
        if (condition->operation.operator->operand == KMSD_OPERAND_NULL &&
            same_key(&condition->key, key))
            return true;
    }
    return false;
}

static void lint_conditions(
    const struct linter *linter, const struct kmsd_policy_statement *statement)
{
    for (size_t i = 0; i < statement->condition_count; i++) {
        const struct kmsd_policy_condition *condition = &statement->conditions[i];
        struct kms_str key = condition->key.text;
        bool is_ours = key.len > 4 && strncasecmp(key.data, "kms:", 4) == 0;
        if (condition->key.key == KMSD_KEY_OTHER && is_ours)
            tell(linter, "the service has no condition key %.*s: it counts as missing",
                (int)(key.len < 128 ? key.len : 128), key.data);
        if (condition->operation.set == KMSD_SET_ALL && !statement->is_deny &&
            !has_null_of(statement, &condition->key))
            tell(linter,
                "%.*s holds when the request has no %.*s; \"Null\": {\"%.*s\": \"false\"} rules "
                "that out",
                (int)condition->operator_name.len, condition->operator_name.data,
                (int)(key.len < 128 ? key.len : 128), key.data,
                (int)(key.len < 128 ? key.len : 128), key.data);
    }
}

/* --- whole statements ------------------------------------------------------------------------- */

static bool names_everyone(const struct kmsd_policy_statement *statement)
{
    for (size_t i = 0; i < statement->name_count; i++)
        if (statement->names[i].kind == KMSD_NAME_EVERYONE)
            return true;
    return false;
}

void kmsd_policy_lint(
    const struct kmsd_policy_document *document, kmsd_policy_hint_fn *hint, void *arg)
{
    for (size_t i = 0; i < document->statement_count; i++) {
        const struct kmsd_policy_statement *statement = &document->statements[i];
        const struct linter linter = {hint, arg, i};
        if (statement->is_inert)
            tell(&linter, "it never applies: it has no Action or no Resource");
        if (!statement->is_deny && names_everyone(statement) && statement->condition_count == 0)
            tell(&linter, "it allows everyone, of every account");
        lint_actions(&linter, statement);
        lint_conditions(&linter, statement);
    }
}

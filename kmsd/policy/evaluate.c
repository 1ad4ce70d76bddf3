#include "kmsd/policy/evaluate.h"

#include "kmsd/policy/statement.h"

/* The question, with the action as the patterns want it. */
struct asked {
    const struct kmsd_policy_question *question;
    struct kms_str action;
    char buffer[KMSD_POLICY_ACTION_MAX];
};

static void lower_case(struct asked *asked)
{
    struct kms_str action = asked->question->action;
    for (size_t i = 0; i < action.len; i++) {
        char c = action.data[i];
        asked->buffer[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    asked->action = (struct kms_str){asked->buffer, action.len};
}

static enum kmsd_policy_answer matches_any(const struct kmsd_policy_pattern *patterns, size_t count,
    struct kms_str text, const struct kmsd_policy_context *context)
{
    enum kmsd_policy_answer answer = KMSD_ANSWER_NO;
    for (size_t i = 0; i < count; i++) {
        enum kmsd_policy_answer one =
            kmsd_policy_pattern_match(&patterns[i], text, KMSD_LETTERS_EXACT, context);
        if (one == KMSD_ANSWER_YES)
            return one;
        if (one == KMSD_ANSWER_UNKNOWN)
            answer = one;
    }
    return answer;
}

static bool covers_action(const struct kmsd_policy_statement *statement, const struct asked *asked)
{
    bool is_listed = matches_any(statement->actions, statement->action_count, asked->action,
                         asked->question->context) == KMSD_ANSWER_YES;
    return is_listed != statement->is_not_action;
}

static bool covers_resource(const struct kmsd_policy_document *document,
    const struct kmsd_policy_statement *statement, const struct asked *asked)
{
    if (document->kind == KMSD_POLICY_KIND_TRUST)
        return true; /* the role that it hangs on */
    enum kmsd_policy_answer answer = matches_any(statement->resources, statement->resource_count,
        asked->question->resource, asked->question->context);
    if (answer == KMSD_ANSWER_UNKNOWN && !statement->is_deny)
        return false;
    return (answer == KMSD_ANSWER_YES) != statement->is_not_resource;
}

/* Of the names that mean the caller, the one that gives most. */
static enum kmsd_policy_match match_principal(
    const struct kmsd_policy_statement *statement, const struct kmsd_policy_subject *subject)
{
    if (statement->name_count == 0)
        return KMSD_MATCH_IMPLICIT;
    if (statement->is_not_principal) {
        bool is_excepted =
            kmsd_policy_names_except(statement->names, statement->name_count, subject);
        return is_excepted ? KMSD_MATCH_NONE : KMSD_MATCH_EVERYONE;
    }
    enum kmsd_policy_match best = KMSD_MATCH_NONE;
    for (size_t i = 0; i < statement->name_count; i++) {
        enum kmsd_policy_match match = kmsd_policy_name_match(&statement->names[i], subject);
        if (match != KMSD_MATCH_NONE && (best == KMSD_MATCH_NONE || match < best))
            best = match;
    }
    return best;
}

static const struct kmsd_policy_condition *find_unmet(
    const struct kmsd_policy_statement *statement, const struct kmsd_policy_context *context)
{
    for (size_t i = 0; i < statement->condition_count; i++) {
        const struct kmsd_policy_condition *condition = &statement->conditions[i];
        if (!kmsd_policy_condition_is_met(condition, statement->is_deny, context))
            return condition;
    }
    return NULL;
}

static struct kmsd_policy_finding look_at(
    const struct kmsd_policy_document *document, size_t index, const struct asked *asked)
{
    const struct kmsd_policy_statement *statement = &document->statements[index];
    const struct kmsd_policy_context *context = asked->question->context;
    struct kmsd_policy_finding finding = {
        .document = document, .statement = index, .is_deny = statement->is_deny};
    if (statement->is_inert) {
        finding.miss = KMSD_MISS_INERT;
        return finding;
    }
    if (!covers_action(statement, asked)) {
        finding.miss = KMSD_MISS_ACTION;
        return finding;
    }
    finding.match = match_principal(statement, context->subject);
    if (finding.match == KMSD_MATCH_NONE) {
        finding.miss = KMSD_MISS_PRINCIPAL;
        return finding;
    }
    if (!covers_resource(document, statement, asked)) {
        finding.miss = KMSD_MISS_RESOURCE;
        return finding;
    }
    const struct kmsd_policy_condition *unmet = find_unmet(statement, context);
    if (unmet != NULL) {
        finding.miss = KMSD_MISS_CONDITION;
        finding.operator_name = unmet->operator_name;
        finding.key = unmet->key.text;
    }
    return finding;
}

void kmsd_policy_evaluate(const struct kmsd_policy_document *document,
    const struct kmsd_policy_question *question, const struct kmsd_policy_trace *trace,
    struct kmsd_policy_verdict *verdict)
{
    struct asked asked = {.question = question};
    verdict->deny = KMSD_POLICY_NO_STATEMENT;
    for (size_t i = 0; i < KMSD_MATCH_COUNT_; i++)
        verdict->allow[i] = KMSD_POLICY_NO_STATEMENT;
    if (question->action.len > sizeof(asked.buffer))
        return;
    lower_case(&asked);
    for (size_t i = 0; i < document->statement_count; i++) {
        struct kmsd_policy_finding finding = look_at(document, i, &asked);
        if (trace != NULL)
            trace->found(trace->arg, &finding);
        if (finding.miss != KMSD_MISS_NOTHING)
            continue;
        int32_t *slot = finding.is_deny ? &verdict->deny : &verdict->allow[finding.match];
        if (*slot == KMSD_POLICY_NO_STATEMENT)
            *slot = (int32_t)i;
        if (finding.is_deny && trace == NULL)
            return;
    }
}

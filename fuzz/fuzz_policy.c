/*
 * Policy documents: the first byte chooses the kind, the rest is the text. What parses is put to
 * fixed callers and must behave: the same question gets the same verdict, with and without a trace,
 * from a second parse and from the formatted text; statements that deny never allow; and a decision
 * is not made by a document that says nothing.
 */
#include "kmsd/policy/authorize.h"
#include "kmsd/policy/document.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT(text) KMS_STR_LITERAL(text)

static const struct kms_str_pair tags[] = {{TEXT("team"), TEXT("red")}, {TEXT("*"), TEXT("?")}};
static const struct kms_str_pair context_pairs[] = {
    {TEXT("AppName"), TEXT("ExampleApp")}, {TEXT("FilePath"), TEXT("/var/opt/secrets/")}};
static const struct kms_str_map encryption_context = {context_pairs, 2};

static const struct kmsd_policy_subject subjects[] = {
    {.kind = KMSD_SUBJECT_ACCOUNT_ROOT,
        .account = TEXT("111122223333"),
        .arn = TEXT("arn:aws:iam::111122223333:root")},
    {.kind = KMSD_SUBJECT_USER,
        .account = TEXT("111122223333"),
        .arn = TEXT("arn:aws:iam::111122223333:user/alice"),
        .user_id = TEXT("AIDAALICE"),
        .user_name = TEXT("alice"),
        .tags = {tags, 2}},
    {.kind = KMSD_SUBJECT_ROLE_SESSION,
        .account = TEXT("111122223333"),
        .arn = TEXT("arn:aws:sts::111122223333:assumed-role/r/s"),
        .issuer_arn = TEXT("arn:aws:iam::111122223333:role/r")},
    {.kind = KMSD_SUBJECT_FEDERATED_USER,
        .account = TEXT("444455556666"),
        .arn = TEXT("arn:aws:sts::444455556666:federated-user/f"),
        .issuer_arn = TEXT("arn:aws:iam::444455556666:root")},
    {.kind = KMSD_SUBJECT_SERVICE,
        .arn = TEXT("s3.us-west-2.amazonaws.com"),
        .service = TEXT("s3.us-west-2.amazonaws.com")},
};
enum { SUBJECTS = sizeof(subjects) / sizeof(subjects[0]) };

static void demand(bool holds)
{
    if (!holds)
        abort();
}

/* A value of every kind, by the name's last letter when the key is not known. */
static bool look_up(
    const void *arg, const struct kmsd_policy_key_name *name, struct kmsd_policy_value *out)
{
    static const uint8_t bytes[] = {0, 1, 2};
    (void)arg;
    struct kmsd_policy_ip ip = {.prefix_bits = 32, .bytes = {203, 0, 113, 7}};
    switch (name->key) {
    case KMSD_KEY_ENCRYPTION_CONTEXT:
        return kmsd_policy_map_find(&encryption_context, name, out);
    case KMSD_KEY_ENCRYPTION_CONTEXT_KEYS:
        *out = kmsd_policy_keys_of(encryption_context);
        return true;
    case KMSD_KEY_SOURCE_IP:
        *out = kmsd_policy_ip(ip);
        return true;
    case KMSD_KEY_CURRENT_TIME:
        *out = kmsd_policy_time(INT64_C(1795396373123));
        return true;
    case KMSD_KEY_SECURE_TRANSPORT:
        *out = kmsd_policy_bool(true);
        return true;
    case KMSD_KEY_ROTATION_PERIOD_IN_DAYS:
    case KMSD_KEY_EPOCH_TIME:
        *out = kmsd_policy_number(365);
        return true;
    case KMSD_KEY_SOURCE_ARN:
        *out = kmsd_policy_text(kms_str("arn:aws:s3:::bucket/a:b"));
        return true;
    case KMSD_KEY_GRANT_OPERATIONS:
        *out = kmsd_policy_texts(NULL, sizeof(struct kms_str), 0);
        return true;
    case KMSD_KEY_OTHER:
        break;
    default:
        return false;
    }
    switch (name->text.data[name->text.len - 1] % 4) {
    case 0:
        *out = kmsd_policy_binary(kms_bytes(bytes, sizeof(bytes)));
        return true;
    case 1:
        *out = kmsd_policy_text(kms_str(""));
        return true;
    case 2:
        *out = kmsd_policy_text(kms_str("a*b?cé"));
        return true;
    default:
        return false;
    }
}

static enum kmsd_policy_kind kind_of(uint8_t byte)
{
    switch (byte) {
    case 'i':
        return KMSD_POLICY_KIND_IDENTITY;
    case 's':
        return KMSD_POLICY_KIND_SESSION;
    case 'b':
        return KMSD_POLICY_KIND_BOUNDARY;
    case 't':
        return KMSD_POLICY_KIND_TRUST;
    default:
        return KMSD_POLICY_KIND_KEY;
    }
}

/* What parses says why not, and nothing when it does. */
static struct kmsd_policy_document *parse(struct kms_str text, enum kmsd_policy_kind kind)
{
    struct kmsd_policy_document *document = NULL;
    struct kmsd_policy_problem problem;
    enum kms_err err = kmsd_policy_parse(text, kind, &document, &problem);
    demand(memchr(problem.text, '\0', sizeof(problem.text)) != NULL);
    if (err == KMS_OK) {
        demand(document != NULL && problem.text[0] == '\0');
        demand(kmsd_policy_document_kind(document) == kind);
        demand(kmsd_policy_document_statements(document) > 0);
        return document;
    }
    demand(document == NULL);
    demand(err == KMS_ERR_SYNTAX || err == KMS_ERR_LIMIT || err == KMS_ERR_VALIDATION);
    demand((err == KMS_ERR_SYNTAX) == (problem.text[0] == '\0'));
    return NULL;
}

static bool verdicts_equal(const struct kmsd_policy_verdict *a, const struct kmsd_policy_verdict *b)
{
    return a->deny == b->deny && memcmp(a->allow, b->allow, sizeof(a->allow)) == 0;
}

static void count_finding(void *arg, const struct kmsd_policy_finding *finding)
{
    size_t *count = arg;
    demand(finding->statement == *count);
    (*count)++;
}

static bool has_allow(const struct kmsd_policy_verdict *verdict)
{
    for (size_t i = 0; i < KMSD_MATCH_COUNT_; i++)
        if (verdict->allow[i] != KMSD_POLICY_NO_STATEMENT)
            return true;
    return false;
}

static void check_verdict(const struct kmsd_policy_document *document,
    const struct kmsd_policy_document *again, const struct kmsd_policy_question *question)
{
    struct kmsd_policy_verdict plain, second, traced;
    size_t told = 0, denies = 0;
    const struct kmsd_policy_trace trace = {count_finding, &told};
    size_t statements = kmsd_policy_document_statements(document);
    kmsd_policy_evaluate(document, question, NULL, &plain);
    kmsd_policy_evaluate(again, question, NULL, &second);
    kmsd_policy_evaluate(document, question, &trace, &traced);
    demand(verdicts_equal(&plain, &second));
    demand(plain.deny == traced.deny && told == statements);
    demand(plain.deny != KMSD_POLICY_NO_STATEMENT || verdicts_equal(&plain, &traced));
    for (size_t i = 0; i < statements; i++)
        denies += kmsd_policy_document_is_deny(document, i) ? 1 : 0;
    demand(denies < statements || !has_allow(&traced));
    demand(denies > 0 || traced.deny == KMSD_POLICY_NO_STATEMENT);
    demand(traced.allow[KMSD_MATCH_NONE] == KMSD_POLICY_NO_STATEMENT);
}

static void check_decision(
    const struct kmsd_policy_document *document, const struct kmsd_policy_question *question)
{
    struct kmsd_policy_query query = {.question = *question, .has_cross_account_use = true};
    enum kmsd_policy_kind kind = kmsd_policy_document_kind(document);
    if (kind == KMSD_POLICY_KIND_KEY) {
        query.key_policy = document;
    } else {
        query.identity_policies = &document;
        query.identity_policy_count = 1;
    }
    struct kmsd_policy_verdict verdict;
    kmsd_policy_evaluate(document, question, NULL, &verdict);
    struct kmsd_policy_decision decision = kmsd_policy_authorize(&query);
    bool is_root = question->context->subject->kind == KMSD_SUBJECT_ACCOUNT_ROOT;
    demand(!decision.is_allowed || verdict.deny == KMSD_POLICY_NO_STATEMENT);
    demand(
        !decision.is_allowed || has_allow(&verdict) || (is_root && kind != KMSD_POLICY_KIND_KEY));
    if (kind == KMSD_POLICY_KIND_BOUNDARY || kind == KMSD_POLICY_KIND_SESSION) {
        query.boundary = document;
        demand(decision.is_allowed || !kmsd_policy_authorize(&query).is_allowed);
    }
}

static void check_document(const struct kmsd_policy_document *document,
    const struct kmsd_policy_document *again, bool is_same_size)
{
    static const char *const actions[] = {"kms:Decrypt", "KMS:ReEncryptFrom", "sts:AssumeRole"};
    demand(
        !is_same_size || kmsd_policy_document_size(document) == kmsd_policy_document_size(again));
    for (size_t i = 0; i < SUBJECTS; i++) {
        const struct kmsd_policy_context context = {
            .subject = &subjects[i], .resource_account = TEXT("111122223333"), .lookup = look_up};
        const struct kmsd_policy_question question = {kms_str(actions[i % 3]),
            kms_str("arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
            &context};
        check_verdict(document, again, &question);
        check_decision(document, &question);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    enum kmsd_policy_kind kind = kind_of(data[0]);
    const struct kms_str text = {(const char *)data + 1, size - 1};
    struct kmsd_policy_document *document = parse(text, kind);
    if (document == NULL)
        return 0;
    struct kmsd_policy_document *again = parse(text, kind);
    check_document(document, again, true);
    kmsd_policy_document_free(again);

    KMS_BUF_AUTO formatted;
    kms_buf_init(&formatted, 1 << 20);
    if (kmsd_policy_format(text, &formatted) == KMS_OK) {
        again = parse(kms_buf_str(&formatted), kind);
        demand(again != NULL || formatted.len > KMSD_POLICY_SESSION_MAX);
        if (again != NULL)
            check_document(document, again, false);
        kmsd_policy_document_free(again);
    }
    kmsd_policy_document_free(document);
    return 0;
}

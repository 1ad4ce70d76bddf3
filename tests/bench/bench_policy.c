/*
 * What a decision costs: a key policy of ten statements and three identity policies, as a ratio to
 * the least that each request costs anyway (HMAC-SHA256 over 1 KiB, the canonical request of its
 * signature), and to a decision that would parse its documents each time. Run in turns, so that all
 * see the same machine; processor time is counted, and the best turn of each. Calls of the memory
 * allocator are counted: a decision makes none.
 *
 *     bench_policy [milliseconds per turn]
 */
#include "kmsd/policy/authorize.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TURNS = 5, BATCH = 64, IDENTITY_POLICIES = 3, REQUEST_SIZE = 1024 };

/* --- counting allocations (-Wl,--wrap) -------------------------------------------------------- */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__real_kms_arena_alloc(struct kms_arena *arena, size_t size);
void *__wrap_kms_arena_alloc(struct kms_arena *arena, size_t size);

static size_t allocations;

void *__wrap_malloc(size_t size)
{
    allocations++;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    allocations++;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    allocations++;
    return __real_realloc(memory, size);
}

void *__wrap_kms_arena_alloc(struct kms_arena *arena, size_t size)
{
    allocations++;
    return __real_kms_arena_alloc(arena, size);
}

/* --- the documents ---------------------------------------------------------------------------- */

#define ACCOUNT "111122223333"
#define ROLE    "arn:aws:iam::111122223333:role/"

static const char key_policy[] =
    "{\"Version\":\"2012-10-17\",\"Id\":\"production\",\"Statement\":["
    "{\"Sid\":\"Enable IAM User Permissions\",\"Effect\":\"Allow\","
    "\"Principal\":{\"AWS\":\"arn:aws:iam::111122223333:root\"},"
    "\"Action\":\"kms:*\",\"Resource\":\"*\"},"

    "{\"Sid\":\"administrators\",\"Effect\":\"Allow\","
    "\"Principal\":{\"AWS\":[\"" ROLE "admin\",\"" ROLE "security\"]},"
    "\"Action\":[\"kms:Create*\",\"kms:Describe*\",\"kms:Enable*\",\"kms:List*\",\"kms:Put*\","
    "\"kms:Update*\",\"kms:Revoke*\",\"kms:Disable*\",\"kms:Get*\",\"kms:Delete*\","
    "\"kms:TagResource\",\"kms:UntagResource\",\"kms:ScheduleKeyDeletion\","
    "\"kms:CancelKeyDeletion\"],\"Resource\":\"*\"},"

    "{\"Sid\":\"backup\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"" ROLE "backup\"},"
    "\"Action\":[\"kms:Encrypt\",\"kms:GenerateDataKey*\"],\"Resource\":\"*\"},"

    "{\"Sid\":\"restore\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"" ROLE "restore\"},"
    "\"Action\":\"kms:Decrypt\",\"Resource\":\"*\","
    "\"Condition\":{\"StringEquals\":{\"kms:EncryptionContext:purpose\":\"backup\"}}},"

    "{\"Sid\":\"storage\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"*\"},"
    "\"Action\":[\"kms:Encrypt\",\"kms:Decrypt\",\"kms:ReEncrypt*\",\"kms:GenerateDataKey*\","
    "\"kms:DescribeKey\"],\"Resource\":\"*\","
    "\"Condition\":{\"StringEquals\":{\"kms:CallerAccount\":\"" ACCOUNT "\","
    "\"kms:ViaService\":\"s3.us-west-2.amazonaws.com\"}}},"

    "{\"Sid\":\"partner\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"444455556666\"},"
    "\"Action\":[\"kms:Decrypt\",\"kms:DescribeKey\"],\"Resource\":\"*\"},"

    "{\"Sid\":\"services\",\"Effect\":\"Allow\","
    "\"Principal\":{\"Service\":[\"logs.us-west-2.amazonaws.com\","
    "\"delivery.logs.amazonaws.com\"]},\"Action\":\"kms:*\",\"Resource\":\"*\","
    "\"Condition\":{\"ArnLike\":{\"aws:SourceArn\":\"arn:aws:logs:us-west-2:" ACCOUNT ":*\"}}},"

    "{\"Sid\":\"network\",\"Effect\":\"Deny\",\"Principal\":\"*\","
    "\"Action\":[\"kms:Decrypt\",\"kms:GenerateDataKey\"],\"Resource\":\"*\","
    "\"Condition\":{\"NotIpAddressIfExists\":{\"aws:SourceIp\":[\"203.0.113.0/24\","
    "\"10.0.0.0/8\",\"2001:db8::/32\"]}}},"

    "{\"Sid\":\"transport\",\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"kms:*\","
    "\"Resource\":\"*\",\"Condition\":{\"Bool\":{\"aws:SecureTransport\":\"false\"}}},"

    "{\"Sid\":\"application\",\"Effect\":\"Allow\","
    "\"Principal\":{\"AWS\":\"" ROLE "application\"},"
    "\"Action\":[\"kms:Encrypt\",\"kms:Decrypt\"],\"Resource\":\"*\","
    "\"Condition\":{\"StringLike\":{\"kms:EncryptionContext:path\":\"/srv/*/secrets/*\"},"
    "\"ForAllValues:StringEquals\":{\"kms:EncryptionContextKeys\":[\"path\",\"owner\"]}}}]}";

static const char *const identity_policies[IDENTITY_POLICIES] = {
    "{\"Version\":\"2012-10-17\",\"Statement\":["
    "{\"Effect\":\"Allow\",\"Action\":[\"s3:GetObject\",\"s3:PutObject\",\"s3:List*\"],"
    "\"Resource\":[\"arn:aws:s3:::bucket\",\"arn:aws:s3:::bucket/${aws:username}/*\"]},"
    "{\"Effect\":\"Allow\",\"Action\":\"logs:*\",\"Resource\":\"*\"}]}",
    "{\"Version\":\"2012-10-17\",\"Statement\":["
    "{\"Effect\":\"Deny\",\"Action\":[\"kms:ScheduleKeyDeletion\",\"kms:DisableKey\"],"
    "\"Resource\":\"*\"},"
    "{\"Effect\":\"Deny\",\"Action\":\"kms:*\",\"Resource\":\"*\",\"Condition\":{"
    "\"StringNotEquals\":{\"aws:ResourceTag/stage\":\"${aws:PrincipalTag/stage}\"}}}]}",
    "{\"Version\":\"2012-10-17\",\"Statement\":["
    "{\"Effect\":\"Allow\",\"Action\":[\"kms:Encrypt\",\"kms:Decrypt\",\"kms:GenerateDataKey*\"],"
    "\"Resource\":[\"arn:aws:kms:us-west-2:" ACCOUNT ":key/0987dcba-09fe-87dc-65ba-ab0987654321\","
    "\"arn:aws:kms:*:" ACCOUNT ":key/1234abcd-*\"],\"Condition\":{\"StringEquals\":{"
    "\"kms:EncryptionContext:owner\":\"payments\"}}}]}",
};

/* --- the request ------------------------------------------------------------------------------ */

#define TEXT(text) KMS_STR_LITERAL(text)

static const struct kms_str_pair tags[] = {{TEXT("stage"), TEXT("production")}};
static const struct kms_str_pair pairs[] = {
    {TEXT("path"), TEXT("/srv/payments/secrets/database")}, {TEXT("owner"), TEXT("payments")}};
static const struct kms_str_map principal_tags = {tags, 1};
static const struct kms_str_map encryption_context = {pairs, 2};

/* As the daemon will: what is asked for is looked up, the rest is not touched. */
static bool look_up(
    const void *arg, const struct kmsd_policy_key_name *name, struct kmsd_policy_value *out)
{
    (void)arg;
    switch (name->key) {
    case KMSD_KEY_ENCRYPTION_CONTEXT:
        return kmsd_policy_map_find(&encryption_context, name, out);
    case KMSD_KEY_ENCRYPTION_CONTEXT_KEYS:
        *out = kmsd_policy_keys_of(encryption_context);
        return true;
    case KMSD_KEY_RESOURCE_TAG:
        return kmsd_policy_map_find(&principal_tags, name, out);
    case KMSD_KEY_SOURCE_IP:
        *out = kmsd_policy_ip((struct kmsd_policy_ip){.bytes = {10, 1, 2, 3}, .prefix_bits = 32});
        return true;
    case KMSD_KEY_SECURE_TRANSPORT:
        *out = kmsd_policy_bool(true);
        return true;
    case KMSD_KEY_CALLER_ACCOUNT:
        *out = kmsd_policy_text(kms_str(ACCOUNT));
        return true;
    default:
        return false;
    }
}

struct bench {
    struct kmsd_policy_document *key;
    struct kmsd_policy_document *identities[IDENTITY_POLICIES];
    struct kmsd_policy_subject subject;
    struct kmsd_policy_context context;
    struct kmsd_policy_query query;
    bool is_allowed; /* as it should be */
    EVP_MAC_CTX *hmac;
    uint8_t request[REQUEST_SIZE];
};

typedef bool run_once(struct bench *bench);

static bool decide(struct bench *bench)
{
    return kmsd_policy_authorize(&bench->query).is_allowed == bench->is_allowed;
}

static void forget(struct bench *bench)
{
    kmsd_policy_document_free(bench->key);
    for (size_t i = 0; i < IDENTITY_POLICIES; i++)
        kmsd_policy_document_free(bench->identities[i]);
}

static bool parse(struct bench *bench)
{
    struct kmsd_policy_problem problem;
    bool ok = kmsd_policy_parse(kms_str(key_policy), KMSD_POLICY_KIND_KEY, &bench->key, &problem) ==
              KMS_OK;
    for (size_t i = 0; ok && i < IDENTITY_POLICIES; i++)
        ok = kmsd_policy_parse(kms_str(identity_policies[i]), KMSD_POLICY_KIND_IDENTITY,
                 &bench->identities[i], &problem) == KMS_OK;
    bench->query.key_policy = bench->key;
    bench->query.identity_policies = (const struct kmsd_policy_document *const *)bench->identities;
    bench->query.identity_policy_count = IDENTITY_POLICIES;
    if (!ok)
        (void)fprintf(stderr, "bench_policy: %s\n", problem.text);
    return ok;
}

static bool parse_and_decide(struct bench *bench)
{
    forget(bench);
    return parse(bench) && decide(bench);
}

static bool sign(struct bench *bench)
{
    static const uint8_t key[32] = {1};
    uint8_t tag[32];
    size_t len;
    return EVP_MAC_init(bench->hmac, key, sizeof(key), NULL) == 1 &&
           EVP_MAC_update(bench->hmac, bench->request, sizeof(bench->request)) == 1 &&
           EVP_MAC_final(bench->hmac, tag, &len, sizeof(tag)) == 1;
}

/* --- measuring -------------------------------------------------------------------------------- */

static double now_ns(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* The lesser of best and the nanoseconds per call in one turn. */
static double turn(struct bench *bench, run_once *run, double turn_ns, double best)
{
    size_t calls = 0;
    double start = now_ns();
    double spent = 0;
    while (spent < turn_ns) {
        for (int i = 0; i < BATCH; i++) {
            if (!run(bench)) {
                (void)fprintf(stderr, "bench_policy: a call failed\n");
                exit(1);
            }
        }
        calls += BATCH;
        spent = now_ns() - start;
    }
    double each = spent / (double)calls;
    return best == 0 || each < best ? each : best;
}

static const struct {
    const char *name;
    const char *role;
    const char *action;
    bool is_allowed;
} rows[] = {
    {"allowed by the key policy's last statement", "application", "kms:Decrypt", true},
    {"allowed by the last identity policy", "other", "kms:Decrypt", true},
    {"denied, as nothing allows it", "other", "kms:Sign", false},
};

static void ask(struct bench *bench, size_t row)
{
    static char arn[128], issuer[128];
    (void)snprintf(arn, sizeof(arn), "arn:aws:sts::" ACCOUNT ":assumed-role/%s/i-0123456789abcdef0",
        rows[row].role);
    (void)snprintf(issuer, sizeof(issuer), "arn:aws:iam::" ACCOUNT ":role/%s", rows[row].role);
    bench->subject = (struct kmsd_policy_subject){.kind = KMSD_SUBJECT_ROLE_SESSION,
        .account = kms_str(ACCOUNT),
        .arn = kms_str(arn),
        .issuer_arn = kms_str(issuer),
        .tags = principal_tags};
    bench->context = (struct kmsd_policy_context){
        .subject = &bench->subject, .resource_account = kms_str(ACCOUNT), .lookup = look_up};
    bench->query.question = (struct kmsd_policy_question){kms_str(rows[row].action),
        kms_str("arn:aws:kms:us-west-2:" ACCOUNT ":key/1234abcd-12ab-34cd-56ef-1234567890ab"),
        &bench->context};
    bench->query.has_cross_account_use = true;
    bench->is_allowed = rows[row].is_allowed;
}

static bool set_up(struct bench *bench)
{
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string("digest", digest, 0), OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    bench->hmac = EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac);
    return bench->hmac != NULL && EVP_MAC_CTX_set_params(bench->hmac, parameters) == 1 &&
           parse(bench);
}

int main(int argc, char **argv)
{
    double turn_ns = (argc > 1 ? strtod(argv[1], NULL) : 50) * 1e6;
    struct bench bench = {.is_allowed = false};
    if (!set_up(&bench))
        return 1;
    bool ok = true;
    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        double deciding = 0, signing = 0, parsing = 0;
        ask(&bench, row);
        allocations = 0;
        ok = decide(&bench) && ok;
        size_t allocated = allocations;
        for (int i = 0; i < TURNS; i++) {
            signing = turn(&bench, sign, turn_ns, signing);
            deciding = turn(&bench, decide, turn_ns, deciding);
            parsing = turn(&bench, parse_and_decide, turn_ns, parsing);
        }
        (void)printf("%-42s: %5.0f ns, %zu allocations; %.2f of HMAC-SHA256 over 1 KiB (%.0f ns); "
                     "%.3f of parsing first (%.0f ns)\n",
            rows[row].name, deciding, allocated, deciding / signing, signing, deciding / parsing,
            parsing);
        ok = allocated == 0 && ok;
    }
    (void)printf("key policy of %zu statements: %zu bytes of text, %zu in memory\n",
        kmsd_policy_document_statements(bench.key), sizeof(key_policy) - 1,
        kmsd_policy_document_size(bench.key));
    forget(&bench);
    EVP_MAC_CTX_free(bench.hmac);
    return ok ? 0 : 1;
}

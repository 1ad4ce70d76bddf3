/*
 * bench_identity [USERS [ROUNDS]]: what it costs to know who asks. One Encrypt of 32 bytes, on one
 * thread and without sockets, signed by a user's long-lived access key, by a session token of the same
 * user, and by one of a role with session tags; then all of it again beside USERS more users, each with
 * an access key. The audit trail is off, so that identity is as large a part of a request as it can be.
 */
#include "kmsd/auth/auth.h"
#include "kmsd/crypto/init.h"
#include "kmsd/iam/access_key.h"
#include "kmsd/iam/iam.h"
#include "kmsd/keys/keys.h"
#include "kmsd/pipeline.h"
#include "libkms/base/clock.h"
#include "libkms/proto/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ACCOUNT "111122223333"
#define REGION  "eu-central-1"
#define ALLOW                                                                                \
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"kms:*\"," \
    "\"Resource\":\"*\"}]}"
#define TRUST                                                                                  \
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":" \
    "\"" ACCOUNT "\"},\"Action\":\"sts:AssumeRole\"}]}"

enum { DEFAULT_USERS = 20000, DEFAULT_ROUNDS = 4000, PASSES = 15, HEADERS = 8, CALLERS = 3 };

static void check(enum kms_err err, const char *what)
{
    if (err == KMS_OK)
        return;
    (void)fprintf(stderr, "%s: %s\n", what, kms_err_text(err));
    exit(1);
}

/* --- a daemon --------------------------------------------------------------------------------- */

struct daemon {
    struct kmsd_store *store;
    struct kmsd_custody *custody;
    struct kmsd_iam *iam;
    struct kmsd_auth *auth;
    struct kmsd_keys *keys;
    struct kmsd_pipeline pipeline;
};

static void start(struct daemon *daemon)
{
    struct kmsd_detail detail;
    struct kms_secret *root = NULL;
    struct kmsd_access_key key = {.secret = NULL};
    check(kmsd_crypto_init(NULL), "setting up libcrypto");
    check(kms_secret_random(KMSD_ROOT_KEY_SIZE, &root), "making a root key");
    check(kmsd_custody_new(root, &daemon->custody), "setting up custody");
    check(kmsd_store_open("", KMSD_STORE_MEMORY, &daemon->store, NULL), "opening a store");
    const struct kmsd_iam_options iam = {.store = daemon->store,
        .custody = daemon->custody,
        .partition = kms_str("aws"),
        .now_ms = kms_clock_now_ms()};
    check(kmsd_iam_open(&iam, &daemon->iam, &detail), "opening identities");
    const struct kmsd_auth_options options = {.custody = daemon->custody, .iam = daemon->iam};
    check(kmsd_auth_new(&options, &daemon->auth), "setting up authentication");
    check(kmsd_keys_open(daemon->store, daemon->custody, &daemon->keys, NULL), "opening the keys");
    check(kmsd_iam_create_account(daemon->iam, kms_str(ACCOUNT), kms_clock_now_ms(), &key),
        "making an account");
    kms_secret_free(key.secret);
    daemon->pipeline = (struct kmsd_pipeline){.auth = daemon->auth,
        .keys = daemon->keys,
        .now_ms = kms_clock_now_ms,
        .signing_now_ms = kms_clock_now_ms};
}

static void stop(struct daemon *daemon)
{
    kmsd_keys_close(daemon->keys);
    kmsd_auth_free(daemon->auth);
    kmsd_iam_close(daemon->iam);
    kmsd_store_close(daemon->store);
    kmsd_custody_free(daemon->custody);
}

/* A user or role that may do everything with keys; its ARN goes into arn. */
static void put(struct daemon *daemon, enum kmsd_iam_kind kind, const char *name, char arn[128])
{
    struct kmsd_iam_policy policy = {.name = kms_str("p"), .text = kms_str(ALLOW)};
    struct kmsd_iam_entity draft = {.kind = kind,
        .account = kms_str(ACCOUNT),
        .name = kms_str(name),
        .path = kms_str("/"),
        .id = kms_str(kind == KMSD_IAM_ROLE ? "AROAAAAAAAAAAAAAAAAAA" : "AIDAAAAAAAAAAAAAAAAAA"),
        .created_ms = kms_clock_now_ms(),
        .inline_policies = &policy,
        .inline_count = 1};
    (void)snprintf(arn, 128, "arn:aws:iam::" ACCOUNT ":%s/%s", kmsd_iam_kind_text(kind), name);
    draft.arn = kms_str(arn);
    if (kind == KMSD_IAM_ROLE) {
        draft.trust.text = kms_str(TRUST);
        draft.max_session_s = 3600;
    }
    check(kmsd_iam_put(daemon->iam, NULL, &draft), "putting an identity");
}

/* --- callers ---------------------------------------------------------------------------------- */

struct caller {
    const char *name;
    struct kmsd_access_key key;
    struct kms_buf token; /* empty: none */
};

static void make_user(struct daemon *daemon, const char *name, struct kmsd_access_key *key)
{
    char arn[128];
    put(daemon, KMSD_IAM_USER, name, arn);
    check(kmsd_iam_create_access_key(
              daemon->iam, kms_str(ACCOUNT), kms_str(arn), kms_clock_now_ms(), key),
        "making an access key");
}

static void make_session(struct daemon *daemon, struct caller *caller,
    struct kmsd_session_content content, const struct caller *parent)
{
    check(kmsd_access_key_make(KMSD_ACCESS_KEY_SESSION, &caller->key), "making an access key");
    content.account = kms_str(ACCOUNT);
    content.access_key_id = kms_str(caller->key.id);
    content.secret = kms_secret_bytes(caller->key.secret);
    content.parent_key_id = kms_str(parent->key.id);
    content.issued_ms = kms_clock_now_ms();
    content.expires_ms = content.issued_ms + 3600000;
    check(kmsd_session_seal(kmsd_iam_session_keys(daemon->iam), &content, &caller->token),
        "sealing a session token");
}

static void make_callers(struct daemon *daemon, struct caller callers[CALLERS])
{
    static const struct kms_str_pair tags[] = {
        {KMS_STR_LITERAL("team"), KMS_STR_LITERAL("storage")},
        {KMS_STR_LITERAL("project"), KMS_STR_LITERAL("backup of everything")}};
    char arn[128];
    static const char *const names[CALLERS] = {
        "long-lived key", "session of a user", "session of a role"};
    for (size_t i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){.name = names[i]};
        kms_buf_init(&callers[i].token, KMSD_SESSION_TOKEN_MAX);
    }
    make_user(daemon, "bench", &callers[0].key);
    const struct kmsd_session_content user = {.kind = KMSD_SESSION_USER,
        .name = kms_str("bench"),
        .entity_id = kms_str("AIDAAAAAAAAAAAAAAAAAA")};
    make_session(daemon, &callers[1], user, &callers[0]);
    put(daemon, KMSD_IAM_ROLE, "role", arn);
    const struct kmsd_session_content role = {.kind = KMSD_SESSION_ROLE,
        .name = kms_str("role"),
        .entity_id = kms_str("AROAAAAAAAAAAAAAAAAAA"),
        .session_name = kms_str("nightly"),
        .source_identity = kms_str("operator"),
        .tags = {tags, 2}};
    make_session(daemon, &callers[2], role, &callers[0]);
}

/* --- requests --------------------------------------------------------------------------------- */

/* A signed request that can be sent again and again. */
struct request {
    struct kms_header headers[HEADERS];
    struct kms_http_view view;
    char date[KMS_TIME_BASIC_SIZE];
    char target[64];
    struct kms_buf authorization;
    struct kms_buf body;
};

static void prepare(
    struct request *request, const struct caller *caller, enum kms_op operation, const void *input)
{
    size_t count = 0;
    kms_buf_init(&request->authorization, 4096);
    kms_buf_init(&request->body, 1 << 20);
    kms_encode(KMS_WIRE_JSON, kms_operations[operation].input, input, &request->body);
    check(request->body.err, "encoding");
    int64_t now_ms = kms_clock_now_ms();
    kms_time_format_basic(now_ms, request->date);
    (void)snprintf(request->target, sizeof(request->target), "TrentService.%s",
        kms_operations[operation].name);
    const struct kms_header headers[] = {
        {kms_str("Host"), kms_str("127.0.0.1:4599")},
        {kms_str("Content-Type"), kms_str(kms_wire_content_type(KMS_WIRE_JSON))},
        {kms_str("X-Amz-Date"), kms_str(request->date)},
        {kms_str("X-Amz-Target"), kms_str(request->target)},
    };
    for (; count < sizeof(headers) / sizeof(headers[0]); count++)
        request->headers[count] = headers[count];
    if (caller->token.len != 0)
        request->headers[count++] =
            (struct kms_header){kms_str("X-Amz-Security-Token"), kms_buf_str(&caller->token)};
    request->view = (struct kms_http_view){
        .method = kms_str("POST"),
        .path = kms_str("/"),
        .query = kms_str(""),
        .headers = request->headers,
        .header_count = count,
        .body = kms_buf_bytes(&request->body),
    };
    const struct kms_sigv4_signer signer = {
        .access_key_id = kms_str(caller->key.id),
        .secret_access_key = kms_secret_bytes(caller->key.secret),
        .region = kms_str(REGION),
        .service = kms_str("kms"),
        .now_ms = now_ms,
    };
    check(kms_sigv4_sign(&request->view, &signer, &kms_sigv4_defaults, &request->authorization),
        "signing");
    request->headers[count++] =
        (struct kms_header){kms_str("Authorization"), kms_buf_str(&request->authorization)};
    request->view.header_count = count;
}

static void clean_up(struct request *request)
{
    kms_buf_clean_up(&request->authorization);
    kms_buf_clean_up(&request->body);
}

static void send_once(
    const struct daemon *daemon, const struct request *request, struct kmsd_exchange *exchange)
{
    exchange->http = request->view;
    if (kmsd_pipeline_begin(&daemon->pipeline, exchange) != KMSD_NEXT_REPLY)
        kmsd_pipeline_finish(&daemon->pipeline, exchange);
    if (exchange->response.status == 200)
        return;
    (void)fprintf(stderr, "status %d: %.*s\n", exchange->response.status,
        (int)exchange->response.body.len, (const char *)exchange->response.body.data);
    exit(1);
}

/* Makes a key and puts its id into id. */
static void make_key(const struct daemon *daemon, const struct caller *caller, char id[64])
{
    static const char member[] = "\"KeyId\":\"";
    const struct kms_create_key_request input = {.policy = {NULL, 0}};
    struct request request;
    struct kmsd_exchange exchange;
    prepare(&request, caller, KMS_OP_CREATE_KEY, &input);
    kmsd_exchange_init(&exchange);
    send_once(daemon, &request, &exchange);
    const char *found =
        memmem(exchange.response.body.data, exchange.response.body.len, member, sizeof(member) - 1);
    check(found == NULL ? KMS_ERR_PROTOCOL : KMS_OK, "making a key");
    (void)snprintf(id, 64, "%.36s", found + sizeof(member) - 1);
    kmsd_exchange_clean_up(&exchange);
    clean_up(&request);
}

/* --- measuring -------------------------------------------------------------------------------- */

/* The thread's own time: other programs on the machine don't count. */
static double cpu_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* The callers in turn, so that what else the machine does falls on all; the best pass of each. */
static void measure(const struct daemon *daemon, const struct caller callers[CALLERS],
    const char *key_id, size_t rounds, double best_us[CALLERS])
{
    static const uint8_t plaintext[32];
    const struct kms_encrypt_request input = {
        .key_id = kms_str(key_id), .plaintext = kms_bytes(plaintext, sizeof(plaintext))};
    struct request requests[CALLERS];
    struct kmsd_exchange exchange;
    kmsd_exchange_init(&exchange);
    for (size_t i = 0; i < CALLERS; i++) {
        prepare(&requests[i], &callers[i], KMS_OP_ENCRYPT, &input);
        best_us[i] = 1e9;
    }
    for (size_t pass = 0; pass < PASSES * CALLERS; pass++) {
        size_t which = pass % CALLERS;
        double began_us = cpu_us();
        for (size_t i = 0; i < rounds; i++) {
            send_once(daemon, &requests[which], &exchange);
            kmsd_exchange_reset(&exchange);
        }
        double us = (cpu_us() - began_us) / (double)rounds;
        best_us[which] = us < best_us[which] ? us : best_us[which];
    }
    for (size_t i = 0; i < CALLERS; i++)
        clean_up(&requests[i]);
    kmsd_exchange_clean_up(&exchange);
}

static void add_users(struct daemon *daemon, size_t users)
{
    char name[32];
    for (size_t i = 0; i < users; i++) {
        struct kmsd_access_key key = {.secret = NULL};
        (void)snprintf(name, sizeof(name), "user%zu", i);
        make_user(daemon, name, &key);
        kms_secret_free(key.secret);
    }
}

int main(int argc, char **argv)
{
    size_t users = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : DEFAULT_USERS;
    size_t rounds = argc > 2 ? (size_t)strtoul(argv[2], NULL, 10) : DEFAULT_ROUNDS;
    struct daemon daemon = {.store = NULL};
    struct caller callers[CALLERS];
    double few_us[CALLERS];
    double many_us[CALLERS];
    char key_id[64];
    start(&daemon);
    make_callers(&daemon, callers);
    make_key(&daemon, &callers[0], key_id);
    measure(&daemon, callers, key_id, rounds, few_us);
    add_users(&daemon, users);
    measure(&daemon, callers, key_id, rounds, many_us);
    (void)printf("%-18s %8s %10s %16s %8s\n", "Encrypt by", "token", "us", "/ long-lived key", "");
    for (size_t i = 0; i < CALLERS; i++)
        (void)printf("%-18s %6zu B %10.2f %16.2f\n", callers[i].name, callers[i].token.len,
            few_us[i], few_us[i] / few_us[0]);
    (void)printf("beside %zu users with access keys\n", users);
    for (size_t i = 0; i < CALLERS; i++) {
        (void)printf("%-18s %6zu B %10.2f %16.2f   %.2f of what it was\n", callers[i].name,
            callers[i].token.len, many_us[i], many_us[i] / many_us[0], many_us[i] / few_us[i]);
        kms_secret_free(callers[i].key.secret);
        kms_buf_clean_up(&callers[i].token);
    }
    stop(&daemon);
    return 0;
}

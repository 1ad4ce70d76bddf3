/*
 * bench_pipeline [ROUNDS [WIRE]]: what a request costs between the transport and its answer, on one thread,
 * without sockets: authentication, decoding, policy, cryptography, encoding. WIRE is json or cbor. For
 * profilers; what a client sees is in throughput.py.
 */
#include "kmsd/auth/auth.h"
#include "kmsd/crypto/init.h"
#include "kmsd/keys/keys.h"
#include "kmsd/pipeline.h"
#include "libkms/base/clock.h"
#include "libkms/base/encoding.h"
#include "libkms/proto/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ACCOUNT "111122223333"
#define ARN     "arn:aws:iam::" ACCOUNT ":root"
#define REGION  "eu-central-1"

enum { DEFAULT_ROUNDS = 20000, HEADER_COUNT = 6, PASSES = 3 };

static void check(enum kms_err err, const char *what)
{
    if (err == KMS_OK)
        return;
    (void)fprintf(stderr, "%s: %s\n", what, kms_err_text(err));
    exit(1);
}

struct daemon {
    struct kmsd_store *store;
    struct kmsd_custody *custody;
    struct kmsd_auth *auth;
    struct kmsd_keys *keys;
    struct kmsd_pipeline pipeline;
};

static void put_root(struct daemon *daemon)
{
    KMS_BUF_AUTO wrapped;
    kms_buf_init(&wrapped, KMSD_WRAPPED_SECRET_MAX);
    check(kmsd_iam_seal(
              daemon->custody, kms_str("test"), kms_str(ARN), kms_bytes("test", 4), &wrapped),
        "sealing the secret access key");
    const struct kmsd_access_key_row row = {
        .access_key_id = kms_str("test"),
        .account = kms_str(ACCOUNT),
        .principal_arn = kms_str(ARN),
        .status = kms_str("Active"),
        .wrapped_secret = kms_buf_bytes(&wrapped),
    };
    check(kmsd_auth_put(daemon->auth, &row), "putting the access key");
}

static void start(struct daemon *daemon)
{
    struct kms_secret *root = NULL;
    check(kmsd_crypto_init(NULL), "setting up libcrypto");
    check(kms_secret_random(KMSD_ROOT_KEY_SIZE, &root), "making a root key");
    check(kmsd_custody_new(root, &daemon->custody), "setting up custody");
    const struct kmsd_auth_options options = {.custody = daemon->custody};
    check(kmsd_auth_new(&options, &daemon->auth), "setting up authentication");
    put_root(daemon);
    check(kmsd_store_open("", KMSD_STORE_MEMORY, &daemon->store, NULL), "opening a store");
    check(kmsd_keys_open(daemon->store, daemon->custody, &daemon->keys, NULL), "opening the keys");
    daemon->pipeline = (struct kmsd_pipeline){.auth = daemon->auth,
        .keys = daemon->keys,
        .now_ms = kms_clock_now_ms,
        .signing_now_ms = kms_clock_now_ms};
}

static void stop(struct daemon *daemon)
{
    kmsd_keys_close(daemon->keys);
    kmsd_auth_free(daemon->auth);
    kmsd_store_close(daemon->store);
    kmsd_custody_free(daemon->custody);
}

/* A signed request that can be sent again and again. */
struct request {
    struct kms_header headers[HEADER_COUNT];
    struct kms_http_view view;
    char date[KMS_TIME_BASIC_SIZE];
    char path[128];
    char target[64];
    struct kms_buf authorization;
    struct kms_buf body;
};

static void prepare(
    struct request *request, enum kms_wire wire, enum kms_op operation, const void *input)
{
    const char *name = kms_operations[operation].name;
    kms_buf_init(&request->authorization, 4096);
    kms_buf_init(&request->body, 1 << 20);
    kms_encode(wire, kms_operations[operation].input, input, &request->body);
    check(request->body.err, "encoding");
    int64_t now_ms = kms_clock_now_ms();
    kms_time_format_basic(now_ms, request->date);
    (void)snprintf(request->target, sizeof(request->target), "TrentService.%s", name);
    (void)snprintf(
        request->path, sizeof(request->path), "/service/TrentService/operation/%s", name);
    size_t count = 0;
    request->headers[count++] = (struct kms_header){kms_str("Host"), kms_str("127.0.0.1:4599")};
    request->headers[count++] =
        (struct kms_header){kms_str("Content-Type"), kms_str(kms_wire_content_type(wire))};
    request->headers[count++] = (struct kms_header){kms_str("X-Amz-Date"), kms_str(request->date)};
    request->headers[count++] =
        wire == KMS_WIRE_JSON
            ? (struct kms_header){kms_str("X-Amz-Target"), kms_str(request->target)}
            : (struct kms_header){kms_str("Smithy-Protocol"), kms_str("rpc-v2-cbor")};
    request->view = (struct kms_http_view){
        .method = kms_str("POST"),
        .path = kms_str(wire == KMS_WIRE_JSON ? "/" : request->path),
        .query = kms_str(""),
        .headers = request->headers,
        .header_count = count,
        .body = kms_buf_bytes(&request->body),
    };
    const struct kms_sigv4_signer signer = {
        .access_key_id = kms_str("test"),
        .secret_access_key = kms_bytes("test", 4),
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

/* Sends it once; the answer stays in the exchange. */
static void send_once(
    const struct daemon *daemon, const struct request *request, struct kmsd_exchange *exchange)
{
    exchange->http = request->view;
    if (kmsd_pipeline_begin(&daemon->pipeline, exchange) != KMSD_NEXT_REPLY)
        kmsd_pipeline_finish(&daemon->pipeline, exchange);
    if (exchange->response.status != 200) {
        (void)fprintf(stderr, "status %d: %.*s\n", exchange->response.status,
            (int)exchange->response.body.len, (const char *)exchange->response.body.data);
        exit(1);
    }
}

/* The thread's own time: other programs on the machine don't count. */
static double cpu_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void measure(const struct daemon *daemon, enum kms_wire wire, enum kms_op operation,
    const void *input, size_t rounds)
{
    struct request request;
    struct kmsd_exchange exchange;
    double best_us = 1e9;
    prepare(&request, wire, operation, input);
    kmsd_exchange_init(&exchange);
    for (int pass = 0; pass < PASSES; pass++) {
        double began_us = cpu_us();
        for (size_t i = 0; i < rounds; i++) {
            send_once(daemon, &request, &exchange);
            kmsd_exchange_reset(&exchange);
        }
        double us = (cpu_us() - began_us) / (double)rounds;
        best_us = us < best_us ? us : best_us;
    }
    (void)printf("%-16s %s %6.2f us a request\n", kms_operations[operation].name,
        wire == KMS_WIRE_JSON ? "JSON" : "CBOR", best_us);
    kmsd_exchange_clean_up(&exchange);
    clean_up(&request);
}

/* One call whose answer is decoded into the arena. */
static void *call(
    const struct daemon *daemon, enum kms_op operation, const void *input, struct kms_arena *arena)
{
    struct request request;
    struct kmsd_exchange exchange;
    const struct kms_shape *shape = kms_operations[operation].output;
    void *output = kms_arena_alloc(arena, shape->size);
    check(output == NULL ? KMS_ERR_NO_MEMORY : KMS_OK, "calling");
    prepare(&request, KMS_WIRE_CBOR, operation, input);
    kmsd_exchange_init(&exchange);
    send_once(daemon, &request, &exchange);
    check(kms_decode_response(
              KMS_WIRE_CBOR, shape, kms_buf_bytes(&exchange.response.body), arena, output),
        "decoding");
    kmsd_exchange_clean_up(&exchange);
    clean_up(&request);
    return output;
}

int main(int argc, char **argv)
{
    static const uint8_t plaintext[32];
    size_t rounds = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : DEFAULT_ROUNDS;
    struct daemon daemon = {.store = NULL};
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 1 << 20);
    start(&daemon);

    const struct kms_create_key_request new_key = {.policy = {NULL, 0}};
    const struct kms_create_key_response *key = call(&daemon, KMS_OP_CREATE_KEY, &new_key, &arena);
    struct kms_str_pair pair = {kms_str("purpose"), kms_str("benchmark")};
    const struct kms_encrypt_request encrypt = {
        .key_id = key->key_metadata->key_id,
        .plaintext = kms_bytes(plaintext, sizeof(plaintext)),
        .encryption_context = {.items = &pair, .count = 1},
    };
    const struct kms_encrypt_response *encrypted = call(&daemon, KMS_OP_ENCRYPT, &encrypt, &arena);
    const struct kms_decrypt_request decrypt = {
        .ciphertext_blob = encrypted->ciphertext_blob,
        .encryption_context = encrypt.encryption_context,
    };
    const struct kms_generate_data_key_request data_key = {
        .key_id = encrypt.key_id,
        .key_spec = KMS_DATA_KEY_SPEC_AES_256,
        .encryption_context = encrypt.encryption_context,
    };
    const struct kms_describe_key_request describe = {.key_id = encrypt.key_id};
    for (enum kms_wire wire = KMS_WIRE_JSON; wire <= KMS_WIRE_CBOR; wire++) {
        if (argc > 2 && strcmp(argv[2], wire == KMS_WIRE_JSON ? "json" : "cbor") != 0)
            continue;
        measure(&daemon, wire, KMS_OP_ENCRYPT, &encrypt, rounds);
        measure(&daemon, wire, KMS_OP_DECRYPT, &decrypt, rounds);
        measure(&daemon, wire, KMS_OP_GENERATE_DATA_KEY, &data_key, rounds);
        measure(&daemon, wire, KMS_OP_DESCRIBE_KEY, &describe, rounds);
    }
    kms_arena_clean_up(&arena);
    stop(&daemon);
    return 0;
}

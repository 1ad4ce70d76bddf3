/* Keyrings: raw AES, raw RSA, several at once, and keys of a service that is played here. */
#include "libkms/envelope/regions.h"
#include "tests/unit/envelope/support.h"

#include <kms/api.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { BIG = 1 << 20 };

static enum kms_err try_decrypt(const struct kms_keyring *keyring, const uint8_t *message,
    size_t len, struct kms_envelope_failure *failure)
{
    struct kms_envelope_decrypt_options options = {.keyring = keyring};
    KMS_BUF_AUTO out;
    kms_buf_init(&out, BIG);
    enum kms_err err = decrypt_in_pieces(&options, kms_bytes(message, len), 0, 0, &out, failure);
    if (err == KMS_OK) {
        assert_int_equal(out.len, 5);
        assert_memory_equal(out.data, "hello", 5);
    }
    return err;
}

static uint8_t *hello_under(const struct kms_keyring *keyring, size_t *len)
{
    static const struct kms_str_pair pair = {KMS_STR_LITERAL("a"), KMS_STR_LITERAL("b")};
    struct kms_envelope_encrypt_options options = {
        .keyring = keyring, .context = {.items = &pair, .count = 1}};
    return encrypt_ok(&options, "hello", 5, len);
}

static struct kms_envelope_info *inspect(const uint8_t *message, size_t len)
{
    struct kms_envelope_info *info = NULL;
    assert_ok(kms_envelope_inspect(kms_bytes(message, len), NULL, &info, NULL));
    return info;
}

/* --- raw AES ---------------------------------------------------------------------------------- */

static void raw_aes(void **state)
{
    (void)state;
    static const uint8_t key[32] = {1, 2, 3};
    static const uint8_t other[32] = {1, 2, 4};
    size_t len = 0;
    for (size_t bits = 128; bits <= 256; bits += 64) {
        struct kms_keyring *keyring = NULL;
        assert_ok(kms_keyring_new_raw_aes(
            kms_str("space"), kms_str("name"), kms_bytes(key, bits / 8), &keyring));
        uint8_t *message = hello_under(keyring, &len);
        assert_ok(try_decrypt(keyring, message, len, NULL));
        struct kms_envelope_info *info = inspect(message, len);
        assert_true(kms_str_is(info->edks[0].provider_id, "space"));
        assert_int_equal(info->edks[0].provider_info.len, 4 + 20);
        assert_memory_equal(info->edks[0].provider_info.data, "name\0\0\0\x80\0\0\0\x0c", 12);
        kms_envelope_info_free(info);

        const struct {
            const char *name_space;
            const char *name;
            const uint8_t *key;
            enum kms_err err;
        } cases[] = {
            {"space", "name", key, KMS_OK},
            {"space", "name", other, KMS_ERR_AUTHENTICATION},
            {"space", "nam", key, KMS_ERR_NO_KEY},
            {"space", "namf", key, KMS_ERR_NO_KEY},
            {"Space", "name", key, KMS_ERR_NO_KEY},
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            struct kms_keyring *reader = NULL;
            assert_ok(kms_keyring_new_raw_aes(kms_str(cases[i].name_space), kms_str(cases[i].name),
                kms_bytes(cases[i].key, bits / 8), &reader));
            assert_int_equal(try_decrypt(reader, message, len, NULL), cases[i].err);
            kms_keyring_free(reader);
        }
        kms_keyring_free(keyring);
        free(message);
    }
    struct kms_keyring *keyring = NULL;
    assert_int_equal(
        kms_keyring_new_raw_aes(kms_str("space"), kms_str("name"), kms_bytes(key, 31), &keyring),
        KMS_ERR_INVALID_ARGUMENT);
    assert_int_equal(
        kms_keyring_new_raw_aes(kms_str("aws-kms"), kms_str("name"), kms_bytes(key, 32), &keyring),
        KMS_ERR_INVALID_ARGUMENT);
    kms_keyring_free(NULL);
}

/* --- raw RSA ---------------------------------------------------------------------------------- */

struct pem {
    char *text;
    size_t len;
};

static struct pem pem_of(EVP_PKEY *key, bool is_private)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    if (is_private)
        assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    else
        assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
    long len = BIO_get_mem_data(bio, &data);
    struct pem pem = {malloc((size_t)len), (size_t)len};
    assert_non_null(pem.text);
    memcpy(pem.text, data, pem.len);
    BIO_free(bio);
    return pem;
}

static void raw_rsa(void **state)
{
    (void)state;
    const struct kms_bytes none = {NULL, 0};
    EVP_PKEY *key = EVP_RSA_gen(2048);
    EVP_PKEY *weak = EVP_RSA_gen(1024);
    struct pem private_pem = pem_of(key, true);
    struct pem public_pem = pem_of(key, false);
    struct pem weak_pem = pem_of(weak, true);
    struct kms_bytes private_bytes = kms_bytes(private_pem.text, private_pem.len);
    struct kms_bytes public_bytes = kms_bytes(public_pem.text, public_pem.len);
    static const enum kms_rsa_padding paddings[] = {KMS_RSA_PADDING_OAEP_SHA1,
        KMS_RSA_PADDING_OAEP_SHA256, KMS_RSA_PADDING_OAEP_SHA384, KMS_RSA_PADDING_OAEP_SHA512,
        KMS_RSA_PADDING_PKCS1_V1_5};
    for (size_t i = 0; i < sizeof(paddings) / sizeof(paddings[0]); i++) {
        struct kms_keyring *writer = NULL;
        struct kms_keyring *reader = NULL;
        struct kms_keyring *wrong = NULL;
        struct kms_envelope_failure failure;
        size_t len = 0;
        assert_ok(kms_keyring_new_raw_rsa(
            kms_str("space"), kms_str("name"), paddings[i], public_bytes, none, &writer));
        assert_ok(kms_keyring_new_raw_rsa(
            kms_str("space"), kms_str("name"), paddings[i], none, private_bytes, &reader));
        assert_ok(kms_keyring_new_raw_rsa(kms_str("space"), kms_str("name"),
            paddings[i] == KMS_RSA_PADDING_OAEP_SHA1 ? KMS_RSA_PADDING_OAEP_SHA256
                                                     : KMS_RSA_PADDING_OAEP_SHA1,
            public_bytes, private_bytes, &wrong));
        uint8_t *message = hello_under(writer, &len);
        assert_ok(try_decrypt(reader, message, len, NULL));
        assert_int_equal(try_decrypt(writer, message, len, NULL), KMS_ERR_NO_KEY);
        assert_int_equal(try_decrypt(wrong, message, len, &failure), KMS_ERR_AUTHENTICATION);
        assert_non_null(strstr(failure.text, "RSA"));
        free(message);
        message = hello_under(reader, &len); /* the private key has the public one in it */
        assert_ok(try_decrypt(reader, message, len, NULL));
        free(message);
        kms_keyring_free(writer);
        kms_keyring_free(reader);
        kms_keyring_free(wrong);
    }
    struct kms_keyring *keyring = NULL;
    assert_int_equal(kms_keyring_new_raw_rsa(kms_str("s"), kms_str("n"),
                         KMS_RSA_PADDING_OAEP_SHA256, none, none, &keyring),
        KMS_ERR_INVALID_ARGUMENT);
    assert_int_equal(
        kms_keyring_new_raw_rsa(kms_str("s"), kms_str("n"), KMS_RSA_PADDING_OAEP_SHA256, none,
            kms_bytes(weak_pem.text, weak_pem.len), &keyring),
        KMS_ERR_SYNTAX);
    assert_int_equal(kms_keyring_new_raw_rsa(kms_str("s"), kms_str("n"),
                         KMS_RSA_PADDING_OAEP_SHA256, private_bytes, none, &keyring),
        KMS_ERR_SYNTAX);
    assert_null(keyring);
    free(private_pem.text);
    free(public_pem.text);
    free(weak_pem.text);
    EVP_PKEY_free(key);
    EVP_PKEY_free(weak);
}

/* --- several ---------------------------------------------------------------------------------- */

static void several_keyrings(void **state)
{
    (void)state;
    struct kms_keyring *a = aes_keyring("a");
    struct kms_keyring *b = aes_keyring("b");
    struct kms_keyring *c = aes_keyring("c");
    struct kms_keyring *multi = NULL;
    struct kms_keyring *reader = NULL;
    const struct kms_keyring *children[] = {b};
    const struct kms_keyring *readers[] = {c, b};
    size_t len = 0;
    assert_ok(kms_keyring_new_multi(a, children, 1, &multi));
    assert_ok(kms_keyring_new_multi(NULL, readers, 2, &reader));
    uint8_t *message = hello_under(multi, &len);
    struct kms_envelope_info *info = inspect(message, len);
    assert_int_equal(info->edk_count, 2);
    assert_ok(try_decrypt(a, message, len, NULL));
    assert_ok(try_decrypt(b, message, len, NULL));
    assert_ok(try_decrypt(multi, message, len, NULL));
    assert_ok(try_decrypt(reader, message, len, NULL));
    assert_int_equal(try_decrypt(c, message, len, NULL), KMS_ERR_NO_KEY);

    struct kms_envelope_decrypt_options one_edk = {.keyring = a, .limits = {.max_edks = 1}};
    KMS_BUF_AUTO out;
    kms_buf_init(&out, BIG);
    assert_int_equal(
        decrypt_in_pieces(&one_edk, kms_bytes(message, len), 1, 0, &out, NULL), KMS_ERR_LIMIT);
    struct kms_envelope_encrypt_options write_one = {.keyring = multi, .limits = {.max_edks = 1}};
    struct kms_envelope_encryptor *encryptor = NULL;
    assert_int_equal(kms_envelope_encryptor_new(&write_one, &encryptor, NULL), KMS_ERR_LIMIT);
    assert_int_equal(kms_keyring_new_multi(NULL, NULL, 0, &multi), KMS_ERR_INVALID_ARGUMENT);
    kms_envelope_info_free(info);
    free(message);
    kms_keyring_free(multi);
    kms_keyring_free(reader);
    kms_keyring_free(a);
    kms_keyring_free(b);
    kms_keyring_free(c);
}

/* --- keys of the service ---------------------------------------------------------------------- */

/*
 * The service, played: a ciphertext is the key's ARN, the context's pairs and the data key,
 * plain to see. Linked in place of the client's calls.
 */
#define KEY_1 "11111111-1111-1111-1111-111111111111"
#define KEY_2 "22222222-2222-2222-2222-222222222222"
#define ARN_1 "arn:aws:kms:eu-west-1:000000000000:key/" KEY_1
#define ARN_2 "arn:aws:kms:eu-west-1:000000000000:key/" KEY_2

/* A key that is elsewhere. */
#define KEY_EAST   "44444444-4444-4444-4444-444444444444"
#define ARN_EAST   "arn:aws:kms:us-east-1:000000000000:key/" KEY_EAST
#define ALIAS_EAST "arn:aws:kms:us-east-1:000000000000:alias/east"

/* Two replicas of a multi-Region key; their ARNs are of one length. */
#define MRK      "mrk-33333333333333333333333333333333"
#define MRK_WEST "arn:aws:kms:eu-west-1:000000000000:key/" MRK
#define MRK_EAST "arn:aws:kms:us-east-1:000000000000:key/" MRK

/* A client is played by the name of its region. */
struct played_client {
    char region[32];
};

static struct played_client home = {"eu-west-1"};
static struct kms_client *const client_at_home = (struct kms_client *)&home;

static struct {
    atomic_uint clients; /* of other regions, not yet freed */
    unsigned generate_calls;
    unsigned encrypt_calls;
    unsigned decrypt_calls;
    char last_key_id[128];
    bool disabled;    /* answers DisabledException */
    bool unreachable; /* no answer at all */
    const char *lost; /* nor from this region */
    bool lies;        /* answers Decrypt with another key's ARN */
    size_t short_key; /* GenerateDataKey answers so many bytes */
    const char *answered_id;
} service;

static const char *arn_of(struct kms_str id)
{
    static const char *const names[][2] = {{KEY_1, ARN_1}, {ARN_1, ARN_1}, {"alias/one", ARN_1},
        {KEY_2, ARN_2}, {ARN_2, ARN_2}, {"alias/two", ARN_2}, {MRK_WEST, MRK_WEST},
        {MRK_EAST, MRK_EAST}, {ARN_EAST, ARN_EAST}, {ALIAS_EAST, ARN_EAST}};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (kms_str_is(id, names[i][0]))
            return names[i][1];
    }
    return NULL;
}

static enum kms_err say(struct kms_fault *fault, const char *code)
{
    *fault = (struct kms_fault){.http_status = 400};
    (void)snprintf(fault->code, sizeof(fault->code), "%s", code);
    return KMS_ERR_FAULT;
}

const char *kms_client_region(const struct kms_client *client)
{
    return ((const struct played_client *)client)->region;
}

enum kms_err kms_client_new_in_region(const struct kms_client *origin, struct kms_str region,
    struct kms_client **out, struct kms_detail *detail)
{
    assert_ptr_equal(origin, client_at_home);
    assert_null(detail);
    struct played_client *made = calloc(1, sizeof(*made));
    assert_non_null(made);
    (void)snprintf(made->region, sizeof(made->region), "%.*s", (int)region.len, region.data);
    service.clients++;
    *out = (struct kms_client *)made;
    return KMS_OK;
}

void kms_client_free(struct kms_client *client)
{
    service.clients--;
    free(client);
}

/* Whatever names a region is asked for there, anything else at home. */
static void check_client(const struct kms_client *client, struct kms_str key_id)
{
    char text[128];
    char region[32] = "eu-west-1";
    (void)snprintf(text, sizeof(text), "%.*s", (int)key_id.len, key_id.data);
    (void)sscanf(text, "arn:aws:kms:%31[^:]", region);
    assert_string_equal(kms_client_region(client), region);
}

static enum kms_err refuse(
    const struct kms_client *client, struct kms_fault *fault, struct kms_str key_id)
{
    check_client(client, key_id);
    (void)snprintf(
        service.last_key_id, sizeof(service.last_key_id), "%.*s", (int)key_id.len, key_id.data);
    if (service.unreachable ||
        (service.lost != NULL && strcmp(service.lost, kms_client_region(client)) == 0))
        return KMS_ERR_TRANSPORT;
    if (service.disabled)
        return say(fault, "DisabledException");
    return arn_of(key_id) == NULL ? say(fault, "NotFoundException") : KMS_OK;
}

/* One answer of any kind, with room for what it points to. */
struct answer {
    union {
        struct kms_generate_data_key_response generate;
        struct kms_encrypt_response encrypt;
        struct kms_decrypt_response decrypt;
    } as;
    uint8_t bytes[1024];
    size_t used;
};

static struct kms_bytes put(struct answer *answer, struct kms_bytes bytes)
{
    assert_true(bytes.len <= sizeof(answer->bytes) - answer->used);
    uint8_t *at = answer->bytes + answer->used;
    memcpy(at, bytes.data, bytes.len);
    answer->used += bytes.len;
    return kms_bytes(at, bytes.len);
}

static struct kms_bytes ciphertext(
    struct answer *answer, const char *arn, struct kms_str_map context, struct kms_bytes key)
{
    struct kms_bytes whole = put(answer, kms_bytes(arn, strlen(arn)));
    for (size_t i = 0; i < context.count; i++) {
        whole.len +=
            put(answer, kms_bytes(context.items[i].key.data, context.items[i].key.len)).len;
        whole.len +=
            put(answer, kms_bytes(context.items[i].value.data, context.items[i].value.len)).len;
    }
    whole.len += put(answer, key).len;
    return whole;
}

enum kms_err kms_generate_data_key(struct kms_client *client,
    const struct kms_generate_data_key_request *request,
    const struct kms_generate_data_key_response **response, struct kms_fault *fault)
{
    assert_true(request->number_of_bytes.set && request->key_spec == KMS_DATA_KEY_SPEC_UNSET);
    service.generate_calls++;
    enum kms_err err = refuse(client, fault, request->key_id);
    if (err != KMS_OK)
        return err;
    struct answer *answer = calloc(1, sizeof(*answer));
    assert_non_null(answer);
    uint8_t key[32];
    size_t len =
        service.short_key != 0 ? service.short_key : (size_t)request->number_of_bytes.value;
    assert_true(len <= sizeof(key));
    memset(key, 0x5a, sizeof(key));
    const char *arn = arn_of(request->key_id);
    answer->as.generate.ciphertext_blob =
        ciphertext(answer, arn, request->encryption_context, kms_bytes(key, len));
    answer->as.generate.plaintext = put(answer, kms_bytes(key, len));
    answer->as.generate.key_id = kms_str(service.answered_id != NULL ? service.answered_id : arn);
    *response = &answer->as.generate;
    return KMS_OK;
}

enum kms_err kms_encrypt(struct kms_client *client, const struct kms_encrypt_request *request,
    const struct kms_encrypt_response **response, struct kms_fault *fault)
{
    service.encrypt_calls++;
    enum kms_err err = refuse(client, fault, request->key_id);
    if (err != KMS_OK)
        return err;
    struct answer *answer = calloc(1, sizeof(*answer));
    assert_non_null(answer);
    const char *arn = arn_of(request->key_id);
    answer->as.encrypt.ciphertext_blob =
        ciphertext(answer, arn, request->encryption_context, request->plaintext);
    answer->as.encrypt.key_id = kms_str(arn);
    *response = &answer->as.encrypt;
    return KMS_OK;
}

enum kms_err kms_decrypt(struct kms_client *client, const struct kms_decrypt_request *request,
    const struct kms_decrypt_response **response, struct kms_fault *fault)
{
    service.decrypt_calls++;
    enum kms_err err = refuse(client, fault, request->key_id);
    if (err != KMS_OK)
        return err;
    struct answer *answer = calloc(1, sizeof(*answer));
    assert_non_null(answer);
    const char *arn = arn_of(request->key_id);
    struct kms_bytes blob = request->ciphertext_blob;
    size_t arn_len = strlen(arn);
    assert_true(blob.len > 32);
    struct kms_bytes expected = ciphertext(
        answer, arn, request->encryption_context, kms_bytes(blob.data + blob.len - 32, 32));
    if (strstr(arn, MRK) != NULL && memmem(blob.data, blob.len, MRK, strlen(MRK)) != NULL)
        memcpy((uint8_t *)expected.data, blob.data, arn_len); /* replicas open each other's */
    if (memcmp(blob.data, expected.data, arn_len) != 0 || expected.len != blob.len ||
        memcmp(blob.data, expected.data, blob.len) != 0) {
        bool same_key = memcmp(blob.data, arn, arn_len) == 0;
        free(answer);
        return say(fault, same_key ? "InvalidCiphertextException" : "IncorrectKeyException");
    }
    answer->as.decrypt.plaintext = put(answer, kms_bytes(blob.data + blob.len - 32, 32));
    answer->as.decrypt.key_id = kms_str(service.lies ? ARN_2 : arn);
    *response = &answer->as.decrypt;
    return KMS_OK;
}

void kms_response_free(const void *response)
{
    free((void *)response);
}

static struct kms_keyring *service_keyring(
    const char *generator, const char *const *others, bool discovery)
{
    struct kms_str ids[4];
    struct kms_keyring_kms_options options = {
        .generator = kms_str(generator), .discovery = discovery};
    for (size_t i = 0; others != NULL && others[i] != NULL; i++) {
        ids[i] = kms_str(others[i]);
        options.key_ids = (struct kms_str_list){.items = ids, .count = i + 1};
    }
    struct kms_keyring *keyring = NULL;
    assert_ok(kms_keyring_new_kms(client_at_home, &options, &keyring));
    return keyring;
}

static int reset_service(void **state)
{
    (void)state;
    memset(&service, 0, sizeof(service));
    return 0;
}

/* Whatever form of id is given, the message names the key's ARN. */
static void messages_name_key_arns(void **state)
{
    (void)state;
    static const char *const forms[] = {KEY_1, ARN_1, "alias/one"};
    static const char *const others[] = {"alias/two", NULL};
    for (size_t i = 0; i < 3; i++) {
        struct kms_keyring *keyring = service_keyring(forms[i], others, false);
        size_t len = 0;
        (void)reset_service(NULL);
        uint8_t *message = hello_under(keyring, &len);
        assert_int_equal(service.generate_calls, 1);
        assert_int_equal(service.encrypt_calls, 1);
        struct kms_envelope_info *info = inspect(message, len);
        assert_int_equal(info->edk_count, 2);
        const char *const arns[] = {ARN_1, ARN_2};
        for (size_t k = 0; k < 2; k++) {
            assert_true(kms_str_is(info->edks[k].provider_id, "aws-kms"));
            assert_int_equal(info->edks[k].provider_info.len, strlen(arns[k]));
            assert_memory_equal(info->edks[k].provider_info.data, arns[k], strlen(arns[k]));
        }
        assert_ok(try_decrypt(keyring, message, len, NULL));
        assert_int_equal(service.decrypt_calls, 1);
        kms_envelope_info_free(info);
        kms_keyring_free(keyring);
        free(message);
    }
}

static void strict_keyrings(void **state)
{
    (void)state;
    static const char *const both[] = {ARN_2, NULL};
    static const struct {
        const char *id;
        enum kms_err err;
        unsigned calls;
    } cases[] = {
        {ARN_1, KMS_OK, 1}, {KEY_1, KMS_OK, 1}, {"alias/one", KMS_OK, 1},
        {ARN_2, KMS_ERR_NO_KEY, 0}, /* not asked: it cannot be */
        {KEY_2, KMS_ERR_NO_KEY, 0},
        {"alias/two", KMS_ERR_FAULT, 1}, /* the service knows that it is another key's */
    };
    struct kms_keyring *writer = service_keyring(ARN_1, NULL, false);
    size_t len = 0;
    uint8_t *message = hello_under(writer, &len);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct kms_keyring *reader = service_keyring(cases[i].id, NULL, false);
        struct kms_envelope_failure failure;
        service.decrypt_calls = 0;
        assert_int_equal(try_decrypt(reader, message, len, &failure), cases[i].err);
        assert_int_equal(service.decrypt_calls, cases[i].calls);
        if (cases[i].calls == 1)
            assert_string_equal(service.last_key_id, cases[i].id);
        if (cases[i].err == KMS_ERR_FAULT)
            assert_string_equal(failure.fault.code, "IncorrectKeyException");
        kms_keyring_free(reader);
    }
    free(message);
    kms_keyring_free(writer);

    /* two EDKs, a key for the second only */
    writer = service_keyring("alias/one", both, false);
    message = hello_under(writer, &len);
    struct kms_keyring *reader = service_keyring(ARN_2, NULL, false);
    service.decrypt_calls = 0;
    assert_ok(try_decrypt(reader, message, len, NULL));
    assert_int_equal(service.decrypt_calls, 1);
    kms_keyring_free(reader);
    kms_keyring_free(writer);
    free(message);
}

static void discovery_keyrings(void **state)
{
    (void)state;
    struct kms_keyring *writer = service_keyring("alias/one", NULL, false);
    size_t len = 0;
    uint8_t *message = hello_under(writer, &len);
    static const struct kms_str accounts[] = {
        KMS_STR_LITERAL("999999999999"), KMS_STR_LITERAL("000000000000")};
    const struct {
        struct kms_keyring_kms_options options;
        enum kms_err err;
    } cases[] = {
        {{.discovery = true}, KMS_OK},
        {{.discovery = true, .discovery_partition = kms_str("aws")}, KMS_OK},
        {{.discovery = true, .discovery_partition = kms_str("aws-cn")}, KMS_ERR_NO_KEY},
        {{.discovery = true, .discovery_accounts = {accounts, 2}}, KMS_OK},
        {{.discovery = true, .discovery_accounts = {accounts, 1}}, KMS_ERR_NO_KEY},
        {{.discovery = true, .discovery_accounts = {accounts, 0}}, KMS_ERR_NO_KEY},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct kms_keyring *reader = NULL;
        assert_ok(kms_keyring_new_kms(client_at_home, &cases[i].options, &reader));
        service.decrypt_calls = 0;
        assert_int_equal(try_decrypt(reader, message, len, NULL), cases[i].err);
        assert_int_equal(service.decrypt_calls, cases[i].err == KMS_OK ? 1 : 0);
        struct kms_envelope_encrypt_options encrypt = {.keyring = reader};
        struct kms_envelope_encryptor *encryptor = NULL;
        assert_int_equal(kms_envelope_encryptor_new(&encrypt, &encryptor, NULL), KMS_ERR_NO_KEY);
        kms_keyring_free(reader);
    }
    free(message);
    kms_keyring_free(writer);
}

static void the_context_reaches_the_service(void **state)
{
    (void)state;
    struct kms_keyring *keyring = service_keyring(ARN_1, NULL, false);
    size_t len = 0;
    struct kms_envelope_failure failure;
    uint8_t *message = hello_under(keyring, &len);
    struct kms_envelope_info *info = inspect(message, len);
    uint8_t *pair = (uint8_t *)memmem(message, len, "a\0\1b", 4);
    assert_non_null(pair);
    pair[3] = 'c';
    assert_int_equal(try_decrypt(keyring, message, len, &failure), KMS_ERR_FAULT);
    assert_string_equal(failure.fault.code, "InvalidCiphertextException");
    kms_envelope_info_free(info);
    free(message);
    kms_keyring_free(keyring);
}

static void what_the_service_says_is_passed_on(void **state)
{
    (void)state;
    static const char *const others[] = {ARN_2, NULL};
    struct kms_keyring *keyring = service_keyring(ARN_1, NULL, false);
    struct kms_envelope_encrypt_options encrypt = {.keyring = keyring};
    struct kms_envelope_encryptor *encryptor = NULL;
    struct kms_envelope_failure failure;
    size_t len = 0;
    uint8_t *message = hello_under(keyring, &len);
    service.disabled = true;
    assert_int_equal(try_decrypt(keyring, message, len, &failure), KMS_ERR_FAULT);
    assert_string_equal(failure.fault.code, "DisabledException");
    assert_non_null(strstr(failure.text, ARN_1));
    assert_non_null(strstr(failure.text, "DisabledException"));
    assert_int_equal(kms_envelope_encryptor_new(&encrypt, &encryptor, &failure), KMS_ERR_FAULT);
    assert_string_equal(failure.fault.code, "DisabledException");
    service.disabled = false;
    service.unreachable = true;
    assert_int_equal(try_decrypt(keyring, message, len, &failure), KMS_ERR_TRANSPORT);
    assert_int_equal(kms_envelope_encryptor_new(&encrypt, &encryptor, &failure), KMS_ERR_TRANSPORT);
    service.unreachable = false;
    service.lies = true;
    assert_int_equal(try_decrypt(keyring, message, len, &failure), KMS_ERR_AUTHENTICATION);
    service.lies = false;
    service.short_key = 16;
    assert_int_equal(kms_envelope_encryptor_new(&encrypt, &encryptor, &failure), KMS_ERR_PROTOCOL);
    service.short_key = 0;
    service.answered_id = "alias/one";
    assert_int_equal(kms_envelope_encryptor_new(&encrypt, &encryptor, &failure), KMS_ERR_PROTOCOL);
    service.answered_id = NULL;
    free(message);
    kms_keyring_free(keyring);

    /* several EDKs that all fail the same way fail that way; a mixture is "no key" */
    keyring = service_keyring(ARN_1, others, false);
    message = hello_under(keyring, &len);
    service.unreachable = true;
    assert_int_equal(try_decrypt(keyring, message, len, &failure), KMS_ERR_TRANSPORT);
    service.unreachable = false;
    service.lies = true;
    assert_ok(try_decrypt(keyring, message, len, &failure)); /* the second one is no lie */
    assert_int_equal(failure.err, KMS_OK);
    free(message);
    kms_keyring_free(keyring);
}

static void keyrings_that_cannot_be(void **state)
{
    (void)state;
    struct kms_keyring *keyring = NULL;
    const struct kms_keyring_kms_options cases[] = {
        {.discovery = false},
        {.generator = kms_str("")},
        {.generator = kms_str("arn:aws:s3:::bucket")},
        {.generator = kms_str("arn:nothing")},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(
            kms_keyring_new_kms(client_at_home, &cases[i], &keyring), KMS_ERR_INVALID_ARGUMENT);
    const struct kms_keyring_kms_options fine = {.generator = kms_str("alias/one")};
    assert_int_equal(kms_keyring_new_kms(NULL, &fine, &keyring), KMS_ERR_INVALID_ARGUMENT);
    assert_null(keyring);
}

/* The service and a key at hand, in either order. */
static void service_and_raw_together(void **state)
{
    (void)state;
    struct kms_keyring *kms = service_keyring("alias/one", NULL, false);
    struct kms_keyring *raw = aes_keyring("raw");
    for (size_t i = 0; i < 2; i++) {
        const struct kms_keyring *child = i == 0 ? raw : kms;
        struct kms_keyring *multi = NULL;
        size_t len = 0;
        assert_ok(kms_keyring_new_multi(i == 0 ? kms : raw, &child, 1, &multi));
        (void)reset_service(NULL);
        uint8_t *message = hello_under(multi, &len);
        assert_int_equal(service.generate_calls, i == 0 ? 1 : 0);
        assert_int_equal(service.encrypt_calls, i == 0 ? 0 : 1);
        assert_ok(try_decrypt(raw, message, len, NULL));
        assert_int_equal(service.decrypt_calls, 0);
        assert_ok(try_decrypt(kms, message, len, NULL));
        service.disabled = true; /* the raw key helps out */
        assert_ok(try_decrypt(multi, message, len, NULL));
        kms_keyring_free(multi);
        free(message);
    }
    kms_keyring_free(kms);
    kms_keyring_free(raw);
}

/* --- several regions -------------------------------------------------------------------------- */

/* A message for keys in two regions opens with either, whichever region the other one has lost. */
static void keys_in_several_regions(void **state)
{
    (void)state;
    static const char *const forms[] = {ARN_EAST, ALIAS_EAST};
    static const char *const readers[] = {"alias/one", KEY_1, ARN_1, ARN_EAST, ALIAS_EAST};
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        const char *const others[] = {forms[i], NULL};
        struct kms_keyring *keyring = service_keyring("alias/one", others, false);
        size_t len = 0;
        uint8_t *message = hello_under(keyring, &len);
        assert_int_equal(service.clients, 1);
        free(hello_under(keyring, &len));
        assert_int_equal(service.clients, 1); /* made once */
        kms_keyring_free(keyring);
        assert_int_equal(service.clients, 0);
        for (size_t j = 0; j < sizeof(readers) / sizeof(readers[0]); j++) {
            keyring = service_keyring(readers[j], NULL, false);
            assert_ok(try_decrypt(keyring, message, len, NULL));
            kms_keyring_free(keyring);
        }
        keyring = service_keyring(NULL, NULL, true);
        assert_ok(try_decrypt(keyring, message, len, NULL));
        service.lost = "eu-west-1";
        assert_ok(try_decrypt(keyring, message, len, NULL));
        assert_string_equal(service.last_key_id, ARN_EAST);
        service.lost = "us-east-1";
        assert_ok(try_decrypt(keyring, message, len, NULL));
        assert_string_equal(service.last_key_id, ARN_1);
        service.lost = NULL;
        kms_keyring_free(keyring);
        free(message);
    }
    assert_int_equal(service.clients, 0);
}

/* The name of a key in a region that nobody has heard of. */
static struct kms_str arn_in_region(unsigned number, char text[128])
{
    (void)snprintf(text, 128, "arn:aws:kms:zz%u:000000000000:key/" KEY_1, number);
    return kms_str(text);
}

static void clients_are_kept_once_they_were_answered(void **state)
{
    (void)state;
    struct kms_regions regions;
    struct kms_client *first = NULL;
    struct kms_client *second = NULL;
    char arn[128];
    kms_regions_init(&regions, client_at_home);
    assert_ok(kms_regions_borrow(&regions, kms_str(ARN_1), &first));
    assert_ptr_equal(first, client_at_home);
    kms_regions_return(&regions, first, true);
    for (unsigned i = 0; i < 2 * KMS_REGIONS_KEPT_AT_MOST; i++) {
        assert_ok(kms_regions_borrow(&regions, arn_in_region(i, arn), &first));
        kms_regions_return(&regions, first, false);
    }
    assert_int_equal(service.clients, 0);

    assert_ok(kms_regions_borrow(&regions, kms_str(ARN_EAST), &first));
    assert_ok(kms_regions_borrow(&regions, kms_str(ARN_EAST), &second)); /* meanwhile */
    assert_ptr_not_equal(first, second);
    kms_regions_return(&regions, first, true);
    kms_regions_return(&regions, second, true);
    assert_int_equal(service.clients, 1);
    assert_ok(kms_regions_borrow(&regions, kms_str(ARN_EAST), &second));
    assert_ptr_equal(second, first);
    kms_regions_return(&regions, second, false); /* it stays: others may be using it */
    assert_int_equal(service.clients, 1);

    for (unsigned i = 0; i < 2 * KMS_REGIONS_KEPT_AT_MOST; i++) {
        assert_ok(kms_regions_borrow(&regions, arn_in_region(i, arn), &first));
        kms_regions_return(&regions, first, true);
    }
    assert_int_equal(service.clients, KMS_REGIONS_KEPT_AT_MOST);
    kms_regions_clean_up(&regions);
    assert_int_equal(service.clients, 0);
}

static void *use_regions(void *context)
{
    struct kms_client *client = NULL;
    char arn[128];
    for (unsigned i = 0; i < 200; i++) {
        enum kms_err err = kms_regions_borrow(context, arn_in_region(i % 8, arn), &client);
        if (err != KMS_OK || strncmp(kms_client_region(client), "zz", 2) != 0)
            return context;
        kms_regions_return(context, client, i % 3 == 0);
    }
    return NULL;
}

static void threads_share_regions(void **state)
{
    (void)state;
    struct kms_regions regions;
    pthread_t threads[4];
    kms_regions_init(&regions, client_at_home);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_regions, &regions), 0);
    for (size_t i = 0; i < 4; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(service.clients, 8);
    kms_regions_clean_up(&regions);
    assert_int_equal(service.clients, 0);
}

/* Has each EDK name a region of its own, where there is nobody. */
static void move_to_other_regions(uint8_t *message, size_t len)
{
    uint8_t *at = message;
    for (unsigned i = 0; (at = memmem(at, len - (size_t)(at - message), ARN_1, strlen(ARN_1)));
         i++) {
        char region[16];
        (void)snprintf(region, sizeof(region), "zz-%06u", i);
        memcpy(at + strlen("arn:aws:kms:"), region, strlen("eu-west-1"));
        at++;
    }
}

/* Whoever writes messages with the names of many regions does not use up a keyring. */
static void made_up_regions_do_no_harm(void **state)
{
    (void)state;
    struct kms_envelope_edk edks[KMS_REGIONS_KEPT_AT_MOST];
    for (size_t i = 0; i < KMS_REGIONS_KEPT_AT_MOST; i++)
        edks[i] = (struct kms_envelope_edk){.provider_id = kms_str("aws-kms"),
            .provider_info = kms_bytes(ARN_1, strlen(ARN_1)),
            .ciphertext = kms_bytes("none", 4)};
    uint8_t data_key[32] = {0};
    struct given_keyring hostile = given_keyring(kms_bytes(data_key, sizeof(data_key)));
    hostile.edks = edks;
    hostile.edk_count = KMS_REGIONS_KEPT_AT_MOST;
    struct kms_keyring *writer = service_keyring(ARN_EAST, NULL, false);
    struct kms_keyring *reader = service_keyring(NULL, NULL, true);
    size_t hostile_len = 0;
    size_t len = 0;
    uint8_t *hostile_message = hello_under(&hostile.base, &hostile_len);
    uint8_t *message = hello_under(writer, &len);
    kms_keyring_free(writer);
    move_to_other_regions(hostile_message, hostile_len);
    service.decrypt_calls = 0;
    assert_int_equal(try_decrypt(reader, hostile_message, hostile_len, NULL), KMS_ERR_FAULT);
    assert_int_equal(service.decrypt_calls, KMS_REGIONS_KEPT_AT_MOST);
    assert_int_equal(service.clients, 0);
    assert_ok(try_decrypt(reader, message, len, NULL));
    assert_int_equal(service.clients, 1);
    kms_keyring_free(reader);
    free(hostile_message);
    free(message);
}

/* --- multi-Region keys ------------------------------------------------------------------------ */

static void replicas_open_each_others_messages(void **state)
{
    (void)state;
    const struct {
        const char *written_with;
        struct kms_keyring_kms_options reader;
        enum kms_err err;
        const char *asked; /* NULL: nobody was */
    } cases[] = {
        {MRK_EAST, {.generator = kms_str(MRK_WEST), .multi_region = true}, KMS_OK, MRK_WEST},
        {MRK_EAST, {.generator = kms_str(MRK_WEST)}, KMS_ERR_NO_KEY, NULL},
        {ARN_1, {.generator = kms_str(MRK_WEST), .multi_region = true}, KMS_ERR_NO_KEY, NULL},
        {MRK_EAST, {.generator = kms_str(ARN_1), .multi_region = true}, KMS_ERR_NO_KEY, NULL},
        {MRK_EAST,
            {.discovery = true, .multi_region = true, .discovery_region = kms_str("eu-west-1")},
            KMS_OK, MRK_WEST},
        {MRK_WEST,
            {.discovery = true, .multi_region = true, .discovery_region = kms_str("eu-west-1")},
            KMS_OK, MRK_WEST},
        {ARN_1, {.discovery = true, .multi_region = true, .discovery_region = kms_str("eu-west-1")},
            KMS_OK, ARN_1},
        {ARN_1, {.discovery = true, .multi_region = true, .discovery_region = kms_str("us-east-1")},
            KMS_ERR_NO_KEY, NULL},
        {MRK_EAST, {.discovery = true}, KMS_OK, MRK_EAST},
        {MRK_EAST, {.discovery = true, .multi_region = true}, KMS_OK, MRK_WEST},
        {ARN_EAST, {.discovery = true, .multi_region = true}, KMS_OK, ARN_EAST},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct kms_keyring *writer = service_keyring(cases[i].written_with, NULL, false);
        struct kms_keyring *reader = NULL;
        size_t len = 0;
        uint8_t *message = hello_under(writer, &len);
        assert_ok(kms_keyring_new_kms(client_at_home, &cases[i].reader, &reader));
        service.decrypt_calls = 0;
        assert_int_equal(try_decrypt(reader, message, len, NULL), cases[i].err);
        assert_int_equal(service.decrypt_calls, cases[i].asked != NULL ? 1 : 0);
        if (cases[i].asked != NULL)
            assert_string_equal(service.last_key_id, cases[i].asked);
        kms_keyring_free(reader);
        kms_keyring_free(writer);
        free(message);
    }
}

/* --- caching ---------------------------------------------------------------------------------- */

static struct kms_keyring *caching(
    const struct kms_keyring *inner, struct kms_keyring_caching_options options)
{
    struct kms_keyring *keyring = NULL;
    if (options.max_age_ms == 0)
        options.max_age_ms = 60000;
    assert_ok(kms_keyring_new_caching(inner, &options, &keyring));
    return keyring;
}

/* Begins a message with a context of its own and says how many calls that took. */
static unsigned calls_to_write(const struct kms_keyring *keyring, const char *context,
    enum kms_envelope_suite suite, uint64_t bound)
{
    const struct kms_str_pair pair = {kms_str("a"), kms_str(context)};
    const struct kms_envelope_encrypt_options options = {.keyring = keyring,
        .context = {.items = &pair, .count = 1},
        .suite = suite,
        .plaintext_bound = bound,
        .policy = suite == KMS_SUITE_AES_256_GCM_NO_KDF
                      ? KMS_COMMITMENT_FORBID_ENCRYPT_ALLOW_DECRYPT
                      : KMS_COMMITMENT_REQUIRE_ENCRYPT_REQUIRE_DECRYPT};
    unsigned before = service.generate_calls;
    size_t len = 0;
    free(encrypt_ok(&options, "hello", 5, &len));
    return service.generate_calls - before;
}

static void data_keys_are_remembered_within_limits(void **state)
{
    (void)state;
    struct kms_keyring *kms = service_keyring(ARN_1, NULL, false);
    struct kms_keyring *keyring =
        caching(kms, (struct kms_keyring_caching_options){.capacity = 2, .max_messages = 3});
    assert_int_equal(calls_to_write(keyring, "x", 0, 0), 1);
    assert_int_equal(calls_to_write(keyring, "x", 0, 0), 0);
    assert_int_equal(calls_to_write(keyring, "x", 0, 0), 0);
    assert_int_equal(calls_to_write(keyring, "x", 0, 0), 1); /* three messages, then a new one */
    assert_int_equal(calls_to_write(keyring, "y", 0, 0), 1);
    assert_int_equal(calls_to_write(keyring, "x", 0, 0), 0);
    assert_int_equal(calls_to_write(keyring, "z", 0, 0), 1); /* y makes room: x was used later */
    assert_int_equal(calls_to_write(keyring, "x", 0, 0), 0);
    assert_int_equal(calls_to_write(keyring, "y", 0, 0), 1);
    const enum kms_envelope_suite never[] = {
        KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT_ECDSA_P384, KMS_SUITE_AES_256_GCM_NO_KDF};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(calls_to_write(keyring, "x", never[i], 0), 1);
        assert_int_equal(calls_to_write(keyring, "x", never[i], 0), 1);
    }
    kms_keyring_free(keyring);

    keyring = caching(kms, (struct kms_keyring_caching_options){.max_bytes = 100});
    assert_int_equal(calls_to_write(keyring, "x", 0, 50), 1);
    assert_int_equal(calls_to_write(keyring, "x", 0, 50), 0);
    assert_int_equal(calls_to_write(keyring, "x", 0, 50), 1);
    assert_int_equal(calls_to_write(keyring, "x", 0, 0), 1); /* how many is not known */
    assert_int_equal(calls_to_write(keyring, "x", 0, 101), 1);
    kms_keyring_free(keyring);

    keyring = caching(kms, (struct kms_keyring_caching_options){.max_age_ms = 30});
    assert_int_equal(calls_to_write(keyring, "x", 0, 0), 1);
    const struct timespec while_it_ages = {.tv_nsec = 40 * 1000000L};
    (void)nanosleep(&while_it_ages, NULL);
    assert_int_equal(calls_to_write(keyring, "x", 0, 0), 1);
    kms_keyring_free(keyring);
    kms_keyring_free(kms);
}

static void opened_keys_are_remembered(void **state)
{
    (void)state;
    struct kms_keyring *kms = service_keyring(ARN_1, NULL, false);
    struct kms_keyring *keyring = caching(kms, (struct kms_keyring_caching_options){.capacity = 0});
    size_t len = 0;
    uint8_t *message = hello_under(kms, &len);
    assert_ok(try_decrypt(keyring, message, len, NULL));
    assert_ok(try_decrypt(keyring, message, len, NULL));
    assert_int_equal(service.decrypt_calls, 1);
    service.disabled = true; /* it will be noticed when the key is too old */
    assert_ok(try_decrypt(keyring, message, len, NULL));
    uint8_t *pair = (uint8_t *)memmem(message, len, "a\0\1b", 4);
    assert_non_null(pair);
    pair[3] = 'c'; /* another context: another entry */
    assert_int_equal(try_decrypt(keyring, message, len, NULL), KMS_ERR_FAULT);
    pair[3] = 'b';
    message[len - 1] ^= 1; /* a remembered key authenticates like any other */
    assert_int_equal(try_decrypt(keyring, message, len, NULL), KMS_ERR_AUTHENTICATION);
    free(message);
    kms_keyring_free(keyring);
    kms_keyring_free(kms);
}

/* Where in a message of version 2 there is nothing but what authentication finds out. */
static size_t altered_at(size_t i, const uint8_t *message, size_t len)
{
    struct kms_envelope_info *info = inspect(message, len);
    size_t header_len = (size_t)info->header_len;
    kms_envelope_info_free(info);
    const size_t places[] = {3 /* message id */, header_len - 1 /* tag */};
    return places[i];
}

static void forgeries_are_not_remembered(void **state)
{
    (void)state;
    struct kms_keyring *kms = service_keyring(ARN_1, NULL, false);
    struct kms_keyring *keyring = caching(kms, (struct kms_keyring_caching_options){.capacity = 1});
    const struct kms_envelope_encrypt_options other = {.keyring = kms};
    size_t len = 0;
    size_t forged_len = 0;
    uint8_t *message = hello_under(kms, &len);
    uint8_t *forged = encrypt_ok(&other, "hello", 5, &forged_len);
    assert_ok(try_decrypt(keyring, message, len, NULL));
    for (size_t i = 0; i < 2; i++) {
        size_t at = altered_at(i, forged, forged_len);
        forged[at] ^= 1;
        service.decrypt_calls = 0;
        for (unsigned calls = 1; calls <= 2; calls++) {
            assert_int_equal(
                try_decrypt(keyring, forged, forged_len, NULL), KMS_ERR_AUTHENTICATION);
            assert_int_equal(service.decrypt_calls, calls);
        }
        assert_ok(try_decrypt(keyring, message, len, NULL)); /* it has kept its place */
        assert_int_equal(service.decrypt_calls, 2);
        forged[at] ^= 1;
    }
    assert_ok(try_decrypt(keyring, forged, forged_len, NULL));
    assert_ok(try_decrypt(keyring, forged, forged_len, NULL));
    assert_int_equal(service.decrypt_calls, 3);
    free(forged);
    free(message);
    kms_keyring_free(keyring);
    kms_keyring_free(kms);
}

/* Each of several caches remembers what it had to ask for, and nothing else. */
static void caches_in_caches(void **state)
{
    (void)state;
    const struct kms_keyring_caching_options options = {.capacity = 0};
    struct kms_keyring *kms = service_keyring(ARN_1, NULL, false);
    struct kms_keyring *stranger = service_keyring(ARN_2, NULL, false);
    struct kms_keyring *inner = caching(kms, options);
    struct kms_keyring *beside = caching(stranger, options);
    const struct kms_keyring *const children[] = {beside, inner};
    struct kms_keyring *both = NULL;
    assert_ok(kms_keyring_new_multi(NULL, children, 2, &both));
    struct kms_keyring *outer = caching(both, options);
    size_t len = 0;
    uint8_t *message = hello_under(kms, &len);
    assert_ok(try_decrypt(outer, message, len, NULL));
    assert_ok(try_decrypt(outer, message, len, NULL));
    assert_ok(try_decrypt(inner, message, len, NULL));
    assert_int_equal(service.decrypt_calls, 1);
    assert_int_equal(try_decrypt(beside, message, len, NULL), KMS_ERR_NO_KEY);
    free(message);
    kms_keyring_free(outer);
    kms_keyring_free(both);
    kms_keyring_free(beside);
    kms_keyring_free(inner);
    kms_keyring_free(stranger);
    kms_keyring_free(kms);
}

/* Who may open them is asked each time; and what no other file can use takes nobody's place. */
static void key_slots_are_not_remembered(void **state)
{
    (void)state;
    struct kms_keyring *kms = service_keyring(ARN_1, NULL, false);
    struct kms_keyring *keyring = caching(kms, (struct kms_keyring_caching_options){.capacity = 1});
    const struct kms_envelope_encrypt_options with_slots = {.keyring = keyring, .key_slots = true};
    size_t len = 0;
    assert_int_equal(calls_to_write(keyring, "x", 0, 0), 1);
    uint8_t *message = encrypt_ok(&with_slots, "hello", 5, &len);
    assert_int_equal(service.generate_calls, 2);
    assert_int_equal(calls_to_write(keyring, "x", 0, 0), 0);
    assert_ok(try_decrypt(keyring, message, len, NULL));
    assert_ok(try_decrypt(keyring, message, len, NULL));
    assert_int_equal(service.decrypt_calls, 2);
    assert_int_equal(calls_to_write(keyring, "x", 0, 0), 0);
    service.disabled = true;
    assert_int_equal(try_decrypt(keyring, message, len, NULL), KMS_ERR_FAULT);
    free(message);
    kms_keyring_free(keyring);
    kms_keyring_free(kms);
}

static void bounds_are_kept(void **state)
{
    (void)state;
    struct kms_keyring *raw = aes_keyring("k");
    struct kms_envelope_encrypt_options options = {
        .keyring = raw, .plaintext_bound = 4, .frame_length = 16};
    struct kms_envelope_failure failure;
    uint8_t *out = NULL;
    size_t len = 0;
    assert_int_equal(
        kms_envelope_encrypt(&options, kms_bytes("hello", 5), &out, &len, NULL, &failure),
        KMS_ERR_LIMIT);
    int in = temp_file("hello", 5);
    int message = temp_file("", 0);
    assert_int_equal(
        kms_envelope_encrypt_fd(in, message, &options, NULL, NULL, &failure), KMS_ERR_LIMIT);
    (void)close(in);
    (void)close(message);
    options.plaintext_bound = 5;
    free(encrypt_ok(&options, "hello", 5, &len));
    struct kms_keyring *keyring = NULL;
    const struct kms_keyring_caching_options none = {.capacity = 1};
    assert_int_equal(kms_keyring_new_caching(raw, &none, &keyring), KMS_ERR_INVALID_ARGUMENT);
    kms_keyring_free(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_aes),
        cmocka_unit_test(raw_rsa),
        cmocka_unit_test(several_keyrings),
        cmocka_unit_test_setup(messages_name_key_arns, reset_service),
        cmocka_unit_test_setup(strict_keyrings, reset_service),
        cmocka_unit_test_setup(discovery_keyrings, reset_service),
        cmocka_unit_test_setup(the_context_reaches_the_service, reset_service),
        cmocka_unit_test_setup(what_the_service_says_is_passed_on, reset_service),
        cmocka_unit_test_setup(keyrings_that_cannot_be, reset_service),
        cmocka_unit_test_setup(service_and_raw_together, reset_service),
        cmocka_unit_test_setup(keys_in_several_regions, reset_service),
        cmocka_unit_test_setup(clients_are_kept_once_they_were_answered, reset_service),
        cmocka_unit_test_setup(threads_share_regions, reset_service),
        cmocka_unit_test_setup(made_up_regions_do_no_harm, reset_service),
        cmocka_unit_test_setup(replicas_open_each_others_messages, reset_service),
        cmocka_unit_test_setup(data_keys_are_remembered_within_limits, reset_service),
        cmocka_unit_test_setup(opened_keys_are_remembered, reset_service),
        cmocka_unit_test_setup(forgeries_are_not_remembered, reset_service),
        cmocka_unit_test_setup(caches_in_caches, reset_service),
        cmocka_unit_test_setup(key_slots_are_not_remembered, reset_service),
        cmocka_unit_test(bounds_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

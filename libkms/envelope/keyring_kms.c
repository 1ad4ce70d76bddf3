/*
 * A keyring of keys of the service.
 * Source: AWS Encryption SDK specification, "AWS KMS Keyring", "AWS KMS Discovery Keyring".
 *
 *   provider id = "aws-kms";  provider info = key ARN;  ciphertext = CiphertextBlob
 */
#include "libkms/base/buf.h"
#include "libkms/envelope/failure.h"
#include "libkms/envelope/keyring.h"
#include "libkms/envelope/regions.h"
#include "libkms/proto/arn.h"

#include <openssl/crypto.h>

enum { KEYS_MAX = 64, GRANT_TOKENS_MAX = 10, NAMES_MAX = 1 << 20 };

static const struct kms_str provider_id = KMS_STR_LITERAL("aws-kms");

struct kms_keyring_of_service {
    struct kms_keyring base;     /* must stay first */
    struct kms_regions *regions; /* its own */
    struct kms_arena names;
    bool has_generator; /* then it is the first of keys */
    struct kms_str_list keys;
    struct kms_str_list grant_tokens;
    bool discovery;
    struct kms_str discovery_partition;
    struct kms_str_list discovery_accounts;
    bool multi_region;
    struct kms_str discovery_region;
};

/* Names the call, the key and the service's reason in the failure. */
static enum kms_err call_failed(struct kms_envelope_failure *failure, enum kms_err err,
    const char *call, struct kms_str key, const struct kms_fault *fault)
{
    if (err != KMS_ERR_FAULT)
        return kms_failure_set(failure, err, "%s with %.*s: %s", call, (int)key.len, key.data,
            fault->message[0] == '\0' ? kms_err_text(err) : fault->message);
    (void)kms_failure_set(failure, err, "%s with %.*s: %s%s%s", call, (int)key.len, key.data,
        fault->code, fault->message[0] == '\0' ? "" : ": ", fault->message);
    if (failure != NULL)
        failure->fault = *fault;
    return err;
}

/* A key ARN, as the service answers it and an EDK carries it. */
static bool is_key_arn(struct kms_str text, struct kms_key_ref *ref)
{
    *ref = kms_key_ref_parse(text);
    /* servers with ids of another form than AWS's are served too */
    return (ref->kind == KMS_KEY_REF_ARN || ref->kind == KMS_KEY_REF_BAD_ARN_ID) && ref->id.len > 0;
}

/* --- writing ---------------------------------------------------------------------------------- */

static enum kms_err add_edk(
    struct kms_wrap *wrap, struct kms_str key_arn, struct kms_bytes ciphertext)
{
    struct kms_key_ref ref;
    if (!is_key_arn(key_arn, &ref) || ciphertext.len == 0)
        return kms_failure_set(wrap->failure, KMS_ERR_PROTOCOL,
            "the service's answer names no key ARN or has no ciphertext");
    return kms_wrap_add(wrap, provider_id, kms_bytes(key_arn.data, key_arn.len), ciphertext);
}

static enum kms_err generate(
    const struct kms_keyring_of_service *keyring, struct kms_str key, struct kms_wrap *wrap)
{
    const struct kms_generate_data_key_request request = {
        .key_id = key,
        .encryption_context = wrap->context,
        .number_of_bytes = {.set = true, .value = (int32_t)wrap->suite->key_len},
        .grant_tokens = keyring->grant_tokens,
    };
    const struct kms_generate_data_key_response *response = NULL;
    struct kms_client *client = NULL;
    struct kms_fault fault = {0};
    enum kms_err err = kms_regions_borrow(keyring->regions, key, &client);
    if (err == KMS_OK) {
        err = kms_generate_data_key(client, &request, &response, &fault);
        kms_regions_return(keyring->regions, client, err == KMS_OK);
    }
    if (err != KMS_OK)
        return call_failed(wrap->failure, err, "GenerateDataKey", key, &fault);
    if (response->plaintext.len != wrap->suite->key_len)
        err = kms_failure_set(
            wrap->failure, KMS_ERR_PROTOCOL, "the service's data key has the wrong length");
    if (err == KMS_OK)
        err = add_edk(wrap, response->key_id, response->ciphertext_blob);
    if (err == KMS_OK)
        err = kms_secret_copy(response->plaintext, &wrap->data_key);
    kms_response_free(response);
    return err;
}

static enum kms_err encrypt(
    const struct kms_keyring_of_service *keyring, struct kms_str key, struct kms_wrap *wrap)
{
    const struct kms_encrypt_request request = {
        .key_id = key,
        .plaintext = kms_secret_bytes(wrap->data_key),
        .encryption_context = wrap->context,
        .grant_tokens = keyring->grant_tokens,
    };
    const struct kms_encrypt_response *response = NULL;
    struct kms_client *client = NULL;
    struct kms_fault fault = {0};
    enum kms_err err = kms_regions_borrow(keyring->regions, key, &client);
    if (err == KMS_OK) {
        err = kms_encrypt(client, &request, &response, &fault);
        kms_regions_return(keyring->regions, client, err == KMS_OK);
    }
    if (err != KMS_OK)
        return call_failed(wrap->failure, err, "Encrypt", key, &fault);
    err = add_edk(wrap, response->key_id, response->ciphertext_blob);
    kms_response_free(response);
    return err;
}

static enum kms_err wrap_kms(const struct kms_keyring *base, struct kms_wrap *wrap)
{
    const struct kms_keyring_of_service *keyring = (const struct kms_keyring_of_service *)base;
    if (keyring->keys.count == 0 || (wrap->data_key == NULL && !keyring->has_generator))
        return kms_failure_set(
            wrap->failure, KMS_ERR_NO_KEY, "the keyring names no key to encrypt with");
    for (size_t i = 0; i < keyring->keys.count; i++) {
        struct kms_str key = keyring->keys.items[i];
        enum kms_err err =
            wrap->data_key == NULL ? generate(keyring, key, wrap) : encrypt(keyring, key, wrap);
        if (err != KMS_OK)
            return err;
    }
    return KMS_OK;
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool is_multi_region(const struct kms_key_ref *ref)
{
    static const struct kms_str prefix = KMS_STR_LITERAL("mrk-");
    return ref->id.len > prefix.len && memcmp(ref->id.data, prefix.data, prefix.len) == 0;
}

/* Whether two ARNs name the same key, or (multi-Region aware) replicas of one. */
static bool same_key(
    const struct kms_keyring_of_service *keyring, struct kms_str a, struct kms_str b)
{
    struct kms_key_ref x;
    struct kms_key_ref y;
    if (kms_str_eq(a, b))
        return true;
    return keyring->multi_region && is_key_arn(a, &x) && is_key_arn(b, &y) && is_multi_region(&x) &&
           is_multi_region(&y) && kms_str_eq(x.id, y.id) &&
           kms_str_eq(x.arn.partition, y.arn.partition) &&
           kms_str_eq(x.arn.service, y.arn.service) && kms_str_eq(x.arn.account, y.arn.account);
}

static enum kms_err decrypt(const struct kms_keyring_of_service *keyring, struct kms_str key,
    const struct kms_envelope_edk *edk, struct kms_unwrap *unwrap)
{
    const struct kms_decrypt_request request = {
        .ciphertext_blob = edk->ciphertext,
        .encryption_context = unwrap->context,
        .grant_tokens = keyring->grant_tokens,
        .key_id = key,
    };
    const struct kms_decrypt_response *response = NULL;
    struct kms_client *client = NULL;
    struct kms_fault fault = {0};
    enum kms_err err = kms_regions_borrow(keyring->regions, key, &client);
    if (err == KMS_OK) {
        err = kms_decrypt(client, &request, &response, &fault);
        kms_regions_return(keyring->regions, client, err == KMS_OK);
    }
    if (err != KMS_OK)
        return call_failed(unwrap->failure, err, "Decrypt", key, &fault);
    struct kms_str named = {(const char *)edk->provider_info.data, edk->provider_info.len};
    if (!same_key(keyring, response->key_id, named))
        err = kms_failure_set(unwrap->failure, KMS_ERR_AUTHENTICATION,
            "the service decrypted with %.*s, not with the key that the message names",
            (int)response->key_id.len, response->key_id.data);
    else
        err = kms_unwrap_accept(unwrap, response->plaintext);
    kms_response_free(response);
    return err;
}

/* Strict: whether a key that was given may be the one of an ARN. An alias is for the service to
 * resolve: it refuses when the ciphertext is another key's. */
static bool may_be(const struct kms_keyring_of_service *keyring, struct kms_str given,
    struct kms_str arn, const struct kms_key_ref *ref)
{
    struct kms_key_ref given_ref = kms_key_ref_parse(given);
    switch (given_ref.kind) {
    case KMS_KEY_REF_ALIAS:
    case KMS_KEY_REF_ALIAS_ARN:
        return true;
    case KMS_KEY_REF_ID:
    case KMS_KEY_REF_BAD_ID:
        return kms_str_eq(given, ref->id);
    default:
        return same_key(keyring, given, arn);
    }
}

static bool account_allowed(
    const struct kms_keyring_of_service *keyring, const struct kms_key_ref *ref)
{
    const struct kms_str_list *accounts = &keyring->discovery_accounts;
    if (keyring->discovery_partition.data != NULL &&
        !kms_str_eq(keyring->discovery_partition, ref->arn.partition))
        return false;
    if (accounts->items == NULL)
        return true;
    for (size_t i = 0; i < accounts->count; i++) {
        if (kms_str_eq(accounts->items[i], ref->arn.account))
            return true;
    }
    return false;
}

static enum kms_err discover(const struct kms_keyring_of_service *keyring, struct kms_str key,
    const struct kms_envelope_edk *edk, struct kms_unwrap *unwrap)
{
    enum kms_err err = decrypt(keyring, key, edk, unwrap);
    return err == KMS_OK ? err : kms_unwrap_failed(unwrap, err);
}

/* With the replica in a Region. */
static enum kms_err discover_replica(const struct kms_keyring_of_service *keyring,
    const struct kms_key_ref *ref, struct kms_str region, const struct kms_envelope_edk *edk,
    struct kms_unwrap *unwrap)
{
    KMS_BUF_AUTO replica;
    kms_buf_init(&replica, KMS_ARN_MAX);
    const struct kms_str parts[] = {KMS_STR_LITERAL("arn"), ref->arn.partition, ref->arn.service,
        region, ref->arn.account, ref->arn.resource};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (i > 0)
            kms_buf_append_u8(&replica, ':');
        kms_buf_append_str(&replica, parts[i]);
    }
    return replica.err == KMS_OK ? discover(keyring, kms_buf_str(&replica), edk, unwrap)
                                 : KMS_ERR_NO_KEY;
}

/* Multi-Region aware. With a discovery Region, a key that has no replicas must be there itself; without
 * one, the nearest replica is asked first, then the key that is named. */
static enum kms_err discover_nearby(const struct kms_keyring_of_service *keyring,
    const struct kms_key_ref *ref, struct kms_str arn, const struct kms_envelope_edk *edk,
    struct kms_unwrap *unwrap)
{
    bool bound = keyring->discovery_region.data != NULL;
    struct kms_str region =
        bound ? keyring->discovery_region : kms_str(kms_client_region(keyring->regions->home));
    if (kms_str_eq(ref->arn.region, region))
        return discover(keyring, arn, edk, unwrap);
    enum kms_err err = KMS_ERR_NO_KEY;
    if (is_multi_region(ref))
        err = discover_replica(keyring, ref, region, edk, unwrap);
    if (bound || err == KMS_OK || err == KMS_ERR_NO_MEMORY)
        return err;
    return discover(keyring, arn, edk, unwrap);
}

/* Tries one EDK with every key that it may belong to. KMS_ERR_NO_KEY: with none. */
static enum kms_err try_edk(const struct kms_keyring_of_service *keyring,
    const struct kms_envelope_edk *edk, struct kms_unwrap *unwrap)
{
    struct kms_str arn = {(const char *)edk->provider_info.data, edk->provider_info.len};
    struct kms_key_ref ref;
    enum kms_err err = KMS_ERR_NO_KEY;
    if (!kms_str_eq(edk->provider_id, provider_id) || !is_key_arn(arn, &ref))
        return err;
    if (keyring->discovery) {
        if (!account_allowed(keyring, &ref))
            return err;
        return keyring->multi_region ? discover_nearby(keyring, &ref, arn, edk, unwrap)
                                     : discover(keyring, arn, edk, unwrap);
    }
    for (size_t i = 0; i < keyring->keys.count; i++) {
        if (!may_be(keyring, keyring->keys.items[i], arn, &ref))
            continue;
        err = decrypt(keyring, keyring->keys.items[i], edk, unwrap);
        if (err == KMS_OK || err == KMS_ERR_NO_MEMORY)
            return err;
        err = kms_unwrap_failed(unwrap, err);
    }
    return err;
}

static enum kms_err unwrap_kms(const struct kms_keyring *base, struct kms_unwrap *unwrap)
{
    const struct kms_keyring_of_service *keyring = (const struct kms_keyring_of_service *)base;
    enum kms_err last = KMS_ERR_NO_KEY;
    for (size_t i = 0; i < unwrap->edk_count; i++) {
        enum kms_err err = try_edk(keyring, &unwrap->edks[i], unwrap);
        if (err == KMS_OK || err == KMS_ERR_NO_MEMORY)
            return err;
        if (err != KMS_ERR_NO_KEY)
            last = err;
    }
    return last;
}

/* --- making ----------------------------------------------------------------------------------- */

static void free_kms(struct kms_keyring *base)
{
    struct kms_keyring_of_service *keyring = (struct kms_keyring_of_service *)base;
    kms_arena_clean_up(&keyring->names);
    if (keyring->regions != NULL)
        kms_regions_clean_up(keyring->regions);
    OPENSSL_free(keyring->regions);
    OPENSSL_free(keyring);
}

static const struct kms_keyring_ops kms_ops = {wrap_kms, unwrap_kms, free_kms};

/* Appends copies of the texts to *out, whose items have room. */
static enum kms_err copy_texts(
    struct kms_arena *arena, struct kms_str_list from, struct kms_str *items, size_t *count)
{
    for (size_t i = 0; i < from.count; i++) {
        if (from.items[i].data == NULL)
            return KMS_ERR_INVALID_ARGUMENT;
        struct kms_str copy = kms_arena_str(arena, from.items[i]);
        if (copy.data == NULL)
            return KMS_ERR_NO_MEMORY;
        items[(*count)++] = copy;
    }
    return KMS_OK;
}

static enum kms_err copy_list(
    struct kms_arena *arena, struct kms_str_list from, struct kms_str_list *out)
{
    if (from.items == NULL)
        return KMS_OK;
    struct kms_str *items = kms_arena_calloc(arena, from.count, sizeof(*items));
    if (items == NULL)
        return KMS_ERR_NO_MEMORY;
    size_t count = 0;
    enum kms_err err = copy_texts(arena, from, items, &count);
    if (err == KMS_OK)
        *out = (struct kms_str_list){.items = items, .count = count};
    return err;
}

/* The generator first, then the further keys. */
static enum kms_err copy_keys(
    struct kms_keyring_of_service *keyring, const struct kms_keyring_kms_options *options)
{
    struct kms_str *items =
        kms_arena_calloc(&keyring->names, options->key_ids.count + 1, sizeof(*items));
    if (items == NULL)
        return KMS_ERR_NO_MEMORY;
    size_t count = 0;
    enum kms_err err = KMS_OK;
    keyring->has_generator = options->generator.data != NULL;
    if (keyring->has_generator) {
        struct kms_str_list one = {.items = &options->generator, .count = 1};
        err = copy_texts(&keyring->names, one, items, &count);
    }
    if (err == KMS_OK)
        err = copy_texts(&keyring->names, options->key_ids, items, &count);
    for (size_t i = 0; err == KMS_OK && i < count; i++) {
        if (items[i].len == 0 || items[i].len > KMS_ARN_MAX ||
            kms_key_ref_parse(items[i]).kind == KMS_KEY_REF_BAD_ARN)
            err = KMS_ERR_INVALID_ARGUMENT;
    }
    keyring->keys = (struct kms_str_list){.items = items, .count = count};
    return err;
}

static enum kms_err copy_options(
    struct kms_keyring_of_service *keyring, const struct kms_keyring_kms_options *options)
{
    enum kms_err err = copy_keys(keyring, options);
    if (err == KMS_OK)
        err = copy_list(&keyring->names, options->grant_tokens, &keyring->grant_tokens);
    if (err == KMS_OK)
        err = copy_list(&keyring->names, options->discovery_accounts, &keyring->discovery_accounts);
    if (err == KMS_OK && options->discovery_partition.data != NULL) {
        keyring->discovery_partition = kms_arena_str(&keyring->names, options->discovery_partition);
        if (keyring->discovery_partition.data == NULL)
            err = KMS_ERR_NO_MEMORY;
    }
    if (err == KMS_OK && options->discovery_region.data != NULL) {
        keyring->discovery_region = kms_arena_str(&keyring->names, options->discovery_region);
        if (keyring->discovery_region.data == NULL)
            err = KMS_ERR_NO_MEMORY;
    }
    return err;
}

enum kms_err kms_keyring_new_kms(struct kms_client *client,
    const struct kms_keyring_kms_options *options, struct kms_keyring **out)
{
    bool any = options->generator.data != NULL || options->key_ids.count > 0 || options->discovery;
    if (client == NULL || !any || options->key_ids.count > KEYS_MAX ||
        options->grant_tokens.count > GRANT_TOKENS_MAX)
        return KMS_ERR_INVALID_ARGUMENT;
    struct kms_keyring_of_service *keyring = OPENSSL_zalloc(sizeof(*keyring));
    if (keyring == NULL)
        return KMS_ERR_NO_MEMORY;
    keyring->base.ops = &kms_ops;
    keyring->discovery = options->discovery;
    keyring->multi_region = options->multi_region;
    kms_arena_init(&keyring->names, NAMES_MAX);
    keyring->regions = OPENSSL_zalloc(sizeof(*keyring->regions));
    enum kms_err err = KMS_ERR_NO_MEMORY;
    if (keyring->regions != NULL) {
        kms_regions_init(keyring->regions, client);
        err = copy_options(keyring, options);
    }
    if (err != KMS_OK) {
        kms_keyring_free(&keyring->base);
        return err;
    }
    *out = &keyring->base;
    return KMS_OK;
}

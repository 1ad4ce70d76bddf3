/*
 * A token is base64 of: version (1), IV (12 bytes), AES-256-GCM ciphertext and tag over a JSON
 * object, with the version as additional data. IVs are random: 2^32 tokens under one key keep the
 * chance of a repetition below 2^-32 (NIST SP 800-38D, section 8.3).
 */
#include "kmsd/iam/session.h"

#include "kmsd/crypto/aead.h"
#include "kmsd/crypto/custody.h"
#include "libkms/base/arena.h"
#include "libkms/base/encoding.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    VERSION = 1,
    HEAD_SIZE = 1 + KMSD_AEAD_IV_SIZE,
    OVERHEAD = HEAD_SIZE + KMSD_AEAD_TAG_SIZE,
    ARENA_MAX = 64 * 1024,
};

struct kmsd_session_keys {
    struct kms_secret *key;
};

/* The counted thing around a session. */
struct holder {
    struct kmsd_session session; /* first */
    atomic_size_t references;
    struct kms_arena arena;
};

enum kms_err kmsd_session_keys_new(struct kms_bytes key, struct kmsd_session_keys **out)
{
    struct kmsd_session_keys *keys = calloc(1, sizeof(*keys));
    if (keys == NULL)
        return KMS_ERR_NO_MEMORY;
    enum kms_err err =
        key.len == KMSD_AEAD_KEY_SIZE ? kms_secret_copy(key, &keys->key) : KMS_ERR_CORRUPT;
    if (err != KMS_OK) {
        free(keys);
        return err;
    }
    *out = keys;
    return KMS_OK;
}

void kmsd_session_keys_free(struct kmsd_session_keys *keys)
{
    if (keys == NULL)
        return;
    kms_secret_free(keys->key);
    free(keys);
}

/* --- sealing ---------------------------------------------------------------------------------- */

static int append_json(const char *text, size_t len, void *at)
{
    struct kms_buf *out = at;
    kms_buf_append(out, text, len);
    return out->err == KMS_OK ? 0 : -1;
}

static int set_text(json_t *object, const char *name, struct kms_str text)
{
    if (text.data == NULL)
        return 0;
    return json_object_set_new(object, name, json_stringn(text.data, text.len));
}

static int set_texts(json_t *object, const char *name, const struct kms_str *items, size_t count)
{
    json_t *array = count == 0 ? NULL : json_array();
    if (array == NULL)
        return count == 0 ? 0 : -1;
    int failed = 0;
    for (size_t i = 0; i < count; i++)
        failed |= json_array_append_new(array, json_stringn(items[i].data, items[i].len));
    return failed | json_object_set_new(object, name, array);
}

static int set_tags(json_t *object, const struct kms_str_map *tags)
{
    json_t *array = tags->count == 0 ? NULL : json_array();
    if (array == NULL)
        return tags->count == 0 ? 0 : -1;
    int failed = 0;
    for (size_t i = 0; i < tags->count; i++) {
        failed |= json_array_append_new(
            array, json_stringn(tags->items[i].key.data, tags->items[i].key.len));
        failed |= json_array_append_new(
            array, json_stringn(tags->items[i].value.data, tags->items[i].value.len));
    }
    return failed | json_object_set_new(object, "tags", array);
}

/* Members have short names: a token travels with every request. */
static enum kms_err encode(const struct kmsd_session_content *content, struct kms_buf *out)
{
    json_t *object = json_object();
    if (object == NULL)
        return KMS_ERR_NO_MEMORY;
    int failed = json_object_set_new(object, "kind", json_integer(content->kind));
    failed |= json_object_set_new(object, "iat", json_integer(content->issued_ms));
    failed |= json_object_set_new(object, "exp", json_integer(content->expires_ms));
    failed |= set_text(object, "account", content->account);
    failed |= set_text(object, "name", content->name);
    failed |= set_text(object, "eid", content->entity_id);
    failed |= set_text(object, "session", content->session_name);
    failed |= set_text(object, "id", content->access_key_id);
    failed |= set_text(object, "secret",
        (struct kms_str){(const char *)content->secret.data, content->secret.len});
    failed |= set_text(object, "parent", content->parent_key_id);
    failed |= set_text(object, "policy", content->policy);
    failed |= set_texts(object, "arns", content->policy_arns, content->policy_arn_count);
    failed |= set_tags(object, &content->tags);
    failed |= set_texts(object, "keys", content->transitive_keys, content->transitive_count);
    failed |= set_text(object, "source", content->source_identity);
    failed |= set_text(object, "provider", content->provider);
    failed |= set_text(object, "sub", content->web_subject);
    failed |= set_text(object, "aud", content->web_audience);
    if (failed == 0)
        failed = json_dump_callback(object, append_json, out, JSON_COMPACT);
    json_decref(object);
    if (out->err != KMS_OK)
        return out->err;
    return failed == 0 ? KMS_OK : KMS_ERR_NO_MEMORY;
}

enum kms_err kmsd_session_seal(
    struct kmsd_session_keys *keys, const struct kmsd_session_content *content, struct kms_buf *out)
{
    static const uint8_t version = VERSION;
    KMS_BUF_AUTO plaintext;
    KMS_BUF_AUTO token;
    kms_buf_init(&plaintext, KMSD_SESSION_CONTENT_MAX);
    kms_buf_init(&token, KMSD_SESSION_CONTENT_MAX + OVERHEAD);
    enum kms_err err = encode(content, &plaintext);
    if (err != KMS_OK)
        return err;
    uint8_t *at = kms_buf_extend(&token, plaintext.len + OVERHEAD);
    if (at == NULL)
        return token.err;
    at[0] = VERSION;
    EVP_CIPHER_CTX *context = NULL;
    err = kmsd_custody_random(at + 1, KMSD_AEAD_IV_SIZE);
    if (err == KMS_OK)
        err = kmsd_aead_new(EVP_aes_256_gcm(), kms_secret_data(keys->key), &context);
    if (err == KMS_OK)
        err = kmsd_aead_seal(context, NULL, at + 1, kms_bytes(&version, 1),
            kms_buf_bytes(&plaintext), at + HEAD_SIZE);
    EVP_CIPHER_CTX_free(context);
    if (err != KMS_OK)
        return err;
    kms_base64_append(out, kms_buf_bytes(&token));
    return out->err;
}

/* --- opening ---------------------------------------------------------------------------------- */

struct reader {
    const json_t *object;
    struct kms_arena *arena;
    enum kms_err err;
};

static struct kms_str copy_text(struct reader *reader, const json_t *value)
{
    struct kms_str text = {json_string_value(value), json_string_length(value)};
    if (text.data == NULL) {
        reader->err = KMS_ERR_AUTHENTICATION;
        return text;
    }
    text = kms_arena_str(reader->arena, text);
    if (text.data == NULL)
        reader->err = KMS_ERR_NO_MEMORY;
    return text;
}

static struct kms_str get_text(struct reader *reader, const char *name)
{
    const json_t *value = json_object_get(reader->object, name);
    return value == NULL ? kms_str(NULL) : copy_text(reader, value);
}

static const struct kms_str *get_texts(struct reader *reader, const char *name, size_t *count)
{
    const json_t *array = json_object_get(reader->object, name);
    *count = json_array_size(array);
    struct kms_str *items = kms_arena_calloc(reader->arena, *count + 1, sizeof(*items));
    if (items == NULL) {
        reader->err = KMS_ERR_NO_MEMORY;
        *count = 0;
        return NULL;
    }
    for (size_t i = 0; i < *count; i++)
        items[i] = copy_text(reader, json_array_get(array, i));
    return items;
}

static struct kms_str_map get_tags(struct reader *reader)
{
    size_t count = 0;
    const struct kms_str *texts = get_texts(reader, "tags", &count);
    struct kms_str_pair *pairs = kms_arena_calloc(reader->arena, count / 2 + 1, sizeof(*pairs));
    if (pairs == NULL || texts == NULL) {
        reader->err = KMS_ERR_NO_MEMORY;
        return (struct kms_str_map){NULL, 0};
    }
    for (size_t i = 0; i < count / 2; i++)
        pairs[i] = (struct kms_str_pair){texts[2 * i], texts[2 * i + 1]};
    return (struct kms_str_map){pairs, count / 2};
}

static void read_content(struct reader *reader, struct kmsd_session_content *out)
{
    struct kms_str secret = get_text(reader, "secret");
    out->kind = (enum kmsd_session_kind)json_integer_value(json_object_get(reader->object, "kind"));
    out->issued_ms = json_integer_value(json_object_get(reader->object, "iat"));
    out->expires_ms = json_integer_value(json_object_get(reader->object, "exp"));
    out->account = get_text(reader, "account");
    out->name = get_text(reader, "name");
    out->entity_id = get_text(reader, "eid");
    out->session_name = get_text(reader, "session");
    out->access_key_id = get_text(reader, "id");
    out->secret = kms_bytes(secret.data, secret.len);
    out->parent_key_id = get_text(reader, "parent");
    out->policy = get_text(reader, "policy");
    out->policy_arns = get_texts(reader, "arns", &out->policy_arn_count);
    out->tags = get_tags(reader);
    out->transitive_keys = get_texts(reader, "keys", &out->transitive_count);
    out->source_identity = get_text(reader, "source");
    out->provider = get_text(reader, "provider");
    out->web_subject = get_text(reader, "sub");
    out->web_audience = get_text(reader, "aud");
}

/* How policies and answers name the caller. */
static enum kms_err name_caller(
    struct kmsd_session *session, struct kms_str partition, struct kms_arena *arena)
{
    const struct kmsd_session_content *content = &session->content;
    const char *prefix = content->kind == KMSD_SESSION_ROLE ? "sts" : "iam";
    if (content->kind == KMSD_SESSION_USER)
        return KMS_OK; /* its path is not in the token: the user has its ARN */
    if (content->kind == KMSD_SESSION_ROLE) {
        session->arn = kms_arena_printf(arena, "arn:%.*s:%s::%.*s:assumed-role/%.*s/%.*s",
            (int)partition.len, partition.data, prefix, (int)content->account.len,
            content->account.data, (int)content->name.len, content->name.data,
            (int)content->session_name.len, content->session_name.data);
        session->user_id = kms_arena_printf(arena, "%.*s:%.*s", (int)content->entity_id.len,
            content->entity_id.data, (int)content->session_name.len, content->session_name.data);
    } else {
        session->arn = kms_arena_printf(arena, "arn:%.*s:%s::%.*s:root", (int)partition.len,
            partition.data, prefix, (int)content->account.len, content->account.data);
        session->user_id = content->account;
    }
    return session->arn.data == NULL || session->user_id.data == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
}

static enum kms_err read_session(
    struct holder *holder, struct kms_bytes plaintext, struct kms_str partition)
{
    struct kmsd_session *session = &holder->session;
    struct kmsd_session_content *content = &session->content;
    json_error_t error;
    json_t *object =
        json_loadb((const char *)plaintext.data, plaintext.len, JSON_REJECT_DUPLICATES, &error);
    if (object == NULL)
        return KMS_ERR_AUTHENTICATION;
    struct reader reader = {.object = object, .arena = &holder->arena};
    read_content(&reader, content);
    json_decref(object);
    if (reader.err != KMS_OK)
        return reader.err;
    bool is_root = content->kind == KMSD_SESSION_ROOT;
    if (content->kind < KMSD_SESSION_ROLE || content->kind > KMSD_SESSION_ROOT ||
        content->account.data == NULL || content->access_key_id.data == NULL ||
        content->secret.len == 0 || is_root != (content->name.data == NULL) ||
        is_root != (content->entity_id.data == NULL) ||
        (content->kind == KMSD_SESSION_ROLE) != (content->session_name.data != NULL))
        return KMS_ERR_AUTHENTICATION;
    enum kms_err err = kms_secret_copy(content->secret, &session->secret);
    if (err != KMS_OK)
        return err;
    kms_wipe((void *)(uintptr_t)content->secret.data, content->secret.len);
    content->secret = kms_secret_bytes(session->secret);
    struct kmsd_policy_problem problem;
    if (content->policy.data != NULL)
        err = kmsd_policy_parse(
            content->policy, KMSD_POLICY_KIND_SESSION, &session->policy, &problem);
    return err == KMS_OK ? name_caller(session, partition, &holder->arena) : err;
}

static enum kms_err open_token(
    struct kmsd_session_keys *keys, struct kms_str token, struct kms_buf *plaintext)
{
    KMS_BUF_AUTO raw;
    kms_buf_init(&raw, KMSD_SESSION_TOKEN_MAX);
    size_t len = 0;
    if (token.len > KMSD_SESSION_TOKEN_MAX)
        return KMS_ERR_AUTHENTICATION;
    uint8_t *at = kms_buf_extend(&raw, kms_base64_decoded_max(token.len));
    if (at == NULL)
        return raw.err;
    if (kms_base64_decode(token, at, &len) != KMS_OK || len <= OVERHEAD || at[0] != VERSION)
        return KMS_ERR_AUTHENTICATION;
    uint8_t *out = kms_buf_extend(plaintext, len - OVERHEAD);
    if (out == NULL)
        return plaintext->err;
    EVP_CIPHER_CTX *context = NULL;
    enum kms_err err = kmsd_aead_new(EVP_aes_256_gcm(), kms_secret_data(keys->key), &context);
    if (err == KMS_OK)
        err = kmsd_aead_open(context, NULL, at + 1, kms_bytes(at, 1),
            kms_bytes(at + HEAD_SIZE, len - HEAD_SIZE), out);
    EVP_CIPHER_CTX_free(context);
    return err;
}

enum kms_err kmsd_session_open(struct kmsd_session_keys *keys, struct kms_str token,
    struct kms_str partition, const struct kmsd_session **out)
{
    KMS_BUF_AUTO plaintext;
    kms_buf_init(&plaintext, KMSD_SESSION_TOKEN_MAX);
    enum kms_err err = open_token(keys, token, &plaintext);
    if (err != KMS_OK)
        return err;
    struct holder *holder = calloc(1, sizeof(*holder));
    if (holder == NULL)
        return KMS_ERR_NO_MEMORY;
    atomic_init(&holder->references, 1);
    kms_arena_init(&holder->arena, ARENA_MAX);
    err = read_session(holder, kms_buf_bytes(&plaintext), partition);
    if (err != KMS_OK) {
        kmsd_session_release(&holder->session);
        return err;
    }
    *out = &holder->session;
    return KMS_OK;
}

/* --- counting --------------------------------------------------------------------------------- */

static struct holder *holder_of(const struct kmsd_session *session)
{
    return (struct holder *)(uintptr_t)session;
}

const struct kmsd_session *kmsd_session_hold(const struct kmsd_session *session)
{
    atomic_fetch_add_explicit(&holder_of(session)->references, 1, memory_order_relaxed);
    return session;
}

void kmsd_session_release(const struct kmsd_session *session)
{
    if (session == NULL)
        return;
    struct holder *holder = holder_of(session);
    if (atomic_fetch_sub_explicit(&holder->references, 1, memory_order_acq_rel) != 1)
        return;
    kms_secret_free(holder->session.secret);
    kmsd_policy_document_free(holder->session.policy);
    kms_arena_clean_up(&holder->arena);
    free(holder);
}

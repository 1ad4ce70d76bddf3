/*
 * A keyring that remembers what another one answered: data keys of messages begun, and of messages
 * read, for as long, as often and for as many bytes as its limits say.
 * Source: AWS Encryption SDK specification, "Caching Cryptographic Materials Manager".
 *
 * An entry is found by a digest over everything that the answer depends on. To write with, that is the
 * suite and the encryption context; to read, the encrypted data keys as well. Entries form one list,
 * the last used first; the last one makes room.
 */
#include "libkms/base/buf.h"
#include "libkms/base/clock.h"
#include "libkms/base/sha256.h"
#include "libkms/envelope/failure.h"
#include "libkms/envelope/keyring.h"

#include <openssl/crypto.h>
#include <pthread.h>

enum {
    CAPACITY_DEFAULT = 100,
    CAPACITY_MAX = 100000,
    ARENA_MAX = 4 << 20, /* the EDKs of one message */
    INPUT_MAX = 8 << 20, /* of the digest */
};

#define MESSAGES_MAX (UINT64_C(1) << 32)
#define BYTES_MAX    ((uint64_t)INT64_MAX)

struct entry {
    struct kms_unwrap_note note; /* must stay first; until the message that was read is authentic */
    struct caching_keyring *keyring;
    struct entry *next;
    uint8_t id[KMS_SHA256_SIZE];
    struct kms_secret *data_key;
    struct kms_arena arena; /* of the EDKs */
    struct kms_envelope_edk *edks;
    size_t edk_count;
    int64_t made_ms;
    uint64_t messages;
    uint64_t bytes;
};

struct caching_keyring {
    struct kms_keyring base; /* must stay first */
    const struct kms_keyring *inner;
    struct kms_keyring_caching_options options;
    pthread_mutex_t lock; /* of what follows */
    struct entry *entries;
    size_t count;
};

static void free_entry(struct entry *entry)
{
    kms_secret_free(entry->data_key);
    kms_arena_clean_up(&entry->arena);
    OPENSSL_free(entry);
}

/* --- the list; under the lock ----------------------------------------------------------------- */

/* Takes the entry out of the list, or gives NULL. */
static struct entry *take(struct caching_keyring *keyring, const uint8_t id[KMS_SHA256_SIZE])
{
    for (struct entry **at = &keyring->entries; *at != NULL; at = &(*at)->next) {
        struct entry *entry = *at;
        if (memcmp(entry->id, id, KMS_SHA256_SIZE) != 0)
            continue;
        *at = entry->next;
        keyring->count--;
        return entry;
    }
    return NULL;
}

static void put_first(struct caching_keyring *keyring, struct entry *entry)
{
    entry->next = keyring->entries;
    keyring->entries = entry;
    keyring->count++;
}

static void drop_last(struct caching_keyring *keyring)
{
    struct entry **at = &keyring->entries;
    while ((*at)->next != NULL)
        at = &(*at)->next;
    free_entry(*at);
    *at = NULL;
    keyring->count--;
}

static bool too_old(const struct caching_keyring *keyring, const struct entry *entry)
{
    return kms_clock_monotonic_ms() - entry->made_ms >= keyring->options.max_age_ms;
}

/* --- entries ---------------------------------------------------------------------------------- */

static enum kms_err digest_edks(
    const struct kms_envelope_edk *edks, size_t count, struct kms_buf *input)
{
    kms_buf_append_u64(input, count);
    for (size_t i = 0; i < count; i++) {
        kms_buf_append_u64(input, edks[i].provider_id.len);
        kms_buf_append_str(input, edks[i].provider_id);
        kms_buf_append_u64(input, edks[i].provider_info.len);
        kms_buf_append(input, edks[i].provider_info.data, edks[i].provider_info.len);
        kms_buf_append_u64(input, edks[i].ciphertext.len);
        kms_buf_append(input, edks[i].ciphertext.data, edks[i].ciphertext.len);
    }
    return input->err;
}

/* edks NULL: of a message to be written. */
static enum kms_err entry_id(const struct kms_suite *suite, struct kms_bytes aad,
    const struct kms_envelope_edk *edks, size_t edk_count, uint8_t id[KMS_SHA256_SIZE])
{
    KMS_BUF_AUTO input;
    kms_buf_init(&input, INPUT_MAX);
    kms_buf_append_u8(&input, edks == NULL ? 'w' : 'r');
    kms_buf_append_u16(&input, (uint16_t)suite->id);
    kms_buf_append_u64(&input, aad.len);
    kms_buf_append(&input, aad.data, aad.len);
    enum kms_err err = edks == NULL ? input.err : digest_edks(edks, edk_count, &input);
    return err == KMS_OK ? kms_sha256(kms_buf_bytes(&input), id) : err;
}

/* An entry that is not in the list yet. NULL: memory is short, so it will just not be remembered. */
static struct entry *new_entry(struct caching_keyring *keyring, const uint8_t id[KMS_SHA256_SIZE],
    const struct kms_secret *data_key, const struct kms_envelope_edk *edks, size_t edk_count,
    uint64_t bytes)
{
    struct entry *entry = OPENSSL_zalloc(sizeof(*entry));
    if (entry == NULL)
        return NULL;
    entry->keyring = keyring;
    kms_arena_init(&entry->arena, ARENA_MAX);
    memcpy(entry->id, id, KMS_SHA256_SIZE);
    entry->made_ms = kms_clock_monotonic_ms();
    entry->messages = 1;
    entry->bytes = bytes;
    entry->edk_count = edk_count;
    entry->edks = kms_arena_calloc(&entry->arena, edk_count, sizeof(*edks));
    bool ok = entry->edks != NULL &&
              kms_secret_copy(kms_secret_bytes(data_key), &entry->data_key) == KMS_OK;
    for (size_t i = 0; ok && i < edk_count; i++) {
        entry->edks[i] = (struct kms_envelope_edk){
            .provider_id = kms_arena_str(&entry->arena, edks[i].provider_id),
            .provider_info = kms_arena_bytes(&entry->arena, edks[i].provider_info),
            .ciphertext = kms_arena_bytes(&entry->arena, edks[i].ciphertext)};
        ok = entry->edks[i].provider_id.data != NULL && entry->edks[i].provider_info.data != NULL &&
             entry->edks[i].ciphertext.data != NULL;
    }
    if (ok)
        return entry;
    free_entry(entry);
    return NULL;
}

/* Puts a new entry, or none (NULL), into the list. */
static void remember(struct entry *entry)
{
    if (entry == NULL)
        return;
    struct caching_keyring *keyring = entry->keyring;
    (void)pthread_mutex_lock(&keyring->lock);
    struct entry *other = take(keyring, entry->id); /* another thread's meanwhile */
    if (other != NULL)
        free_entry(other);
    if (keyring->count >= keyring->options.capacity)
        drop_last(keyring);
    put_first(keyring, entry);
    (void)pthread_mutex_unlock(&keyring->lock);
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Without a derivation of keys a data key must not be used twice. What cannot be counted against the
 * limit of bytes is not cached either. */
static bool may_cache(const struct caching_keyring *keyring, const struct kms_wrap *wrap)
{
    if (wrap->no_cache || wrap->suite->kdf == KMS_SUITE_KDF_IDENTITY || wrap->data_key != NULL)
        return false;
    if (wrap->plaintext_bound == 0)
        return keyring->options.max_bytes >= BYTES_MAX;
    return wrap->plaintext_bound <= keyring->options.max_bytes;
}

/* Gives one more message the remembered key. */
static enum kms_err reuse(struct entry *entry, struct kms_wrap *wrap)
{
    enum kms_err err = KMS_OK;
    for (size_t i = 0; i < entry->edk_count && err == KMS_OK; i++)
        err = kms_wrap_add(wrap, entry->edks[i].provider_id, entry->edks[i].provider_info,
            entry->edks[i].ciphertext);
    if (err == KMS_OK)
        err = kms_secret_copy(kms_secret_bytes(entry->data_key), &wrap->data_key);
    if (err == KMS_OK) {
        entry->messages++;
        entry->bytes += wrap->plaintext_bound;
    }
    return err;
}

static enum kms_err wrap_from_cache(struct caching_keyring *keyring,
    const uint8_t id[KMS_SHA256_SIZE], struct kms_wrap *wrap, bool *found)
{
    enum kms_err err = KMS_OK;
    (void)pthread_mutex_lock(&keyring->lock);
    struct entry *entry = take(keyring, id);
    if (entry != NULL &&
        (too_old(keyring, entry) || entry->messages >= keyring->options.max_messages ||
            entry->bytes > keyring->options.max_bytes - wrap->plaintext_bound)) {
        free_entry(entry);
        entry = NULL;
    }
    *found = entry != NULL;
    if (entry != NULL) {
        err = reuse(entry, wrap);
        put_first(keyring, entry);
    }
    (void)pthread_mutex_unlock(&keyring->lock);
    return err;
}

static enum kms_err wrap_caching(const struct kms_keyring *base, struct kms_wrap *wrap)
{
    struct caching_keyring *keyring = (struct caching_keyring *)base; /* its cache, under lock */
    uint8_t id[KMS_SHA256_SIZE];
    bool found = false;
    if (!may_cache(keyring, wrap) || wrap->edk_count > 0)
        return keyring->inner->ops->wrap(keyring->inner, wrap);
    enum kms_err err = entry_id(wrap->suite, wrap->aad, NULL, 0, id);
    if (err == KMS_OK)
        err = wrap_from_cache(keyring, id, wrap, &found);
    if (err != KMS_OK || found)
        return err;
    err = keyring->inner->ops->wrap(keyring->inner, wrap);
    if (err == KMS_OK && wrap->data_key != NULL)
        remember(new_entry(
            keyring, id, wrap->data_key, wrap->edks, wrap->edk_count, wrap->plaintext_bound));
    return err;
}

/* --- reading ---------------------------------------------------------------------------------- */

static enum kms_err unwrap_from_cache(
    struct caching_keyring *keyring, const uint8_t id[KMS_SHA256_SIZE], struct kms_unwrap *unwrap)
{
    enum kms_err err = KMS_OK;
    (void)pthread_mutex_lock(&keyring->lock);
    struct entry *entry = take(keyring, id);
    if (entry != NULL && too_old(keyring, entry)) {
        free_entry(entry);
        entry = NULL;
    }
    if (entry != NULL) {
        err = kms_secret_copy(kms_secret_bytes(entry->data_key), &unwrap->data_key);
        put_first(keyring, entry);
    }
    (void)pthread_mutex_unlock(&keyring->lock);
    return err;
}

static void settle_entry(struct kms_unwrap_note *note, bool authentic)
{
    struct entry *entry = (struct entry *)note;
    if (authentic)
        remember(entry);
    else
        free_entry(entry);
}

/* Remembers the data key if the message turns out to be authentic: anybody can put EDKs that open into
 * a message of his own, and would fill the cache with them. */
static void remember_later(
    struct caching_keyring *keyring, const uint8_t id[KMS_SHA256_SIZE], struct kms_unwrap *unwrap)
{
    struct entry *entry = new_entry(keyring, id, unwrap->data_key, NULL, 0, 0);
    if (entry == NULL)
        return;
    entry->note.settle = settle_entry;
    kms_unwrap_add_note(unwrap, &entry->note);
}

static enum kms_err unwrap_caching(const struct kms_keyring *base, struct kms_unwrap *unwrap)
{
    struct caching_keyring *keyring = (struct caching_keyring *)base; /* its cache, under lock */
    uint8_t id[KMS_SHA256_SIZE];
    if (unwrap->no_cache)
        return keyring->inner->ops->unwrap(keyring->inner, unwrap);
    enum kms_err err = entry_id(unwrap->suite, unwrap->aad, unwrap->edks, unwrap->edk_count, id);
    if (err == KMS_OK)
        err = unwrap_from_cache(keyring, id, unwrap);
    if (err != KMS_OK || unwrap->data_key != NULL)
        return err;
    err = keyring->inner->ops->unwrap(keyring->inner, unwrap);
    if (err == KMS_OK && unwrap->data_key != NULL)
        remember_later(keyring, id, unwrap);
    return err;
}

/* --- making ----------------------------------------------------------------------------------- */

static void free_caching(struct kms_keyring *base)
{
    struct caching_keyring *keyring = (struct caching_keyring *)base;
    while (keyring->entries != NULL) {
        struct entry *entry = keyring->entries;
        keyring->entries = entry->next;
        free_entry(entry);
    }
    (void)pthread_mutex_destroy(&keyring->lock);
    OPENSSL_free(keyring);
}

static const struct kms_keyring_ops caching_ops = {wrap_caching, unwrap_caching, free_caching};

enum kms_err kms_keyring_new_caching(const struct kms_keyring *inner,
    const struct kms_keyring_caching_options *options, struct kms_keyring **out)
{
    struct kms_keyring_caching_options filled = *options;
    if (filled.capacity == 0)
        filled.capacity = CAPACITY_DEFAULT;
    if (filled.max_messages == 0)
        filled.max_messages = MESSAGES_MAX;
    if (filled.max_bytes == 0)
        filled.max_bytes = BYTES_MAX;
    if (inner == NULL || filled.max_age_ms <= 0 || filled.capacity > CAPACITY_MAX ||
        filled.max_messages > MESSAGES_MAX || filled.max_bytes > BYTES_MAX)
        return KMS_ERR_INVALID_ARGUMENT;
    struct caching_keyring *keyring = OPENSSL_zalloc(sizeof(*keyring));
    if (keyring == NULL)
        return KMS_ERR_NO_MEMORY;
    if (pthread_mutex_init(&keyring->lock, NULL) != 0) {
        OPENSSL_free(keyring);
        return KMS_ERR_NO_MEMORY;
    }
    keyring->base.ops = &caching_ops;
    keyring->inner = inner;
    keyring->options = filled;
    *out = &keyring->base;
    return KMS_OK;
}

/*
 * The keys of a section. From the file key, by HKDF-SHA-256 with the file id as salt:
 *
 *   "libkms key slots 1: authenticate"  the HMAC key over each copy of the section
 *   "libkms key slots 1: wrap"          the raw AES key that wraps the message's data key
 *
 * A slot's own wrapping binds the message's whole encryption context and the pair
 * "kms-key-slots" = file id, so that it opens nothing but this file's key. No slot is opened from a
 * cache: who may open a file shall be decided when it is opened. Nor does writing use one, since no
 * other file has the same context.
 */
#include "libkms/base/clock.h"
#include "libkms/base/encoding.h"
#include "libkms/base/sha256.h"
#include "libkms/envelope/context.h"
#include "libkms/envelope/failure.h"
#include "libkms/envelope/hkdf.h"
#include "libkms/envelope/key_section.h"
#include "libkms/envelope/keyring.h"

enum { ID_TEXT_SIZE = 2 * 16 + 1, SCRATCH_MAX = 8 << 20, COPY_TAIL_LEN = 2 * KMS_SHA256_SIZE };

static void id_text(const struct kms_key_section *section, char out[ID_TEXT_SIZE])
{
    kms_hex_encode(kms_bytes(section->slots.file_id, sizeof(section->slots.file_id)), out);
}

/* The context that the slots are wrapped under, and its serialisation. */
static enum kms_err slot_context(const struct kms_key_section *section, struct kms_str_map context,
    struct kms_arena *arena, struct kms_str_map *out, struct kms_buf *aad,
    struct kms_envelope_failure *failure)
{
    char id[ID_TEXT_SIZE];
    id_text(section, id);
    struct kms_str_pair *pairs = kms_arena_calloc(arena, context.count + 1, sizeof(*pairs));
    struct kms_str value = kms_arena_str(arena, kms_str(id));
    if (pairs == NULL || value.data == NULL)
        return kms_failure_plain(failure, KMS_ERR_NO_MEMORY);
    if (context.count > 0)
        memcpy(pairs, context.items, context.count * sizeof(*pairs));
    pairs[context.count] = (struct kms_str_pair){kms_str(KMS_CONTEXT_KEY_SLOTS), value};
    const struct kms_str_map all = {.items = pairs, .count = context.count + 1};
    enum kms_err err = kms_context_canonical(all, arena, out);
    if (err != KMS_OK)
        return kms_failure_set(failure, err,
            "the encryption context must not have the key \"" KMS_CONTEXT_KEY_SLOTS
            "\" in a message with key slots");
    kms_buf_init(aad, KMS_CONTEXT_ENCODED_MAX);
    err = kms_context_encode(*out, aad);
    return err == KMS_OK
               ? KMS_OK
               : kms_failure_set(failure, err, "the encryption context is too long for key slots");
}

static const struct kms_suite *suite(void)
{
    return kms_suite_find(KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT); /* for its length of key */
}

static enum kms_err derive(const struct kms_key_section *section, const struct kms_secret *file_key,
    const char *label, struct kms_secret **out)
{
    KMS_SECRET_AUTO key = NULL;
    enum kms_err err = kms_secret_new(KMS_SECTION_FILE_KEY_LEN, &key);
    if (err == KMS_OK)
        err = kms_hkdf("SHA256", kms_secret_bytes(file_key),
            kms_bytes(section->slots.file_id, sizeof(section->slots.file_id)),
            kms_bytes(label, strlen(label)), kms_secret_data(key), kms_secret_len(key));
    if (err != KMS_OK)
        return err;
    *out = key;
    key = NULL; /* now the caller's */
    return KMS_OK;
}

enum kms_err kms_key_section_mac(const struct kms_key_section *section,
    const struct kms_secret *file_key, struct kms_bytes bytes, uint8_t mac[KMS_SHA256_SIZE])
{
    KMS_SECRET_AUTO key = NULL;
    enum kms_err err = derive(section, file_key, "libkms key slots 1: authenticate", &key);
    return err == KMS_OK ? kms_hmac_sha256(kms_secret_bytes(key), bytes, mac) : err;
}

enum kms_err kms_key_section_keyring(const struct kms_key_section *section,
    const struct kms_secret *file_key, struct kms_keyring **out)
{
    KMS_SECRET_AUTO key = NULL;
    char id[ID_TEXT_SIZE];
    id_text(section, id);
    enum kms_err err = derive(section, file_key, "libkms key slots 1: wrap", &key);
    return err == KMS_OK ? kms_keyring_new_raw_aes(kms_str(KMS_CONTEXT_KEY_SLOTS), kms_str(id),
                               kms_secret_bytes(key), out)
                         : err;
}

/* --- opening ---------------------------------------------------------------------------------- */

static enum kms_err check_mac(struct kms_key_section *section, const struct kms_secret *file_key,
    struct kms_envelope_failure *failure)
{
    uint8_t mac[KMS_SHA256_SIZE];
    struct kms_bytes covered = kms_bytes(section->copy.data, section->copy.len - COPY_TAIL_LEN);
    enum kms_err err = kms_key_section_mac(section, file_key, covered, mac);
    if (err != KMS_OK)
        return kms_failure_plain(failure, err);
    if (!kms_bytes_eq_ct(mac, covered.data + covered.len, sizeof(mac)))
        return kms_failure_set(failure, KMS_ERR_AUTHENTICATION,
            "the key slots were altered: their HMAC does not verify");
    section->slots.authenticated = true;
    return KMS_OK;
}

enum kms_err kms_key_section_open(struct kms_key_section *section,
    const struct kms_keyring *keyring, struct kms_str_map context, struct kms_secret **file_key,
    struct kms_envelope_failure *failure)
{
    KMS_ARENA_AUTO arena;
    KMS_BUF_AUTO aad;
    struct kms_envelope_edk edks[KMS_KEY_SLOTS_MAX];
    kms_arena_init(&arena, SCRATCH_MAX);
    kms_buf_init(&aad, 0);
    for (size_t i = 0; i < section->slots.count; i++)
        edks[i] = section->items[i].edk;
    struct kms_unwrap unwrap = {.suite = suite(),
        .edks = edks,
        .edk_count = section->slots.count,
        .failure = failure,
        .no_cache = true};
    enum kms_err err = slot_context(section, context, &arena, &unwrap.context, &aad, failure);
    if (err != KMS_OK)
        return err;
    unwrap.aad = kms_buf_bytes(&aad);
    err = kms_keyring_unwrap(keyring, &unwrap);
    KMS_SECRET_AUTO found = unwrap.data_key;
    if (err == KMS_OK && kms_secret_len(found) != KMS_SECTION_FILE_KEY_LEN)
        err = kms_failure_set(
            failure, KMS_ERR_AUTHENTICATION, "a key slot holds a key of the wrong length");
    if (err == KMS_OK)
        err = check_mac(section, found, failure);
    kms_unwrap_settle(&unwrap, err == KMS_OK);
    if (err != KMS_OK)
        return err;
    *file_key = found;
    found = NULL; /* now the caller's */
    return KMS_OK;
}

/* --- changing --------------------------------------------------------------------------------- */

static enum kms_err add_slot(struct kms_key_section *section, const struct kms_envelope_edk *edk,
    int64_t now_ms, struct kms_envelope_failure *failure)
{
    size_t index = section->slots.count;
    if (index >= KMS_KEY_SLOTS_MAX || section->next_id == UINT32_MAX)
        return kms_failure_set(
            failure, KMS_ERR_LIMIT, "a file has at most %d key slots", KMS_KEY_SLOTS_MAX);
    struct kms_key_slot slot = {.id = section->next_id,
        .added_ms = now_ms < 0 ? 0 : now_ms / 1000 * 1000,
        .edk = {.provider_id = kms_arena_str(&section->arena, edk->provider_id),
            .provider_info = kms_arena_bytes(&section->arena, edk->provider_info),
            .ciphertext = kms_arena_bytes(&section->arena, edk->ciphertext)}};
    if (slot.edk.provider_id.data == NULL || slot.edk.provider_info.data == NULL ||
        slot.edk.ciphertext.data == NULL)
        return kms_failure_plain(failure, KMS_ERR_NO_MEMORY);
    section->items[index] = slot;
    section->slots.count++;
    section->next_id++;
    return KMS_OK;
}

enum kms_err kms_key_section_add(struct kms_key_section *section, const struct kms_keyring *keyring,
    struct kms_str_map context, struct kms_secret **file_key, struct kms_envelope_failure *failure)
{
    KMS_ARENA_AUTO arena;
    KMS_BUF_AUTO aad;
    struct kms_envelope_edk edks[KMS_KEY_SLOTS_MAX];
    kms_arena_init(&arena, SCRATCH_MAX);
    kms_buf_init(&aad, 0);
    struct kms_wrap wrap = {.suite = suite(),
        .arena = &arena,
        .failure = failure,
        .no_cache = true,
        .edks = edks,
        .edk_max = KMS_KEY_SLOTS_MAX};
    enum kms_err err = slot_context(section, context, &arena, &wrap.context, &aad, failure);
    if (err == KMS_OK && *file_key != NULL)
        err = kms_secret_copy(kms_secret_bytes(*file_key), &wrap.data_key);
    if (err != KMS_OK)
        return err;
    wrap.aad = kms_buf_bytes(&aad);
    err = kms_keyring_wrap(keyring, &wrap);
    KMS_SECRET_AUTO made = wrap.data_key;
    for (size_t i = 0; err == KMS_OK && i < wrap.edk_count; i++)
        err = add_slot(section, &edks[i], kms_clock_now_ms(), failure);
    if (err != KMS_OK || *file_key != NULL)
        return err;
    *file_key = made;
    made = NULL; /* now the caller's */
    return KMS_OK;
}

enum kms_err kms_key_section_remove(struct kms_key_section *section, uint32_t id)
{
    for (size_t i = 0; i < section->slots.count; i++) {
        if (section->items[i].id != id)
            continue;
        memmove(&section->items[i], &section->items[i + 1],
            (section->slots.count - i - 1) * sizeof(section->items[0]));
        section->slots.count--;
        return KMS_OK;
    }
    return KMS_ERR_NOT_FOUND;
}

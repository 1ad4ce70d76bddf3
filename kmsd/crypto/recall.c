#include "kmsd/crypto/recall.h"

#include "kmsd/crypto/kdf.h"
#include "kmsd/crypto/record.h"
#include "libkms/base/secret.h"

#include <stdlib.h>

enum {
    RECORD_SIZE = KMSD_KDF_KEY_SIZE + KMSD_RECORD_OVERHEAD,
    WAYS = 4,
    SETS = KMSD_RECALL_PLACES / WAYS,
};

struct entry {
    uint8_t id[KMSD_MATERIAL_ID_SIZE];
    size_t name_len; /* 0: nothing is kept here */
    char name[KMSD_RECALL_NAME_MAX];
    uint8_t record[RECORD_SIZE];
};

struct kmsd_recall {
    struct kms_secret *plaintexts; /* KMSD_KDF_KEY_SIZE bytes for each place */
    size_t kept;
    uint8_t next[SETS]; /* the way that is taken next */
    struct entry entries[KMSD_RECALL_PLACES];
};

enum kms_err kmsd_recall_new(struct kmsd_recall **out)
{
    struct kmsd_recall *recall = calloc(1, sizeof(*recall));
    if (recall == NULL)
        return KMS_ERR_NO_MEMORY;
    enum kms_err err =
        kms_secret_new((size_t)KMSD_RECALL_PLACES * KMSD_KDF_KEY_SIZE, &recall->plaintexts);
    if (err != KMS_OK) {
        free(recall);
        return err;
    }
    *out = recall;
    return KMS_OK;
}

void kmsd_recall_free(struct kmsd_recall *recall)
{
    if (recall == NULL)
        return;
    kms_secret_free(recall->plaintexts);
    free(recall);
}

/* Ids are random, so any of their bytes spreads them. */
static size_t set_of(const uint8_t id[KMSD_MATERIAL_ID_SIZE])
{
    return ((size_t)id[0] << 8 | id[1]) % SETS;
}

static uint8_t *plaintext_at(const struct kmsd_recall *recall, size_t place)
{
    return kms_secret_data(recall->plaintexts) + place * KMSD_KDF_KEY_SIZE;
}

static bool can_be_kept(const struct kmsd_material *material)
{
    return material->key_arn.len != 0 && material->key_arn.len <= KMSD_RECALL_NAME_MAX &&
           material->wrapped.len == RECORD_SIZE;
}

static bool is_of(const struct entry *entry, const struct kmsd_material *material)
{
    return memcmp(entry->id, material->id, sizeof(entry->id)) == 0 &&
           entry->name_len == material->key_arn.len &&
           memcmp(entry->record, material->wrapped.data, RECORD_SIZE) == 0 &&
           memcmp(entry->name, material->key_arn.data, entry->name_len) == 0;
}

const uint8_t *kmsd_recall_find(
    const struct kmsd_recall *recall, const struct kmsd_material *material)
{
    size_t first = set_of(material->id) * WAYS;
    if (!can_be_kept(material))
        return NULL;
    for (size_t place = first; place < first + WAYS; place++) {
        if (is_of(&recall->entries[place], material))
            return plaintext_at(recall, place);
    }
    return NULL;
}

void kmsd_recall_keep(
    struct kmsd_recall *recall, const struct kmsd_material *material, const uint8_t *plaintext)
{
    size_t set = set_of(material->id);
    if (!can_be_kept(material))
        return;
    size_t place = set * WAYS + recall->next[set];
    struct entry *entry = &recall->entries[place];
    recall->next[set] = (uint8_t)((recall->next[set] + 1) % WAYS);
    recall->kept += entry->name_len == 0;
    entry->name_len = material->key_arn.len;
    memcpy(entry->name, material->key_arn.data, entry->name_len);
    memcpy(entry->id, material->id, sizeof(entry->id));
    memcpy(entry->record, material->wrapped.data, RECORD_SIZE);
    memcpy(plaintext_at(recall, place), plaintext, KMSD_KDF_KEY_SIZE);
}

void kmsd_recall_forget(struct kmsd_recall *recall, const uint8_t id[KMSD_MATERIAL_ID_SIZE])
{
    size_t first = set_of(id) * WAYS;
    for (size_t place = first; place < first + WAYS; place++) {
        struct entry *entry = &recall->entries[place];
        if (entry->name_len == 0 || memcmp(entry->id, id, sizeof(entry->id)) != 0)
            continue;
        kms_wipe(plaintext_at(recall, place), KMSD_KDF_KEY_SIZE);
        kms_wipe(entry, sizeof(*entry));
        recall->kept--;
    }
}

void kmsd_recall_clear(struct kmsd_recall *recall)
{
    if (recall->kept == 0)
        return;
    kms_wipe(kms_secret_data(recall->plaintexts), kms_secret_len(recall->plaintexts));
    kms_wipe(recall->entries, sizeof(recall->entries));
    recall->kept = 0;
}

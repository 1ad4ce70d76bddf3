/* Finding entities: sorted places, one shelf for each kind in each account. */
#include "kmsd/iam/state.h"

#include <stdlib.h>

/* --- accounts --------------------------------------------------------------------------------- */

static size_t account_place(const struct kmsd_iam *iam, struct kms_str account)
{
    size_t low = 0;
    size_t high = iam->account_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (kmsd_iam_name_compare(kms_str(iam->accounts[middle]->id), account) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct kmsd_iam_account *kmsd_iam_account_find(const struct kmsd_iam *iam, struct kms_str account)
{
    size_t at = account_place(iam, account);
    if (at == iam->account_count || !kms_str_is(account, iam->accounts[at]->id))
        return NULL;
    return iam->accounts[at];
}

enum kms_err kmsd_iam_account_add(
    struct kmsd_iam *iam, struct kms_str account, struct kmsd_iam_account **out)
{
    if (account.len > KMS_ACCOUNT_ID_LEN)
        return KMS_ERR_INVALID_ARGUMENT;
    struct kmsd_iam_account *added = calloc(1, sizeof(*added));
    if (added == NULL)
        return KMS_ERR_NO_MEMORY;
    struct kmsd_iam_account **accounts =
        realloc(iam->accounts, (iam->account_count + 1) * sizeof(struct kmsd_iam_account *));
    if (accounts == NULL) {
        free(added);
        return KMS_ERR_NO_MEMORY;
    }
    iam->accounts = accounts;
    memcpy(added->id, account.data, account.len);
    size_t at = account_place(iam, account);
    memmove(&accounts[at + 1], &accounts[at], (iam->account_count - at) * sizeof(accounts[0]));
    accounts[at] = added;
    iam->account_count++;
    *out = added;
    return KMS_OK;
}

/* --- shelves ---------------------------------------------------------------------------------- */

size_t kmsd_iam_shelf_place(const struct kmsd_iam_shelf *shelf, struct kms_str name)
{
    size_t low = 0;
    size_t high = shelf->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (kmsd_iam_name_compare(shelf->slots[middle]->entity->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

enum kms_err kmsd_iam_shelf_reserve(struct kmsd_iam_shelf *shelf)
{
    if (shelf->count < shelf->capacity)
        return KMS_OK;
    size_t capacity = shelf->capacity * 2 + 8;
    struct kmsd_iam_slot **slots = realloc(shelf->slots, capacity * sizeof(struct kmsd_iam_slot *));
    if (slots == NULL)
        return KMS_ERR_NO_MEMORY;
    shelf->slots = slots;
    shelf->capacity = capacity;
    return KMS_OK;
}

void kmsd_iam_shelf_insert(struct kmsd_iam_shelf *shelf, struct kmsd_iam_slot *slot)
{
    size_t at = kmsd_iam_shelf_place(shelf, slot->entity->name);
    memmove(&shelf->slots[at + 1], &shelf->slots[at],
        (shelf->count - at) * sizeof(struct kmsd_iam_slot *));
    shelf->slots[at] = slot;
    shelf->count++;
}

struct kmsd_iam_slot *kmsd_iam_shelf_remove(struct kmsd_iam_shelf *shelf, struct kms_str name)
{
    size_t at = kmsd_iam_shelf_place(shelf, name);
    if (at == shelf->count || kmsd_iam_name_compare(shelf->slots[at]->entity->name, name) != 0)
        return NULL;
    struct kmsd_iam_slot *slot = shelf->slots[at];
    shelf->count--;
    memmove(&shelf->slots[at], &shelf->slots[at + 1],
        (shelf->count - at) * sizeof(struct kmsd_iam_slot *));
    return slot;
}

struct kmsd_iam_slot *kmsd_iam_slot_find(const struct kmsd_iam *iam, struct kms_str account_id,
    enum kmsd_iam_kind kind, struct kms_str name)
{
    const struct kmsd_iam_account *account = kmsd_iam_account_find(iam, account_id);
    if (account == NULL)
        return NULL;
    const struct kmsd_iam_shelf *shelf = &account->shelves[kind];
    size_t at = kmsd_iam_shelf_place(shelf, name);
    if (at == shelf->count || kmsd_iam_name_compare(shelf->slots[at]->entity->name, name) != 0)
        return NULL;
    return shelf->slots[at];
}

/* The name is what follows the last slash of the ARN; of a provider, all after the kind. */
struct kmsd_iam_slot *kmsd_iam_slot_find_arn(
    const struct kmsd_iam *iam, enum kmsd_iam_kind kind, struct kms_str arn)
{
    struct kms_arn parts;
    if (kms_arn_parse(arn, &parts) != KMS_OK)
        return NULL;
    struct kms_str name = parts.resource;
    const char *slash = name.len == 0
                            ? NULL
                            : (kind == KMSD_IAM_PROVIDER ? memchr(name.data, '/', name.len)
                                                         : memrchr(name.data, '/', name.len));
    if (slash == NULL)
        return NULL;
    name = (struct kms_str){slash + 1, name.len - (size_t)(slash + 1 - name.data)};
    struct kmsd_iam_slot *slot = kmsd_iam_slot_find(iam, parts.account, kind, name);
    return slot != NULL && kms_str_eq(slot->entity->arn, arn) ? slot : NULL;
}

/* --- what refers to what ---------------------------------------------------------------------- */

static void count_use(const struct kmsd_iam *iam, struct kms_str arn, bool is_boundary, int by)
{
    struct kmsd_iam_slot *slot = kmsd_iam_slot_find_arn(iam, KMSD_IAM_POLICY, arn);
    if (slot == NULL)
        return;
    size_t *count = is_boundary ? &slot->uses.boundaries : &slot->uses.attachments;
    *count = by > 0 ? *count + 1 : *count - (*count > 0 ? 1 : 0);
}

void kmsd_iam_count_uses(const struct kmsd_iam *iam, const struct kmsd_iam_entity *entity, int by)
{
    for (size_t i = 0; i < entity->attached.count; i++)
        count_use(iam, entity->attached.items[i], false, by);
    if (entity->boundary.data != NULL)
        count_use(iam, entity->boundary, true, by);
}

struct kmsd_iam_keyring *kmsd_iam_keyring_find(const struct kmsd_iam *iam, struct kms_str arn)
{
    struct kms_arn parts;
    if (kms_arn_parse(arn, &parts) != KMS_OK)
        return NULL;
    if (kms_str_is(parts.resource, "root")) {
        struct kmsd_iam_account *account = kmsd_iam_account_find(iam, parts.account);
        return account == NULL ? NULL : &account->root_ring;
    }
    struct kmsd_iam_slot *slot = kmsd_iam_slot_find_arn(iam, KMSD_IAM_USER, arn);
    return slot == NULL ? NULL : &slot->ring;
}

/* --- the end ---------------------------------------------------------------------------------- */

static void free_ring(struct kmsd_iam_keyring *ring)
{
    for (size_t i = 0; i < ring->count; i++)
        free(ring->keys[i]);
}

void kmsd_iam_slot_free(struct kmsd_iam_slot *slot)
{
    if (slot == NULL)
        return;
    kmsd_iam_entity_release(slot->entity);
    free_ring(&slot->ring);
    free(slot);
}

void kmsd_iam_index_clean_up(struct kmsd_iam *iam)
{
    for (size_t a = 0; a < iam->account_count; a++) {
        struct kmsd_iam_account *account = iam->accounts[a];
        for (size_t k = 0; k < KMSD_IAM_KIND_COUNT_; k++) {
            for (size_t i = 0; i < account->shelves[k].count; i++)
                kmsd_iam_slot_free(account->shelves[k].slots[i]);
            free(account->shelves[k].slots);
        }
        free_ring(&account->root_ring);
        free(account);
    }
    free(iam->accounts);
}

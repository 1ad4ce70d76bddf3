/* Store first, then memory: the one way in which an identity changes. */
#include "kmsd/iam/access_key.h"
#include "kmsd/iam/seal.h"
#include "kmsd/iam/state.h"

#include <stdio.h>
#include <stdlib.h>

void kmsd_iam_lock(struct kmsd_iam *iam)
{
    (void)pthread_mutex_lock(&iam->changes);
}

void kmsd_iam_unlock(struct kmsd_iam *iam)
{
    (void)pthread_mutex_unlock(&iam->changes);
}

static enum kms_err finish(struct kmsd_store *store, enum kms_err err)
{
    if (err == KMS_OK)
        return kmsd_store_commit(store);
    kmsd_store_rollback(store);
    return err;
}

/* --- rows ------------------------------------------------------------------------------------- */

/* The name in lower case, as rows are found by. */
struct row_name {
    char text[KMSD_IAM_PROVIDER_NAME_MAX + 1];
    size_t len;
};

static enum kms_err fold(struct kms_str name, struct row_name *out)
{
    if (name.len == 0 || name.len > KMSD_IAM_PROVIDER_NAME_MAX)
        return KMS_ERR_INVALID_ARGUMENT;
    for (size_t i = 0; i < name.len; i++) {
        char letter = name.data[i];
        out->text[i] = letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
    }
    out->len = name.len;
    return KMS_OK;
}

static enum kms_err put_row(struct kmsd_store *store, const struct kmsd_iam_entity *entity)
{
    struct row_name name;
    KMS_BUF_AUTO body;
    kms_buf_init(&body, KMSD_IAM_BODY_MAX);
    enum kms_err err = fold(entity->name, &name);
    if (err == KMS_OK)
        err = kmsd_iam_entity_encode(entity, &body);
    if (err != KMS_OK)
        return err;
    const struct kmsd_identity_row row = {
        .account = entity->account,
        .kind = kms_str(kmsd_iam_kind_text(entity->kind)),
        .name = {name.text, name.len},
        .body = kms_buf_str(&body),
    };
    return kmsd_store_put_identity(store, &row);
}

static enum kms_err delete_row(struct kmsd_store *store, const struct kmsd_iam_entity *entity)
{
    struct row_name name;
    enum kms_err err = fold(entity->name, &name);
    if (err != KMS_OK)
        return err;
    return kmsd_store_delete_identity(store, entity->account,
        kms_str(kmsd_iam_kind_text(entity->kind)), (struct kms_str){name.text, name.len});
}

/* --- entities that move ----------------------------------------------------------------------- */

/* Secrets are sealed to the ARN of their owner; under another ARN they are sealed anew. */
static enum kms_err reseal(const struct kmsd_iam *iam, const struct kmsd_iam_key *key,
    struct kms_str old_arn, struct kms_str new_arn, struct kmsd_iam_key *out)
{
    KMS_SECRET_AUTO secret = NULL;
    KMS_BUF_AUTO wrapped;
    kms_buf_init(&wrapped, sizeof(out->wrapped));
    enum kms_err err = kmsd_iam_unseal(iam->custody, kms_str(key->shown.id), old_arn,
        kms_bytes(key->wrapped, key->wrapped_len), &secret);
    if (err == KMS_OK)
        err = kmsd_iam_seal(
            iam->custody, kms_str(key->shown.id), new_arn, kms_secret_bytes(secret), &wrapped);
    if (err != KMS_OK)
        return err;
    *out = *key;
    memcpy(out->wrapped, wrapped.data, wrapped.len);
    out->wrapped_len = wrapped.len;
    return KMS_OK;
}

static struct kmsd_access_key_row key_row(
    struct kms_str account, struct kms_str owner_arn, const struct kmsd_iam_key *key)
{
    return (struct kmsd_access_key_row){
        .access_key_id = kms_str(key->shown.id),
        .account = account,
        .principal_arn = owner_arn,
        .status = kms_str(key->shown.is_active ? "Active" : "Inactive"),
        .wrapped_secret = kms_bytes(key->wrapped, key->wrapped_len),
        .created_ms = key->shown.created_ms,
    };
}

/* What a change of an entity does to others. */
struct move {
    struct kmsd_iam_key keys[KMSD_IAM_ACCESS_KEYS_MAX]; /* sealed to the new ARN */
    size_t key_count;
    const struct kmsd_iam_entity **members; /* users of a renamed group, as they will be */
    size_t member_count;
};

static void move_clean_up(struct move *move)
{
    for (size_t i = 0; i < move->member_count; i++)
        kmsd_iam_entity_release(move->members[i]);
    free(move->members);
}
#define MOVE_AUTO __attribute__((cleanup(move_clean_up))) struct move

static enum kms_err move_keys(const struct kmsd_iam *iam, const struct kmsd_iam_slot *slot,
    const struct kmsd_iam_entity *next, struct move *move)
{
    if (next->kind != KMSD_IAM_USER || kms_str_eq(slot->entity->arn, next->arn))
        return KMS_OK;
    for (size_t i = 0; i < slot->ring.count; i++) {
        enum kms_err err = reseal(
            iam, slot->ring.keys[i], slot->entity->arn, next->arn, &move->keys[move->key_count]);
        if (err != KMS_OK)
            return err;
        move->key_count++;
    }
    return KMS_OK;
}

/* A user as it is when a group of its has another name. */
static enum kms_err rename_in(const struct kmsd_iam_entity *user, struct kms_str old_name,
    struct kms_str new_name, struct move *move)
{
    struct kms_str names[KMSD_IAM_GROUPS_MAX];
    bool is_member = false;
    for (size_t i = 0; i < user->groups.count && i < KMSD_IAM_GROUPS_MAX; i++) {
        bool is_it = kmsd_iam_name_compare(user->groups.items[i], old_name) == 0;
        names[i] = is_it ? new_name : user->groups.items[i];
        is_member = is_member || is_it;
    }
    if (!is_member)
        return KMS_OK;
    const struct kmsd_iam_entity **members =
        realloc(move->members, (move->member_count + 1) * sizeof(*members));
    if (members == NULL)
        return KMS_ERR_NO_MEMORY;
    move->members = members;
    struct kmsd_iam_entity draft = *user;
    draft.groups = (struct kmsd_iam_list){names, user->groups.count};
    const struct kmsd_iam_entity *next = kmsd_iam_entity_pack(&draft);
    if (next == NULL)
        return KMS_ERR_NO_MEMORY;
    members[move->member_count++] = next;
    return KMS_OK;
}

static enum kms_err move_members(const struct kmsd_iam *iam, const struct kmsd_iam_entity *now,
    const struct kmsd_iam_entity *next, struct move *move)
{
    if (next->kind != KMSD_IAM_GROUP || kms_str_eq(now->name, next->name))
        return KMS_OK;
    const struct kmsd_iam_shelf *users =
        &kmsd_iam_account_find(iam, now->account)->shelves[KMSD_IAM_USER];
    enum kms_err err = KMS_OK;
    for (size_t i = 0; i < users->count && err == KMS_OK; i++)
        err = rename_in(users->slots[i]->entity, now->name, next->name, move);
    return err;
}

/* --- entities --------------------------------------------------------------------------------- */

static enum kms_err store_change(struct kmsd_iam *iam, const struct kmsd_iam_entity *now,
    const struct kmsd_iam_entity *next, const struct move *move)
{
    enum kms_err err = kmsd_store_begin(iam->store);
    if (err != KMS_OK)
        return err;
    if (now != NULL && !kms_str_eq(now->name, next->name))
        err = delete_row(iam->store, now);
    if (err == KMS_OK)
        err = put_row(iam->store, next);
    for (size_t i = 0; i < move->key_count && err == KMS_OK; i++) {
        struct kmsd_access_key_row row = key_row(next->account, next->arn, &move->keys[i]);
        err = kmsd_store_put_access_key(iam->store, &row);
    }
    for (size_t i = 0; i < move->member_count && err == KMS_OK; i++)
        err = put_row(iam->store, move->members[i]);
    return finish(iam->store, err);
}

/* From here on nothing can fail: the store has it. */
static void swap_in(struct kmsd_iam *iam, struct kmsd_iam_account *account,
    struct kmsd_iam_slot *slot, const struct kmsd_iam_entity *next, const struct move *move)
{
    struct kmsd_iam_shelf *shelf = &account->shelves[next->kind];
    const struct kmsd_iam_entity *old = slot->entity;
    (void)pthread_rwlock_wrlock(&iam->lock);
    if (old != NULL) {
        (void)kmsd_iam_shelf_remove(shelf, old->name);
        kmsd_iam_count_uses(iam, old, -1);
    }
    slot->entity = next;
    kmsd_iam_shelf_insert(shelf, slot);
    kmsd_iam_count_uses(iam, next, 1);
    for (size_t i = 0; i < move->key_count; i++)
        *slot->ring.keys[i] = move->keys[i];
    for (size_t i = 0; i < move->member_count; i++) {
        struct kmsd_iam_slot *user =
            kmsd_iam_slot_find(iam, next->account, KMSD_IAM_USER, move->members[i]->name);
        const struct kmsd_iam_entity *was = user->entity;
        user->entity = kmsd_iam_entity_hold(move->members[i]);
        kmsd_iam_entity_release(was);
    }
    atomic_fetch_add(&iam->generation, 1);
    (void)pthread_rwlock_unlock(&iam->lock);
    kmsd_iam_entity_release(old);
}

static enum kms_err tell_of_moved_keys(
    struct kmsd_iam *iam, const struct kmsd_iam_entity *next, const struct move *move)
{
    enum kms_err err = KMS_OK;
    for (size_t i = 0; i < move->key_count && iam->listener.put != NULL; i++) {
        struct kmsd_access_key_row row = key_row(next->account, next->arn, &move->keys[i]);
        enum kms_err told = iam->listener.put(iam->listener.context, &row);
        err = err == KMS_OK ? told : err;
    }
    return err;
}

enum kms_err kmsd_iam_put(
    struct kmsd_iam *iam, const struct kmsd_iam_entity *now, const struct kmsd_iam_entity *draft)
{
    struct kmsd_iam_account *account = kmsd_iam_account_find(iam, draft->account);
    struct kmsd_iam_slot *taken = kmsd_iam_slot_find(iam, draft->account, draft->kind, draft->name);
    struct kmsd_iam_slot *slot =
        now == NULL ? NULL : kmsd_iam_slot_find(iam, now->account, now->kind, now->name);
    if (account == NULL || (now != NULL && (slot == NULL || slot->entity != now)))
        return KMS_ERR_INTERNAL;
    if (taken != NULL && taken != slot)
        return KMS_ERR_EXISTS;
    KMSD_IAM_ENTITY_AUTO next = kmsd_iam_entity_pack(draft);
    struct kmsd_iam_slot *added = now == NULL ? calloc(1, sizeof(*added)) : NULL;
    MOVE_AUTO move = {.key_count = 0};
    enum kms_err err = next == NULL || (now == NULL && added == NULL) ? KMS_ERR_NO_MEMORY : KMS_OK;
    if (err == KMS_OK) {
        (void)pthread_rwlock_wrlock(&iam->lock);
        err = kmsd_iam_shelf_reserve(&account->shelves[draft->kind]);
        (void)pthread_rwlock_unlock(&iam->lock);
    }
    if (err == KMS_OK && now != NULL)
        err = move_keys(iam, slot, next, &move);
    if (err == KMS_OK && now != NULL)
        err = move_members(iam, now, next, &move);
    if (err == KMS_OK)
        err = store_change(iam, now, next, &move);
    if (err != KMS_OK) {
        free(added);
        return err;
    }
    const struct kmsd_iam_entity *told = kmsd_iam_entity_hold(next);
    swap_in(iam, account, now == NULL ? added : slot, next, &move);
    next = told; /* released at the end; the slot has the other reference */
    return tell_of_moved_keys(iam, next, &move);
}

enum kms_err kmsd_iam_delete(struct kmsd_iam *iam, const struct kmsd_iam_entity *now)
{
    struct kmsd_iam_account *account = kmsd_iam_account_find(iam, now->account);
    struct kmsd_iam_slot *slot = kmsd_iam_slot_find(iam, now->account, now->kind, now->name);
    if (account == NULL || slot == NULL || slot->entity != now || slot->ring.count != 0)
        return KMS_ERR_INTERNAL;
    enum kms_err err = kmsd_store_begin(iam->store);
    if (err != KMS_OK)
        return err;
    err = finish(iam->store, delete_row(iam->store, now));
    if (err != KMS_OK)
        return err;
    (void)pthread_rwlock_wrlock(&iam->lock);
    (void)kmsd_iam_shelf_remove(&account->shelves[now->kind], now->name);
    kmsd_iam_count_uses(iam, now, -1);
    atomic_fetch_add(&iam->generation, 1);
    (void)pthread_rwlock_unlock(&iam->lock);
    kmsd_iam_slot_free(slot);
    return KMS_OK;
}

/* --- access keys ------------------------------------------------------------------------------ */

static enum kms_err tell_put(struct kmsd_iam *iam, const struct kmsd_access_key_row *row)
{
    return iam->listener.put == NULL ? KMS_OK : iam->listener.put(iam->listener.context, row);
}

static enum kms_err draw_key(struct kmsd_iam *iam, struct kms_str owner_arn, int64_t now_ms,
    struct kmsd_access_key *key, struct kmsd_iam_key *out)
{
    KMS_BUF_AUTO wrapped;
    kms_buf_init(&wrapped, sizeof(out->wrapped));
    enum kms_err err = kmsd_access_key_make(KMSD_ACCESS_KEY_LONG_LIVED, key);
    if (err == KMS_OK)
        err = kmsd_iam_seal(
            iam->custody, kms_str(key->id), owner_arn, kms_secret_bytes(key->secret), &wrapped);
    if (err != KMS_OK)
        return err;
    *out = (struct kmsd_iam_key){.shown = {.is_active = true, .created_ms = now_ms}};
    memcpy(out->shown.id, key->id, sizeof(key->id));
    memcpy(out->wrapped, wrapped.data, wrapped.len);
    out->wrapped_len = wrapped.len;
    return KMS_OK;
}

/* account_row: NULL, or an account that is made with its key. */
static enum kms_err store_key(struct kmsd_iam *iam, const struct kmsd_account_row *account_row,
    const struct kmsd_access_key_row *row)
{
    enum kms_err err = kmsd_store_begin(iam->store);
    if (err != KMS_OK)
        return err;
    if (account_row != NULL)
        err = kmsd_store_put_account(iam->store, account_row);
    if (err == KMS_OK)
        err = kmsd_store_put_access_key(iam->store, row);
    return finish(iam->store, err);
}

enum kms_err kmsd_iam_create_access_key(struct kmsd_iam *iam, struct kms_str account,
    struct kms_str owner_arn, int64_t now_ms, struct kmsd_access_key *key)
{
    struct kmsd_iam_keyring *ring = kmsd_iam_keyring_find(iam, owner_arn);
    if (ring == NULL)
        return KMS_ERR_NOT_FOUND;
    if (ring->count == KMSD_IAM_ACCESS_KEYS_MAX)
        return KMS_ERR_LIMIT;
    struct kmsd_iam_key *added = calloc(1, sizeof(*added));
    struct kmsd_access_key made = {.secret = NULL};
    enum kms_err err = added == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
    if (err == KMS_OK)
        err = draw_key(iam, owner_arn, now_ms, &made, added);
    if (err == KMS_OK) {
        struct kmsd_access_key_row row = key_row(account, owner_arn, added);
        err = store_key(iam, NULL, &row);
        if (err == KMS_OK) {
            (void)pthread_rwlock_wrlock(&iam->lock);
            ring->keys[ring->count++] = added;
            (void)pthread_rwlock_unlock(&iam->lock);
            added = NULL;
            err = tell_put(iam, &row);
        }
    }
    free(added);
    if (err != KMS_OK) {
        kms_secret_free(made.secret);
        return err;
    }
    *key = made;
    return KMS_OK;
}

static size_t place_in(const struct kmsd_iam_keyring *ring, struct kms_str id)
{
    size_t i = 0;
    while (ring != NULL && i < ring->count && !kms_str_is(id, ring->keys[i]->shown.id))
        i++;
    return i;
}

static struct kms_str account_of(struct kms_str arn)
{
    struct kms_arn parts;
    return kms_arn_parse(arn, &parts) == KMS_OK ? parts.account : kms_str(NULL);
}

enum kms_err kmsd_iam_set_access_key(
    struct kmsd_iam *iam, struct kms_str owner_arn, struct kms_str id, bool is_active)
{
    struct kmsd_iam_keyring *ring = kmsd_iam_keyring_find(iam, owner_arn);
    size_t at = place_in(ring, id);
    if (ring == NULL || at == ring->count)
        return KMS_ERR_NOT_FOUND;
    struct kmsd_iam_key next = *ring->keys[at];
    next.shown.is_active = is_active;
    struct kmsd_access_key_row row = key_row(account_of(owner_arn), owner_arn, &next);
    enum kms_err err = store_key(iam, NULL, &row);
    if (err != KMS_OK)
        return err;
    (void)pthread_rwlock_wrlock(&iam->lock);
    *ring->keys[at] = next;
    (void)pthread_rwlock_unlock(&iam->lock);
    return tell_put(iam, &row);
}

enum kms_err kmsd_iam_delete_access_key(
    struct kmsd_iam *iam, struct kms_str owner_arn, struct kms_str id)
{
    struct kmsd_iam_keyring *ring = kmsd_iam_keyring_find(iam, owner_arn);
    size_t at = place_in(ring, id);
    if (ring == NULL || at == ring->count)
        return KMS_ERR_NOT_FOUND;
    enum kms_err err = kmsd_store_begin(iam->store);
    if (err != KMS_OK)
        return err;
    err = finish(iam->store, kmsd_store_delete_access_key(iam->store, id));
    if (err != KMS_OK)
        return err;
    if (iam->listener.removed != NULL)
        iam->listener.removed(iam->listener.context, id);
    (void)pthread_rwlock_wrlock(&iam->lock);
    struct kmsd_iam_key *gone = ring->keys[at];
    ring->count--;
    memmove(
        &ring->keys[at], &ring->keys[at + 1], (ring->count - at) * sizeof(struct kmsd_iam_key *));
    (void)pthread_rwlock_unlock(&iam->lock);
    free(gone);
    return KMS_OK;
}

size_t kmsd_iam_access_keys(struct kmsd_iam *iam, struct kms_str owner_arn,
    struct kmsd_iam_access_key out[KMSD_IAM_ACCESS_KEYS_MAX])
{
    size_t count = 0;
    (void)pthread_rwlock_rdlock(&iam->lock);
    const struct kmsd_iam_keyring *ring = kmsd_iam_keyring_find(iam, owner_arn);
    for (; ring != NULL && count < ring->count; count++)
        out[count] = ring->keys[count]->shown;
    (void)pthread_rwlock_unlock(&iam->lock);
    return count;
}

/* --- accounts --------------------------------------------------------------------------------- */

enum kms_err kmsd_iam_create_account(
    struct kmsd_iam *iam, struct kms_str account, int64_t now_ms, struct kmsd_access_key *key)
{
    char arn[96];
    struct kmsd_access_key made = {.secret = NULL};
    if (kmsd_iam_account_find(iam, account) != NULL)
        return KMS_ERR_EXISTS;
    (void)snprintf(
        arn, sizeof(arn), "arn:%s:iam::%.*s:root", iam->partition, (int)account.len, account.data);
    struct kmsd_iam_key *added = calloc(1, sizeof(*added));
    if (added == NULL)
        return KMS_ERR_NO_MEMORY;
    struct kmsd_iam_account *place = NULL;
    enum kms_err err = draw_key(iam, kms_str(arn), now_ms, &made, added);
    const struct kmsd_account_row account_row = {.account = account, .created_ms = now_ms};
    struct kmsd_access_key_row row = key_row(account, kms_str(arn), added);
    if (err == KMS_OK)
        err = store_key(iam, &account_row, &row);
    if (err == KMS_OK) {
        (void)pthread_rwlock_wrlock(&iam->lock);
        err = kmsd_iam_account_add(iam, account, &place);
        if (err == KMS_OK)
            place->root_ring = (struct kmsd_iam_keyring){.keys = {added}, .count = 1};
        (void)pthread_rwlock_unlock(&iam->lock);
    }
    if (err == KMS_OK) {
        added = NULL;
        err = tell_put(iam, &row);
    }
    free(added);
    if (err != KMS_OK) {
        kms_secret_free(made.secret);
        return err;
    }
    *key = made;
    return KMS_OK;
}

/* Life of the identities, and reading them. */
#include "kmsd/iam/iam.h"

#include "kmsd/iam/state.h"

#include <stdlib.h>

#define TOKEN_KEY_SETTING "session-token-key"
#define TOKEN_KEY_PURPOSE "session-token-key"
#define TOKEN_KEY_OWNER   "store"

enum { TOKEN_KEY_SIZE = 32, DECODE_MAX = 4 << 20 };

/* --- loading ---------------------------------------------------------------------------------- */

struct load {
    struct kmsd_iam *iam;
    struct kmsd_detail *detail;
};

static enum kms_err load_account(void *context, const struct kmsd_account_row *row)
{
    struct load *load = context;
    struct kmsd_iam_account *added = NULL;
    return kmsd_iam_account_add(load->iam, row->account, &added);
}

/* Puts an entity on its shelf; takes the reference also when it fails. */
static enum kms_err shelve(struct kmsd_iam *iam, const struct kmsd_iam_entity *entity)
{
    struct kmsd_iam_account *account = kmsd_iam_account_find(iam, entity->account);
    struct kmsd_iam_slot *slot = calloc(1, sizeof(*slot));
    enum kms_err err = slot == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
    if (account == NULL)
        err = KMS_ERR_CORRUPT;
    if (err == KMS_OK)
        err = kmsd_iam_shelf_reserve(&account->shelves[entity->kind]);
    if (err != KMS_OK) {
        free(slot);
        kmsd_iam_entity_release(entity);
        return err;
    }
    slot->entity = entity;
    kmsd_iam_shelf_insert(&account->shelves[entity->kind], slot);
    return KMS_OK;
}

static enum kms_err load_identity(void *context, const struct kmsd_identity_row *row)
{
    struct load *load = context;
    size_t kind = 0;
    while (kind < KMSD_IAM_KIND_COUNT_ &&
           !kms_str_is(row->kind, kmsd_iam_kind_text((enum kmsd_iam_kind)kind)))
        kind++;
    struct kmsd_iam_entity draft;
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, DECODE_MAX);
    enum kms_err err = kind == KMSD_IAM_KIND_COUNT_ ? KMS_ERR_CORRUPT : KMS_OK;
    if (err == KMS_OK)
        err = kmsd_iam_entity_decode(row->body, (enum kmsd_iam_kind)kind, row->account,
            kms_str(load->iam->partition), &arena, &draft);
    if (err == KMS_OK) {
        struct kmsd_iam_entity *entity = kmsd_iam_entity_pack(&draft);
        err = entity == NULL ? KMS_ERR_NO_MEMORY : shelve(load->iam, entity);
    }
    if (err != KMS_OK)
        kmsd_detail_set(load->detail, "%.*s %.*s of account %.*s: %s", (int)row->kind.len,
            row->kind.data, (int)row->name.len, row->name.data, (int)row->account.len,
            row->account.data, kms_err_text(err));
    return err;
}

static enum kms_err load_access_key(void *context, const struct kmsd_access_key_row *row)
{
    struct load *load = context;
    struct kmsd_iam_keyring *ring = kmsd_iam_keyring_find(load->iam, row->principal_arn);
    if (ring == NULL || ring->count == KMSD_IAM_ACCESS_KEYS_MAX ||
        row->access_key_id.len >= sizeof(ring->keys[0]->shown.id) ||
        row->wrapped_secret.len > sizeof(ring->keys[0]->wrapped)) {
        kmsd_detail_set(load->detail, "access key %.*s belongs to nobody",
            (int)row->access_key_id.len, row->access_key_id.data);
        return KMS_ERR_CORRUPT;
    }
    struct kmsd_iam_key *key = calloc(1, sizeof(*key));
    if (key == NULL)
        return KMS_ERR_NO_MEMORY;
    memcpy(key->shown.id, row->access_key_id.data, row->access_key_id.len);
    key->shown.is_active = kms_str_is(row->status, "Active");
    key->shown.created_ms = row->created_ms;
    memcpy(key->wrapped, row->wrapped_secret.data, row->wrapped_secret.len);
    key->wrapped_len = row->wrapped_secret.len;
    ring->keys[ring->count++] = key;
    return KMS_OK;
}

/* The policies that come with kmsd, in an account of their own. */
static enum kms_err add_managed(struct kmsd_iam *iam, int64_t now_ms)
{
    struct kmsd_iam_account *account = NULL;
    enum kms_err err = kmsd_iam_account_add(iam, kms_str(KMSD_IAM_AWS), &account);
    for (size_t i = 0; err == KMS_OK && i < kmsd_iam_managed_count; i++) {
        const struct kmsd_iam_managed *row = &kmsd_iam_managed_policies[i];
        KMS_ARENA_AUTO arena;
        kms_arena_init(&arena, DECODE_MAX);
        struct kmsd_iam_policy version = {
            .name = kms_str("v1"), .text = kms_str(row->document), .created_ms = now_ms};
        struct kmsd_iam_entity draft = {
            .kind = KMSD_IAM_POLICY,
            .account = kms_str(KMSD_IAM_AWS),
            .name = kms_str(row->name),
            .path = kms_str(row->path),
            .id = kms_str(row->id),
            .description = kms_str(row->description),
            .created_ms = now_ms,
            .updated_ms = now_ms,
            .versions = &version,
            .version_count = 1,
            .last_version = 1,
        };
        draft.arn = kmsd_iam_entity_arn(&draft, kms_str(iam->partition), &arena);
        struct kmsd_iam_entity *entity =
            draft.arn.data == NULL ? NULL : kmsd_iam_entity_pack(&draft);
        err = entity == NULL ? KMS_ERR_NO_MEMORY : shelve(iam, entity);
    }
    return err;
}

static void count_all_uses(struct kmsd_iam *iam)
{
    for (size_t a = 0; a < iam->account_count; a++) {
        for (size_t k = 0; k < KMSD_IAM_POLICY; k++) {
            const struct kmsd_iam_shelf *shelf = &iam->accounts[a]->shelves[k];
            for (size_t i = 0; i < shelf->count; i++)
                kmsd_iam_count_uses(iam, shelf->slots[i]->entity, 1);
        }
    }
}

/* --- the key of session tokens ---------------------------------------------------------------- */

static enum kms_err make_token_key(struct kmsd_iam *iam, struct kms_secret **out)
{
    KMS_BUF_AUTO sealed;
    kms_buf_init(&sealed, KMSD_WRAPPED_SECRET_MAX);
    KMS_SECRET_AUTO key = NULL;
    enum kms_err err = kms_secret_random(TOKEN_KEY_SIZE, &key);
    if (err == KMS_OK)
        err = kmsd_custody_seal(iam->custody, kms_str(TOKEN_KEY_PURPOSE), kms_str(TOKEN_KEY_OWNER),
            kms_secret_bytes(key), &sealed);
    if (err == KMS_OK)
        err = kmsd_store_begin(iam->store);
    if (err != KMS_OK)
        return err;
    err = kmsd_store_put_setting(iam->store, kms_str(TOKEN_KEY_SETTING), kms_buf_bytes(&sealed));
    if (err == KMS_OK)
        err = kmsd_store_commit(iam->store);
    else
        kmsd_store_rollback(iam->store);
    if (err != KMS_OK)
        return err;
    *out = key;
    key = NULL; /* now the caller's */
    return KMS_OK;
}

static enum kms_err load_token_key(struct kmsd_iam *iam)
{
    uint8_t sealed[KMSD_WRAPPED_SECRET_MAX];
    size_t len = 0;
    KMS_SECRET_AUTO key = NULL;
    enum kms_err err = kmsd_store_get_setting(
        iam->store, kms_str(TOKEN_KEY_SETTING), sealed, sizeof(sealed), &len);
    if (err == KMS_OK)
        err = kmsd_custody_unseal(iam->custody, kms_str(TOKEN_KEY_PURPOSE),
            kms_str(TOKEN_KEY_OWNER), kms_bytes(sealed, len), &key);
    else if (err == KMS_ERR_NOT_FOUND)
        err = make_token_key(iam, &key);
    return err == KMS_OK ? kmsd_session_keys_new(kms_secret_bytes(key), &iam->session_keys) : err;
}

/* --- life ------------------------------------------------------------------------------------- */

static enum kms_err load_all(
    struct kmsd_iam *iam, const struct kmsd_iam_options *options, struct kmsd_detail *detail)
{
    struct load load = {.iam = iam, .detail = detail};
    enum kms_err err = add_managed(iam, options->now_ms);
    if (err == KMS_OK)
        err = kmsd_store_each_account(iam->store, load_account, &load);
    if (err == KMS_OK)
        err = kmsd_store_each_identity(iam->store, load_identity, &load);
    if (err == KMS_OK)
        err = kmsd_store_each_access_key(iam->store, load_access_key, &load);
    if (err == KMS_OK)
        err = load_token_key(iam);
    count_all_uses(iam);
    return err;
}

enum kms_err kmsd_iam_open(
    const struct kmsd_iam_options *options, struct kmsd_iam **out, struct kmsd_detail *detail)
{
    struct kmsd_iam *iam = calloc(1, sizeof(*iam));
    if (iam == NULL || options->partition.len >= sizeof(iam->partition)) {
        free(iam);
        return iam == NULL ? KMS_ERR_NO_MEMORY : KMS_ERR_INVALID_ARGUMENT;
    }
    if (pthread_mutex_init(&iam->changes, NULL) != 0) {
        free(iam);
        return KMS_ERR_NO_MEMORY;
    }
    if (pthread_rwlock_init(&iam->lock, NULL) != 0) {
        (void)pthread_mutex_destroy(&iam->changes);
        free(iam);
        return KMS_ERR_NO_MEMORY;
    }
    iam->store = options->store;
    iam->custody = options->custody;
    memcpy(iam->partition, options->partition.data, options->partition.len);
    atomic_init(&iam->generation, 1);
    detail->text[0] = '\0';
    enum kms_err err = load_all(iam, options, detail);
    if (err != KMS_OK) {
        if (detail->text[0] == '\0')
            kmsd_detail_set(detail, "reading the identities: %s", kms_err_text(err));
        kmsd_iam_close(iam);
        return err;
    }
    *out = iam;
    return KMS_OK;
}

void kmsd_iam_close(struct kmsd_iam *iam)
{
    if (iam == NULL)
        return;
    kmsd_iam_index_clean_up(iam);
    kmsd_session_keys_free(iam->session_keys);
    (void)pthread_rwlock_destroy(&iam->lock);
    (void)pthread_mutex_destroy(&iam->changes);
    free(iam);
}

struct kms_str kmsd_iam_partition(const struct kmsd_iam *iam)
{
    return kms_str(iam->partition);
}

struct kmsd_session_keys *kmsd_iam_session_keys(struct kmsd_iam *iam)
{
    return iam->session_keys;
}

void kmsd_iam_listen(struct kmsd_iam *iam, const struct kmsd_iam_listener *listener)
{
    iam->listener = *listener;
}

uint64_t kmsd_iam_generation(const struct kmsd_iam *iam)
{
    return atomic_load_explicit(&iam->generation, memory_order_acquire);
}

/* --- reading ---------------------------------------------------------------------------------- */

static const struct kmsd_iam_entity *hold_in(const struct kmsd_iam_slot *slot)
{
    return slot == NULL ? NULL : kmsd_iam_entity_hold(slot->entity);
}

const struct kmsd_iam_entity *kmsd_iam_find(
    struct kmsd_iam *iam, struct kms_str account, enum kmsd_iam_kind kind, struct kms_str name)
{
    (void)pthread_rwlock_rdlock(&iam->lock);
    const struct kmsd_iam_entity *entity = hold_in(kmsd_iam_slot_find(iam, account, kind, name));
    (void)pthread_rwlock_unlock(&iam->lock);
    return entity;
}

const struct kmsd_iam_entity *kmsd_iam_find_arn(
    struct kmsd_iam *iam, enum kmsd_iam_kind kind, struct kms_str arn)
{
    (void)pthread_rwlock_rdlock(&iam->lock);
    const struct kmsd_iam_entity *entity = hold_in(kmsd_iam_slot_find_arn(iam, kind, arn));
    (void)pthread_rwlock_unlock(&iam->lock);
    return entity;
}

void kmsd_iam_each(struct kmsd_iam *iam, struct kms_str account_id, enum kmsd_iam_kind kind,
    struct kms_str after, kmsd_iam_visit_fn *visit, void *context)
{
    (void)pthread_rwlock_rdlock(&iam->lock);
    const struct kmsd_iam_account *account = kmsd_iam_account_find(iam, account_id);
    if (account != NULL) {
        const struct kmsd_iam_shelf *shelf = &account->shelves[kind];
        size_t i = after.data == NULL ? 0 : kmsd_iam_shelf_place(shelf, after);
        if (i < shelf->count && after.data != NULL &&
            kmsd_iam_name_compare(shelf->slots[i]->entity->name, after) == 0)
            i++;
        while (i < shelf->count && visit(context, shelf->slots[i]->entity))
            i++;
    }
    (void)pthread_rwlock_unlock(&iam->lock);
}

/* What an account uses of a policy that belongs to nobody in particular. */
static struct kmsd_iam_uses count_in(const struct kmsd_iam_account *account, struct kms_str arn)
{
    struct kmsd_iam_uses uses = {0, 0};
    for (size_t k = 0; k < KMSD_IAM_POLICY; k++) {
        for (size_t i = 0; i < account->shelves[k].count; i++) {
            const struct kmsd_iam_entity *entity = account->shelves[k].slots[i]->entity;
            uses.attachments += kmsd_iam_list_has(&entity->attached, arn);
            uses.boundaries += entity->boundary.data != NULL && kms_str_eq(entity->boundary, arn);
        }
    }
    return uses;
}

struct kmsd_iam_uses kmsd_iam_policy_uses(
    struct kmsd_iam *iam, struct kms_str account_id, struct kms_str policy_arn)
{
    struct kmsd_iam_uses uses = {0, 0};
    (void)pthread_rwlock_rdlock(&iam->lock);
    const struct kmsd_iam_slot *slot = kmsd_iam_slot_find_arn(iam, KMSD_IAM_POLICY, policy_arn);
    const struct kmsd_iam_account *account = kmsd_iam_account_find(iam, account_id);
    if (slot != NULL && kms_str_is(slot->entity->account, KMSD_IAM_AWS) && account != NULL)
        uses = count_in(account, policy_arn);
    else if (slot != NULL)
        uses = slot->uses;
    (void)pthread_rwlock_unlock(&iam->lock);
    return uses;
}

bool kmsd_iam_has_account(struct kmsd_iam *iam, struct kms_str account)
{
    (void)pthread_rwlock_rdlock(&iam->lock);
    bool has = kmsd_iam_account_find(iam, account) != NULL;
    (void)pthread_rwlock_unlock(&iam->lock);
    return has && !kms_str_is(account, KMSD_IAM_AWS);
}

void kmsd_iam_each_account(struct kmsd_iam *iam, kmsd_iam_visit_account_fn *visit, void *context)
{
    (void)pthread_rwlock_rdlock(&iam->lock);
    bool goes_on = true;
    for (size_t i = 0; i < iam->account_count && goes_on; i++) {
        struct kms_str id = kms_str(iam->accounts[i]->id);
        goes_on = kms_str_is(id, KMSD_IAM_AWS) || visit(context, id);
    }
    (void)pthread_rwlock_unlock(&iam->lock);
}

#include "kmsd/iam/entity.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <strings.h>

const char *kmsd_iam_kind_text(enum kmsd_iam_kind kind)
{
    static const char *const texts[KMSD_IAM_KIND_COUNT_] = {
        [KMSD_IAM_USER] = "user",
        [KMSD_IAM_GROUP] = "group",
        [KMSD_IAM_ROLE] = "role",
        [KMSD_IAM_POLICY] = "policy",
        [KMSD_IAM_PROVIDER] = "oidc-provider",
    };
    return texts[kind];
}

/* --- packing ---------------------------------------------------------------------------------- */

/* Walks an entity twice: at NULL it counts, then it copies. */
struct packer {
    uint8_t *at;
    size_t used;
};

static void *place(struct packer *packer, size_t size)
{
    size_t start = (packer->used + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    packer->used = start + size;
    return packer->at == NULL ? NULL : packer->at + start;
}

static struct kms_str pack_text(struct packer *packer, struct kms_str text)
{
    if (text.data == NULL)
        return text;
    uint8_t *at = packer->at == NULL ? NULL : packer->at + packer->used;
    packer->used += text.len + 1;
    if (at == NULL)
        return (struct kms_str){NULL, 0};
    memcpy(at, text.data, text.len);
    at[text.len] = '\0';
    return (struct kms_str){(const char *)at, text.len};
}

static void pack_list(
    struct packer *packer, const struct kmsd_iam_list *from, struct kmsd_iam_list *to)
{
    struct kms_str *items = place(packer, from->count * sizeof(*items));
    for (size_t i = 0; i < from->count; i++) {
        struct kms_str item = pack_text(packer, from->items[i]);
        if (items != NULL)
            items[i] = item;
    }
    *to = (struct kmsd_iam_list){items, from->count};
}

static void pack_map(struct packer *packer, const struct kms_str_map *from, struct kms_str_map *to)
{
    struct kms_str_pair *pairs = place(packer, from->count * sizeof(*pairs));
    for (size_t i = 0; i < from->count; i++) {
        struct kms_str_pair pair = {.key = pack_text(packer, from->items[i].key)};
        pair.value = pack_text(packer, from->items[i].value);
        if (pairs != NULL)
            pairs[i] = pair;
    }
    *to = (struct kms_str_map){pairs, from->count};
}

static void pack_policy(
    struct packer *packer, const struct kmsd_iam_policy *from, struct kmsd_iam_policy *to)
{
    struct kms_str name = pack_text(packer, from->name);
    struct kms_str text = pack_text(packer, from->text);
    if (to == NULL)
        return;
    to->name = name;
    to->text = text;
    to->created_ms = from->created_ms;
    atomic_init(&to->parsed, NULL);
}

static struct kmsd_iam_policy *pack_policies(
    struct packer *packer, const struct kmsd_iam_policy *from, size_t count)
{
    struct kmsd_iam_policy *to = place(packer, count * sizeof(*to));
    for (size_t i = 0; i < count; i++)
        pack_policy(packer, &from[i], to == NULL ? NULL : &to[i]);
    return to;
}

/* to is a copy of the draft's own members, or a scratch one while it is counted. */
static void pack(
    struct packer *packer, const struct kmsd_iam_entity *from, struct kmsd_iam_entity *to)
{
    pack_map(packer, &from->tags, &to->tags);
    to->inline_policies = pack_policies(packer, from->inline_policies, from->inline_count);
    to->versions = pack_policies(packer, from->versions, from->version_count);
    pack_list(packer, &from->attached, &to->attached);
    pack_list(packer, &from->groups, &to->groups);
    pack_list(packer, &from->clients, &to->clients);
    pack_list(packer, &from->thumbprints, &to->thumbprints);
    to->account = pack_text(packer, from->account);
    to->name = pack_text(packer, from->name);
    to->path = pack_text(packer, from->path);
    to->id = pack_text(packer, from->id);
    to->arn = pack_text(packer, from->arn);
    to->boundary = pack_text(packer, from->boundary);
    to->description = pack_text(packer, from->description);
    to->jwks = pack_text(packer, from->jwks);
    pack_policy(packer, &from->trust, &to->trust);
}

struct kmsd_iam_entity *kmsd_iam_entity_pack(const struct kmsd_iam_entity *draft)
{
    struct packer packer = {.at = NULL};
    struct kmsd_iam_entity counted = {.kind = draft->kind};
    (void)place(&packer, sizeof(counted));
    pack(&packer, draft, &counted);
    size_t size = packer.used;
    struct kmsd_iam_entity *entity = calloc(1, size);
    if (entity == NULL)
        return NULL;
    entity->kind = draft->kind;
    entity->created_ms = draft->created_ms;
    entity->updated_ms = draft->updated_ms;
    entity->inline_count = draft->inline_count;
    entity->max_session_s = draft->max_session_s;
    entity->version_count = draft->version_count;
    entity->default_version = draft->default_version;
    entity->last_version = draft->last_version;
    entity->size = size;
    atomic_init(&entity->references, 1);
    packer = (struct packer){.at = (uint8_t *)entity};
    (void)place(&packer, sizeof(*entity));
    pack(&packer, draft, entity);
    return entity;
}

/* --- counting --------------------------------------------------------------------------------- */

/* The count is no part of what is immutable. */
static struct kmsd_iam_entity *counted(const struct kmsd_iam_entity *entity)
{
    return (struct kmsd_iam_entity *)(uintptr_t)entity;
}

const struct kmsd_iam_entity *kmsd_iam_entity_hold(const struct kmsd_iam_entity *entity)
{
    atomic_fetch_add_explicit(&counted(entity)->references, 1, memory_order_relaxed);
    return entity;
}

static void free_parsed(struct kmsd_iam_policy *policies, size_t count)
{
    for (size_t i = 0; i < count; i++)
        kmsd_policy_document_free(atomic_load(&policies[i].parsed));
}

void kmsd_iam_entity_release(const struct kmsd_iam_entity *held)
{
    if (held == NULL)
        return;
    struct kmsd_iam_entity *entity = counted(held);
    if (atomic_fetch_sub_explicit(&entity->references, 1, memory_order_acq_rel) != 1)
        return;
    free_parsed(entity->inline_policies, entity->inline_count);
    free_parsed(entity->versions, entity->version_count);
    free_parsed(&entity->trust, 1);
    free(entity);
}

void kmsd_iam_entity_release_at(const struct kmsd_iam_entity **entity)
{
    kmsd_iam_entity_release(*entity);
}

/* --- looking ---------------------------------------------------------------------------------- */

const struct kmsd_policy_document *kmsd_iam_policy_parsed(
    const struct kmsd_iam_policy *policy, enum kmsd_policy_kind kind)
{
    struct kmsd_iam_policy *cached = (struct kmsd_iam_policy *)(uintptr_t)policy;
    struct kmsd_policy_document *document = atomic_load(&cached->parsed);
    struct kmsd_policy_problem problem;
    if (document != NULL)
        return document;
    if (kmsd_policy_parse(policy->text, kind, &document, &problem) != KMS_OK)
        return NULL;
    struct kmsd_policy_document *expected = NULL;
    if (atomic_compare_exchange_strong(&cached->parsed, &expected, document))
        return document;
    kmsd_policy_document_free(document); /* another thread was faster */
    return expected;
}

int kmsd_iam_name_compare(struct kms_str a, struct kms_str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : strncasecmp(a.data, b.data, len);
    if (order != 0)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

const struct kmsd_iam_policy *kmsd_iam_entity_inline(
    const struct kmsd_iam_entity *entity, struct kms_str name)
{
    for (size_t i = 0; i < entity->inline_count; i++) {
        if (kmsd_iam_name_compare(entity->inline_policies[i].name, name) == 0)
            return &entity->inline_policies[i];
    }
    return NULL;
}

bool kmsd_iam_list_has(const struct kmsd_iam_list *list, struct kms_str text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (kms_str_eq(list->items[i], text))
            return true;
    }
    return false;
}

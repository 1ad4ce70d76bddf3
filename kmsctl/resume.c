#include "kmsctl/resume.h"

#include <kms/key_slots.h>
#include <string.h>
#include <unistd.h>

enum kmsctl_exit kmsctl_resume_begin(
    struct kmsctl_app *app, const struct kmsctl_crypt_plan *plan, struct kmsctl_resume *out)
{
    struct kms_str_list keys = {NULL, plan->keys.count};
    enum kmsctl_exit status = KMSCTL_OK;

    if (keys.count > 0) {
        struct kms_str *items = kms_arena_calloc(&app->arena, keys.count, sizeof(*items));

        if (items == NULL)
            return kmsctl_fail_memory(&app->failure);
        for (size_t i = 0; i < keys.count && status == KMSCTL_OK; i++)
            status = kmsctl_app_resolved_key(
                app, kmsctl_args_nth(app->args, KMSCTL_OPT_KEY, i), &items[i]);
        keys.items = items;
    }
    *out = (struct kmsctl_resume){plan, keys};
    return status;
}

static bool has_slot(const struct kms_key_slots *slots, struct kms_str key)
{
    for (size_t i = 0; i < slots->count; i++) {
        if (kmsctl_crypt_arn_is(slots->slots[i].edk.provider_info, key))
            return true;
    }
    return false;
}

static bool is_for_one_of(const struct kms_key_slot *slot, struct kms_str_list keys)
{
    for (size_t i = 0; i < keys.count; i++) {
        if (kmsctl_crypt_arn_is(slot->edk.provider_info, keys.items[i]))
            return true;
    }
    return false;
}

/* The same for a file with key slots, in any order: a slot for every key, and none for another. */
static bool has_slots(int fd, struct kms_str_list keys)
{
    struct kms_key_slots *slots = NULL;

    if (kms_key_slots_list(fd, &slots, NULL) != KMS_OK)
        return false;
    bool all = slots->count == keys.count;
    for (size_t i = 0; i < keys.count && all; i++)
        all = has_slot(slots, keys.items[i]);
    for (size_t i = 0; i < slots->count && all; i++)
        all = is_for_one_of(&slots->slots[i], keys);
    kms_key_slots_free(slots);
    return all;
}

static bool has_keys(
    const struct kmsctl_resume *resume, const struct kms_envelope_info *info, int fd)
{
    struct kms_str_list keys = resume->keys;

    if (resume->plan->making.key_slots != (info->section_len > 0))
        return false;
    if (info->section_len > 0)
        return has_slots(fd, keys);
    if (info->edk_count != keys.count)
        return false;
    for (size_t i = 0; i < keys.count; i++) {
        if (!kmsctl_crypt_arn_is(info->edks[i].provider_info, keys.items[i]))
            return false;
    }
    return true;
}

static const struct kms_str_pair *find(struct kms_str_map map, struct kms_str key)
{
    for (size_t i = 0; i < map.count; i++) {
        if (kms_str_eq(map.items[i].key, key))
            return &map.items[i];
    }
    return NULL;
}

static bool is_unstored(const struct kms_envelope_encrypt_options *making, struct kms_str key)
{
    for (size_t i = 0; i < making->unstored_keys.count; i++) {
        if (kms_str_eq(making->unstored_keys.items[i], key))
            return true;
    }
    return false;
}

/* The context that the plan stores, no pair more or less; a signed message has one of its own. */
static bool has_context(
    const struct kms_envelope_info *info, const struct kms_envelope_encrypt_options *making)
{
    size_t wanted = info->is_signed ? 1 : 0;

    for (size_t i = 0; i < making->context.count; i++) {
        const struct kms_str_pair *pair = &making->context.items[i];

        if (is_unstored(making, pair->key))
            continue;
        const struct kms_str_pair *stored = find(info->context, pair->key);
        if (stored == NULL || !kms_str_eq(stored->value, pair->value))
            return false;
        wanted++;
    }
    return info->context.count == wanted;
}

static bool is_older(const struct stat *a, const struct stat *b)
{
    return a->st_mtim.tv_sec < b->st_mtim.tv_sec ||
           (a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec < b->st_mtim.tv_nsec);
}

static bool inspect(int fd, bool count, struct kms_envelope_info **out)
{
    return lseek(fd, 0, SEEK_SET) == 0 &&
           kms_envelope_inspect_fd(fd, count, NULL, out, NULL) == KMS_OK;
}

bool kmsctl_resume_is_encrypted(
    const struct kmsctl_resume *resume, const struct stat *plain, int message_fd)
{
    KMSCTL_INFO_AUTO info = NULL;
    const struct kms_envelope_encrypt_options *making = &resume->plan->making;
    struct stat message;

    if (fstat(message_fd, &message) != 0 || is_older(&message, plain) ||
        !inspect(message_fd, true, &info))
        return false;
    return info->plaintext_len == (uint64_t)plain->st_size &&
           info->is_signed == (making->suite != KMS_SUITE_DEFAULT) &&
           has_keys(resume, info, message_fd) && has_context(info, making);
}

bool kmsctl_resume_is_decrypted(int message_fd, const struct stat *plain)
{
    KMSCTL_INFO_AUTO info = NULL;
    struct stat message;

    if (fstat(message_fd, &message) != 0 || is_older(plain, &message) ||
        !inspect(message_fd, true, &info))
        return false;
    return info->plaintext_len == (uint64_t)plain->st_size;
}

bool kmsctl_resume_is_reencrypted(const struct kmsctl_resume *resume, int message_fd)
{
    KMSCTL_INFO_AUTO info = NULL;
    const struct kms_envelope_encrypt_options *making = &resume->plan->making;

    if (!inspect(message_fd, false, &info))
        return false;
    return info->is_signed == (making->suite != KMS_SUITE_DEFAULT) &&
           has_keys(resume, info, message_fd) &&
           (making->context.items == NULL || has_context(info, making));
}

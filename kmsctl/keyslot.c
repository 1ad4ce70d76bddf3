/*
 * kmsctl key-slot ...: who can open files that were encrypted with --key-slots, changed in place. Every
 * verb takes any number of files, and does nothing to those that are as wanted already, in both copies
 * of the section, so that an interrupted run can simply be started again.
 */
#include "kmsctl/keyslot.h"

#include "kmsctl/crypt.h"
#include "kmsctl/many.h"
#include "kmsctl/verbs.h"
#include "libkms/base/clock.h"

#include <fcntl.h>
#include <inttypes.h>
#include <kms/key_slots.h>

static void free_slots_at(struct kms_key_slots **slots)
{
    kms_key_slots_free(*slots);
}
static void free_keyring_at(struct kms_keyring **keyring)
{
    kms_keyring_free(*keyring);
}

#define KEYRING_AUTO __attribute__((cleanup(free_keyring_at))) struct kms_keyring *
#define SLOTS_AUTO   __attribute__((cleanup(free_slots_at))) struct kms_key_slots *

/* --- what is to be done, from the command line ------------------------------------------------ */

struct change {
    struct kmsctl_crypt_plan plan; /* of which the opener and the unstored context count */
    struct kms_str_list add;       /* keys that get a slot; aliases resolved */
    struct kms_str_list remove;    /* keys whose slots go */
    const uint32_t *remove_ids;    /* slots that go */
    size_t remove_id_count;
    bool has_removal;
};

/* KEYs, as ARNs or key ids. */
static enum kmsctl_exit resolve_keys(
    struct kmsctl_app *app, enum kmsctl_option_id id, struct kms_str_list *out)
{
    size_t count = kmsctl_args_count(app->args, id);
    struct kms_str *items = NULL;

    if (count > 0) {
        items = kms_arena_calloc(&app->arena, count, sizeof(*items));
        if (items == NULL)
            return kmsctl_fail_memory(&app->failure);
    }
    for (size_t i = 0; i < count; i++) {
        enum kmsctl_exit status =
            kmsctl_app_resolved_key(app, kmsctl_args_nth(app->args, id, i), &items[i]);

        if (status != KMSCTL_OK)
            return status;
    }
    *out = (struct kms_str_list){items, count};
    return KMSCTL_OK;
}

static enum kmsctl_exit parse_ids(struct kmsctl_app *app, struct change *change)
{
    size_t count = kmsctl_args_count(app->args, KMSCTL_OPT_SLOT);

    if (count == 0)
        return KMSCTL_OK;
    uint32_t *ids = kms_arena_calloc(&app->arena, count, sizeof(*ids));
    if (ids == NULL)
        return kmsctl_fail_memory(&app->failure);
    for (size_t i = 0; i < count; i++) {
        long value = 0;
        enum kmsctl_exit status = kmsctl_args_number(kmsctl_args_nth(app->args, KMSCTL_OPT_SLOT, i),
            "--slot", 0, UINT32_MAX, &value, &app->failure);

        if (status != KMSCTL_OK)
            return status;
        ids[i] = (uint32_t)value;
    }
    change->remove_ids = ids;
    change->remove_id_count = count;
    return KMSCTL_OK;
}

/* --- one file, in a worker -------------------------------------------------------------------- */

static enum kmsctl_exit fail_slots(struct kmsctl_app *app, const char *doing, const char *name,
    enum kms_err err, const struct kms_envelope_failure *detail)
{
    struct kms_str what = kms_arena_printf(&app->arena, "cannot %s %s", doing, name);

    if (err == KMS_ERR_NOT_FOUND)
        return kmsctl_fail(&app->failure, KMSCTL_BAD_INPUT,
            "%s has no key slots; 'kmsctl re-encrypt --key-slots' gives it some", name);
    if (err == KMS_ERR_BUSY)
        return kmsctl_fail(
            &app->failure, KMSCTL_IO, "%s: its key slots are being changed by somebody else", name);
    return kmsctl_fail_envelope(&app->failure, err, detail, what.data == NULL ? doing : what.data);
}

static bool is_for(const struct kms_key_slot *slot, struct kms_str key)
{
    return kms_str_is(slot->edk.provider_id, "aws-kms") &&
           kmsctl_crypt_arn_is(slot->edk.provider_info, key);
}

static bool has_key(const struct kms_key_slots *slots, struct kms_str key)
{
    for (size_t i = 0; i < slots->count; i++) {
        if (is_for(&slots->slots[i], key))
            return true;
    }
    return false;
}

/* A key that is to be there keeps its slots, by whatever name they are told to go. */
static bool is_to_go(const struct change *change, const struct kms_key_slot *slot)
{
    for (size_t i = 0; i < change->add.count; i++) {
        if (is_for(slot, change->add.items[i]))
            return false;
    }
    for (size_t i = 0; i < change->remove_id_count; i++) {
        if (change->remove_ids[i] == slot->id)
            return true;
    }
    for (size_t i = 0; i < change->remove.count; i++) {
        if (is_for(slot, change->remove.items[i]))
            return true;
    }
    return false;
}

/* What of the change is left to do for these slots. */
struct work {
    struct kms_str missing[KMS_KEY_SLOTS_MAX];
    size_t missing_count;
    uint32_t going[KMS_KEY_SLOTS_MAX];
    size_t going_count;
};

static void find_work(
    const struct change *change, const struct kms_key_slots *slots, struct work *work)
{
    work->missing_count = 0;
    work->going_count = 0;
    for (size_t i = 0; i < change->add.count && i < KMS_KEY_SLOTS_MAX; i++) {
        if (!has_key(slots, change->add.items[i]))
            work->missing[work->missing_count++] = change->add.items[i];
    }
    for (size_t i = 0; i < slots->count && i < KMS_KEY_SLOTS_MAX; i++) {
        if (is_to_go(change, &slots->slots[i]))
            work->going[work->going_count++] = slots->slots[i].id;
    }
}

static enum kmsctl_exit edit(struct kmsctl_app *app, const struct change *change,
    const struct work *work, int fd, const char *name)
{
    KEYRING_AUTO adder = NULL;
    struct kms_envelope_failure detail;
    struct kms_key_slots_edit order = {
        .opener = change->plan.opener,
        .unstored_context = change->plan.opening.unstored_context,
        .remove = work->going,
        .remove_count = work->going_count,
    };

    if (work->missing_count > 0) {
        struct kms_keyring_kms_options options = {.key_ids = {work->missing, work->missing_count}};
        enum kms_err made = kms_keyring_new_kms(app->client, &options, &adder);

        if (made != KMS_OK)
            return kmsctl_fail_call(&app->failure, made, NULL, "cannot set up the keys");
        order.adder = adder;
    }
    enum kms_err err = kms_key_slots_edit(fd, &order, NULL, &detail);
    return err == KMS_OK ? KMSCTL_OK : fail_slots(app, change->plan.doing, name, err, &detail);
}

/* The slots that count are as wanted. The other copy may still hold those from before, when a run was
 * interrupted between the two. */
static enum kmsctl_exit finish_file(struct kmsctl_app *app, const struct change *change,
    const struct kms_key_slots *slots, int fd, const char *name, struct kmsctl_batch_result *result)
{
    struct kms_envelope_failure detail;

    if (slots->copies_alike) {
        result->finished = true;
        return KMSCTL_OK;
    }
    enum kms_err err = kms_key_slots_settle(fd, NULL, &detail);
    return err == KMS_OK ? KMSCTL_OK : fail_slots(app, change->plan.doing, name, err, &detail);
}

static enum kmsctl_exit change_file(struct kmsctl_app *app, void *context,
    const struct kmsctl_batch_item *item, const struct kms_envelope_fd_options *fd_options,
    struct kmsctl_batch_result *result)
{
    const struct change *change = context;
    KMSCTL_INPUT_AUTO input = KMSCTL_INPUT_INIT;
    SLOTS_AUTO slots = NULL;
    struct kms_envelope_failure detail;
    struct work work;

    (void)fd_options;
    enum kmsctl_exit status = kmsctl_many_open(app, item, O_RDWR, &input);
    if (status != KMSCTL_OK)
        return status;
    enum kms_err err = kms_key_slots_list(input.fd, &slots, &detail);
    if (err != KMS_OK)
        return fail_slots(app, change->plan.doing, item->name, err, &detail);
    find_work(change, slots, &work);
    if (work.going_count == 0 && work.missing_count == 0)
        return finish_file(app, change, slots, input.fd, item->name, result);
    if (change->has_removal && change->add.count > 0 && work.going_count == 0)
        return kmsctl_fail(&app->failure, KMSCTL_NOT_FOUND,
            "%s has no slot of the key that is to be replaced", item->name);
    if (work.going_count == slots->count && work.missing_count == 0)
        return kmsctl_fail(&app->failure, KMSCTL_FAILED,
            "%s would have no key slot left, and nobody could open it", item->name);
    return edit(app, change, &work, input.fd, item->name);
}

static enum kmsctl_exit run_change(struct kmsctl_app *app, struct change *change)
{
    struct kmsctl_batch_options options = {
        .run = change_file,
        .context = change,
        .what = "changed",
    };

    enum kmsctl_exit status = kmsctl_app_pairs(
        app, KMSCTL_OPT_UNSTORED_CONTEXT, NULL, &change->plan.opening.unstored_context);
    if (status == KMSCTL_OK)
        status = kmsctl_app_keys(app, KMSCTL_OPT_SOURCE_KEY, &change->plan.old_keys);
    if (status == KMSCTL_OK)
        status = parse_ids(app, change);
    if (status == KMSCTL_OK)
        status = kmsctl_crypt_ready(app, &change->plan);
    change->has_removal = change->remove.count > 0 || change->remove_id_count > 0;
    if (status == KMSCTL_OK)
        status = kmsctl_many_run(app, &options);
    kmsctl_crypt_plan_clean_up(&change->plan);
    return status;
}

/* --- the verbs -------------------------------------------------------------------------------- */

enum kmsctl_exit kmsctl_key_slot_add(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    struct change change = {.plan = {.work = KMSCTL_CRYPT_DECRYPT, .doing = "add a key slot to"}};

    (void)args;
    enum kmsctl_exit status = resolve_keys(app, KMSCTL_OPT_KEY, &change.add);
    return status == KMSCTL_OK ? run_change(app, &change) : status;
}

enum kmsctl_exit kmsctl_key_slot_remove(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    struct change change = {
        .plan = {.work = KMSCTL_CRYPT_DECRYPT, .doing = "remove a key slot from"}};

    if (!kmsctl_args_has(args, KMSCTL_OPT_KEY) && !kmsctl_args_has(args, KMSCTL_OPT_SLOT))
        return kmsctl_fail(
            &app->failure, KMSCTL_USAGE, "--key KEY or --slot ID says which slots shall go");
    enum kmsctl_exit status = resolve_keys(app, KMSCTL_OPT_KEY, &change.remove);
    return status == KMSCTL_OK ? run_change(app, &change) : status;
}

/* Whether two ARNs or key ids may stand for one key: an id is that of an ARN that ends in it. */
static bool may_be_same(struct kms_str a, struct kms_str b)
{
    return kmsctl_crypt_arn_is(kms_bytes(a.data, a.len), b) ||
           kmsctl_crypt_arn_is(kms_bytes(b.data, b.len), a);
}

enum kmsctl_exit kmsctl_key_slot_replace(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    struct change change = {
        .plan = {.work = KMSCTL_CRYPT_DECRYPT, .doing = "replace a key slot of"}};

    if (!kmsctl_args_has(args, KMSCTL_OPT_OLD_KEY) && !kmsctl_args_has(args, KMSCTL_OPT_SLOT))
        return kmsctl_fail(
            &app->failure, KMSCTL_USAGE, "--old-key KEY or --slot ID says which slots shall go");
    enum kmsctl_exit status = resolve_keys(app, KMSCTL_OPT_KEY, &change.add);
    if (status == KMSCTL_OK)
        status = resolve_keys(app, KMSCTL_OPT_OLD_KEY, &change.remove);
    for (size_t i = 0; status == KMSCTL_OK && i < change.remove.count; i++) {
        for (size_t j = 0; j < change.add.count; j++) {
            if (may_be_same(change.remove.items[i], change.add.items[j]))
                return kmsctl_fail(
                    &app->failure, KMSCTL_USAGE, "--key and --old-key are the same key");
        }
    }
    return status == KMSCTL_OK ? run_change(app, &change) : status;
}

json_t *kmsctl_key_slots_describe(const struct kms_key_slots *slots, const char *file)
{
    json_t *array = json_array();

    for (size_t i = 0; array != NULL && i < slots->count; i++) {
        const struct kms_key_slot *slot = &slots->slots[i];
        struct kms_str key = {
            (const char *)slot->edk.provider_info.data, slot->edk.provider_info.len};
        char added[KMS_TIME_RFC3339_SIZE];
        json_t *object = json_object();

        kms_time_format_rfc3339(slot->added_ms, added);
        if (object == NULL ||
            (file != NULL && !kmsctl_json_add(object, "File", kmsctl_json_str(kms_str(file)))) ||
            !kmsctl_json_add(object, "SlotId", json_integer(slot->id)) ||
            !kmsctl_json_add(object, "Provider", kmsctl_json_str(slot->edk.provider_id)) ||
            !kmsctl_json_add(object, "KeyArn", kmsctl_json_str(key)) ||
            !kmsctl_json_add(object, "Added", json_string(added)) ||
            json_array_append(array, object) != 0) {
            json_decref(object);
            json_decref(array);
            return NULL;
        }
        json_decref(object);
    }
    return array;
}

enum kmsctl_exit kmsctl_key_slot_list(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    static const char *const columns[] = {"File", "SlotId", "KeyArn", "Added"};
    json_auto_t *result = json_pack("{s:[]}", "Slots");

    for (size_t i = 0; i < args->argument_count; i++) {
        const char *name = kmsctl_args_argument(args, i);
        KMSCTL_INPUT_AUTO input = KMSCTL_INPUT_INIT;
        SLOTS_AUTO slots = NULL;
        struct kms_envelope_failure detail;

        enum kmsctl_exit status = kmsctl_input_open(&input, name, &app->failure);
        if (status != KMSCTL_OK)
            return status;
        enum kms_err err = kms_key_slots_list(input.fd, &slots, &detail);
        if (err != KMS_OK)
            return fail_slots(app, "list the key slots of", name, err, &detail);
        json_auto_t *array = kmsctl_key_slots_describe(slots, name);
        if (array == NULL || json_array_extend(json_object_get(result, "Slots"), array) != 0)
            return kmsctl_fail_memory(&app->failure);
    }
    return kmsctl_print_rows(app, result, "Slots", columns, 4);
}

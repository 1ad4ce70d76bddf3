/* The plan: what the command line says of keys and contexts. */
#include "kmsctl/crypt.h"

/* The context to bind: the pairs of -c, and those of --unstored-context, whose keys are listed. */
static enum kmsctl_exit join_context(struct kmsctl_app *app, struct kms_str_map stored,
    struct kms_str_map unstored, struct kms_envelope_encrypt_options *making)
{
    struct kms_str_pair *all =
        kms_arena_calloc(&app->arena, stored.count + unstored.count, sizeof(*all));
    struct kms_str *keys = kms_arena_calloc(&app->arena, unstored.count, sizeof(*keys));

    if (all == NULL || keys == NULL)
        return kmsctl_fail_memory(&app->failure);
    for (size_t i = 0; i < stored.count; i++)
        all[i] = stored.items[i];
    for (size_t i = 0; i < unstored.count; i++) {
        all[stored.count + i] = unstored.items[i];
        keys[i] = unstored.items[i].key;
    }
    making->context = (struct kms_str_map){all, stored.count + unstored.count};
    making->unstored_keys = (struct kms_str_list){keys, unstored.count};
    return KMSCTL_OK;
}

enum kmsctl_exit kmsctl_crypt_plan_making(struct kmsctl_app *app, struct kmsctl_crypt_plan *plan)
{
    struct kms_str_map stored;
    struct kms_str_map unstored;

    enum kmsctl_exit status = kmsctl_app_keys(app, KMSCTL_OPT_KEY, &plan->keys);
    if (status != KMSCTL_OK)
        return status;
    if (kmsctl_args_has(app->args, KMSCTL_OPT_SIGN))
        plan->making.suite = KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT_ECDSA_P384;
    plan->making.key_slots = kmsctl_args_has(app->args, KMSCTL_OPT_KEY_SLOTS);
    if (plan->work != KMSCTL_CRYPT_ENCRYPT) /* the context is that of the old message, or its own */
        return KMSCTL_OK;
    status = kmsctl_app_pairs(app, KMSCTL_OPT_CONTEXT, NULL, &stored);
    if (status == KMSCTL_OK)
        status = kmsctl_app_pairs(app, KMSCTL_OPT_UNSTORED_CONTEXT, &stored, &unstored);
    if (status != KMSCTL_OK)
        return status;
    plan->making.context = stored;
    return unstored.count == 0 ? KMSCTL_OK : join_context(app, stored, unstored, &plan->making);
}

enum kmsctl_exit kmsctl_crypt_plan_opening(
    struct kmsctl_app *app, struct kmsctl_crypt_plan *plan, enum kmsctl_option_id keys)
{
    enum kmsctl_exit status = kmsctl_app_keys(app, keys, &plan->old_keys);

    if (status == KMSCTL_OK)
        status = kmsctl_app_pairs(app, KMSCTL_OPT_CONTEXT, NULL, &plan->opening.context);
    if (status == KMSCTL_OK)
        status = kmsctl_app_pairs(app, KMSCTL_OPT_UNSTORED_CONTEXT, &plan->opening.context,
            &plan->opening.unstored_context);
    if (kmsctl_args_has(app->args, KMSCTL_OPT_ALLOW_UNCOMMITTED))
        plan->opening.policy = KMS_COMMITMENT_REQUIRE_ENCRYPT_ALLOW_DECRYPT;
    return status;
}

bool kmsctl_crypt_gives_ciphertext(const struct kmsctl_crypt_plan *plan)
{
    return plan->work == KMSCTL_CRYPT_ENCRYPT || plan->work == KMSCTL_CRYPT_REENCRYPT;
}

static enum kmsctl_exit new_keyring(
    struct kmsctl_app *app, const struct kms_keyring_kms_options *options, struct kms_keyring **out)
{
    enum kmsctl_exit status = kmsctl_app_connect(app);

    if (status != KMSCTL_OK)
        return status;
    enum kms_err err = kms_keyring_new_kms(app->client, options, out);
    if (err == KMS_ERR_INVALID_ARGUMENT)
        return kmsctl_fail(&app->failure, KMSCTL_USAGE, "a key is not named as it should be: %s",
            "key id, key ARN, alias/NAME or alias ARN");
    if (err != KMS_OK)
        return kmsctl_fail_call(&app->failure, err, NULL, "cannot set up the keys");
    return KMSCTL_OK;
}

/* Opens messages: with the keys given, or with whichever the message names when there are none; in
 * both cases also with replicas of them. */
static enum kmsctl_exit make_opener(struct kmsctl_app *app, struct kmsctl_crypt_plan *plan)
{
    struct kms_keyring_kms_options options = {
        .key_ids = plan->old_keys,
        .discovery = plan->old_keys.count == 0,
        .multi_region = true,
    };

    return new_keyring(app, &options, &plan->opener);
}

/* For new messages: data keys by the first key, wrapped by all of them. */
static enum kmsctl_exit make_maker(struct kmsctl_app *app, struct kmsctl_crypt_plan *plan)
{
    struct kms_keyring_kms_options options = {.generator = plan->keys.items[0]};

    if (plan->keys.count > 1)
        options.key_ids = (struct kms_str_list){plan->keys.items + 1, plan->keys.count - 1};
    return new_keyring(app, &options, &plan->maker);
}

enum kmsctl_exit kmsctl_crypt_ready(struct kmsctl_app *app, struct kmsctl_crypt_plan *plan)
{
    enum kmsctl_exit status = KMSCTL_OK;

    if (plan->work != KMSCTL_CRYPT_ENCRYPT && plan->opener == NULL)
        status = make_opener(app, plan);
    if (status == KMSCTL_OK && kmsctl_crypt_gives_ciphertext(plan) && plan->maker == NULL)
        status = make_maker(app, plan);
    plan->opening.keyring = plan->opener;
    plan->making.keyring = plan->maker;
    return status;
}

void kmsctl_crypt_plan_clean_up(struct kmsctl_crypt_plan *plan)
{
    kms_keyring_free(plan->maker);
    kms_keyring_free(plan->opener);
    plan->maker = NULL;
    plan->opener = NULL;
}

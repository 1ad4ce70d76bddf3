#include "kmsd/pipeline_audit_keys.h"

#include "kmsd/ops/ops.h"
#include "kmsd/ops/table.h"
#include "libkms/base/encoding.h"

#include <stdio.h>

enum { DETAILS_MAX = 512, MATERIAL_HEX = 2 * KMSD_MATERIAL_ID_SIZE };

enum kms_err kmsd_audit_of_key(struct kmsd_audit *audit, const char *event_name,
    const struct kmsd_key *key, const char *details, enum kms_err outcome)
{
    char text[DETAILS_MAX];
    (void)snprintf(text, sizeof(text), "{\"keyId\":\"%.*s\"%s}", KMSD_STR(key->id),
        details == NULL ? "" : details);
    const struct kmsd_audit_happening happening = {
        .event_name = event_name,
        .account = key->realm.account,
        .region = key->realm.region,
        .key_arn = key->arn,
        .details = kms_str(text),
        .error_code = kms_str(outcome == KMS_OK ? NULL : "InternalFailure"),
        .error_message = kms_str(outcome == KMS_OK ? NULL : kms_err_text(outcome)),
    };
    return kmsd_audit_happened(audit, &happening);
}

/* The live service names the primary alone, in its own region. key: any of the related ones. */
static enum kms_err synchronized(
    struct kmsd_audit *audit, struct kmsd_keys *keys, const struct kmsd_key *key)
{
    const struct kmsd_realm realm = {key->realm.account, key->primary_region};
    const struct kmsd_key *primary = kmsd_keys_find(keys, realm, key->id, INT64_MIN);
    enum kms_err err = kmsd_audit_of_key(
        audit, "SynchronizeMultiRegionKey", primary == NULL ? key : primary, NULL, KMS_OK);
    kmsd_key_release(primary);
    return err;
}

static void hex_of(const struct kmsd_key_material *material, char out[MATERIAL_HEX + 1])
{
    out[0] = '\0';
    if (material != NULL)
        kms_hex_encode(kms_bytes(material->id, KMSD_MATERIAL_ID_SIZE), out);
}

enum kms_err kmsd_audit_rotated(struct kmsd_audit *audit, struct kmsd_keys *keys,
    const struct kmsd_key *key, enum kms_rotation_type type, enum kms_err outcome)
{
    char details[DETAILS_MAX];
    char before[MATERIAL_HEX + 1];
    char after[MATERIAL_HEX + 1];
    const struct kmsd_key *now = kmsd_keys_find(keys, key->realm, key->id, INT64_MIN);
    hex_of(kmsd_key_current_material(key), before);
    hex_of(now == NULL ? NULL : kmsd_key_current_material(now), after);
    kmsd_key_release(now);
    (void)snprintf(details, sizeof(details),
        ",\"rotationType\":\"%s\",\"keyOrigin\":\"%s\",\"previousKeyMaterialId\":\"%s\","
        "\"currentKeyMaterialId\":\"%s\"",
        type == KMS_ROTATION_TYPE_AUTOMATIC ? "AUTOMATIC" : "ON_DEMAND",
        key->origin == KMS_ORIGIN_EXTERNAL ? "EXTERNAL" : "AWS_KMS", before, after);
    enum kms_err err = kmsd_audit_of_key(audit, "RotateKey", key, details, outcome);
    return err == KMS_OK && outcome == KMS_OK && key->multi_region ? synchronized(audit, keys, key)
                                                                   : err;
}

enum kms_err kmsd_audit_expired(
    struct kmsd_audit *audit, const struct kmsd_key *key, int64_t now_ms, enum kms_err outcome)
{
    enum kms_err first = KMS_OK;
    for (size_t i = 0; i < key->material_count; i++) {
        const struct kmsd_key_material *material = &key->materials[i];
        char details[DETAILS_MAX] = "";
        char hex[MATERIAL_HEX + 1];
        if (!kmsd_material_has_expired(material, now_ms))
            continue;
        hex_of(material, hex);
        if (key->spec == KMS_KEY_SPEC_SYMMETRIC_DEFAULT) /* only there materials have names */
            (void)snprintf(details, sizeof(details), ",\"keyMaterialId\":\"%s\"", hex);
        enum kms_err err =
            kmsd_audit_of_key(audit, "DeleteExpiredKeyMaterial", key, details, outcome);
        first = first == KMS_OK ? err : first;
    }
    return first;
}

enum kms_err kmsd_audit_consequences(struct kmsd_audit *audit, const struct kmsd_call *call)
{
    if (call->op->id == KMS_OP_ROTATE_KEY_ON_DEMAND)
        return kmsd_audit_rotated(
            audit, call->keys, call->key, KMS_ROTATION_TYPE_ON_DEMAND, KMS_OK);
    return call->op->id == KMS_OP_REPLICATE_KEY ? synchronized(audit, call->keys, call->key)
                                                : KMS_OK;
}

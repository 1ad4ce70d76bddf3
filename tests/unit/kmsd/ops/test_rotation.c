/* EnableKeyRotation, DisableKeyRotation, GetKeyRotationStatus. */
#include "common.h"

static void assert_off(struct rig *rig)
{
    json_t *answer = rig_ok(rig, "GetKeyRotationStatus", "{'KeyId':'${K}'}");
    ASSERT_MEMBERS(answer, "KeyId", "KeyRotationEnabled");
    assert_string_equal(text_of(answer, "KeyId"), rig_get(rig, "K_ARN"));
    assert_true(json_is_false(json_object_get(answer, "KeyRotationEnabled")));
}

static void assert_on(struct rig *rig, int days, int64_t next_ms)
{
    json_t *answer = rig_ok(rig, "GetKeyRotationStatus", "{'KeyId':'${K_ARN}'}");
    ASSERT_MEMBERS(
        answer, "KeyId", "KeyRotationEnabled", "RotationPeriodInDays", "NextRotationDate");
    assert_true(json_is_true(json_object_get(answer, "KeyRotationEnabled")));
    assert_int_equal(json_integer_value(json_object_get(answer, "RotationPeriodInDays")), days);
    assert_time(answer, "NextRotationDate", next_ms);
}

static void test_status(void **state)
{
    struct rig *rig = *state;
    int64_t then = rig_now_ms;
    assert_off(rig);
    assert_null(rig_ok(rig, "DisableKeyRotation", "{'KeyId':'${K}'}"));
    assert_off(rig);
    assert_null(rig_ok(rig, "EnableKeyRotation", "{'KeyId':'${K}'}"));
    assert_on(rig, 365, then + 365 * DAY_MS);
    /* the same again a day later puts nothing off; another period counts from now */
    rig_now_ms = then + DAY_MS;
    rig_ok(rig, "EnableKeyRotation", "{'KeyId':'${K}'}");
    assert_on(rig, 365, then + 365 * DAY_MS);
    rig_ok(rig, "EnableKeyRotation", "{'KeyId':'${K}','RotationPeriodInDays':90}");
    assert_on(rig, 90, then + 91 * DAY_MS);
    rig_ok(rig, "EnableKeyRotation", "{'KeyId':'${K}','RotationPeriodInDays':2560}");
    assert_on(rig, 2560, then + 2561 * DAY_MS);

    /* kept while the key is disabled, silent while it waits for its deletion */
    rig_ok(rig, "DisableKey", "{'KeyId':'${K}'}");
    assert_on(rig, 2560, then + 2561 * DAY_MS);
    rig_ok(rig, "ScheduleKeyDeletion", "{'KeyId':'${K}'}");
    assert_off(rig);
    rig_ok(rig, "CancelKeyDeletion", "{'KeyId':'${K}'}");
    assert_on(rig, 2560, then + 2561 * DAY_MS);
    rig_ok(rig, "EnableKey", "{'KeyId':'${K}'}");

    assert_null(rig_ok(rig, "DisableKeyRotation", "{'KeyId':'${K}'}"));
    assert_off(rig);
    rig_now_ms = then;
}

static void test_refused(void **state)
{
    struct rig *rig = *state;
    static const struct rig_case cases[] = {
        {"EnableKeyRotation", "{'KeyId':'${K}','RotationPeriodInDays':89}", "ValidationException",
            "1 validation error detected: Value '89' at 'rotationPeriodInDays' failed to satisfy "
            "constraint: Member must have value greater than or equal to 90"},
        {"EnableKeyRotation", "{'KeyId':'${K}','RotationPeriodInDays':2561}", "ValidationException",
            "1 validation error detected: Value '2561' at 'rotationPeriodInDays' failed to satisfy "
            "constraint: Member must have value less than or equal to 2560"},
        {"EnableKeyRotation", "{'KeyId':'foo'}", "NotFoundException", "Invalid keyId 'foo'"},
    };
    rig_faults(rig, cases, COUNT(cases));
    assert_off(rig);
}

/* --- rotating --------------------------------------------------------------------------------- */

static void seal(struct rig *rig, const char *name)
{
    rig_set(rig, name,
        text_of(rig_ok(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'eA=='}"), "CiphertextBlob"));
}

static void current(struct rig *rig, const char *name)
{
    const json_t *metadata =
        json_object_get(rig_ok(rig, "DescribeKey", "{'KeyId':'${K}'}"), "KeyMetadata");
    rig_set(rig, name, text_of(metadata, "CurrentKeyMaterialId"));
}

/* Every version's ciphertexts open, and say which version made them; also after a restart. */
static void test_on_demand(void **state)
{
    struct rig *rig = rig_open(true);
    (void)state;
    rig_key(rig, "K");
    current(rig, "M1");
    seal(rig, "C1");
    json_t *answer = rig_ok(rig, "RotateKeyOnDemand", "{'KeyId':'${K}'}");
    ASSERT_MEMBERS(answer, "KeyId");
    assert_string_equal(text_of(answer, "KeyId"), rig_get(rig, "K_ARN"));
    assert_off(rig);
    current(rig, "M2");
    seal(rig, "C2");
    rig_now_ms += 1000;
    rig_ok(rig, "RotateKeyOnDemand", "{'KeyId':'${K}'}");
    current(rig, "M3");
    seal(rig, "C3");
    assert_string_not_equal(rig_get(rig, "M1"), rig_get(rig, "M2"));
    assert_string_not_equal(rig_get(rig, "M2"), rig_get(rig, "M3"));
    for (int round = 0; round < 2; round++) {
        for (int i = 1; i <= 3; i++) {
            char name[8];
            char body[64];
            (void)snprintf(name, sizeof(name), "M%d", i);
            (void)snprintf(body, sizeof(body), "{'CiphertextBlob':'${C%d}'}", i);
            answer = rig_ok(rig, "Decrypt", body);
            assert_string_equal(text_of(answer, "KeyMaterialId"), rig_get(rig, name));
            assert_string_equal(text_of(answer, "Plaintext"), "eA==");
        }
        rig_restart(rig);
    }
    rig_close(rig);
    rig_now_ms -= 1000;
}

static void assert_material(
    struct rig *rig, const json_t *entry, const char *id, const char *material, int64_t rotated_ms)
{
    assert_string_equal(text_of(entry, "KeyId"), rig_get(rig, "K_ARN"));
    assert_string_equal(text_of(entry, "KeyMaterialId"), rig_get(rig, id));
    assert_string_equal(text_of(entry, "KeyMaterialState"), material);
    if (rotated_ms == 0) {
        ASSERT_MEMBERS(entry, "KeyId", "KeyMaterialId", "KeyMaterialState");
        return;
    }
    ASSERT_MEMBERS(
        entry, "KeyId", "KeyMaterialId", "KeyMaterialState", "RotationDate", "RotationType");
    assert_time(entry, "RotationDate", rotated_ms);
    assert_string_equal(text_of(entry, "RotationType"), "ON_DEMAND");
}

static void test_list(void **state)
{
    struct rig *rig = *state;
    int64_t then = rig_now_ms;
    json_t *answer = rig_ok(rig, "ListKeyRotations", "{'KeyId':'${K}'}");
    ASSERT_MEMBERS(answer, "Rotations", "Truncated");
    assert_int_equal(json_array_size(json_object_get(answer, "Rotations")), 0);
    assert_true(json_is_false(json_object_get(answer, "Truncated")));
    current(rig, "M1");
    rig_now_ms = then + 1000;
    rig_ok(rig, "RotateKeyOnDemand", "{'KeyId':'${K}'}");
    current(rig, "M2");
    rig_now_ms = then + 2000;
    rig_ok(rig, "RotateKeyOnDemand", "{'KeyId':'${K}'}");
    current(rig, "M3");

    const json_t *list = json_object_get(
        rig_ok(rig, "ListKeyRotations", "{'KeyId':'${K}','IncludeKeyMaterial':'ROTATIONS_ONLY'}"),
        "Rotations");
    assert_int_equal(json_array_size(list), 2);
    assert_material(rig, json_array_get(list, 0), "M2", "NON_CURRENT", then + 1000);
    assert_material(rig, json_array_get(list, 1), "M3", "CURRENT", then + 2000);

    /* page by page; what comes between two pages does not disturb them */
    static const char *const ids[] = {"M1", "M2", "M3"};
    rig_set(rig, "PAGE", "");
    for (int i = 0; i < 3; i++) {
        answer = rig_ok(rig, "ListKeyRotations",
            i == 0 ? "{'KeyId':'${K}','IncludeKeyMaterial':'ALL_KEY_MATERIAL','Limit':1}"
                   : "{'KeyId':'${K}','IncludeKeyMaterial':'ALL_KEY_MATERIAL','Limit':1,"
                     "'Marker':'${PAGE}'}");
        list = json_object_get(answer, "Rotations");
        assert_int_equal(json_array_size(list), 1);
        assert_material(rig, json_array_get(list, 0), ids[i], i == 2 ? "CURRENT" : "NON_CURRENT",
            i == 0 ? 0 : then + 1000 * i);
        assert_int_equal(json_is_true(json_object_get(answer, "Truncated")), i < 2);
        if (i < 2)
            rig_set(rig, "PAGE", text_of(answer, "NextMarker"));
        else
            assert_null(json_object_get(answer, "NextMarker"));
    }
    /* a marker of the one list is none of the other */
    rig_fault(rig, "ListKeyRotations", "{'KeyId':'${K}','Limit':1,'Marker':'${PAGE}'}",
        "InvalidMarkerException", "The marker is not valid.");
    rig_fault(rig, "ListKeyRotations", "{'KeyId':'${K}','Limit':1,'Marker':'AW94'}",
        "InvalidMarkerException", "The marker is not valid.");
    rig_now_ms = then;
}

static void test_limit(void **state)
{
    struct rig *rig = *state;
    rig_ok(rig, "EnableKeyRotation", "{'KeyId':'${K}'}");
    for (int i = 0; i < 25; i++)
        rig_ok(rig, "RotateKeyOnDemand", "{'KeyId':'${K}'}");
    rig_fault(rig, "RotateKeyOnDemand", "{'KeyId':'${K}'}", "LimitExceededException",
        "The on-demand rotations limit has been reached for the given keyId. No more on-demand "
        "rotations can be performed for this key: ${K_ARN}");
    assert_on(rig, 365, rig_now_ms + 365 * DAY_MS); /* which rotations on demand leave alone */
    const json_t *list = json_object_get(
        rig_ok(rig, "ListKeyRotations", "{'KeyId':'${K}','IncludeKeyMaterial':'ALL_KEY_MATERIAL'}"),
        "Rotations");
    assert_int_equal(json_array_size(list), 26);
}

static void test_other_keys(void **state)
{
    struct rig *rig = *state;
    static const char *const bodies[] = {"{'KeySpec':'HMAC_256','KeyUsage':'GENERATE_VERIFY_MAC'}",
        "{'KeySpec':'ECC_NIST_P256','KeyUsage':'SIGN_VERIFY'}"};
    for (size_t i = 0; i < COUNT(bodies); i++) {
        json_t *metadata = json_object_get(rig_ok(rig, "CreateKey", bodies[i]), "KeyMetadata");
        rig_set(rig, "O", text_of(metadata, "KeyId"));
        rig_fault(
            rig, "EnableKeyRotation", "{'KeyId':'${O}'}", "UnsupportedOperationException", NULL);
        rig_fault(
            rig, "RotateKeyOnDemand", "{'KeyId':'${O}'}", "UnsupportedOperationException", NULL);
        rig_fault(
            rig, "ListKeyRotations", "{'KeyId':'${O}'}", "UnsupportedOperationException", NULL);
        assert_null(rig_ok(rig, "DisableKeyRotation", "{'KeyId':'${O}'}"));
        json_t *answer = rig_ok(rig, "GetKeyRotationStatus", "{'KeyId':'${O}'}");
        assert_true(json_is_false(json_object_get(answer, "KeyRotationEnabled")));
    }
}

static void test_kept_schedule(void **state)
{
    /* dates missed are not made up for, and the days stay those of the schedule */
    struct rig *rig = *state;
    struct kmsd_realm realm = {kms_str(RIG_ACCOUNT), kms_str(RIG_REGION)};
    int64_t then = rig_now_ms;
    rig_ok(rig, "EnableKeyRotation", "{'KeyId':'${K}','RotationPeriodInDays':100}");
    static const struct {
        int64_t day;
        int64_t next;
    } cases[] = {{100, 200}, {200, 300}, {351, 400}, {900, 1000}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        rig_now_ms = then + cases[i].day * DAY_MS;
        kmsd_keys_lock(rig->keys);
        const struct kmsd_key *key =
            kmsd_keys_find(rig->keys, realm, kms_str(rig_get(rig, "K")), rig_now_ms);
        assert_int_equal(
            kmsd_keys_rotate(rig->keys, key, KMS_ROTATION_TYPE_AUTOMATIC, rig_now_ms), KMS_OK);
        kmsd_key_release(key);
        kmsd_keys_unlock(rig->keys);
        assert_on(rig, 100, then + cases[i].next * DAY_MS);
    }
    const json_t *list =
        json_object_get(rig_ok(rig, "ListKeyRotations", "{'KeyId':'${K}'}"), "Rotations");
    assert_int_equal(json_array_size(list), COUNT(cases));
    assert_string_equal(text_of(json_array_get(list, 0), "RotationType"), "AUTOMATIC");
    rig_now_ms = then;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_status),
        T(test_refused),
        cmocka_unit_test(test_on_demand),
        T(test_list),
        T(test_limit),
        T(test_other_keys),
        T(test_kept_schedule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Multi-Region keys: what related keys share and what they do not, replication, the change of the
 * primary, deletion, rotation and import. */
#include "importing.h"

#define HERE      RIG_ACCOUNT " " RIG_REGION
#define THERE     RIG_ACCOUNT " eu-west-1"
#define ELSEWHERE RIG_ACCOUNT " ap-southeast-1"

static void in(struct rig *rig, const char *caller)
{
    rig->caller = caller;
}

/* A primary here, under K, and what its ARN is in the other regions. */
static void make_primary(struct rig *rig, const char *body)
{
    char arn[256];
    in(rig, HERE);
    json_t *metadata = json_object_get(rig_ok(rig, "CreateKey", body), "KeyMetadata");
    rig_set(rig, "K", text_of(metadata, "KeyId"));
    rig_set(rig, "K_ARN", text_of(metadata, "Arn"));
    (void)snprintf(
        arn, sizeof(arn), "arn:aws:kms:eu-west-1:" RIG_ACCOUNT ":key/%s", rig_get(rig, "K"));
    rig_set(rig, "R_ARN", arn);
    (void)snprintf(
        arn, sizeof(arn), "arn:aws:kms:ap-southeast-1:" RIG_ACCOUNT ":key/%s", rig_get(rig, "K"));
    rig_set(rig, "S_ARN", arn);
}

static void replicate(struct rig *rig)
{
    in(rig, HERE);
    rig_ok(rig, "ReplicateKey", "{'KeyId':'${K}','ReplicaRegion':'eu-west-1'}");
}

static json_t *describe(struct rig *rig, const char *caller)
{
    in(rig, caller);
    return json_object_get(rig_ok(rig, "DescribeKey", "{'KeyId':'${K}'}"), "KeyMetadata");
}

static void assert_state(struct rig *rig, const char *caller, const char *state)
{
    assert_string_equal(text_of(describe(rig, caller), "KeyState"), state);
}

/* The configuration: type, ARN of the primary, ARNs of the replicas, NULL-terminated. */
static void assert_regions(struct rig *rig, const json_t *metadata, const char *type,
    const char *primary, const char *const *replicas)
{
    const json_t *regions = json_object_get(metadata, "MultiRegionConfiguration");
    ASSERT_MEMBERS(regions, "MultiRegionKeyType", "PrimaryKey", "ReplicaKeys");
    assert_string_equal(text_of(regions, "MultiRegionKeyType"), type);
    const json_t *primary_key = json_object_get(regions, "PrimaryKey");
    ASSERT_MEMBERS(primary_key, "Arn", "Region");
    assert_string_equal(text_of(primary_key, "Arn"), rig_get(rig, primary));
    const json_t *keys = json_object_get(regions, "ReplicaKeys");
    size_t count = 0;
    for (; replicas[count] != NULL; count++) {
        const json_t *key = json_array_get(keys, count);
        assert_string_equal(text_of(key, "Arn"), rig_get(rig, replicas[count]));
        assert_non_null(strstr(text_of(key, "Arn"), text_of(key, "Region")));
    }
    assert_int_equal(json_array_size(keys), count);
}

#define ASSERT_REGIONS(rig, metadata, type, primary, ...) \
    assert_regions((rig), (metadata), (type), (primary),  \
        (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

/* --- replication ------------------------------------------------------------------------------ */

static void test_primary(void **state)
{
    struct rig *rig = *state;
    make_primary(rig, "{'MultiRegion':true,'Description':'d'}");
    assert_int_equal(strlen(rig_get(rig, "K")), 36);
    assert_memory_equal(rig_get(rig, "K"), "mrk-", 4);
    assert_null(strchr(rig_get(rig, "K") + 4, '-'));
    json_t *metadata = describe(rig, HERE);
    assert_true(json_is_true(json_object_get(metadata, "MultiRegion")));
    ASSERT_REGIONS(rig, metadata, "PRIMARY", "K_ARN");
    rig_key(rig, "SINGLE");
    metadata = json_object_get(rig_ok(rig, "DescribeKey", "{'KeyId':'${SINGLE}'}"), "KeyMetadata");
    assert_null(json_object_get(metadata, "MultiRegionConfiguration"));
    in(rig, THERE);
    rig_fault(rig, "DescribeKey", "{'KeyId':'${K}'}", "NotFoundException",
        "Key '${R_ARN}' does not exist");
}

static void test_replica(void **state)
{
    struct rig *rig = *state;
    make_primary(rig, "{'MultiRegion':true,'Description':'of the primary'}");
    rig_ok(rig, "TagResource", "{'KeyId':'${K}','Tags':[{'TagKey':'a','TagValue':'1'}]}");
    rig_set(rig, "BLOB",
        text_of(rig_ok(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'eA=='}"), "CiphertextBlob"));
    json_t *answer =
        rig_ok(rig, "ReplicateKey", "{'KeyId':'${K_ARN}','ReplicaRegion':'eu-west-1'}");
    ASSERT_MEMBERS(answer, "ReplicaKeyMetadata", "ReplicaPolicy");
    json_t *metadata = json_object_get(answer, "ReplicaKeyMetadata");
    assert_string_equal(text_of(metadata, "KeyState"), "Creating");
    assert_true(json_is_false(json_object_get(metadata, "Enabled")));
    assert_string_equal(text_of(metadata, "Arn"), rig_get(rig, "R_ARN"));
    assert_string_equal(text_of(metadata, "KeyId"), rig_get(rig, "K"));
    assert_string_equal(text_of(metadata, "Description"), "");
    assert_null(json_object_get(metadata, "CurrentKeyMaterialId"));
    ASSERT_REGIONS(rig, metadata, "REPLICA", "K_ARN", "R_ARN");
    assert_non_null(strstr(text_of(answer, "ReplicaPolicy"), "key-default-1"));
    ASSERT_REGIONS(rig, describe(rig, HERE), "PRIMARY", "K_ARN", "R_ARN");

    metadata = describe(rig, THERE);
    assert_string_equal(text_of(metadata, "KeyState"), "Enabled");
    ASSERT_REGIONS(rig, metadata, "REPLICA", "K_ARN", "R_ARN");
    rig_set(rig, "MATERIAL", text_of(metadata, "CurrentKeyMaterialId"));
    assert_string_equal(
        text_of(describe(rig, HERE), "CurrentKeyMaterialId"), rig_get(rig, "MATERIAL"));

    /* either opens what the other sealed, and answers with its own ARN */
    in(rig, THERE);
    answer = rig_ok(rig, "Decrypt", "{'CiphertextBlob':'${BLOB}'}");
    assert_string_equal(text_of(answer, "Plaintext"), "eA==");
    assert_string_equal(text_of(answer, "KeyId"), rig_get(rig, "R_ARN"));
    rig_set(rig, "BLOB",
        text_of(rig_ok(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'eQ=='}"), "CiphertextBlob"));
    in(rig, HERE);
    answer = rig_ok(rig, "Decrypt", "{'CiphertextBlob':'${BLOB}','KeyId':'${K}'}");
    assert_string_equal(text_of(answer, "Plaintext"), "eQ==");

    /* the rest is each region's own */
    answer = rig_ok(rig, "ReplicateKey",
        "{'KeyId':'${K}','ReplicaRegion':'ap-southeast-1','Description':'of the replica',"
        "'Tags':[{'TagKey':'z','TagValue':'1'},{'TagKey':'b','TagValue':'2'}]}");
    ASSERT_MEMBERS(answer, "ReplicaKeyMetadata", "ReplicaPolicy", "ReplicaTags");
    assert_string_equal(
        text_of(json_array_get(json_object_get(answer, "ReplicaTags"), 0), "TagKey"), "b");
    ASSERT_REGIONS(rig, describe(rig, THERE), "REPLICA", "K_ARN", "S_ARN", "R_ARN");
    in(rig, THERE);
    rig_ok(rig, "DisableKey", "{'KeyId':'${K}'}");
    rig_ok(rig, "CreateAlias", "{'AliasName':'alias/there','TargetKeyId':'${K}'}");
    assert_state(rig, HERE, "Enabled");
    assert_state(rig, ELSEWHERE, "Enabled");
    assert_string_equal(text_of(describe(rig, ELSEWHERE), "Description"), "of the replica");
    assert_string_equal(text_of(describe(rig, HERE), "Description"), "of the primary");
    in(rig, HERE);
    rig_fault(rig, "DescribeKey", "{'KeyId':'alias/there'}", "NotFoundException",
        "Alias arn:aws:kms:us-east-1:" RIG_ACCOUNT ":alias/there is not found.");
    assert_int_equal(json_array_size(json_object_get(
                         rig_ok(rig, "ListResourceTags", "{'KeyId':'${K}'}"), "Tags")),
        1);
}

static void test_kinds(void **state)
{
    struct rig *rig = *state;
    make_primary(rig, "{'MultiRegion':true,'KeySpec':'ECC_NIST_P256','KeyUsage':'SIGN_VERIFY'}");
    replicate(rig);
    rig_set(rig, "PUBLIC", text_of(rig_ok(rig, "GetPublicKey", "{'KeyId':'${K}'}"), "PublicKey"));
    rig_set(rig, "SIGNATURE",
        text_of(rig_ok(rig, "Sign",
                    "{'KeyId':'${K}','Message':'eA==','SigningAlgorithm':'ECDSA_SHA_256'}"),
            "Signature"));
    in(rig, THERE);
    assert_string_equal(text_of(rig_ok(rig, "GetPublicKey", "{'KeyId':'${K}'}"), "PublicKey"),
        rig_get(rig, "PUBLIC"));
    rig_ok(rig, "Verify",
        "{'KeyId':'${K}','Message':'eA==','SigningAlgorithm':'ECDSA_SHA_256',"
        "'Signature':'${SIGNATURE}'}");
    make_primary(rig, "{'MultiRegion':true,'KeySpec':'HMAC_512','KeyUsage':'GENERATE_VERIFY_MAC'}");
    replicate(rig);
    rig_set(rig, "MAC",
        text_of(rig_ok(rig, "GenerateMac",
                    "{'KeyId':'${K}','Message':'eA==','MacAlgorithm':'HMAC_SHA_512'}"),
            "Mac"));
    in(rig, THERE);
    rig_ok(rig, "VerifyMac",
        "{'KeyId':'${K}','Message':'eA==','MacAlgorithm':'HMAC_SHA_512','Mac':'${MAC}'}");
}

static void test_replicate_refused(void **state)
{
    struct rig *rig = *state;
    rig_key(rig, "SINGLE");
    make_primary(rig, "{'MultiRegion':true}");
    replicate(rig);
    static const struct rig_case cases[] = {
        {"ReplicateKey", "{'KeyId':'${K}','ReplicaRegion':'eu-west-1'}", "AlreadyExistsException",
            "Key ${R_ARN} already exists"},
        {"ReplicateKey", "{'KeyId':'${K}','ReplicaRegion':'us-east-1'}", "AlreadyExistsException",
            "Key ${K_ARN} already exists"},
        {"ReplicateKey", "{'KeyId':'${SINGLE}','ReplicaRegion':'eu-west-1'}",
            "UnsupportedOperationException", "${SINGLE_ARN} is not a multi-region primary key."},
        {"ReplicateKey", "{'KeyId':'${K}','ReplicaRegion':'cn-north-1'}",
            "UnsupportedOperationException",
            "Multi-Region keys cannot be replicated into the Region cn-north-1."},
        {"ReplicateKey", "{'KeyId':'alias/a','ReplicaRegion':'eu-west-2'}", "InvalidArnException",
            "Key Aliases are not supported for this operation."},
        {"ReplicateKey", "{'KeyId':'${K}','ReplicaRegion':'eu-west-2','Policy':'no'}",
            "MalformedPolicyDocumentException", ""},
        {"ReplicateKey",
            "{'KeyId':'${K}','ReplicaRegion':'eu-west-2','Tags':[{'TagKey':'a','TagValue':'1'},"
            "{'TagKey':'a','TagValue':'2'}]}",
            "TagException", "Duplicate tag keys"},
    };
    rig_faults(rig, cases, COUNT(cases));
    in(rig, THERE);
    rig_fault(rig, "ReplicateKey", "{'KeyId':'${K}','ReplicaRegion':'eu-west-2'}",
        "UnsupportedOperationException", "${R_ARN} is not a multi-region primary key.");
    in(rig, HERE);
    rig_ok(rig, "DisableKey", "{'KeyId':'${K}'}");
    rig_fault(rig, "ReplicateKey", "{'KeyId':'${K}','ReplicaRegion':'eu-west-2'}",
        "DisabledException", "${K_ARN} is disabled.");
    /* a daemon replicates into the regions that it serves */
    static const struct kms_str served[] = {
        KMS_STR_LITERAL("us-east-1"), KMS_STR_LITERAL("eu-west-1")};
    rig_ok(rig, "EnableKey", "{'KeyId':'${K}'}");
    rig->pipeline.regions = served;
    rig->pipeline.region_count = 2;
    rig_fault(rig, "ReplicateKey", "{'KeyId':'${K}','ReplicaRegion':'eu-west-2'}",
        "UnsupportedOperationException",
        "Multi-Region keys cannot be replicated into the Region eu-west-2.");
}

/* --- the primary ------------------------------------------------------------------------------ */

static void test_update_primary(void **state)
{
    struct rig *rig = *state;
    make_primary(rig, "{'MultiRegion':true}");
    replicate(rig);
    rig_fault(rig, "UpdatePrimaryRegion", "{'KeyId':'${K}','PrimaryRegion':'ap-southeast-1'}",
        "NotFoundException", "Key '${S_ARN}' does not exist");
    rig_fault(rig, "UpdatePrimaryRegion", "{'KeyId':'${K}','PrimaryRegion':'us-east-1'}",
        "UnsupportedOperationException", "${K_ARN} is the multi-region primary key already.");
    in(rig, THERE);
    rig_fault(rig, "UpdatePrimaryRegion", "{'KeyId':'${K}','PrimaryRegion':'eu-west-1'}",
        "UnsupportedOperationException", "${R_ARN} is not a multi-region primary key.");
    rig_ok(rig, "DisableKey", "{'KeyId':'${K}'}");
    in(rig, HERE);
    rig_fault(rig, "UpdatePrimaryRegion", "{'KeyId':'${K}','PrimaryRegion':'eu-west-1'}",
        "DisabledException", "${R_ARN} is disabled.");
    in(rig, THERE);
    rig_ok(rig, "EnableKey", "{'KeyId':'${K}'}");
    in(rig, HERE);
    assert_null(rig_ok(rig, "UpdatePrimaryRegion", "{'KeyId':'${K}','PrimaryRegion':'eu-west-1'}"));
    ASSERT_REGIONS(rig, describe(rig, HERE), "REPLICA", "R_ARN", "K_ARN");
    ASSERT_REGIONS(rig, describe(rig, THERE), "PRIMARY", "R_ARN", "K_ARN");
    in(rig, THERE);
    rig_ok(rig, "ReplicateKey", "{'KeyId':'${K}','ReplicaRegion':'ap-southeast-1'}");
    ASSERT_REGIONS(rig, describe(rig, ELSEWHERE), "REPLICA", "R_ARN", "S_ARN", "K_ARN");
    in(rig, HERE);
    rig_fault(rig, "ReplicateKey", "{'KeyId':'${K}','ReplicaRegion':'eu-west-2'}",
        "UnsupportedOperationException", "${K_ARN} is not a multi-region primary key.");
}

/* --- rotation --------------------------------------------------------------------------------- */

static void test_rotation(void **state)
{
    struct rig *rig = *state;
    make_primary(rig, "{'MultiRegion':true}");
    replicate(rig);
    rig_set(rig, "OLD",
        text_of(rig_ok(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'eA=='}"), "CiphertextBlob"));
    rig_ok(rig, "EnableKeyRotation", "{'KeyId':'${K}','RotationPeriodInDays':100}");
    in(rig, THERE);
    json_t *status = rig_ok(rig, "GetKeyRotationStatus", "{'KeyId':'${K}'}");
    assert_int_equal(json_integer_value(json_object_get(status, "RotationPeriodInDays")), 100);
    assert_time(status, "NextRotationDate", rig_now_ms + 100 * DAY_MS);
    static const char *const refused[] = {
        "EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand"};
    for (size_t i = 0; i < COUNT(refused); i++)
        rig_fault(rig, refused[i], "{'KeyId':'${K}'}", "UnsupportedOperationException",
            "${R_ARN} is not a multi-region primary key.");

    in(rig, HERE);
    rig_ok(rig, "RotateKeyOnDemand", "{'KeyId':'${K}'}");
    rig_set(rig, "MATERIAL", text_of(describe(rig, HERE), "CurrentKeyMaterialId"));
    assert_string_equal(
        text_of(describe(rig, THERE), "CurrentKeyMaterialId"), rig_get(rig, "MATERIAL"));
    json_t *rotations =
        json_object_get(rig_ok(rig, "ListKeyRotations", "{'KeyId':'${K}'}"), "Rotations");
    assert_int_equal(json_array_size(rotations), 1);
    assert_string_equal(
        text_of(json_array_get(rotations, 0), "KeyMaterialId"), rig_get(rig, "MATERIAL"));
    rig_set(rig, "NEW",
        text_of(rig_ok(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'eQ=='}"), "CiphertextBlob"));
    for (int i = 0; i < 3; i++) {
        static const char *const callers[] = {HERE, THERE, ELSEWHERE};
        if (i == 2) { /* a replica that is made later has all generations */
            in(rig, HERE);
            rig_ok(rig, "ReplicateKey", "{'KeyId':'${K}','ReplicaRegion':'ap-southeast-1'}");
        }
        in(rig, callers[i]);
        assert_string_equal(
            text_of(rig_ok(rig, "Decrypt", "{'CiphertextBlob':'${OLD}'}"), "Plaintext"), "eA==");
        assert_string_equal(
            text_of(rig_ok(rig, "Decrypt", "{'CiphertextBlob':'${NEW}'}"), "Plaintext"), "eQ==");
    }
}

/* --- import ----------------------------------------------------------------------------------- */

static const char import_k[] = "{'KeyId':'${K}'," IMPORT_FOR_EVER "}";
static const char import_new[] =
    "{'KeyId':'${K}','ImportType':'NEW_KEY_MATERIAL'," IMPORT_FOR_EVER "}";

/* Wraps for the key of the region at hand. */
static void wrap_in(struct rig *rig, const char *caller, uint8_t first)
{
    uint8_t secret[32] = {first};
    in(rig, caller);
    if (strcmp(caller, HERE) == 0) {
        wrap_for(rig, "K", kms_bytes(secret, sizeof(secret)));
    } else {
        rig_set(rig, "R", rig_get(rig, "K"));
        wrap_for(rig, "R", kms_bytes(secret, sizeof(secret)));
    }
}

/* A member of what is told of the newest material. */
static const char *newest(struct rig *rig, const char *caller, const char *member)
{
    in(rig, caller);
    json_t *rotations = json_object_get(
        rig_ok(rig, "ListKeyRotations", "{'KeyId':'${K}','IncludeKeyMaterial':'ALL_KEY_MATERIAL'}"),
        "Rotations");
    size_t count = json_array_size(rotations);
    return count == 0 ? "" : text_of(json_array_get(rotations, count - 1), member);
}

static const char *waiting_state(struct rig *rig, const char *caller)
{
    return newest(rig, caller, "KeyMaterialState");
}

static const char *waiting_id(struct rig *rig, const char *caller)
{
    return newest(rig, caller, "KeyMaterialId");
}

static void test_import(void **state)
{
    struct rig *rig = *state;
    make_primary(rig, "{'MultiRegion':true,'Origin':'EXTERNAL'}");
    rig_fault(rig, "ReplicateKey", "{'KeyId':'${K}','ReplicaRegion':'eu-west-1'}",
        "KMSInvalidStateException", "${K_ARN} is pending import.");
    wrap_in(rig, HERE, 1);
    rig_ok(rig, "ImportKeyMaterial", import_k);
    replicate(rig);
    rig_set(rig, "BLOB",
        text_of(rig_ok(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'eA=='}"), "CiphertextBlob"));
    assert_state(rig, THERE, "PendingImport");
    in(rig, THERE);
    rig_fault(rig, "ImportKeyMaterial", import_k, "InvalidImportTokenException", NULL);
    wrap_in(rig, THERE, 2);
    rig_fault(rig, "ImportKeyMaterial", import_k, "IncorrectKeyMaterialException", NULL);
    rig_fault(rig, "ImportKeyMaterial", import_new, "UnsupportedOperationException",
        "${R_ARN} is not a multi-region primary key.");
    wrap_in(rig, THERE, 1);
    rig_ok(rig, "ImportKeyMaterial", import_k);
    assert_state(rig, THERE, "Enabled");
    in(rig, THERE);
    assert_string_equal(
        text_of(rig_ok(rig, "Decrypt", "{'CiphertextBlob':'${BLOB}'}"), "Plaintext"), "eA==");

    /* deleting it is each region's own affair */
    rig_ok(rig, "DeleteImportedKeyMaterial", "{'KeyId':'${K}'}");
    assert_state(rig, THERE, "PendingImport");
    assert_state(rig, HERE, "Enabled");
    wrap_in(rig, THERE, 1);
    rig_ok(rig, "ImportKeyMaterial", import_k);

    /* what is to be rotated to is brought to every region first */
    wrap_in(rig, HERE, 2);
    rig_ok(rig, "ImportKeyMaterial", import_new);
    assert_string_equal(waiting_state(rig, HERE), "PENDING_MULTI_REGION_IMPORT_AND_ROTATION");
    assert_string_equal(waiting_state(rig, THERE), "PENDING_MULTI_REGION_IMPORT_AND_ROTATION");
    assert_state(rig, THERE, "Enabled");
    in(rig, HERE);
    rig_fault(rig, "RotateKeyOnDemand", "{'KeyId':'${K}'}", "KMSInvalidStateException",
        "No available key material pending rotation for the key: ${K_ARN}.");
    wrap_in(rig, THERE, 2);
    rig_ok(rig, "ImportKeyMaterial", import_k);
    assert_string_equal(waiting_state(rig, THERE), "PENDING_ROTATION");
    assert_string_equal(waiting_state(rig, HERE), "PENDING_ROTATION");

    /* and waits for that again when a region loses it: else that region would lose the key by the rotation */
    rig_set(rig, "TWO", waiting_id(rig, THERE));
    rig_ok(rig, "DeleteImportedKeyMaterial", "{'KeyId':'${K}','KeyMaterialId':'${TWO}'}");
    assert_string_equal(waiting_state(rig, THERE), "PENDING_MULTI_REGION_IMPORT_AND_ROTATION");
    assert_string_equal(waiting_state(rig, HERE), "PENDING_MULTI_REGION_IMPORT_AND_ROTATION");
    rig_fault(rig, "RotateKeyOnDemand", "{'KeyId':'${K}'}", "KMSInvalidStateException",
        "No available key material pending rotation for the key: ${K_ARN}.");
    wrap_in(rig, THERE, 2);
    rig_ok(rig, "ImportKeyMaterial", import_k);
    assert_string_equal(waiting_state(rig, HERE), "PENDING_ROTATION");
    rig_ok(rig, "RotateKeyOnDemand", "{'KeyId':'${K}'}");
    assert_string_equal(waiting_state(rig, THERE), "CURRENT");
    assert_state(rig, THERE, "Enabled");
    rig_set(rig, "MATERIAL", text_of(describe(rig, HERE), "CurrentKeyMaterialId"));
    assert_string_equal(
        text_of(describe(rig, THERE), "CurrentKeyMaterialId"), rig_get(rig, "MATERIAL"));

    /* the primary takes back what waits in all regions */
    wrap_in(rig, HERE, 3);
    rig_set(rig, "THREE", text_of(rig_ok(rig, "ImportKeyMaterial", import_new), "KeyMaterialId"));
    rig_ok(rig, "DeleteImportedKeyMaterial", "{'KeyId':'${K}','KeyMaterialId':'${THREE}'}");
    assert_string_equal(waiting_state(rig, HERE), "CURRENT");
    assert_string_equal(waiting_state(rig, THERE), "CURRENT");

    /* a new region lacks it as well */
    wrap_in(rig, HERE, 3);
    rig_ok(rig, "ImportKeyMaterial", import_new);
    wrap_in(rig, THERE, 3);
    rig_ok(rig, "ImportKeyMaterial", import_k);
    assert_string_equal(waiting_state(rig, HERE), "PENDING_ROTATION");
    in(rig, HERE);
    rig_ok(rig, "ReplicateKey", "{'KeyId':'${K}','ReplicaRegion':'ap-southeast-1'}");
    static const char *const callers[] = {HERE, THERE, ELSEWHERE};
    for (size_t i = 0; i < COUNT(callers); i++)
        assert_string_equal(
            waiting_state(rig, callers[i]), "PENDING_MULTI_REGION_IMPORT_AND_ROTATION");
}

/* --- deletion --------------------------------------------------------------------------------- */

static void erase(struct rig *rig, const char *region)
{
    struct kmsd_realm realm = {kms_str(RIG_ACCOUNT), kms_str(region)};
    kmsd_keys_lock(rig->keys);
    const struct kmsd_key *key =
        kmsd_keys_find(rig->keys, realm, kms_str(rig_get(rig, "K")), INT64_MIN);
    assert_non_null(key);
    assert_int_equal(kmsd_key_due(key, rig_now_ms, false), KMSD_DUE_DELETION);
    assert_int_equal(kmsd_keys_erase(rig->keys, key, rig_now_ms), KMS_OK);
    kmsd_key_release(key);
    kmsd_keys_unlock(rig->keys);
}

static void test_deletion(void **state)
{
    struct rig *rig = *state;
    int64_t then = rig_now_ms;
    make_primary(rig, "{'MultiRegion':true}");
    replicate(rig);
    rig_set(rig, "BLOB",
        text_of(rig_ok(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'eA=='}"), "CiphertextBlob"));
    json_t *answer = rig_ok(rig, "ScheduleKeyDeletion", "{'KeyId':'${K}','PendingWindowInDays':8}");
    ASSERT_MEMBERS(answer, "KeyId", "KeyState", "PendingWindowInDays");
    assert_string_equal(text_of(answer, "KeyState"), "PendingReplicaDeletion");
    json_t *metadata = describe(rig, HERE);
    assert_string_equal(text_of(metadata, "KeyState"), "PendingReplicaDeletion");
    assert_int_equal(
        json_integer_value(json_object_get(metadata, "PendingDeletionWindowInDays")), 8);
    assert_null(json_object_get(metadata, "DeletionDate"));
    rig_fault(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'eA=='}", "KMSInvalidStateException",
        "${K_ARN} is pending replica deletion.");
    rig_ok(rig, "CancelKeyDeletion", "{'KeyId':'${K}'}");
    assert_state(rig, HERE, "Disabled");
    rig_ok(rig, "ScheduleKeyDeletion", "{'KeyId':'${K}','PendingWindowInDays':8}");

    in(rig, THERE);
    answer = rig_ok(rig, "ScheduleKeyDeletion", "{'KeyId':'${K}','PendingWindowInDays':7}");
    ASSERT_MEMBERS(answer, "KeyId", "DeletionDate", "KeyState", "PendingWindowInDays");
    rig_now_ms = then + 7 * DAY_MS;
    ASSERT_REGIONS(rig, describe(rig, HERE), "PRIMARY", "K_ARN");
    erase(rig, "eu-west-1");
    metadata = describe(rig, HERE);
    assert_string_equal(text_of(metadata, "KeyState"), "PendingDeletion");
    assert_time(metadata, "DeletionDate", then + 15 * DAY_MS);
    assert_null(json_object_get(metadata, "PendingDeletionWindowInDays"));
    rig_ok(rig, "CancelKeyDeletion", "{'KeyId':'${K}'}");
    rig_ok(rig, "EnableKey", "{'KeyId':'${K}'}");

    /* where a replica was another may come, before and after its remains are gone */
    replicate(rig);
    in(rig, THERE);
    rig_ok(rig, "Decrypt", "{'CiphertextBlob':'${BLOB}'}");
    rig_ok(rig, "ScheduleKeyDeletion", "{'KeyId':'${K}','PendingWindowInDays':7}");
    in(rig, HERE);
    rig_fault(rig, "ReplicateKey", "{'KeyId':'${K}','ReplicaRegion':'eu-west-1'}",
        "AlreadyExistsException", "Key ${R_ARN} already exists");
    rig_now_ms = then + 14 * DAY_MS;
    replicate(rig);
    in(rig, THERE);
    rig_ok(rig, "Decrypt", "{'CiphertextBlob':'${BLOB}'}");
    rig_now_ms = then;
}

/* The region that lacked the material goes, and the primary waits for that, too: both are noticed. */
static void test_deletion_of_what_lacked_material(void **state)
{
    struct rig *rig = *state;
    int64_t then = rig_now_ms;
    make_primary(rig, "{'MultiRegion':true,'Origin':'EXTERNAL'}");
    wrap_in(rig, HERE, 1);
    rig_ok(rig, "ImportKeyMaterial", import_k);
    replicate(rig);
    wrap_in(rig, HERE, 2);
    rig_ok(rig, "ImportKeyMaterial", import_new);
    assert_string_equal(waiting_state(rig, HERE), "PENDING_MULTI_REGION_IMPORT_AND_ROTATION");
    rig_ok(rig, "ScheduleKeyDeletion", "{'KeyId':'${K}','PendingWindowInDays':8}");
    in(rig, THERE);
    rig_ok(rig, "ScheduleKeyDeletion", "{'KeyId':'${K}','PendingWindowInDays':7}");
    rig_now_ms = then + 7 * DAY_MS;
    erase(rig, "eu-west-1");
    assert_state(rig, HERE, "PendingDeletion");
    assert_string_equal(waiting_state(rig, HERE), "PENDING_ROTATION");
    in(rig, HERE);
    rig_ok(rig, "CancelKeyDeletion", "{'KeyId':'${K}'}");
    rig_ok(rig, "EnableKey", "{'KeyId':'${K}'}");
    rig_ok(rig, "RotateKeyOnDemand", "{'KeyId':'${K}'}");
    rig_now_ms = then;
}

/* --- durability and permission ---------------------------------------------------------------- */

static void test_restart(void **state)
{
    (void)state;
    struct rig *rig = rig_open(true);
    make_primary(rig, "{'MultiRegion':true}");
    replicate(rig);
    rig_ok(rig, "RotateKeyOnDemand", "{'KeyId':'${K}'}");
    rig_ok(rig, "UpdatePrimaryRegion", "{'KeyId':'${K}','PrimaryRegion':'eu-west-1'}");
    rig_set(rig, "BLOB",
        text_of(rig_ok(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'eA=='}"), "CiphertextBlob"));
    rig_restart(rig);
    ASSERT_REGIONS(rig, describe(rig, THERE), "PRIMARY", "R_ARN", "K_ARN");
    rig_ok(rig, "Decrypt", "{'CiphertextBlob':'${BLOB}'}");
    rig_ok(rig, "RotateKeyOnDemand", "{'KeyId':'${K}'}");
    in(rig, HERE);
    rig_ok(rig, "Decrypt", "{'CiphertextBlob':'${BLOB}'}");
    rig_close(rig);
}

/* Whoever may replicate the key still needs to be allowed to make keys. */
static void test_permission(void **state)
{
    struct rig *rig = *state;
    make_primary(rig, "{'MultiRegion':true}");
    rig_ok(rig, "PutKeyPolicy",
        "{'KeyId':'${K}','Policy':'{\\\"Statement\\\":[{\\\"Effect\\\":\\\"Allow\\\","
        "\\\"Principal\\\":{\\\"AWS\\\":[\\\"" RIG_ACCOUNT "\\\",\\\"arn:aws:iam::" RIG_ACCOUNT
        ":user/bob\\\"]},\\\"Action\\\":\\\"kms:*\\\",\\\"Resource\\\":\\\"*\\\"}]}'}");
    in(rig, HERE " bob");
    rig_send(rig, "ReplicateKey", "{'KeyId':'${K}','ReplicaRegion':'eu-west-1'}");
    assert_int_equal(rig->status, 400);
    assert_non_null(strstr(rig->text, "AccessDeniedException"));
    assert_non_null(strstr(rig->text, "kms:CreateKey"));
    in(rig, HERE);
    ASSERT_REGIONS(rig, describe(rig, HERE), "PRIMARY", "K_ARN");
    rig_ok(rig, "ReplicateKey", "{'KeyId':'${K}','ReplicaRegion':'eu-west-1'}");
    /* both keys have to allow the change of the primary: the replica has the default policy */
    in(rig, HERE " bob");
    rig_send(rig, "UpdatePrimaryRegion", "{'KeyId':'${K}','PrimaryRegion':'eu-west-1'}");
    assert_int_equal(rig->status, 400);
    assert_non_null(strstr(rig->text, "AccessDeniedException"));
    assert_non_null(strstr(rig->text, rig_get(rig, "R_ARN")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_primary),
        T(test_replica),
        T(test_kinds),
        T(test_replicate_refused),
        T(test_update_primary),
        T(test_rotation),
        T(test_import),
        T(test_deletion),
        T(test_deletion_of_what_lacked_material),
        T(test_permission),
        cmocka_unit_test(test_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

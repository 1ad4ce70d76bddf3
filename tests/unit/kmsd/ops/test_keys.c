/* CreateKey, DescribeKey, ListKeys, naming a key, and a key's life. */
#include "common.h"

/* --- CreateKey and DescribeKey ---------------------------------------------------------------- */

static void assert_metadata(const json_t *metadata, const char *description)
{
    ASSERT_MEMBERS(metadata, "AWSAccountId", "Arn", "CreationDate", "CurrentKeyMaterialId",
        "CustomerMasterKeySpec", "Description", "Enabled", "EncryptionAlgorithms", "KeyId",
        "KeyManager", "KeySpec", "KeyState", "KeyUsage", "MultiRegion", "Origin");
    char arn[256];
    (void)snprintf(arn, sizeof(arn), "arn:aws:kms:" RIG_REGION ":" RIG_ACCOUNT ":key/%s",
        text_of(metadata, "KeyId"));
    assert_string_equal(text_of(metadata, "Arn"), arn);
    assert_string_equal(text_of(metadata, "AWSAccountId"), RIG_ACCOUNT);
    assert_time(metadata, "CreationDate", rig_now_ms);
    assert_int_equal(strspn(text_of(metadata, "CurrentKeyMaterialId"), "0123456789abcdef"), 64);
    assert_int_equal(strlen(text_of(metadata, "CurrentKeyMaterialId")), 64);
    assert_string_equal(text_of(metadata, "CustomerMasterKeySpec"), "SYMMETRIC_DEFAULT");
    assert_string_equal(text_of(metadata, "KeySpec"), "SYMMETRIC_DEFAULT");
    assert_string_equal(text_of(metadata, "KeyUsage"), "ENCRYPT_DECRYPT");
    assert_string_equal(text_of(metadata, "KeyManager"), "CUSTOMER");
    assert_string_equal(text_of(metadata, "KeyState"), "Enabled");
    assert_string_equal(text_of(metadata, "Origin"), "AWS_KMS");
    assert_string_equal(text_of(metadata, "Description"), description);
    assert_true(json_is_true(json_object_get(metadata, "Enabled")));
    assert_true(json_is_false(json_object_get(metadata, "MultiRegion")));
    const json_t *algorithms = json_object_get(metadata, "EncryptionAlgorithms");
    assert_int_equal(json_array_size(algorithms), 1);
    assert_string_equal(json_string_value(json_array_get(algorithms, 0)), "SYMMETRIC_DEFAULT");
}

static void test_create_and_describe(void **state)
{
    struct rig *rig = *state;
    json_t *answer = rig_ok(rig, "CreateKey", "{'Description':'test key 123'}");
    assert_int_equal(json_object_size(answer), 1);
    json_t *created = json_deep_copy(json_object_get(answer, "KeyMetadata"));
    assert_metadata(created, "test key 123");
    rig_set(rig, "ID", text_of(created, "KeyId"));
    rig_set(rig, "ARN", text_of(created, "Arn"));
    rig_ok(rig, "CreateAlias", "{'AliasName':'alias/x','TargetKeyId':'${ID}'}");

    static const char *const names[] = {
        "${ID}", "${ARN}", "alias/x", "arn:aws:kms:" RIG_REGION ":" RIG_ACCOUNT ":alias/x"};
    for (size_t i = 0; i < COUNT(names); i++) {
        char body[256];
        (void)snprintf(body, sizeof(body), "{'KeyId':'%s','GrantTokens':['t']}", names[i]);
        answer = rig_ok(rig, "DescribeKey", body);
        assert_int_equal(json_object_size(answer), 1);
        assert_true(json_equal(json_object_get(answer, "KeyMetadata"), created));
    }
    json_decref(created);
}

static void test_create_with_everything_spelt_out(void **state)
{
    struct rig *rig = *state;
    static const char everything[] =
        "{'Origin':'AWS_KMS','MultiRegion':false,'BypassPolicyLockoutSafetyCheck':true,"
        "'Tags':[{'TagKey':'a','TagValue':''}],'Description':'',"
        "'Policy':'{\\\"Statement\\\":[{\\\"Effect\\\":\\\"Allow\\\",\\\"Principal\\\":{"
        "\\\"AWS\\\":\\\"" RIG_ACCOUNT
        "\\\"},\\\"Action\\\":\\\"kms:*\\\",\\\"Resource\\\":\\\"*\\\"}]}'}";
    static const char *const bodies[] = {"", "{}", "{'KeySpec':'SYMMETRIC_DEFAULT'}",
        "{'KeyUsage':'ENCRYPT_DECRYPT'}",
        "{'CustomerMasterKeySpec':'SYMMETRIC_DEFAULT','KeyUsage':'ENCRYPT_DECRYPT'}", everything};
    for (size_t i = 0; i < COUNT(bodies); i++)
        assert_metadata(json_object_get(rig_ok(rig, "CreateKey", bodies[i]), "KeyMetadata"), "");
}

static void test_create_refused(void **state)
{
    struct rig *rig = *state;
    static const struct rig_case cases[] = {
        {"CreateKey", "{'KeySpec':'RSA_2048','CustomerMasterKeySpec':'RSA_2048'}",
            "ValidationException",
            "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. "
            "CustomerMasterKeySpec is deprecated."},
        {"CreateKey", "{'KeySpec':'RSA_2048'}", "ValidationException",
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption "
            "keys."},
        {"CreateKey", "{'CustomerMasterKeySpec':'HMAC_256'}", "ValidationException",
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption "
            "keys."},
        {"CreateKey", "{'KeyUsage':'SIGN_VERIFY'}", "ValidationException",
            "KeyUsage SIGN_VERIFY is not compatible with KeySpec SYMMETRIC_DEFAULT."},
        {"CreateKey", "{'KeySpec':'SM2','KeyUsage':'SIGN_VERIFY'}", "UnsupportedOperationException",
            "KeySpec SM2 is not supported in this Region"},
        {"CreateKey", "{'CustomKeyStoreId':'cks-1','Origin':'AWS_CLOUDHSM'}",
            "UnsupportedOperationException",
            "This version does not offer keys in custom key stores."},
        {"CreateKey", "{'Policy':'{'}", "MalformedPolicyDocumentException", ""},
        {"CreateKey", "{'Tags':[{'TagKey':'a','TagValue':'1'},{'TagKey':'a','TagValue':'2'}]}",
            "TagException", "Duplicate tag keys"},
        {"CreateKey", "{'Tags':[{'TagKey':'AWS:x','TagValue':'1'}]}", "TagException",
            "Tags beginning with aws: are reserved"},
        {"CreateKey", "{'KeySpec':'RSA_2048','KeyUsage':'X'}", "ValidationException",
            "1 validation error detected: Value 'X' at 'keyUsage' failed to satisfy constraint: "
            "Member must satisfy enum value set: [ENCAPSULATE_DECAPSULATE, ENCRYPT_DECRYPT, "
            "GENERATE_VERIFY_MAC, KEY_AGREEMENT, SIGN_VERIFY]"},
    };
    rig_faults(rig, cases, COUNT(cases));
    assert_int_equal(json_array_size(json_object_get(rig_ok(rig, "ListKeys", "{}"), "Keys")), 1);
}

/* Every spec with every usage that it does not have; test_asymmetric.c makes the others. */
static void test_specs_and_usages(void **state)
{
    struct rig *rig = *state;
    static const struct {
        const char *spec;
        const char *usages;
    } allowed[] = {
        {"SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"},
        {"RSA_2048", "ENCRYPT_DECRYPT SIGN_VERIFY"},
        {"RSA_3072", "ENCRYPT_DECRYPT SIGN_VERIFY"},
        {"RSA_4096", "ENCRYPT_DECRYPT SIGN_VERIFY"},
        {"ECC_NIST_P256", "SIGN_VERIFY KEY_AGREEMENT"},
        {"ECC_NIST_P384", "SIGN_VERIFY KEY_AGREEMENT"},
        {"ECC_NIST_P521", "SIGN_VERIFY KEY_AGREEMENT"},
        {"ECC_SECG_P256K1", "SIGN_VERIFY"},
        {"ECC_NIST_EDWARDS25519", "SIGN_VERIFY"},
        {"HMAC_224", "GENERATE_VERIFY_MAC"},
        {"HMAC_256", "GENERATE_VERIFY_MAC"},
        {"HMAC_384", "GENERATE_VERIFY_MAC"},
        {"HMAC_512", "GENERATE_VERIFY_MAC"},
        {"ML_DSA_44", "SIGN_VERIFY"},
        {"ML_DSA_65", "SIGN_VERIFY"},
        {"ML_DSA_87", "SIGN_VERIFY"},
        {"ML_KEM_512", "ENCAPSULATE_DECAPSULATE"},
        {"ML_KEM_768", "ENCAPSULATE_DECAPSULATE"},
        {"ML_KEM_1024", "ENCAPSULATE_DECAPSULATE"},
    };
    static const char *const usages[] = {"ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC",
        "KEY_AGREEMENT", "ENCAPSULATE_DECAPSULATE"};
    for (size_t i = 0; i < COUNT(allowed); i++) {
        for (size_t k = 0; k < COUNT(usages); k++) {
            char body[128];
            char text[128];
            (void)snprintf(
                body, sizeof(body), "{'KeySpec':'%s','KeyUsage':'%s'}", allowed[i].spec, usages[k]);
            if (strstr(allowed[i].usages, usages[k]) != NULL)
                continue;
            (void)snprintf(text, sizeof(text), "KeyUsage %s is not compatible with KeySpec %s.",
                usages[k], allowed[i].spec);
            rig_fault(rig, "CreateKey", body, "ValidationException", text);
        }
    }
}

/* --- naming a key ----------------------------------------------------------------------------- */

#define ARN "arn:aws:kms:" RIG_REGION ":" RIG_ACCOUNT ":"

static void test_names_that_lead_nowhere(void **state)
{
    struct rig *rig = *state;
    static const struct rig_case cases[] = {
        {"DescribeKey", "{'KeyId':'" NOBODY "'}", "NotFoundException",
            "Key '" ARN "key/" NOBODY "' does not exist"},
        {"DescribeKey", "{'KeyId':'12345678-1234-1234-1234-123456789ABC'}", "NotFoundException",
            "Key '" ARN "key/12345678-1234-1234-1234-123456789ABC' does not exist"},
        {"DescribeKey", "{'KeyId':'mrk-0123456789abcdef0123456789abcdef'}", "NotFoundException",
            "Key '" ARN "key/mrk-0123456789abcdef0123456789abcdef' does not exist"},
        {"DescribeKey", "{'KeyId':'" ARN "key/" NOBODY "'}", "NotFoundException",
            "Key '" ARN "key/" NOBODY "' does not exist"},
        {"DescribeKey", "{'KeyId':'foo'}", "NotFoundException", "Invalid keyId 'foo'"},
        {"DescribeKey", "{'KeyId':'134f2428cec14b25a1ae9048164dba47'}", "NotFoundException",
            "Invalid keyId '134f2428cec14b25a1ae9048164dba47'"},
        {"DescribeKey", "{'KeyId':'mrk-1234'}", "NotFoundException", "Invalid keyId 'mrk-1234'"},
        {"DescribeKey", "{'KeyId':'" ARN "key/foo'}", "NotFoundException", "Invalid keyId foo"},
        {"DescribeKey", "{'KeyId':'arn:aws:kms:us-west-2:" RIG_ACCOUNT ":key/${K}'}",
            "NotFoundException", "Invalid arn us-west-2"},
        {"DescribeKey", "{'KeyId':'arn:aws:kms:us-west-2:" RIG_ACCOUNT ":alias/x'}",
            "NotFoundException", "Invalid arn us-west-2"},
        {"DescribeKey", "{'KeyId':'arn:aws-cn:kms:us-east-1:" RIG_ACCOUNT ":key/${K}'}",
            "NotFoundException", "Key '" ARN "key/${K}' does not exist"},
        {"DescribeKey", "{'KeyId':'arn:aws:s3:::bucket'}", "NotFoundException",
            "Invalid arn arn:aws:s3:::bucket"},
        {"DescribeKey", "{'KeyId':'alias/x'}", "NotFoundException",
            "Alias " ARN "alias/x is not found."},
        {"DescribeKey", "{'KeyId':'alias/aws/nothing'}", "NotFoundException",
            "Alias " ARN "alias/aws/nothing is not found."},
        {"Encrypt", "{'KeyId':'" ARN "alias/x','Plaintext':'eA=='}", "NotFoundException",
            "Alias " ARN "alias/x is not found."},
        {"DescribeKey", "{'KeyId':''}", "ValidationException",
            "2 validation errors detected: Value '' at 'keyId' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1; Value '' at 'keyId' failed to "
            "satisfy constraint: Member must satisfy regular expression pattern: ^\\p{ASCII}+$"},
        {"DescribeKey", "{}", "ValidationException",
            "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: "
            "Member must not be null"},
    };
    rig_faults(rig, cases, COUNT(cases));
}

/* The same words whether the other account has that key or not. */
static void test_other_accounts(void **state)
{
    struct rig *rig = *state;
    rig_ok(rig, "CreateAlias", "{'AliasName':'alias/x','TargetKeyId':'${K}'}");
    rig->caller = RIG_OTHER " " RIG_REGION;
    static const char *const resources[] = {
        ARN "key/${K}", ARN "key/" NOBODY, ARN "alias/x", ARN "alias/nothing"};
    for (size_t i = 0; i < COUNT(resources); i++) {
        char body[256];
        char text[512];
        (void)snprintf(body, sizeof(body), "{'KeyId':'%s'}", resources[i]);
        (void)snprintf(text, sizeof(text),
            "User: arn:aws:iam::" RIG_OTHER ":root is not authorized to perform: kms:DescribeKey "
            "on resource: %s because no resource-based policy allows the kms:DescribeKey action",
            resources[i]);
        rig_fault(rig, "DescribeKey", body, "AccessDeniedException", text);
    }
    rig_fault(rig, "DescribeKey", "{'KeyId':'${K}'}", "NotFoundException",
        "Key 'arn:aws:kms:" RIG_REGION ":" RIG_OTHER ":key/${K}' does not exist");
    assert_int_equal(json_array_size(json_object_get(rig_ok(rig, "ListKeys", "{}"), "Keys")), 0);
}

static void test_other_regions(void **state)
{
    struct rig *rig = *state;
    rig->caller = RIG_ACCOUNT " eu-west-1";
    rig_fault(rig, "DescribeKey", "{'KeyId':'${K}'}", "NotFoundException",
        "Key 'arn:aws:kms:eu-west-1:" RIG_ACCOUNT ":key/${K}' does not exist");
    rig_fault(
        rig, "DescribeKey", "{'KeyId':'${K_ARN}'}", "NotFoundException", "Invalid arn us-east-1");
    assert_int_equal(json_array_size(json_object_get(rig_ok(rig, "ListKeys", "{}"), "Keys")), 0);
    rig->caller = RIG_ACCOUNT " cn-north-1";
    rig_key(rig, "CN");
    assert_memory_equal(
        rig_get(rig, "CN_ARN"), "arn:aws-cn:kms:cn-north-1:", strlen("arn:aws-cn:kms:cn-north-1:"));
}

static void test_aliases_on_key_only_operations(void **state)
{
    struct rig *rig = *state;
    rig_ok(rig, "CreateAlias", "{'AliasName':'alias/x','TargetKeyId':'${K}'}");
    static const struct {
        const char *operation;
        const char *rest;
    } cases[] = {
        {"ScheduleKeyDeletion", ",'PendingWindowInDays':3"},
        {"CancelKeyDeletion", ""},
        {"EnableKey", ""},
        {"DisableKey", ""},
        {"TagResource", ",'Tags':[{'TagKey':'aws:a','TagValue':''}]"},
        {"UntagResource", ",'TagKeys':['a']"},
        {"ListResourceTags", ""},
        {"UpdateKeyDescription", ",'Description':''"},
        {"GetKeyPolicy", ",'PolicyName':'other'"},
        {"PutKeyPolicy", ",'Policy':'no'"},
        {"ListKeyPolicies", ""},
        {"GetKeyRotationStatus", ""},
        {"EnableKeyRotation", ""},
        {"DisableKeyRotation", ""},
    };
    static const char *const names[] = {
        "alias/x", "alias/missing", ARN "alias/x", "arn:aws:kms:us-west-2:" RIG_OTHER ":alias/x"};
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t k = 0; k < COUNT(names); k++) {
            char body[256];
            (void)snprintf(body, sizeof(body), "{'KeyId':'%s'%s}", names[k], cases[i].rest);
            rig_fault(rig, cases[i].operation, body, "InvalidArnException",
                "Key Aliases are not supported for this operation.");
        }
    }
}

/* --- ListKeys --------------------------------------------------------------------------------- */

static void test_list_keys(void **state)
{
    struct rig *rig = *state;
    for (size_t i = 0; i < 6; i++)
        rig_ok(rig, "CreateKey", "{}");
    json_t *answer = rig_ok(rig, "ListKeys", "{}");
    ASSERT_MEMBERS(answer, "Keys", "Truncated");
    assert_true(json_is_false(json_object_get(answer, "Truncated")));
    json_t *all = json_deep_copy(json_object_get(answer, "Keys"));
    assert_int_equal(json_array_size(all), 7);
    for (size_t i = 0; i < 7; i++) {
        json_t *entry = json_array_get(all, i);
        ASSERT_MEMBERS(entry, "KeyId", "KeyArn");
        assert_string_equal(strrchr(text_of(entry, "KeyArn"), '/') + 1, text_of(entry, "KeyId"));
    }

    /* pages of three: 3 + 3 + 1, each key once, in the same order */
    rig_set(rig, "MARKER", "");
    size_t seen = 0;
    for (size_t page = 0; page < 3; page++) {
        answer =
            rig_ok(rig, "ListKeys", page == 0 ? "{'Limit':3}" : "{'Limit':3,'Marker':'${MARKER}'}");
        json_t *keys = json_object_get(answer, "Keys");
        assert_int_equal(json_array_size(keys), page < 2 ? 3 : 1);
        for (size_t i = 0; i < json_array_size(keys); i++)
            assert_true(json_equal(json_array_get(keys, i), json_array_get(all, seen++)));
        assert_int_equal(json_is_true(json_object_get(answer, "Truncated")), page < 2);
        if (page < 2)
            rig_set(rig, "MARKER", text_of(answer, "NextMarker"));
        else
            assert_null(json_object_get(answer, "NextMarker"));
    }
    json_decref(all);
}

/* A page that ends with the last key is the last page. */
static void test_list_keys_exact_page(void **state)
{
    struct rig *rig = *state;
    rig_ok(rig, "CreateKey", "{}");
    json_t *answer = rig_ok(rig, "ListKeys", "{'Limit':2}");
    ASSERT_MEMBERS(answer, "Keys", "Truncated");
    assert_true(json_is_false(json_object_get(answer, "Truncated")));
}

static void test_markers(void **state)
{
    struct rig *rig = *state;
    rig_ok(rig, "CreateKey", "{}");
    rig_ok(rig, "CreateAlias", "{'AliasName':'alias/a','TargetKeyId':'${K}'}");
    rig_ok(rig, "CreateAlias", "{'AliasName':'alias/b','TargetKeyId':'${K}'}");
    rig_set(rig, "KEYS", text_of(rig_ok(rig, "ListKeys", "{'Limit':1}"), "NextMarker"));
    rig_set(rig, "ALIASES", text_of(rig_ok(rig, "ListAliases", "{'Limit':1}"), "NextMarker"));
    rig_set(rig, "OF_KEY",
        text_of(rig_ok(rig, "ListAliases", "{'Limit':1,'KeyId':'${K}'}"), "NextMarker"));
    rig_ok(rig, "ListKeys", "{'Marker':'${KEYS}'}");
    rig_ok(rig, "ListAliases", "{'Marker':'${ALIASES}'}");
    rig_ok(rig, "ListAliases", "{'Marker':'${OF_KEY}','KeyId':'${K}'}");
    static const struct rig_case cases[] = {
        {"ListKeys", "{'Marker':'nonsense'}", "InvalidMarkerException", "The marker is not valid."},
        {"ListKeys", "{'Marker':'AQ=='}", "InvalidMarkerException", "The marker is not valid."},
        {"ListKeys", "{'Marker':'AWs='}", "InvalidMarkerException", "The marker is not valid."},
        {"ListKeys", "{'Marker':'${ALIASES}'}", "InvalidMarkerException",
            "The marker is not valid."},
        {"ListAliases", "{'Marker':'${KEYS}'}", "InvalidMarkerException",
            "The marker is not valid."},
        {"ListAliases", "{'Marker':'${OF_KEY}'}", "InvalidMarkerException",
            "The marker is not valid."},
        {"ListKeyPolicies", "{'KeyId':'${K}','Marker':'${KEYS}'}", "InvalidMarkerException",
            "The marker is not valid."},
        {"ListResourceTags", "{'KeyId':'${K}','Marker':'${KEYS}'}", "InvalidMarkerException",
            "The marker is not valid."},
        {"ListKeys", "{'Limit':1001}", "ValidationException",
            "1 validation error detected: Value '1001' at 'limit' failed to satisfy constraint: "
            "Member must have value less than or equal to 1000"},
    };
    rig_faults(rig, cases, COUNT(cases));
}

/* --- life ------------------------------------------------------------------------------------- */

static const json_t *describe(struct rig *rig)
{
    return json_object_get(rig_ok(rig, "DescribeKey", "{'KeyId':'${K}'}"), "KeyMetadata");
}

static void test_enable_and_disable(void **state)
{
    struct rig *rig = *state;
    for (size_t i = 0; i < 2; i++) {
        assert_null(rig_ok(rig, "DisableKey", "{'KeyId':'${K}'}"));
        assert_string_equal(text_of(describe(rig), "KeyState"), "Disabled");
        assert_true(json_is_false(json_object_get(describe(rig), "Enabled")));
    }
    for (size_t i = 0; i < 2; i++) {
        assert_null(rig_ok(rig, "EnableKey", "{'KeyId':'${K_ARN}'}"));
        assert_string_equal(text_of(describe(rig), "KeyState"), "Enabled");
        assert_true(json_is_true(json_object_get(describe(rig), "Enabled")));
    }
}

static void test_description(void **state)
{
    struct rig *rig = *state;
    assert_null(rig_ok(rig, "UpdateKeyDescription", "{'KeyId':'${K}','Description':'n\xc3\xbc'}"));
    assert_string_equal(text_of(describe(rig), "Description"), "n\xc3\xbc");
    rig_ok(rig, "UpdateKeyDescription", "{'KeyId':'${K}','Description':''}");
    assert_string_equal(text_of(describe(rig), "Description"), "");
    rig_fault(rig, "UpdateKeyDescription", "{'KeyId':'${K}'}", "ValidationException",
        "1 validation error detected: Value null at 'description' failed to satisfy constraint: "
        "Member must not be null");
}

static void test_deletion_and_its_cancelling(void **state)
{
    struct rig *rig = *state;
    json_t *answer = rig_ok(rig, "ScheduleKeyDeletion", "{'KeyId':'${K}'}");
    ASSERT_MEMBERS(answer, "KeyId", "DeletionDate", "KeyState", "PendingWindowInDays");
    assert_string_equal(text_of(answer, "KeyId"), rig_get(rig, "K_ARN"));
    assert_string_equal(text_of(answer, "KeyState"), "PendingDeletion");
    assert_int_equal(json_integer_value(json_object_get(answer, "PendingWindowInDays")), 30);
    assert_time(answer, "DeletionDate", rig_now_ms + 30 * DAY_MS);

    const json_t *metadata = describe(rig);
    assert_string_equal(text_of(metadata, "KeyState"), "PendingDeletion");
    assert_time(metadata, "DeletionDate", rig_now_ms + 30 * DAY_MS);
    assert_true(json_is_false(json_object_get(metadata, "Enabled")));
    assert_null(json_object_get(metadata, "PendingDeletionWindowInDays"));

    answer = rig_ok(rig, "CancelKeyDeletion", "{'KeyId':'${K}'}");
    ASSERT_MEMBERS(answer, "KeyId");
    assert_string_equal(text_of(answer, "KeyId"), rig_get(rig, "K_ARN"));
    assert_string_equal(text_of(describe(rig), "KeyState"), "Disabled");
    assert_null(json_object_get(describe(rig), "DeletionDate"));

    answer = rig_ok(rig, "ScheduleKeyDeletion", "{'KeyId':'${K_ARN}','PendingWindowInDays':7}");
    assert_time(answer, "DeletionDate", rig_now_ms + 7 * DAY_MS);
    static const struct rig_case cases[] = {
        {"ScheduleKeyDeletion", "{'KeyId':'${K}','PendingWindowInDays':6}", "ValidationException",
            "1 validation error detected: Value '6' at 'pendingWindowInDays' failed to satisfy "
            "constraint: Member must have value greater than or equal to 7"},
        {"ScheduleKeyDeletion", "{'KeyId':'${K}','PendingWindowInDays':31}", "ValidationException",
            "1 validation error detected: Value '31' at 'pendingWindowInDays' failed to satisfy "
            "constraint: Member must have value less than or equal to 30"},
        {"ScheduleKeyDeletion", "{'KeyId':'${K}','PendingWindowInDays':0}", "ValidationException",
            "1 validation error detected: Value '0' at 'pendingWindowInDays' failed to satisfy "
            "constraint: Member must have value greater than or equal to 1"},
    };
    rig_faults(rig, cases, COUNT(cases));
}

/* Once the date has passed nothing finds the key, whatever erases its row and whenever. */
static void test_after_the_deletion_date(void **state)
{
    struct rig *rig = *state;
    int64_t then = rig_now_ms;
    rig_ok(rig, "CreateAlias", "{'AliasName':'alias/x','TargetKeyId':'${K}'}");
    rig_set(rig, "BLOB",
        text_of(rig_ok(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'eA=='}"), "CiphertextBlob"));
    rig_ok(rig, "ScheduleKeyDeletion", "{'KeyId':'${K}','PendingWindowInDays':7}");
    rig_now_ms = then + 7 * DAY_MS - 1;
    rig_ok(rig, "DescribeKey", "{'KeyId':'alias/x'}");
    rig_now_ms = then + 7 * DAY_MS;
    static const char gone[] = "Key '" ARN "key/${K}' does not exist";
    static const struct rig_case cases[] = {
        {"DescribeKey", "{'KeyId':'${K}'}", "NotFoundException", gone},
        {"CancelKeyDeletion", "{'KeyId':'${K}'}", "NotFoundException", gone},
        {"EnableKey", "{'KeyId':'${K}'}", "NotFoundException", gone},
        {"DescribeKey", "{'KeyId':'alias/x'}", "NotFoundException",
            "Alias " ARN "alias/x is not found."},
        {"DeleteAlias", "{'AliasName':'alias/x'}", "NotFoundException",
            "Alias " ARN "alias/x is not found."},
        {"Decrypt", "{'CiphertextBlob':'${BLOB}'}", "AccessDeniedException",
            "The ciphertext refers to a customer master key that does not exist, does not exist in "
            "this region, or you are not allowed to access."},
    };
    rig_faults(rig, cases, COUNT(cases));
    assert_int_equal(json_array_size(json_object_get(rig_ok(rig, "ListKeys", "{}"), "Keys")), 0);
    assert_int_equal(
        json_array_size(json_object_get(rig_ok(rig, "ListAliases", "{}"), "Aliases")), 0);
    /* its alias is free again */
    rig_key(rig, "K");
    rig_ok(rig, "CreateAlias", "{'AliasName':'alias/x','TargetKeyId':'${K}'}");
    json_t *aliases = json_object_get(rig_ok(rig, "ListAliases", "{}"), "Aliases");
    assert_int_equal(json_array_size(aliases), 1);
    assert_time(json_array_get(aliases, 0), "CreationDate", rig_now_ms);
    rig_now_ms = then;
}

/* --- operations of later versions ------------------------------------------------------------- */

static void test_not_offered(void **state)
{
    struct rig *rig = *state;
    static const struct rig_case cases[] = {
        {"DescribeCustomKeyStores", "{}", "UnsupportedOperationException",
            "This version does not offer the operation DescribeCustomKeyStores."},
        {"ReplicateKey", "{'ReplicaRegion':'eu-west-1'}", "ValidationException",
            "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: "
            "Member must not be null"},
    };
    rig_faults(rig, cases, COUNT(cases));
}

/* --- AWS managed keys ------------------------------------------------------------------------- */

static void test_managed(void **state)
{
    struct rig *rig = *state;
    /* what cannot be is refused before anything is made */
    static const struct rig_case before[] = {
        {"CreateAlias", "{'AliasName':'alias/aws/s3','TargetKeyId':'${K}'}",
            "NotAuthorizedException", ""},
        {"DeleteAlias", "{'AliasName':'alias/aws/s3'}", "NotAuthorizedException", ""},
        {"UpdateAlias", "{'AliasName':'alias/aws/s3','TargetKeyId':'${K}'}",
            "NotAuthorizedException", ""},
        {"DescribeKey", "{'KeyId':'alias/aws/'}", "NotFoundException",
            "Alias arn:aws:kms:" RIG_REGION ":" RIG_ACCOUNT ":alias/aws/ is not found."},
    };
    rig_faults(rig, before, COUNT(before));
    assert_int_equal(json_array_size(json_object_get(rig_ok(rig, "ListKeys", "{}"), "Keys")), 1);

    const json_t *metadata =
        json_object_get(rig_ok(rig, "DescribeKey", "{'KeyId':'alias/aws/s3'}"), "KeyMetadata");
    assert_string_equal(text_of(metadata, "KeyManager"), "AWS");
    assert_string_equal(text_of(metadata, "KeyState"), "Enabled");
    assert_string_equal(text_of(metadata, "Description"),
        "Default key that protects my S3 data when no other key is defined");
    rig_set(rig, "S3", text_of(metadata, "KeyId"));
    rig_set(rig, "S3_ARN", text_of(metadata, "Arn"));
    /* the same ever after, by any name, and counted by no quota */
    static const char *const names[] = {
        "alias/aws/s3", "arn:aws:kms:" RIG_REGION ":" RIG_ACCOUNT ":alias/aws/s3", "${S3}"};
    for (size_t i = 0; i < COUNT(names); i++) {
        char body[256];
        (void)snprintf(body, sizeof(body), "{'KeyId':'%s'}", names[i]);
        metadata = json_object_get(rig_ok(rig, "DescribeKey", body), "KeyMetadata");
        assert_string_equal(text_of(metadata, "KeyId"), rig_get(rig, "S3"));
    }
    struct kmsd_realm realm = {kms_str(RIG_ACCOUNT), kms_str(RIG_REGION)};
    assert_int_equal(kmsd_keys_count(rig->keys, realm), 1);

    json_t *answer = rig_ok(rig, "GetKeyRotationStatus", "{'KeyId':'${S3}'}");
    assert_true(json_is_true(json_object_get(answer, "KeyRotationEnabled")));
    assert_time(answer, "NextRotationDate", rig_now_ms + 365 * DAY_MS);
    assert_non_null(strstr(text_of(rig_ok(rig, "GetKeyPolicy", "{'KeyId':'${S3}'}"), "Policy"),
        "s3." RIG_REGION ".amazonaws.com"));
    const json_t *aliases =
        json_object_get(rig_ok(rig, "ListAliases", "{'KeyId':'${S3}'}"), "Aliases");
    assert_string_equal(text_of(json_array_get(aliases, 0), "AliasName"), "alias/aws/s3");

    /* nobody changes it, and the account uses it through its service alone */
    static const char *const refused[][2] = {
        {"ScheduleKeyDeletion", "{'KeyId':'${S3}'}"},
        {"DisableKey", "{'KeyId':'${S3}'}"},
        {"PutKeyPolicy", "{'KeyId':'${S3}','Policy':'{}'}"},
        {"UpdateKeyDescription", "{'KeyId':'${S3}','Description':'mine'}"},
        {"TagResource", "{'KeyId':'${S3}','Tags':[{'TagKey':'a','TagValue':''}]}"},
        {"EnableKeyRotation", "{'KeyId':'${S3}'}"},
        {"DisableKeyRotation", "{'KeyId':'${S3}'}"},
        {"RotateKeyOnDemand", "{'KeyId':'${S3}'}"},
        {"CreateAlias", "{'AliasName':'alias/mine','TargetKeyId':'${S3}'}"},
        {"CreateGrant",
            "{'KeyId':'${S3}','GranteePrincipal':'" RIG_ACCOUNT "','Operations':['Encrypt']}"},
        {"Encrypt", "{'KeyId':'alias/aws/s3','Plaintext':'eA=='}"},
    };
    for (size_t i = 0; i < COUNT(refused); i++) {
        char text[512];
        (void)snprintf(text, sizeof(text),
            "User: arn:aws:iam::" RIG_ACCOUNT ":root is not authorized to perform: kms:%s on "
            "resource: ${S3_ARN} because no resource-based policy allows the kms:%s action",
            refused[i][0], refused[i][0]);
        rig_fault(rig, refused[i][0], refused[i][1], "AccessDeniedException", text);
    }
    rig_restart(rig);
    metadata =
        json_object_get(rig_ok(rig, "DescribeKey", "{'KeyId':'alias/aws/s3'}"), "KeyMetadata");
    assert_string_equal(text_of(metadata, "KeyId"), rig_get(rig, "S3"));
    /* each account and region has its own; of another account's nothing is made */
    rig->caller = RIG_OTHER " " RIG_REGION;
    rig_send(
        rig, "DescribeKey", "{'KeyId':'arn:aws:kms:" RIG_REGION ":" RIG_ACCOUNT ":alias/aws/rds'}");
    assert_int_equal(rig->status, 400);
    metadata =
        json_object_get(rig_ok(rig, "DescribeKey", "{'KeyId':'alias/aws/s3'}"), "KeyMetadata");
    assert_string_not_equal(text_of(metadata, "KeyId"), rig_get(rig, "S3"));
}

/* --- quotas ----------------------------------------------------------------------------------- */

static void test_quotas(void **state)
{
    struct rig *rig = *state;
    const struct kmsd_quotas quotas = {.keys = 3,
        .aliases_per_key = 2,
        .grants_per_key = 1,
        .tags_per_key = 2,
        .on_demand_rotations = 1,
        .policy_bytes = 1024};
    kmsd_keys_set_quotas(rig->keys, &quotas);
    rig_key(rig, "A");
    rig_key(rig, "B");
    rig_ok(rig, "CreateAlias", "{'AliasName':'alias/1','TargetKeyId':'${A}'}");
    rig_ok(rig, "CreateAlias", "{'AliasName':'alias/2','TargetKeyId':'${A}'}");
    rig_ok(rig, "CreateAlias", "{'AliasName':'alias/3','TargetKeyId':'${B}'}");
    rig_ok(rig, "UpdateAlias",
        "{'AliasName':'alias/2','TargetKeyId':'${A}'}"); /* no more than before */
    rig_ok(rig, "RotateKeyOnDemand", "{'KeyId':'${A}'}");
    rig_ok(rig, "CreateGrant",
        "{'KeyId':'${A}','GranteePrincipal':'" RIG_ACCOUNT "','Operations':['Encrypt']}");
    rig_ok(rig, "TagResource",
        "{'KeyId':'${A}','Tags':[{'TagKey':'a','TagValue':''},{'TagKey':'b','TagValue':''}]}");
    char policy[1200];
    memset(policy, ' ', sizeof(policy));
    (void)snprintf(policy + sizeof(policy) - 12, 12, "%s", "{}");
    rig_set(rig, "POLICY", policy);
    static const struct rig_case cases[] = {
        {"CreateKey", "{}", "LimitExceededException",
            "Key quota for this account in this region is 3 but the current usage is 3."},
        {"CreateAlias", "{'AliasName':'alias/4','TargetKeyId':'${A}'}", "LimitExceededException",
            "Alias quota for the key ${A_ARN} is 2 but the current usage is 2."},
        {"UpdateAlias", "{'AliasName':'alias/3','TargetKeyId':'${A}'}", "LimitExceededException",
            "Alias quota for the key ${A_ARN} is 2 but the current usage is 2."},
        {"RotateKeyOnDemand", "{'KeyId':'${A}'}", "LimitExceededException",
            "The on-demand rotations limit has been reached for the given keyId. No more on-demand "
            "rotations can be performed for this key: ${A_ARN}"},
        {"CreateGrant",
            "{'KeyId':'${A}','GranteePrincipal':'" RIG_ACCOUNT "','Operations':['Decrypt']}",
            "LimitExceededException", "${A_ARN} has too many grants."},
        {"TagResource", "{'KeyId':'${A}','Tags':[{'TagKey':'c','TagValue':''}]}", "TagException",
            "Too many tags"},
        {"PutKeyPolicy", "{'KeyId':'${A}','Policy':'${POLICY}'}", "LimitExceededException",
            "The policy document is longer than the quota of 1024 bytes."},
    };
    rig_faults(rig, cases, COUNT(cases));
    /* a region's keys are counted for themselves */
    rig->caller = RIG_ACCOUNT " eu-west-1";
    rig_ok(rig, "CreateKey", "{}");
}

static int set_up_on_disk(void **state)
{
    struct rig *rig = rig_open(true);
    rig_key(rig, "K");
    *state = rig;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_create_and_describe),
        T(test_create_with_everything_spelt_out),
        T(test_create_refused),
        T(test_specs_and_usages),
        T(test_names_that_lead_nowhere),
        T(test_other_accounts),
        T(test_other_regions),
        T(test_aliases_on_key_only_operations),
        T(test_list_keys),
        T(test_list_keys_exact_page),
        T(test_markers),
        T(test_enable_and_disable),
        T(test_description),
        T(test_deletion_and_its_cancelling),
        T(test_after_the_deletion_date),
        T(test_not_offered),
        cmocka_unit_test_setup_teardown(test_managed, set_up_on_disk, tear_down),
        T(test_quotas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

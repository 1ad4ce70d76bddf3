/* CreateGrant, ListGrants, ListRetirableGrants, RetireGrant, RevokeGrant. */
#include "common.h"

#define USER        "arn:aws:iam::" RIG_ACCOUNT ":user/"
#define FOREIGNER   "arn:aws:iam::" RIG_OTHER ":root"
#define ENCRYPT     "{'KeyId':'${K_ARN}','Plaintext':'AA=='}"
#define AS(who)     rig->caller = RIG_ACCOUNT " " RIG_REGION who
#define GRANT(more) "{'KeyId':'${K}','GranteePrincipal':'" USER "alice'," more "}"

static json_t *grants_of(struct rig *rig)
{
    return json_object_get(rig_ok(rig, "ListGrants", "{'KeyId':'${K}'}"), "Grants");
}

static void create(struct rig *rig, const char *body)
{
    json_t *answer = rig_ok(rig, "CreateGrant", body);
    ASSERT_MEMBERS(answer, "GrantId", "GrantToken");
    assert_int_equal(strlen(text_of(answer, "GrantId")), 64);
    rig_set(rig, "G", text_of(answer, "GrantId"));
    rig_set(rig, "TOKEN", text_of(answer, "GrantToken"));
}

static void test_create_and_list(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(json_array_size(grants_of(rig)), 0);
    create(rig, GRANT("'Operations':['Encrypt','Decrypt']"));
    json_t *grants = grants_of(rig);
    assert_int_equal(json_array_size(grants), 1);
    json_t *grant = json_array_get(grants, 0);
    ASSERT_MEMBERS(grant, "KeyId", "GrantId", "Name", "CreationDate", "GranteePrincipal",
        "IssuingAccount", "Operations");
    assert_string_equal(text_of(grant, "KeyId"), rig_get(rig, "K_ARN"));
    assert_string_equal(text_of(grant, "Name"), "");
    assert_string_equal(text_of(grant, "IssuingAccount"), "arn:aws:iam::" RIG_ACCOUNT ":root");
    assert_int_equal(json_array_size(json_object_get(grant, "Operations")), 2);
}

static void test_the_same_name(void **state)
{
    struct rig *rig = *state;
    char first[65];
    create(rig, GRANT("'Name':'n','Operations':['Encrypt','Decrypt']"));
    (void)snprintf(first, sizeof(first), "%s", rig_get(rig, "G"));
    create(rig, GRANT("'Name':'n','Operations':['Decrypt','Encrypt']"));
    assert_string_equal(rig_get(rig, "G"), first);
    create(rig, GRANT("'Name':'n','Operations':['Encrypt']"));
    assert_string_not_equal(rig_get(rig, "G"), first);
    create(rig, GRANT("'Operations':['Encrypt']"));
    create(rig, GRANT("'Operations':['Encrypt']"));
    assert_int_equal(json_array_size(grants_of(rig)), 4);
}

static void test_decides(void **state)
{
    struct rig *rig = *state;
    create(
        rig, GRANT("'Operations':['Encrypt'],'Constraints':{'EncryptionContextSubset':{'a':'b'}}"));
    AS(" alice");
    rig_ok(rig, "Encrypt",
        "{'KeyId':'${K}','Plaintext':'AA==','EncryptionContext':{'a':'b','c':'d'}}");
    rig_send(rig, "Encrypt", ENCRYPT);
    assert_int_equal(rig->status, 400);
    rig_send(rig, "DescribeKey", "{'KeyId':'${K}'}");
    assert_int_equal(rig->status, 400);
    AS(" bob");
    rig_send(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'AA==','EncryptionContext':{'a':'b'}}");
    assert_int_equal(rig->status, 400);
    AS("");
    assert_null(rig_ok(rig, "RevokeGrant", "{'KeyId':'${K}','GrantId':'${G}'}"));
    AS(" alice");
    rig_send(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'AA==','EncryptionContext':{'a':'b'}}");
    assert_int_equal(rig->status, 400);
}

static void test_other_account(void **state)
{
    struct rig *rig = *state;
    create(rig, "{'KeyId':'${K}','GranteePrincipal':'" FOREIGNER "','RetiringPrincipal':'" FOREIGNER
                "','Operations':['Encrypt']}");
    rig->caller = RIG_OTHER " " RIG_REGION;
    rig_ok(rig, "Encrypt", ENCRYPT);
    rig_send(rig, "Decrypt", "{'KeyId':'${K_ARN}','CiphertextBlob':'AA=='}");
    assert_int_equal(rig->status, 400);
    json_t *answer = rig_ok(rig, "ListRetirableGrants", "{'RetiringPrincipal':'" FOREIGNER "'}");
    assert_int_equal(json_array_size(json_object_get(answer, "Grants")), 1);
    rig_fault(rig, "ListRetirableGrants", "{'RetiringPrincipal':'" USER "alice'}",
        "AccessDeniedException",
        "User: " FOREIGNER " is not authorized to perform: kms:ListRetirableGrants on resource: * "
        "because no resource-based policy allows the kms:ListRetirableGrants action");
    assert_null(rig_ok(rig, "RetireGrant", "{'GrantToken':'${TOKEN}'}"));
    rig_send(rig, "Encrypt", ENCRYPT);
    assert_int_equal(rig->status, 400);
}

/* Who may make grants by a grant alone passes on no more than it has. */
static void test_passing_on(void **state)
{
    struct rig *rig = *state;
    create(rig, GRANT("'Operations':['CreateGrant','Encrypt'],"
                      "'Constraints':{'EncryptionContextEquals':{'a':'b'}}"));
    AS(" alice");
#define PASS_ON(operations, constraints) \
    "{'KeyId':'${K}','GranteePrincipal':'" USER "bob','Operations':[" operations "]" constraints "}"
#define SAME ",'Constraints':{'EncryptionContextEquals':{'a':'b'}}"
    static const char *const refused[] = {
        PASS_ON("'Encrypt'", ""),
        PASS_ON("'Encrypt','Decrypt'", SAME),
        PASS_ON("'Encrypt'", ",'Constraints':{'EncryptionContextSubset':{'a':'b'}}"),
    };
    for (size_t i = 0; i < COUNT(refused); i++) {
        rig_send(rig, "CreateGrant", refused[i]);
        assert_string_equal(text_of(rig->answer, "__type"), "AccessDeniedException");
    }
    rig_ok(rig, "CreateGrant", PASS_ON("'Encrypt'", SAME));
    AS(" bob");
    rig_ok(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'AA==','EncryptionContext':{'a':'b'}}");
}

static void test_retire(void **state)
{
    struct rig *rig = *state;
    create(rig, GRANT("'RetiringPrincipal':'" USER "bob','Operations':['Encrypt']"));
    AS(" alice");
    rig_send(rig, "RetireGrant", "{'GrantToken':'${TOKEN}'}");
    assert_string_equal(text_of(rig->answer, "__type"), "AccessDeniedException");
    AS(" bob");
    assert_null(rig_ok(rig, "RetireGrant", "{'KeyId':'${K_ARN}','GrantId':'${G}'}"));
    AS("");
    assert_int_equal(json_array_size(grants_of(rig)), 0);
    create(rig, GRANT("'Operations':['Encrypt','RetireGrant']"));
    AS(" alice");
    assert_null(rig_ok(rig, "RetireGrant", "{'GrantToken':'${TOKEN}'}"));
    AS("");
    rig_fault(rig, "RetireGrant", "{'GrantToken':'${TOKEN}'}", "NotFoundException",
        "Grant ID ${G} not found");
}

static void test_refused(void **state)
{
    struct rig *rig = *state;
    create(rig, GRANT("'Operations':['Encrypt']"));
    static const struct rig_case cases[] = {
        {"CreateGrant", GRANT("'Operations':['CreateGrant']"), "ValidationException",
            "Grants must not contain only the CreateGrant operation."},
        {"CreateGrant", GRANT("'Operations':[]"), "ValidationException",
            "A grant must have at least one operation."},
        {"CreateGrant", "{'KeyId':'${K}','GranteePrincipal':'nobody','Operations':['Encrypt']}",
            "InvalidArnException", "nobody is not a valid principal."},
        {"CreateGrant", "{'KeyId':'alias/x','GranteePrincipal':'a','Operations':['Encrypt']}",
            "InvalidArnException", "Key Aliases are not supported for this operation."},
        {"CreateGrant",
            GRANT("'Operations':['Encrypt'],'Constraints':{'EncryptionContextEquals':{}}"),
            "ValidationException", "An encryption context constraint must have 1 to 8 pairs."},
        {"CreateGrant",
            GRANT("'Operations':['Encrypt'],'Constraints':{'EncryptionContextSubset':{'a':'b'},"
                  "'EncryptionContextEquals':{'a':'b'}}"),
            "ValidationException", "More than one constraint supplied"},
        {"CreateGrant", GRANT("'Operations':['Encrypt'],'DryRun':true"), "DryRunOperationException",
            "The request would have succeeded, but the DryRun option is set."},
        {"RevokeGrant", "{'KeyId':'${K}','GrantId':'${G}','DryRun':true}",
            "DryRunOperationException",
            "The request would have succeeded, but the DryRun option is set."},
        {"RevokeGrant", "{'KeyId':'${K}','GrantId':'x'}", "NotFoundException",
            "Grant ID x not found"},
        {"RetireGrant", "{'GrantToken':'AAAA'}", "InvalidGrantTokenException",
            "The grant token is not valid."},
        {"ListGrants", "{'KeyId':'${K}','Marker':'x'}", "InvalidMarkerException",
            "The marker is not valid."},
    };
    rig_faults(rig, cases, COUNT(cases));
    assert_int_equal(json_array_size(grants_of(rig)), 1);
}

/* The developer guide's table of grant operations: what each type of key supports. */
static void test_operations_of_the_key(void **state)
{
    struct rig *rig = *state;
    static const char *const operations[] = {"CreateGrant", "DescribeKey", "RetireGrant", "Encrypt",
        "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey", "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext", "GenerateDataKeyWithoutPlaintext", "GetPublicKey",
        "Sign", "Verify", "GenerateMac", "VerifyMac", "DeriveSharedSecret", "Encapsulate",
        "Decapsulate"};
    static const struct {
        const char *spec, *usage;
        const char *supported; /* a + for each that is */
    } rows[] = {
        {"SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "+++++++++++--------"},
        {"RSA_2048", "ENCRYPT_DECRYPT", "+++++++----+-------"},
        {"ECC_NIST_P256", "SIGN_VERIFY", "+++--------+++-----"},
        {"ECC_NIST_P256", "KEY_AGREEMENT", "+++--------+----+--"},
        {"HMAC_256", "GENERATE_VERIFY_MAC", "+++-----------++---"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char body[512], text[256];
        (void)snprintf(
            body, sizeof(body), "{'KeySpec':'%s','KeyUsage':'%s'}", rows[i].spec, rows[i].usage);
        json_t *metadata = json_object_get(rig_ok(rig, "CreateKey", body), "KeyMetadata");
        rig_set(rig, "OF", text_of(metadata, "KeyId"));
        for (size_t k = 0; k < COUNT(operations); k++) {
            (void)snprintf(body, sizeof(body),
                "{'KeyId':'${OF}','GranteePrincipal':'" RIG_ACCOUNT
                "','Operations':['DescribeKey','%s'],'DryRun':true}",
                operations[k]);
            (void)snprintf(text, sizeof(text),
                "Operation %s is not supported by a KMS key with key spec %s and key usage %s.",
                operations[k], rows[i].spec, rows[i].usage);
            if (rows[i].supported[k] == '+')
                rig_fault(rig, "CreateGrant", body, "DryRunOperationException",
                    "The request would have succeeded, but the DryRun option is set.");
            else
                rig_fault(rig, "CreateGrant", body, "ValidationException", text);
        }
        if (i == 0)
            continue;
        rig_fault(rig, "CreateGrant",
            "{'KeyId':'${OF}','GranteePrincipal':'" RIG_ACCOUNT "','Operations':['DescribeKey'],"
            "'Constraints':{'EncryptionContextSubset':{'a':'b'}}}",
            "ValidationException",
            "Encryption context constraints are only supported for symmetric encryption KMS keys.");
    }
}

static void test_pages(void **state)
{
    struct rig *rig = *state;
    for (size_t i = 0; i < 5; i++)
        create(rig, GRANT("'RetiringPrincipal':'" USER "bob','Operations':['Encrypt']"));
    static const char *const lists[][2] = {
        {"ListGrants", "'KeyId':'${K}'"},
        {"ListRetirableGrants", "'RetiringPrincipal':'" USER "bob'"},
    };
    for (size_t i = 0; i < COUNT(lists); i++) {
        char body[512];
        size_t found = 0;
        (void)snprintf(body, sizeof(body), "{%s,'Limit':2}", lists[i][1]);
        for (;;) {
            json_t *answer = rig_ok(rig, lists[i][0], body);
            found += json_array_size(json_object_get(answer, "Grants"));
            if (!json_is_true(json_object_get(answer, "Truncated"))) {
                assert_null(json_object_get(answer, "NextMarker"));
                break;
            }
            rig_set(rig, "MARKER", text_of(answer, "NextMarker"));
            (void)snprintf(body, sizeof(body), "{%s,'Limit':2,'Marker':'${MARKER}'}", lists[i][1]);
        }
        assert_int_equal(found, 5);
    }
}

static void test_restart(void **state)
{
    (void)state;
    struct rig *rig = rig_open(true);
    rig_key(rig, "K");
    create(rig, GRANT("'Name':'n','RetiringPrincipal':'" RIG_OTHER "','Operations':['Encrypt'],"
                      "'Constraints':{'EncryptionContextEquals':{'a':'b','c':''},"
                      "'SourceArn':'arn:aws:s3:::b'}"));
    create(
        rig, GRANT("'Operations':['Encrypt'],'Constraints':{'EncryptionContextSubset':{'a':'b'}}"));
    create(rig, "{'KeyId':'${K}','GranteeServicePrincipal':'s3.us-east-1.amazonaws.com',"
                "'Operations':['GenerateDataKey']}");
    create(rig, GRANT("'Operations':['Encrypt']"));
    char *before = json_dumps(grants_of(rig), JSON_SORT_KEYS);
    rig_restart(rig);
    char *after = json_dumps(grants_of(rig), JSON_SORT_KEYS);
    assert_string_equal(before, after);
    free(before);
    free(after);
    AS(" alice");
    rig_ok(rig, "Encrypt", ENCRYPT);
    AS("");
    rig_ok(rig, "RevokeGrant", "{'KeyId':'${K}','GrantId':'${G}'}");
    rig_restart(rig);
    assert_int_equal(json_array_size(grants_of(rig)), 3);
    rig_close(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_create_and_list),
        T(test_the_same_name),
        T(test_decides),
        T(test_other_account),
        T(test_passing_on),
        T(test_retire),
        T(test_refused),
        T(test_operations_of_the_key),
        T(test_pages),
        cmocka_unit_test(test_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * What conditions can know about a call: every condition key of the authorization reference for
 * every action that it lists it for, what is never known and why, and the values.
 */
#include "common.h"

#include "kmsd/ops/conditions.h"
#include "libkms/proto/codec.h"

#define REFERENCE KMS_TEST_VECTORS "/policy/kms-iam-data.json"
#define SOURCE    "arn:aws:s3:::ledger"

/* --- keys that no call has -------------------------------------------------------------------- */

static const struct {
    const char *prefix;
    const char *why;
} unknowable[] = {
    {"kms:ViaService", "nobody calls on behalf of a caller: there are no forward access sessions"},
    {"kms:RecipientAttestation:", "attested recipients are refused before anything is decided"},
};

static const char *why_unknowable(const char *key)
{
    for (size_t i = 0; i < COUNT(unknowable); i++) {
        if (strncmp(key, unknowable[i].prefix, strlen(unknowable[i].prefix)) == 0)
            return unknowable[i].why;
    }
    return NULL;
}

/* What is known beyond the reference. */
static const struct {
    const char *action; /* NULL: any */
    const char *prefix;
    const char *why;
} beyond[] = {
    {NULL, "kms:CustomerMasterKey", "older names of kms:KeySpec and kms:KeyUsage"},
    {NULL, "kms:RequestAlias", "wherever a request names the key by an alias"},
    {"ReplicateKey", "aws:RequestTag/", "it has tags in the request, as CreateKey has"},
    {"ReplicateKey", "aws:TagKeys", "the same"},
    {"ReplicateKey", "kms:BypassPolicyLockoutSafetyCheck", "it takes a policy, as CreateKey does"},
};

static bool is_beyond(const char *action, const char *key)
{
    for (size_t i = 0; i < COUNT(beyond); i++) {
        if ((beyond[i].action == NULL || strcmp(beyond[i].action, action) == 0) &&
            strncmp(key, beyond[i].prefix, strlen(beyond[i].prefix)) == 0)
            return true;
    }
    return false;
}

/* --- requests that have everything ------------------------------------------------------------ */

/* Members that conditions look at; those of other operations are skipped by the decoder. */
static const char everything[] =
    "{'Tags':[{'TagKey':'team','TagValue':'red'}],'BypassPolicyLockoutSafetyCheck':true,"
    "'KeyPairSpec':'RSA_2048','EncryptionContext':{'team':'red','b':'2'},"
    "'SourceEncryptionContext':{'team':'old'},'DestinationEncryptionContext':{'team':'new'},"
    "'ExpirationModel':'KEY_MATERIAL_EXPIRES','ValidTo':1795396373.5,"
    "'Constraints':{'EncryptionContextSubset':{'team':'red'},'SourceArn':'" SOURCE "'},"
    "'Operations':['Encrypt','Decrypt'],"
    "'GranteePrincipal':'arn:aws:iam::111122223333:role/g','GranteeServicePrincipal':'a.b.c',"
    "'RetiringPrincipal':'arn:aws:iam::111122223333:role/r','RetiringServicePrincipal':'d.e.f',"
    "'KeyAgreementAlgorithm':'ECDH','MacAlgorithm':'HMAC_SHA_256','MessageType':'DIGEST',"
    "'SigningAlgorithm':'ECDSA_SHA_256','PrimaryRegion':'eu-west-1','ReplicaRegion':'eu-west-2',"
    "'RotationPeriodInDays':90,'PendingWindowInDays':7,'MultiRegion':true,"
    "'WrappingAlgorithm':'RSAES_OAEP_SHA_256','WrappingKeySpec':'RSA_4096'}";

/* UntagResource names its tags in another way. */
static const char tag_keys[] = "{'TagKeys':['team']}";

/* --- a call on the bench ---------------------------------------------------------------------- */

struct bench {
    struct rig *rig;
    const struct kmsd_key *held;
    struct kmsd_key key; /* the held one, with what a test changes */
    struct kmsd_identity identity;
    struct kmsd_principal principal;
    struct kmsd_key_grant grant;
    struct kms_arena arena;
    struct kmsd_call call;
    struct kmsd_target target;
    struct kmsd_inquiry inquiry;
};

static void bench_open(struct bench *bench, struct rig *rig)
{
    memset(bench, 0, sizeof(*bench));
    bench->rig = rig;
    rig_ok(rig, "TagResource", "{'KeyId':'${K}','Tags':[{'TagKey':'team','TagValue':'red'}]}");
    rig_ok(rig, "CreateAlias", "{'AliasName':'alias/a','TargetKeyId':'${K}'}");
    const struct kmsd_realm realm = {kms_str(RIG_ACCOUNT), kms_str(RIG_REGION)};
    bench->held = kmsd_keys_find(rig->keys, realm, kms_str(rig_get(rig, "K")), rig_now_ms);
    assert_non_null(bench->held);
    bench->key = *bench->held;
    bench->identity.subject = (struct kmsd_policy_subject){
        .kind = KMSD_SUBJECT_SERVICE, .service = kms_str("s3.us-east-1.amazonaws.com")};
    bench->principal.identity = &bench->identity;
    (void)strcpy(bench->principal.account, RIG_ACCOUNT);
    static const struct kms_str_pair demanded[] = {
        {KMS_STR_LITERAL("team"), KMS_STR_LITERAL("granted")}};
    bench->grant.rule.context_equals = (struct kms_str_map){demanded, 1};
    kms_arena_init(&bench->arena, 1 << 20);
}

static void bench_close(struct bench *bench)
{
    kms_arena_clean_up(&bench->arena);
    kmsd_key_release(bench->held);
}

/* "ReEncryptTo" is the action of an operation of another name. */
static bool find_operation(const char *action, enum kms_op *id)
{
    const char *name = strncmp(action, "ReEncrypt", 9) == 0 ? "ReEncrypt" : action;
    for (size_t i = 0; i < KMS_OPERATION_COUNT; i++) {
        *id = (enum kms_op)i;
        if (strcmp(kms_operations[i].name, name) == 0)
            return true;
    }
    return false;
}

/* A call of the operation behind an action, with that request; on no key when it makes one. */
static void bench_call(struct bench *bench, const char *action, const char *request)
{
    enum kms_op id;
    char text[4096], full[64];
    assert_true(find_operation(action, &id));
    const struct kms_shape *shape = kms_operations[id].input;
    (void)snprintf(text, sizeof(text), "%s", request);
    for (char *c = text; *c != '\0'; c++)
        *c = *c == '\'' ? '"' : *c;
    (void)snprintf(full, sizeof(full), "kms:%s", action);
    void *input = kms_arena_alloc(&bench->arena, shape->size);
    assert_non_null(input);
    assert_int_equal(kms_decode_response(
                         KMS_WIRE_JSON, shape, kms_bytes(text, strlen(text)), &bench->arena, input),
        KMS_OK);
    bool is_on_key = id != KMS_OP_CREATE_KEY;
    bench->call = (struct kmsd_call){.op = &kmsd_ops[id],
        .keys = bench->rig->keys,
        .principal = &bench->principal,
        .region = kms_str(RIG_REGION),
        .way = {.remote_address = kms_str("127.0.0.1"),
            .user_agent = kms_str("curl"),
            .referer = kms_str("https://example.com/"),
            .source_arn = kms_str(SOURCE),
            .source_account = kms_str(RIG_OTHER)},
        .now_ms = rig_now_ms,
        .arena = &bench->arena,
        .input = input,
        .key = is_on_key ? &bench->key : NULL,
        .destination = &bench->key,
        .grant = &bench->grant};
    const char *kept = kms_arena_str(&bench->arena, kms_str(full)).data;
    assert_non_null(kept);
    bench->target = (struct kmsd_target){.action = kept,
        .account = kms_str(RIG_ACCOUNT),
        .key = bench->call.key,
        .given = is_on_key ? kms_str("alias/a") : kms_str(NULL)};
    bench->inquiry = (struct kmsd_inquiry){.call = &bench->call, .target = &bench->target};
}

static bool ask(struct bench *bench, const char *key, struct kmsd_policy_value *out)
{
    struct kmsd_policy_key_name name;
    assert_int_equal(kmsd_policy_key_name_parse(kms_str(key), &name), KMS_OK);
    bool is_found = kmsd_condition_find(&bench->inquiry, &name, out);
    assert_false(bench->inquiry.is_out_of_memory);
    return is_found;
}

/* --- the reference ---------------------------------------------------------------------------- */

/* The name of a key as a policy could use it: "${TagKey}" is a name that the requests have. */
static void fill_in(const char *key, char out[128])
{
    const char *dollar = strchr(key, '$');
    int len = dollar == NULL ? (int)strlen(key) : (int)(dollar - key);
    (void)snprintf(out, 128, "%.*s%s", len, key, dollar == NULL ? "" : "team");
}

static void check_supplied(struct bench *bench, const char *action, const char *key, json_t *seen)
{
    char name[128];
    struct kmsd_policy_value value;
    fill_in(key, name);
    bool is_found = ask(bench, name, &value);
    const char *why = why_unknowable(key);
    if (why != NULL && is_found)
        fail_msg("%s: %s is known, though %s", action, key, why);
    if (why == NULL && !is_found)
        fail_msg("%s: %s is not known", action, key);
    if (is_found && value.count == 0)
        fail_msg("%s: %s has no value", action, key);
    assert_int_equal(json_object_set_new(seen, key, json_true()), 0);
}

static void check_all_supplied(
    struct bench *bench, const char *action, const json_t *keys, json_t *seen)
{
    size_t index;
    json_t *key;
    json_array_foreach(keys, index, key)
    {
        check_supplied(bench, action, json_string_value(key), seen);
    }
}

static bool lists(const json_t *keys, const char *name)
{
    size_t index;
    json_t *key;
    json_array_foreach(keys, index, key)
    {
        if (strcmp(json_string_value(key), name) == 0)
            return true;
    }
    return false;
}

/* What the reference lists for the action, and what it lists for the resource. */
static void check_action(struct bench *bench, const json_t *reference, const json_t *row,
    const json_t *of_keys, json_t *seen)
{
    const char *action = json_string_value(json_object_get(row, "name"));
    const char *id;
    json_t *listed = json_object_get(row, "conditionKeys"), *resource, *key;
    size_t index;
    bool is_on_key = false;
    bench_call(bench, action, strcmp(action, "UntagResource") == 0 ? tag_keys : everything);
    check_all_supplied(bench, action, listed, seen);
    json_array_foreach(json_object_get(row, "resourceTypes"), index, resource)
    {
        check_all_supplied(bench, action, json_object_get(resource, "conditionKeys"), seen);
        is_on_key =
            is_on_key || strcmp(json_string_value(json_object_get(resource, "name")), "key") == 0;
    }
    if (is_on_key)
        check_all_supplied(bench, action, of_keys, seen);
    /* and no request-bound key of the service where the reference has none */
    json_object_foreach(json_object_get(reference, "conditionKeys"), id, key)
    {
        char name[128];
        struct kmsd_policy_value value;
        const char *text = json_string_value(json_object_get(key, "key"));
        fill_in(text, name);
        if (!lists(listed, text) && !lists(of_keys, text) && !is_beyond(action, text) &&
            ask(bench, name, &value))
            fail_msg("%s: %s is known, though the reference does not list it", action, text);
    }
}

static void test_reference(void **state)
{
    struct bench bench;
    json_error_t error;
    json_t *reference = json_load_file(REFERENCE, 0, &error);
    json_t *seen = json_object(), *row, *key;
    const char *id;
    size_t actions = 0;
    assert_non_null(reference);
    bench_open(&bench, *state);
    bench.key.multi_region = true;
    const json_t *of_keys = json_object_get(
        json_object_get(json_object_get(reference, "resourceTypes"), "key"), "conditionKeys");
    json_object_foreach(json_object_get(reference, "actions"), id, row)
    {
        /* the service's own, nobody can call it */
        if (strcmp(id, "synchronizemultiregionkey") == 0)
            continue;
        check_action(&bench, reference, row, of_keys, seen);
        actions++;
    }
    assert_int_equal(actions, 55);
    /* older names that no action lists any more */
    bench_call(&bench, "Encrypt", everything);
    check_supplied(&bench, "Encrypt", "kms:CustomerMasterKeySpec", seen);
    check_supplied(&bench, "Encrypt", "kms:CustomerMasterKeyUsage", seen);
    json_object_foreach(json_object_get(reference, "conditionKeys"), id, key)
    {
        const char *name = json_string_value(json_object_get(key, "key"));
        if (json_object_get(seen, name) == NULL)
            fail_msg("%s is neither known nor said to be unknowable", name);
    }
    json_decref(seen);
    json_decref(reference);
    bench_close(&bench);
}

/* --- values ----------------------------------------------------------------------------------- */

/* The values with commas between them; "(none)". */
static void to_text(struct bench *bench, const char *key, char out[512])
{
    struct kmsd_policy_value value;
    size_t len = 0;
    (void)strcpy(out, "(none)");
    if (!ask(bench, key, &value))
        return;
    for (size_t i = 0; i < value.count; i++) {
        char buffer[KMSD_POLICY_VALUE_TEXT_MAX];
        struct kms_str text = kmsd_policy_value_text(&value, i, buffer);
        len += (size_t)snprintf(
            out + len, 512 - len, "%s%.*s", i == 0 ? "" : ",", (int)text.len, text.data);
    }
}

struct value_case {
    const char *action;
    const char *request;
    const char *key;
    const char *expected;
};

static void check_values(struct bench *bench, const struct value_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[512];
        bench_call(bench, cases[i].action, cases[i].request);
        to_text(bench, cases[i].key, text);
        if (strcmp(text, cases[i].expected) != 0)
            fail_msg("%s %s: %s is %s, not %s", cases[i].action, cases[i].request, cases[i].key,
                text, cases[i].expected);
    }
}

static void test_members(void **state)
{
    static const struct value_case cases[] = {
        /* as given */
        {"Sign", everything, "kms:SigningAlgorithm", "ECDSA_SHA_256"},
        {"Sign", everything, "kms:MessageType", "DIGEST"},
        {"GenerateMac", everything, "kms:MacAlgorithm", "HMAC_SHA_256"},
        {"GenerateDataKeyPair", everything, "kms:DataKeyPairSpec", "RSA_2048"},
        {"ImportKeyMaterial", everything, "kms:ValidTo", "2026-11-23T01:12:53.500Z"},
        {"EnableKeyRotation", everything, "kms:RotationPeriodInDays", "90"},
        {"ScheduleKeyDeletion", everything, "kms:ScheduleKeyDeletionPendingWindowInDays", "7"},
        {"PutKeyPolicy", everything, "kms:BypassPolicyLockoutSafetyCheck", "true"},
        {"UpdatePrimaryRegion", everything, "kms:PrimaryRegion", "eu-west-1"},
        {"ReplicateKey", everything, "kms:ReplicaRegion", "eu-west-2"},
        /* what an absent member stands for */
        {"Sign", "{}", "kms:MessageType", "RAW"},
        {"Encrypt", "{}", "kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT"},
        {"GenerateDataKey", "{}", "kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT"},
        {"EnableKeyRotation", "{}", "kms:RotationPeriodInDays", "365"},
        {"ScheduleKeyDeletion", "{}", "kms:ScheduleKeyDeletionPendingWindowInDays", "30"},
        {"ImportKeyMaterial", "{}", "kms:ExpirationModel", "KEY_MATERIAL_EXPIRES"},
        {"CreateKey", "{}", "kms:KeySpec", "SYMMETRIC_DEFAULT"},
        {"CreateKey", "{}", "kms:KeyUsage", "ENCRYPT_DECRYPT"},
        {"CreateKey", "{}", "kms:KeyOrigin", "AWS_KMS"},
        {"CreateKey", "{}", "kms:MultiRegion", "false"},
        {"CreateKey", "{'CustomerMasterKeySpec':'RSA_3072'}", "kms:KeySpec", "RSA_3072"},
        {"CreateKey", "{'KeySpec':'RSA_4096'}", "kms:CustomerMasterKeySpec", "RSA_4096"},
        /* or not */
        {"ImportKeyMaterial", "{}", "kms:ValidTo", "(none)"},
        {"PutKeyPolicy", "{}", "kms:BypassPolicyLockoutSafetyCheck", "(none)"},
        {"Encrypt", "{}", "kms:EncryptionContextKeys", "(none)"},
        {"Encrypt", "{'EncryptionContext':{}}", "kms:EncryptionContextKeys", "(none)"},
        {"CreateKey", "{}", "kms:MultiRegionKeyType", "(none)"},
        {"CreateKey", "{'MultiRegion':true}", "kms:MultiRegionKeyType", "PRIMARY"},
        /* encryption contexts, each half of ReEncrypt with its own */
        {"Encrypt", everything, "kms:EncryptionContext:team", "red"},
        {"Encrypt", everything, "kms:EncryptionContext:TEAM", "red"},
        {"Encrypt", everything, "kms:EncryptionContext:c", "(none)"},
        {"ReEncryptFrom", everything, "kms:EncryptionContext:team", "old"},
        {"ReEncryptTo", everything, "kms:EncryptionContext:team", "new"},
        {"ReEncryptTo", "{'DestinationEncryptionAlgorithm':'RSAES_OAEP_SHA_1'}",
            "kms:EncryptionAlgorithm", "RSAES_OAEP_SHA_1"},
        {"ReEncryptFrom", "{'DestinationEncryptionAlgorithm':'RSAES_OAEP_SHA_1'}",
            "kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT"},
        {"ReEncryptTo", "{}", "kms:ReEncryptOnSameKey", "true"},
        /* tags */
        {"TagResource", everything, "aws:RequestTag/team", "red"},
        {"TagResource", everything, "aws:RequestTag/b", "(none)"},
        {"TagResource", everything, "aws:TagKeys", "team"},
        {"UntagResource", "{'TagKeys':['a','b']}", "aws:TagKeys", "a,b"},
        {"TagResource", "{'Tags':[]}", "aws:TagKeys", "(none)"},
        {"Encrypt", "{}", "aws:ResourceTag/team", "red"},
        {"Encrypt", "{}", "kms:ResourceTag/Team", "red"},
        {"Encrypt", "{}", "aws:ResourceTag/b", "(none)"},
        {"CreateKey", "{}", "aws:ResourceTag/team", "(none)"},
        {"CreateKey", everything, "aws:ResourceTag/team", "red"},
        {"CreateKey", everything, "kms:ResourceTag/team", "(none)"},
        /* the key and its names */
        {"Encrypt", "{}", "kms:KeySpec", "SYMMETRIC_DEFAULT"},
        {"Encrypt", "{}", "kms:KeyUsage", "ENCRYPT_DECRYPT"},
        {"Encrypt", "{}", "kms:KeyOrigin", "AWS_KMS"},
        {"Encrypt", "{}", "kms:MultiRegion", "false"},
        {"Encrypt", "{}", "kms:MultiRegionKeyType", "(none)"},
        {"Encrypt", "{}", "kms:ResourceAliases", "alias/a"},
        {"Encrypt", "{}", "kms:RequestAlias", "alias/a"},
    };
    struct bench bench;
    bench_open(&bench, *state);
    check_values(&bench, cases, COUNT(cases));
    bench_close(&bench);
}

static void test_grants(void **state)
{
    static const struct value_case cases[] = {
        {"CreateGrant", everything, "kms:GrantOperations", "Encrypt,Decrypt"},
        {"CreateGrant", everything, "kms:GrantConstraintType", "EncryptionContextSubset"},
        {"CreateGrant", everything, "kms:GrantConstraintSourceArn", SOURCE},
        {"CreateGrant", everything, "kms:GranteeServicePrincipal", "a.b.c"},
        {"CreateGrant", everything, "kms:RetiringServicePrincipal", "d.e.f"},
        {"CreateGrant", everything, "kms:EncryptionContext:team", "red"},
        {"CreateGrant", everything, "kms:GrantIsForAWSResource", "false"},
        {"CreateGrant", "{}", "kms:GrantConstraintType", "(none)"},
        {"CreateGrant", "{}", "kms:GrantConstraintSourceArn", "(none)"},
        {"CreateGrant", "{}", "kms:EncryptionContextKeys", "(none)"},
        {"CreateGrant", "{}", "kms:GrantOperations", "(none)"},
        {"CreateGrant",
            "{'Constraints':{'EncryptionContextEquals':{'a':'1'},"
            "'EncryptionContextSubset':{'b':'2'}}}",
            "kms:EncryptionContextKeys", "a"},
        {"CreateGrant",
            "{'Constraints':{'EncryptionContextEquals':{'a':'1'},"
            "'EncryptionContextSubset':{'b':'2'}}}",
            "kms:GrantConstraintType", "EncryptionContextEquals"},
        /* of RetireGrant it is the grant that speaks */
        {"RetireGrant", "{}", "kms:EncryptionContext:team", "granted"},
        {"RetireGrant", "{}", "kms:EncryptionContextKeys", "team"},
        {"RetireGrant", "{}", "kms:GrantConstraintType", "EncryptionContextEquals"},
        {"RetireGrant", "{}", "kms:GrantOperations", "(none)"},
        {"RevokeGrant", "{}", "kms:EncryptionContextKeys", "(none)"},
    };
    struct bench bench;
    bench_open(&bench, *state);
    check_values(&bench, cases, COUNT(cases));

    char text[512];
    bench.grant.rule.context_subset = bench.grant.rule.context_equals;
    bench.grant.rule.context_equals = (struct kms_str_map){NULL, 0};
    bench_call(&bench, "RetireGrant", "{}");
    to_text(&bench, "kms:GrantConstraintType", text);
    assert_string_equal(text, "EncryptionContextSubset");
    to_text(&bench, "kms:EncryptionContext:team", text);
    assert_string_equal(text, "granted");
    bench.call.grant = NULL; /* there is no such grant */
    to_text(&bench, "kms:EncryptionContext:team", text);
    assert_string_equal(text, "(none)");
    to_text(&bench, "kms:GrantConstraintType", text);
    assert_string_equal(text, "(none)");
    bench_close(&bench);
}

static void test_the_way(void **state)
{
    static const struct value_case cases[] = {
        {"Encrypt", "{}", "aws:SourceIp", "127.0.0.1"},
        {"Encrypt", "{}", "aws:UserAgent", "curl"},
        {"Encrypt", "{}", "aws:Referer", "https://example.com/"},
        {"Encrypt", "{}", "aws:SecureTransport", "false"},
        {"Encrypt", "{}", "aws:RequestedRegion", RIG_REGION},
        {"Encrypt", "{}", "aws:CurrentTime", "2026-11-23T00:00:00.123Z"},
        {"Encrypt", "{}", "aws:EpochTime", "1795392000"},
        {"Encrypt", "{}", "aws:MultiFactorAuthPresent", "false"},
        {"Encrypt", "{}", "aws:MultiFactorAuthAge", "(none)"},
        {"Encrypt", "{}", "aws:ViaAWSService", "false"},
        {"Encrypt", "{}", "aws:CalledVia", "(none)"},
        {"Encrypt", "{}", "aws:CalledViaFirst", "(none)"},
        {"Encrypt", "{}", "aws:CalledViaLast", "(none)"},
        {"Encrypt", "{}", "aws:SourceVpc", "(none)"},
        {"Encrypt", "{}", "kms:CallerAccount", RIG_ACCOUNT},
        {"GenerateRandom", "{}", "kms:CallerAccount", "(none)"},
    };
    struct bench bench;
    char text[512];
    bench_open(&bench, *state);
    check_values(&bench, cases, COUNT(cases));
    bench_call(&bench, "Encrypt", "{}");
    bench.call.way.is_secure = true;
    to_text(&bench, "aws:SecureTransport", text);
    assert_string_equal(text, "true");
    bench.call.way.remote_address = kms_str("not an address");
    to_text(&bench, "aws:SourceIp", text);
    assert_string_equal(text, "(none)");
    bench_close(&bench);
}

/* On whose behalf it asks a service says; nobody else's word is taken. */
static void test_sources(void **state)
{
    struct bench bench;
    char text[512];
    bench_open(&bench, *state);
    bench_call(&bench, "Encrypt", "{}");
    to_text(&bench, "aws:SourceArn", text);
    assert_string_equal(text, SOURCE);
    to_text(&bench, "aws:SourceAccount", text);
    assert_string_equal(text, RIG_OTHER);
    assert_true(kms_str_is(kmsd_condition_source_arn(&bench.call), SOURCE));
    bench.call.way.source_arn = kms_str(NULL);
    to_text(&bench, "aws:SourceArn", text);
    assert_string_equal(text, "(none)");

    bench_call(&bench, "Encrypt", "{}");
    bench.identity.subject.kind = KMSD_SUBJECT_USER;
    to_text(&bench, "aws:SourceArn", text);
    assert_string_equal(text, "(none)");
    to_text(&bench, "aws:SourceAccount", text);
    assert_string_equal(text, "(none)");
    bench.principal.identity = NULL;
    to_text(&bench, "aws:SourceAccount", text);
    assert_string_equal(text, "(none)");
    assert_null(kmsd_condition_source_arn(&bench.call).data);
    bench_close(&bench);
}

static void test_multi_region(void **state)
{
    struct bench bench;
    char text[512];
    bench_open(&bench, *state);
    bench.key.multi_region = true;
    bench_call(&bench, "Encrypt", "{}");
    to_text(&bench, "kms:MultiRegion", text);
    assert_string_equal(text, "true");
    to_text(&bench, "kms:MultiRegionKeyType", text);
    assert_string_equal(text, "PRIMARY");
    bench.key.primary_region = kms_str(RIG_REGION);
    to_text(&bench, "kms:MultiRegionKeyType", text);
    assert_string_equal(text, "PRIMARY");
    bench.key.primary_region = kms_str("eu-west-1");
    to_text(&bench, "kms:MultiRegionKeyType", text);
    assert_string_equal(text, "REPLICA");

    /* the replica that is to be made: another region, otherwise as the primary */
    bench.key.primary_region = kms_str(RIG_REGION);
    bench_call(&bench, "ReplicateKey", "{'KeyId':'mrk','ReplicaRegion':'eu-west-1'}");
    static const struct {
        const char *name, *of_primary, *of_replica;
    } rows[] = {
        {"kms:ReplicaRegion", "eu-west-1", "eu-west-1"},
        {"kms:MultiRegionKeyType", "PRIMARY", "REPLICA"},
        {"kms:MultiRegion", "true", "true"},
        {"aws:RequestedRegion", RIG_REGION, "eu-west-1"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        bench.target.key = &bench.key;
        to_text(&bench, rows[i].name, text);
        assert_string_equal(text, rows[i].of_primary);
        bench.target.key = NULL;
        bench.call.key = &bench.key;
        to_text(&bench, rows[i].name, text);
        assert_string_equal(text, rows[i].of_replica);
        bench.call.key = NULL;
    }
    bench_close(&bench);
}

static void test_trailing_days(void **state)
{
    struct bench bench;
    struct rig *rig = *state;
    char text[512];
    bench_open(&bench, rig);
    bench.key.created_ms = rig_now_ms - 3 * DAY_MS - 1;
    bench_call(&bench, "DisableKey", "{}");
    to_text(&bench, "kms:TrailingDaysWithoutKeyUsage", text);
    assert_string_equal(text, "3"); /* never used: since it was made */
    rig_ok(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'AA=='}");
    bench_call(&bench, "ScheduleKeyDeletion", "{}");
    to_text(&bench, "kms:TrailingDaysWithoutKeyUsage", text);
    assert_string_equal(text, "0");
    bench.call.now_ms += 7 * DAY_MS;
    to_text(&bench, "kms:TrailingDaysWithoutKeyUsage", text);
    assert_string_equal(text, "7");
    bench.call.now_ms -= 30 * DAY_MS; /* the clock was set back */
    to_text(&bench, "kms:TrailingDaysWithoutKeyUsage", text);
    assert_string_equal(text, "0");
    bench_call(&bench, "EnableKey", "{}");
    to_text(&bench, "kms:TrailingDaysWithoutKeyUsage", text);
    assert_string_equal(text, "(none)");
    bench_close(&bench);
}

/* Values that have to be made are made once, and a decision without them does not count. */
static void test_lists(void **state)
{
    struct bench bench;
    struct kmsd_policy_value first, second;
    struct kmsd_policy_key_name name;
    bench_open(&bench, *state);
    bench_call(&bench, "CreateGrant", everything);
    assert_true(ask(&bench, "kms:GrantOperations", &first));
    assert_true(ask(&bench, "kms:GrantOperations", &second));
    assert_ptr_equal(first.texts.first, second.texts.first);
    assert_true(ask(&bench, "kms:ResourceAliases", &first));
    assert_true(ask(&bench, "kms:ResourceAliases", &second));
    assert_ptr_equal(first.texts.first, second.texts.first);

    bench_call(&bench, "CreateGrant", everything);
    KMS_ARENA_AUTO none;
    kms_arena_init(&none, 0);
    bench.call.arena = &none;
    assert_int_equal(kmsd_policy_key_name_parse(kms_str("kms:GrantOperations"), &name), KMS_OK);
    assert_false(kmsd_condition_find(&bench.inquiry, &name, &first));
    assert_true(bench.inquiry.is_out_of_memory);
    bench.inquiry.is_out_of_memory = false;
    assert_int_equal(kmsd_policy_key_name_parse(kms_str("kms:ResourceAliases"), &name), KMS_OK);
    assert_false(kmsd_condition_find(&bench.inquiry, &name, &first));
    assert_true(bench.inquiry.is_out_of_memory);
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_reference),
        T(test_members),
        T(test_grants),
        T(test_the_way),
        T(test_sources),
        T(test_multi_region),
        T(test_trailing_days),
        T(test_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Requests as they wait in the spool: what goes in comes out, and damage is refused. */
#include "kmsd/audit/pack.h"
#include "kmsd/audit/record.h"
#include "libkms/trail/trail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#define ACCOUNT "111122223333"
#define KEY_ARN "arn:aws:kms:eu-central-1:" ACCOUNT ":key/5b5a0800-4c69-468e-8100-52990c4157fc"

static const struct kmsd_audit_identity everything = {
    .who = KMSD_AUDIT_ASSUMED_ROLE,
    .principal_id = KMS_STR_LITERAL("AROAAPP:batch"),
    .arn = KMS_STR_LITERAL("arn:aws:sts::" ACCOUNT ":assumed-role/app/batch"),
    .account = KMS_STR_LITERAL(ACCOUNT),
    .access_key_id = KMS_STR_LITERAL("ASIASESSION"),
    .user_name = KMS_STR_LITERAL("user \"quoted\" \xc3\xa9"),
    .invoked_by = KMS_STR_LITERAL("backup.amazonaws.com"),
    .provider = KMS_STR_LITERAL("https://issuer"),
    .has_session = true,
    .is_mfa_authenticated = true,
    .session_created_ms = INT64_C(1795396370000),
    .issuer_type = KMS_STR_LITERAL("Role"),
    .issuer_id = KMS_STR_LITERAL("AROAAPP"),
    .issuer_arn = KMS_STR_LITERAL("arn:aws:iam::" ACCOUNT ":role/app"),
    .issuer_account = KMS_STR_LITERAL(ACCOUNT),
    .issuer_name = KMS_STR_LITERAL("app"),
    .source_identity = KMS_STR_LITERAL("alice"),
    .web_provider = KMS_STR_LITERAL("issuer"),
};
static const struct kmsd_audit_identity nobody = {.who = KMSD_AUDIT_UNKNOWN};

static const struct kmsd_audit_resource resources[] = {
    {KMS_STR_LITERAL(KEY_ARN), KMS_STR_LITERAL(ACCOUNT), KMS_STR_LITERAL("AWS::KMS::Key")},
    {KMS_STR_LITERAL(""), {NULL, 0}, {NULL, 0}},
    {{NULL, 0}, KMS_STR_LITERAL("444455556666"), KMS_STR_LITERAL("AWS::KMS::Key")},
};

static struct kmsd_audit_request full_request(void)
{
    return (struct kmsd_audit_request){
        .event_source = KMS_STR_LITERAL("kms.amazonaws.com"),
        .event_name = KMS_STR_LITERAL("Encrypt"),
        .identity = &everything,
        .time_ms = INT64_C(1795396373123),
        .region = KMS_STR_LITERAL("eu-central-1"),
        .account = KMS_STR_LITERAL(ACCOUNT),
        .source_address = KMS_STR_LITERAL("192.0.2.1"),
        .user_agent = KMS_STR_LITERAL("agent\n"),
        .request_id = KMS_STR_LITERAL("1809531a-770c-4db1-b968-7e590b6d56f6"),
        .is_read_only = true,
        .error_code = KMS_STR_LITERAL("AccessDenied"),
        .error_message = KMS_STR_LITERAL("No."),
        .request_parameters = KMS_STR_LITERAL("{\"keyId\":\"k\"}"),
        .response_elements = KMS_STR_LITERAL("{}"),
        .additional_data = KMS_STR_LITERAL("{\"keyMaterialId\":\"00\"}"),
        .resources = resources,
        .resource_count = sizeof(resources) / sizeof(resources[0]),
        .tls_version = KMS_STR_LITERAL("TLSv1.3"),
        .tls_cipher = KMS_STR_LITERAL("TLS_AES_256_GCM_SHA384"),
        .host = KMS_STR_LITERAL("kms.example"),
    };
}

struct packed {
    struct kms_bytes bytes; /* of exactly that many, so that a reader beyond them is found out */
    uint8_t *data;
};

static struct packed pack(const struct kmsd_audit_request *request)
{
    struct kmsd_audit_packing packing;
    kmsd_audit_pack_begin(request, &packing);
    uint8_t *data = malloc(packing.size);
    assert_non_null(data);
    kmsd_audit_pack(&packing, data);
    return (struct packed){kms_bytes(data, packing.size), data};
}

/* A record's text, but for its event id, which is another each time. */
static void write_record(const struct kmsd_audit_request *request, struct kms_buf *out)
{
    static const char mark[] = "\"eventID\":\"";
    kms_buf_init(out, KMS_TRAIL_RECORD_MAX);
    kmsd_audit_write_request(out, request);
    assert_int_equal(out->err, KMS_OK);
    char *id = memmem(out->data, out->len, mark, sizeof(mark) - 1);
    assert_non_null(id);
    memset(id + sizeof(mark) - 1, '-', KMS_UUID_SIZE - 1);
}

static void check_comes_back(const struct kmsd_audit_request *request)
{
    struct kmsd_audit_unpacked unpacked;
    KMS_BUF_AUTO before;
    KMS_BUF_AUTO after;
    struct packed packed = pack(request);
    assert_int_equal(kmsd_audit_unpack(packed.bytes, &unpacked), KMS_OK);
    write_record(request, &before);
    write_record(&unpacked.request, &after);
    assert_true(kms_str_eq(kms_buf_str(&before), kms_buf_str(&after)));
    free(packed.data);
}

static void what_goes_in_comes_out(void **state)
{
    (void)state;
    struct kmsd_audit_request request = full_request();
    check_comes_back(&request);
    request.identity = &nobody;
    request.is_read_only = false;
    check_comes_back(&request);
    request = (struct kmsd_audit_request){.identity = &nobody};
    check_comes_back(&request);
}

/* Each text comes back as itself, absent or empty or not. */
static void every_text_has_its_place(void **state)
{
    (void)state;
    struct kmsd_audit_request request = full_request();
    struct kmsd_audit_unpacked unpacked;
    struct packed packed = pack(&request);
    assert_int_equal(kmsd_audit_unpack(packed.bytes, &unpacked), KMS_OK);
    const struct kmsd_audit_identity *identity = unpacked.request.identity;
    const struct kms_str pairs[][2] = {
        {everything.principal_id, identity->principal_id},
        {everything.arn, identity->arn},
        {everything.account, identity->account},
        {everything.access_key_id, identity->access_key_id},
        {everything.user_name, identity->user_name},
        {everything.invoked_by, identity->invoked_by},
        {everything.provider, identity->provider},
        {everything.issuer_type, identity->issuer_type},
        {everything.issuer_id, identity->issuer_id},
        {everything.issuer_arn, identity->issuer_arn},
        {everything.issuer_account, identity->issuer_account},
        {everything.issuer_name, identity->issuer_name},
        {everything.source_identity, identity->source_identity},
        {everything.web_provider, identity->web_provider},
        {request.event_source, unpacked.request.event_source},
        {request.event_name, unpacked.request.event_name},
        {request.region, unpacked.request.region},
        {request.account, unpacked.request.account},
        {request.source_address, unpacked.request.source_address},
        {request.user_agent, unpacked.request.user_agent},
        {request.request_id, unpacked.request.request_id},
        {request.error_code, unpacked.request.error_code},
        {request.error_message, unpacked.request.error_message},
        {request.request_parameters, unpacked.request.request_parameters},
        {request.response_elements, unpacked.request.response_elements},
        {request.additional_data, unpacked.request.additional_data},
        {request.tls_version, unpacked.request.tls_version},
        {request.tls_cipher, unpacked.request.tls_cipher},
        {request.host, unpacked.request.host},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        assert_non_null(pairs[i][1].data);
        assert_true(kms_str_eq(pairs[i][0], pairs[i][1]));
    }
    assert_true(identity->session_created_ms == everything.session_created_ms);
    assert_int_equal(unpacked.request.resource_count, 3);
    assert_non_null(unpacked.resources[1].arn.data);
    assert_int_equal(unpacked.resources[1].arn.len, 0);
    assert_null(unpacked.resources[1].account.data);
    assert_null(unpacked.resources[2].arn.data);
    free(packed.data);
}

static void what_is_long_is_cut(void **state)
{
    (void)state;
    static char letters[3 * KMSD_AUDIT_TEXT_MAX];
    memset(letters, 'x', sizeof(letters));
    struct kmsd_audit_resource many[KMSD_AUDIT_RESOURCES_MAX + 2] = {{.arn = {"a", 1}}};
    struct kmsd_audit_request request = full_request();
    request.user_agent = (struct kms_str){letters, sizeof(letters)};
    request.request_parameters = (struct kms_str){letters, sizeof(letters)}; /* not this */
    request.resources = many;
    request.resource_count = KMSD_AUDIT_RESOURCES_MAX + 2;
    struct kmsd_audit_unpacked unpacked;
    struct packed packed = pack(&request);
    assert_int_equal(kmsd_audit_unpack(packed.bytes, &unpacked), KMS_OK);
    assert_int_equal(unpacked.request.user_agent.len, KMSD_AUDIT_TEXT_MAX);
    assert_int_equal(unpacked.request.request_parameters.len, sizeof(letters));
    assert_int_equal(unpacked.request.resource_count, KMSD_AUDIT_RESOURCES_MAX);
    free(packed.data);
}

static void what_is_cut_off_or_too_long_is_refused(void **state)
{
    (void)state;
    const struct kmsd_audit_request request = full_request();
    struct kmsd_audit_unpacked unpacked;
    struct packed packed = pack(&request);
    for (size_t len = 0; len < packed.bytes.len; len++) {
        uint8_t *part = malloc(len == 0 ? 1 : len);
        assert_non_null(part);
        memcpy(part, packed.data, len);
        assert_int_equal(kmsd_audit_unpack(kms_bytes(part, len), &unpacked), KMS_ERR_CORRUPT);
        free(part);
    }
    uint8_t *more = calloc(1, packed.bytes.len + 1);
    assert_non_null(more);
    memcpy(more, packed.data, packed.bytes.len);
    assert_int_equal(
        kmsd_audit_unpack(kms_bytes(more, packed.bytes.len + 1), &unpacked), KMS_ERR_CORRUPT);
    free(more);
    free(packed.data);
}

/* A flipped bit is refused or gives other texts, all of them within the bytes that there are. */
static void no_flipped_bit_leads_outside(void **state)
{
    (void)state;
    const struct kmsd_audit_request request = full_request();
    struct packed packed = pack(&request);
    size_t refused = 0;
    for (size_t bit = 0; bit < 8 * packed.bytes.len; bit++) {
        struct kmsd_audit_unpacked unpacked;
        KMS_BUF_AUTO record;
        kms_buf_init(&record, KMS_TRAIL_RECORD_MAX);
        packed.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        enum kms_err err = kmsd_audit_unpack(packed.bytes, &unpacked);
        if (err == KMS_OK) {
            kmsd_audit_write_request(&record, &unpacked.request); /* reads all of it */
            assert_int_equal(record.err, KMS_OK);
        } else {
            assert_int_equal(err, KMS_ERR_CORRUPT);
            refused++;
        }
        packed.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_true(refused > 32 * 29); /* whatever touches a length, at least */
    free(packed.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out),
        cmocka_unit_test(every_text_has_its_place),
        cmocka_unit_test(what_is_long_is_cut),
        cmocka_unit_test(what_is_cut_off_or_too_long_is_refused),
        cmocka_unit_test(no_flipped_bit_leads_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

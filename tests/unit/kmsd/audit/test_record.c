/* Records, and what the index takes of them without reading them. */
#include "kmsd/audit/record.h"
#include "libkms/trail/trail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ACCOUNT "111122223333"
#define KEY_ARN "arn:aws:kms:eu-central-1:" ACCOUNT ":key/5b5a0800-4c69-468e-8100-52990c4157fc"

static const int64_t time_ms = INT64_C(1795396373123);

static const struct kmsd_audit_identity root = {
    .who = KMSD_AUDIT_ROOT,
    .principal_id = KMS_STR_LITERAL(ACCOUNT),
    .arn = KMS_STR_LITERAL("arn:aws:iam::" ACCOUNT ":root"),
    .account = KMS_STR_LITERAL(ACCOUNT),
    .access_key_id = KMS_STR_LITERAL("AKIAROOT"),
};
static const struct kmsd_audit_identity session = {
    .who = KMSD_AUDIT_ASSUMED_ROLE,
    .arn = KMS_STR_LITERAL("arn:aws:sts::" ACCOUNT ":assumed-role/app/batch"),
    .account = KMS_STR_LITERAL(ACCOUNT),
    .access_key_id = KMS_STR_LITERAL("ASIASESSION"),
    .has_session = true,
    .issuer_type = KMS_STR_LITERAL("Role"),
    .issuer_name = KMS_STR_LITERAL("app"),
    .issuer_arn = KMS_STR_LITERAL("arn:aws:iam::" ACCOUNT ":role/app"),
};
static const struct kmsd_audit_identity service = {
    .who = KMSD_AUDIT_AWS_SERVICE, .invoked_by = KMS_STR_LITERAL("backup.amazonaws.com")};
static const struct kmsd_audit_identity alice = {
    .who = KMSD_AUDIT_IAM_USER,
    .arn = KMS_STR_LITERAL("arn:aws:iam::" ACCOUNT ":user/path/alice"),
    .account = KMS_STR_LITERAL(ACCOUNT),
    .access_key_id = KMS_STR_LITERAL(""),
    .user_name = KMS_STR_LITERAL("alice"),
};
static const struct kmsd_audit_identity web = {
    .who = KMSD_AUDIT_WEB_IDENTITY,
    .principal_id = KMS_STR_LITERAL("issuer:audience:subject"),
    .user_name = KMS_STR_LITERAL("subject"),
    .provider = KMS_STR_LITERAL("issuer"),
};
static const struct kmsd_audit_identity nobody = {.who = KMSD_AUDIT_UNKNOWN};
static const struct kmsd_audit_identity odd_name = {
    .who = KMSD_AUDIT_IAM_USER, .user_name = KMS_STR_LITERAL("a\"b")};

static const struct kmsd_audit_resource keys[] = {
    {KMS_STR_LITERAL(KEY_ARN), KMS_STR_LITERAL(ACCOUNT), KMS_STR_LITERAL("AWS::KMS::Key")},
    {KMS_STR_LITERAL("arn:aws:kms:us-east-1:444455556666:alias/x"), KMS_STR_LITERAL("444455556666"),
        {NULL, 0}},
    {KMS_STR_LITERAL(""), KMS_STR_LITERAL(""), KMS_STR_LITERAL("")},
    {{NULL, 0}, KMS_STR_LITERAL(ACCOUNT), KMS_STR_LITERAL("AWS::KMS::Key")},
};

static struct kmsd_audit_request request_by(const struct kmsd_audit_identity *identity)
{
    return (struct kmsd_audit_request){
        .event_source = KMS_STR_LITERAL("kms.amazonaws.com"),
        .event_name = KMS_STR_LITERAL("Encrypt"),
        .identity = identity,
        .time_ms = time_ms,
        .region = KMS_STR_LITERAL("eu-central-1"),
        .account = KMS_STR_LITERAL(ACCOUNT),
        .source_address = KMS_STR_LITERAL("192.0.2.1"),
        .user_agent = KMS_STR_LITERAL("agent \"quoted\""),
        .request_id = KMS_STR_LITERAL("request"),
        .request_parameters =
            KMS_STR_LITERAL("{\"errorCode\":\"not this\",\"resources\":[{\"ARN\":\"\"}]}"),
    };
}

/* What is told is what is read off the record. */
static void check_gist(const struct kmsd_audit_request *request)
{
    struct kms_trail_hash chain = {{0}};
    struct kms_trail_gist told = {.count = 0};
    struct kms_trail_gist read = {.count = 0};
    uint64_t number = 0;
    KMS_BUF_AUTO record;
    KMS_BUF_AUTO line;
    kms_buf_init(&record, KMS_TRAIL_RECORD_MAX);
    kms_buf_init(&line, KMS_TRAIL_LINE_MAX);
    kmsd_audit_write_request(&record, request);
    assert_int_equal(
        kms_trail_record_append(&line, kms_buf_str(&record), 9, time_ms, &chain), KMS_OK);
    line.len--;
    assert_int_equal(kms_trail_gist_read(kms_buf_str(&line), &number, &read), KMS_OK);
    assert_true(kmsd_audit_gist_of(request, &told));
    assert_true(number == 9 && told.time_ms == read.time_ms && told.count == read.count);
    assert_memory_equal(told.terms, read.terms, told.count * sizeof(told.terms[0]));
}

static void the_index_is_told_what_it_would_read(void **state)
{
    (void)state;
    static const struct kmsd_audit_identity *const identities[] = {
        &root, &session, &service, &alice, &web, &nobody};
    for (size_t i = 0; i < sizeof(identities) / sizeof(identities[0]); i++) {
        struct kmsd_audit_request request = request_by(identities[i]);
        check_gist(&request);
        request.error_code = kms_str("AccessDenied");
        request.error_message = kms_str("No.");
        for (size_t count = 0; count <= sizeof(keys) / sizeof(keys[0]); count++) {
            request.resources = keys;
            request.resource_count = count;
            check_gist(&request);
        }
        request.error_code = kms_str("");
        check_gist(&request);
        request.event_name = kms_str(NULL);
        request.account = kms_str(NULL);
        check_gist(&request);
    }
}

/* More resources than are looked for, and an ARN that is cut. */
static void what_is_too_much_is_left_out_likewise(void **state)
{
    (void)state;
    static char longest[5000];
    struct kmsd_audit_resource many[KMS_TRAIL_RESOURCES_MAX + 3];
    memset(longest, 'x', sizeof(longest));
    for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++)
        many[i] = keys[i % 4];
    many[1].arn = (struct kms_str){longest, sizeof(longest)};
    struct kmsd_audit_request request = request_by(&root);
    request.resources = many;
    request.resource_count = sizeof(many) / sizeof(many[0]);
    check_gist(&request);
    static char large[KMS_TRAIL_RECORD_MAX];
    memset(large, ' ', sizeof(large));
    request.request_parameters = (struct kms_str){large, sizeof(large)}; /* omitted */
    check_gist(&request);
}

static void what_has_escapes_has_to_be_read(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "a\"", "back\\slash", "line\n", "\x7f", "\xc3\xa4", "01234567\"", "0123456789\xff"};
    struct kms_trail_gist gist;
    struct kmsd_audit_request request = request_by(&odd_name);
    assert_false(kmsd_audit_gist_of(&request, &gist));
    request = request_by(&root);
    request.time_ms = -1; /* is written as another time */
    assert_false(kmsd_audit_gist_of(&request, &gist));
    request.time_ms = INT64_C(253402300800000);
    assert_false(kmsd_audit_gist_of(&request, &gist));
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        const struct kmsd_audit_resource resource = {
            .arn = kms_str(odd[i]), .type = KMS_STR_LITERAL("AWS::KMS::Key")};
        request = request_by(&root);
        assert_true(kmsd_audit_gist_of(&request, &gist));
        request.error_code = kms_str(odd[i]);
        assert_false(kmsd_audit_gist_of(&request, &gist));
        request.error_code = kms_str(NULL);
        request.resources = &resource;
        request.resource_count = 1;
        assert_false(kmsd_audit_gist_of(&request, &gist));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_index_is_told_what_it_would_read),
        cmocka_unit_test(what_is_too_much_is_left_out_likewise),
        cmocka_unit_test(what_has_escapes_has_to_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

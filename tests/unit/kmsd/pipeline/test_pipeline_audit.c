/* How records name a federated user, whom no request can make: there is no GetFederationToken. */
#include "kmsd/pipeline_audit.h"

#include "kmsd/audit/record.h"
#include "kmsd/iam/session.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ACCOUNT   "111122223333"
#define FEDERATED "arn:aws:sts::" ACCOUNT ":federated-user/fred"
#define ROOT      "arn:aws:iam::" ACCOUNT ":root"
#define USER      "arn:aws:iam::" ACCOUNT ":user/staff/bob"

/* Holds what the record of a request by fred says of him against the JSON that is expected. */
static void assert_fred(
    struct kms_str issuer_arn, const struct kmsd_session *session, const char *expected)
{
    const struct kmsd_identity identity = {.subject = {
                                               .kind = KMSD_SUBJECT_FEDERATED_USER,
                                               .account = KMS_STR_LITERAL(ACCOUNT),
                                               .arn = KMS_STR_LITERAL(FEDERATED),
                                               .issuer_arn = issuer_arn,
                                               .user_id = KMS_STR_LITERAL(ACCOUNT ":fred"),
                                           }};
    const struct kmsd_principal principal = {
        .account = ACCOUNT,
        .arn = FEDERATED,
        .access_key_id = "ASIAFRED",
        .identity = &identity,
        .session = session,
    };
    struct kmsd_audit_identity told;
    kmsd_audit_identity_of(&principal, &told);
    const struct kmsd_audit_request request = {
        .event_source = KMS_STR_LITERAL("kms.amazonaws.com"),
        .event_name = KMS_STR_LITERAL("ListKeys"),
        .identity = &told,
    };
    KMS_BUF_AUTO out;
    kms_buf_init(&out, 4096);
    kmsd_audit_write_request(&out, &request);
    assert_int_equal(out.err, KMS_OK);
    json_t *record = json_loadb((const char *)out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
    json_t *wanted = json_loads(expected, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(record);
    assert_non_null(wanted);
    if (!json_equal(json_object_get(record, "userIdentity"), wanted))
        fail_msg("%.*s", (int)out.len, (const char *)out.data);
    json_decref(wanted);
    json_decref(record);
}

#define FRED                                                                                \
    "{\"type\":\"FederatedUser\",\"principalId\":\"" ACCOUNT ":fred\",\"arn\":\"" FEDERATED \
    "\",\"accountId\":\"" ACCOUNT "\",\"accessKeyId\":\"ASIAFRED\",\"sessionContext\":"     \
    "{\"webIdFederationData\":{},\"sessionIssuer\":"
#define ATTRIBUTES                                                \
    ",\"attributes\":{\"creationDate\":\"2026-11-23T01:12:53Z\"," \
    "\"mfaAuthenticated\":\"false\"}}}"

static void test_federated_by_a_user(void **state)
{
    (void)state;
    const struct kmsd_session session = {.content = {
                                             .entity_id = KMS_STR_LITERAL("AIDABOB"),
                                             .issued_ms = INT64_C(1795396373123),
                                         }};
    assert_fred(kms_str(USER), &session,
        FRED "{\"type\":\"IAMUser\",\"principalId\":\"AIDABOB\",\"arn\":\"" USER
             "\",\"accountId\":\"" ACCOUNT "\",\"userName\":\"bob\"}" ATTRIBUTES);
}

static void test_federated_by_root(void **state)
{
    (void)state;
    const struct kmsd_session session = {.content = {.issued_ms = INT64_C(1795396373123)}};
    assert_fred(kms_str(ROOT), &session,
        FRED "{\"type\":\"Root\",\"principalId\":\"" ACCOUNT "\",\"arn\":\"" ROOT
             "\",\"accountId\":\"" ACCOUNT "\"}" ATTRIBUTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_federated_by_a_user),
        cmocka_unit_test(test_federated_by_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

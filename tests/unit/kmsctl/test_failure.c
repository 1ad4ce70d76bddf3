#include "kmsctl/failure.h"
#include "libkms/proto/model.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct kms_fault fault_of(const char *code, int status, const char *message)
{
    struct kms_fault fault;

    memset(&fault, 0, sizeof(fault));
    fault.http_status = status;
    (void)snprintf(fault.code, sizeof(fault.code), "%s", code);
    (void)snprintf(fault.message, sizeof(fault.message), "%s", message);
    return fault;
}

static void maps_faults(void **state)
{
    static const struct {
        const char *code;
        int status;
        enum kmsctl_exit exit;
    } cases[] = {
        {"AccessDeniedException", 400, KMSCTL_DENIED},
        {"UnrecognizedClientException", 400, KMSCTL_DENIED},
        {"InvalidSignatureException", 400, KMSCTL_DENIED},
        {"MissingAuthenticationTokenException", 400, KMSCTL_DENIED},
        {"NotFoundException", 400, KMSCTL_NOT_FOUND},
        {"InvalidCiphertextException", 400, KMSCTL_BAD_INPUT},
        {"IncorrectKeyException", 400, KMSCTL_BAD_INPUT},
        {"ThrottlingException", 400, KMSCTL_UNAVAILABLE},
        {"KMSInternalException", 500, KMSCTL_UNAVAILABLE},
        {"DisabledException", 400, KMSCTL_KEY_STATE},
        {"KMSInvalidStateException", 400, KMSCTL_KEY_STATE},
        {"AlreadyExistsException", 400, KMSCTL_EXISTS},
        {"ValidationException", 400, KMSCTL_FAILED},
        {"LimitExceededException", 400, KMSCTL_FAILED},
        /* codes that this version has never heard of */
        {"SomethingNewException", 400, KMSCTL_FAILED},
        {"SomethingNewException", 503, KMSCTL_UNAVAILABLE},
        {"SomethingNewException", 429, KMSCTL_UNAVAILABLE},
        {"SomethingNewException", 403, KMSCTL_DENIED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct kms_fault fault = fault_of(cases[i].code, cases[i].status, "");

        assert_int_equal(kmsctl_exit_of(KMS_ERR_FAULT, &fault), cases[i].exit);
    }
}

/* Whatever the service says is its own fault, scripts may retry. */
static void calls_server_faults_unavailable(void **state)
{
    (void)state;
    for (size_t i = 0; i < KMS_FAULT_COUNT; i++) {
        const struct kms_error_model *model = &kms_error_models[i];

        if (!model->server_fault)
            continue;
        struct kms_fault fault = fault_of(model->name, model->http_status, "");
        assert_int_equal(kmsctl_exit_of(KMS_ERR_FAULT, &fault), KMSCTL_UNAVAILABLE);
    }
}

static void maps_errors(void **state)
{
    static const struct {
        enum kms_err err;
        enum kmsctl_exit exit;
    } cases[] = {
        {KMS_ERR_NO_MEMORY, KMSCTL_FAILED},
        {KMS_ERR_INTERNAL, KMSCTL_FAILED},
        {KMS_ERR_LIMIT, KMSCTL_FAILED},
        {KMS_ERR_CANCELLED, KMSCTL_FAILED},
        {KMS_ERR_CONFIG, KMSCTL_USAGE},
        {KMS_ERR_NO_CREDENTIALS, KMSCTL_DENIED},
        {KMS_ERR_SYNTAX, KMSCTL_BAD_INPUT},
        {KMS_ERR_TRUNCATED, KMSCTL_BAD_INPUT},
        {KMS_ERR_TRAILING, KMSCTL_BAD_INPUT},
        {KMS_ERR_AUTHENTICATION, KMSCTL_BAD_INPUT},
        {KMS_ERR_NO_KEY, KMSCTL_BAD_INPUT},
        {KMS_ERR_CONTEXT, KMSCTL_BAD_INPUT},
        {KMS_ERR_POLICY, KMSCTL_BAD_INPUT},
        {KMS_ERR_IO, KMSCTL_IO},
        {KMS_ERR_TRANSPORT, KMSCTL_UNAVAILABLE},
        {KMS_ERR_TIMEOUT, KMSCTL_UNAVAILABLE},
        {KMS_ERR_PROTOCOL, KMSCTL_UNAVAILABLE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(kmsctl_exit_of(cases[i].err, NULL), cases[i].exit);
    /* no error may ever look like success */
    for (int err = KMS_OK; err < KMS_ERR_COUNT_; err++)
        assert_int_not_equal(kmsctl_exit_of((enum kms_err)err, NULL), KMSCTL_OK);
}

static void says_what_the_service_said(void **state)
{
    struct kmsctl_failure failure;
    struct kms_fault fault = fault_of("NotFoundException", 400, "Alias alias/x is not found.");

    (void)state;
    assert_int_equal(
        kmsctl_fail_call(&failure, KMS_ERR_FAULT, &fault, "alias/x"), KMSCTL_NOT_FOUND);
    assert_int_equal(failure.code, KMSCTL_NOT_FOUND);
    assert_string_equal(failure.text, "alias/x: NotFoundException: Alias alias/x is not found.");

    fault = fault_of("InvalidCiphertextException", 400, "");
    assert_int_equal(
        kmsctl_fail_call(&failure, KMS_ERR_FAULT, &fault, "cannot decrypt f"), KMSCTL_BAD_INPUT);
    assert_string_equal(failure.text,
        "cannot decrypt f: InvalidCiphertextException; the input is altered or no ciphertext, or "
        "the encryption context (-c, --unstored-context) differs");
}

static void says_what_the_client_knows(void **state)
{
    struct kmsctl_failure failure;
    struct kms_fault fault = fault_of("", 0, "Could not resolve host: x");

    (void)state;
    assert_int_equal(
        kmsctl_fail_call(&failure, KMS_ERR_TRANSPORT, &fault, "alias/x"), KMSCTL_UNAVAILABLE);
    assert_string_equal(failure.text, "alias/x: Could not resolve host: x");
    assert_int_equal(kmsctl_fail_call(&failure, KMS_ERR_NO_MEMORY, NULL, "w"), KMSCTL_FAILED);
    assert_string_equal(failure.text, "w: out of memory");
}

static void says_what_the_envelope_found(void **state)
{
    struct kmsctl_failure failure;
    struct kms_envelope_failure detail;

    (void)state;
    memset(&detail, 0, sizeof(detail));
    detail.os_error = ENOSPC;
    (void)snprintf(detail.text, sizeof(detail.text), "writing the output");
    assert_int_equal(
        kmsctl_fail_envelope(&failure, KMS_ERR_IO, &detail, "cannot encrypt f"), KMSCTL_IO);
    assert_string_equal(
        failure.text, "cannot encrypt f: writing the output: No space left on device");
    assert_int_equal(failure.os_error, ENOSPC);
    (void)snprintf(detail.text, sizeof(detail.text), "writing: No space left on device");
    assert_int_equal(
        kmsctl_fail_envelope(&failure, KMS_ERR_IO, &detail, "cannot encrypt f"), KMSCTL_IO);
    assert_string_equal(failure.text, "cannot encrypt f: writing: No space left on device");

    memset(&detail, 0, sizeof(detail));
    (void)snprintf(detail.text, sizeof(detail.text), "the tag does not verify");
    detail.frame = 3;
    detail.offset = 70000;
    assert_int_equal(
        kmsctl_fail_envelope(&failure, KMS_ERR_AUTHENTICATION, &detail, "cannot decrypt f"),
        KMSCTL_BAD_INPUT);
    assert_string_equal(
        failure.text, "cannot decrypt f: the tag does not verify (frame 3, at byte 70000)");

    /* the last refusal behind "no key opens it" decides */
    detail.fault = fault_of("DisabledException", 400, "key is disabled.");
    assert_int_equal(
        kmsctl_fail_envelope(&failure, KMS_ERR_NO_KEY, &detail, "x"), KMSCTL_KEY_STATE);
}

static void cuts_long_texts(void **state)
{
    struct kmsctl_failure failure;
    char text[4096];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(kmsctl_fail(&failure, KMSCTL_USAGE, "%s", text), KMSCTL_USAGE);
    assert_int_equal(strlen(failure.text), KMSCTL_FAILURE_TEXT_SIZE - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_faults),
        cmocka_unit_test(calls_server_faults_unavailable),
        cmocka_unit_test(maps_errors),
        cmocka_unit_test(says_what_the_service_said),
        cmocka_unit_test(says_what_the_client_knows),
        cmocka_unit_test(says_what_the_envelope_found),
        cmocka_unit_test(cuts_long_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

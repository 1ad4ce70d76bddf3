#include "kmsctl/failure.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Names of faults, those of the model and those common to all services. */
static const struct {
    const char *code;
    enum kmsctl_exit exit;
} fault_exits[] = {
    {"AccessDenied", KMSCTL_DENIED}, /* of IAM and STS, as all without "Exception" */
    {"AccessDeniedException", KMSCTL_DENIED},
    {"InvalidIdentityToken", KMSCTL_DENIED},
    {"ExpiredTokenException", KMSCTL_DENIED},
    {"IncompleteSignatureException", KMSCTL_DENIED},
    {"InvalidSignatureException", KMSCTL_DENIED},
    {"MissingAuthenticationTokenException", KMSCTL_DENIED},
    {"NotAuthorizedException", KMSCTL_DENIED},
    {"UnrecognizedClientException", KMSCTL_DENIED},

    {"NoSuchEntity", KMSCTL_NOT_FOUND},
    {"NotFoundException", KMSCTL_NOT_FOUND},

    {"IncorrectKeyException", KMSCTL_BAD_INPUT},
    {"InvalidCiphertextException", KMSCTL_BAD_INPUT},

    {"DependencyTimeoutException", KMSCTL_UNAVAILABLE},
    {"IDPCommunicationError", KMSCTL_UNAVAILABLE},
    {"InternalFailure", KMSCTL_UNAVAILABLE},
    {"KMSInternalException", KMSCTL_UNAVAILABLE},
    {"KeyUnavailableException", KMSCTL_UNAVAILABLE},
    {"ServiceUnavailableException", KMSCTL_UNAVAILABLE},
    {"ThrottlingException", KMSCTL_UNAVAILABLE},

    {"DisabledException", KMSCTL_KEY_STATE},
    {"KMSInvalidStateException", KMSCTL_KEY_STATE},

    {"AlreadyExistsException", KMSCTL_EXISTS},
    {"EntityAlreadyExists", KMSCTL_EXISTS},
};

static enum kmsctl_exit exit_of_fault(const struct kms_fault *fault)
{
    for (size_t i = 0; i < sizeof(fault_exits) / sizeof(fault_exits[0]); i++) {
        if (strcmp(fault->code, fault_exits[i].code) == 0)
            return fault_exits[i].exit;
    }
    if (fault->http_status >= 500 || fault->http_status == 429)
        return KMSCTL_UNAVAILABLE;
    if (fault->http_status == 401 || fault->http_status == 403)
        return KMSCTL_DENIED;
    return KMSCTL_FAILED;
}

enum kmsctl_exit kmsctl_exit_of(enum kms_err err, const struct kms_fault *fault)
{
    if (fault != NULL && fault->code[0] != '\0')
        return exit_of_fault(fault);
    switch (err) {
    case KMS_ERR_CONFIG:
        return KMSCTL_USAGE;
    case KMS_ERR_NO_CREDENTIALS:
        return KMSCTL_DENIED;
    case KMS_ERR_SYNTAX:
    case KMS_ERR_TRUNCATED:
    case KMS_ERR_TRAILING:
    case KMS_ERR_TOO_DEEP:
    case KMS_ERR_WRONG_TYPE:
    case KMS_ERR_CORRUPT:
    case KMS_ERR_AUTHENTICATION:
    case KMS_ERR_NO_KEY:
    case KMS_ERR_CONTEXT:
    case KMS_ERR_POLICY:
        return KMSCTL_BAD_INPUT;
    case KMS_ERR_IO:
        return KMSCTL_IO;
    case KMS_ERR_BUSY:
    case KMS_ERR_TRANSPORT:
    case KMS_ERR_TIMEOUT:
    case KMS_ERR_PROTOCOL:
        return KMSCTL_UNAVAILABLE;
    case KMS_ERR_NOT_FOUND:
        return KMSCTL_NOT_FOUND;
    case KMS_ERR_EXISTS:
        return KMSCTL_EXISTS;
    case KMS_OK:
    default:
        return KMSCTL_FAILED;
    }
}

enum kmsctl_exit kmsctl_fail(
    struct kmsctl_failure *failure, enum kmsctl_exit code, const char *format, ...)
{
    va_list arguments;

    failure->code = code;
    failure->os_error = 0;
    va_start(arguments, format);
    (void)vsnprintf(failure->text, sizeof(failure->text), format, arguments);
    va_end(arguments);
    return code;
}

enum kmsctl_exit kmsctl_fail_errno(struct kmsctl_failure *failure, int error, const char *what)
{
    (void)kmsctl_fail(failure, KMSCTL_IO, "%s: %s", what, strerror(error));
    return kmsctl_fail_with_errno(failure, error);
}

enum kmsctl_exit kmsctl_fail_with_errno(struct kmsctl_failure *failure, int error)
{
    failure->os_error = error;
    return failure->code;
}

enum kmsctl_exit kmsctl_fail_memory(struct kmsctl_failure *failure)
{
    return kmsctl_fail(failure, KMSCTL_FAILED, "%s", kms_err_text(KMS_ERR_NO_MEMORY));
}

/* What a person may do about it, where the service's own words don't say. */
static const char *hint_of(enum kms_err err, const char *fault_code)
{
    if (strcmp(fault_code, "InvalidCiphertextException") == 0)
        return "; the input is altered or no ciphertext, or the encryption "
               "context (-c, --unstored-context) differs";
    if (err == KMS_ERR_POLICY)
        return "; --allow-uncommitted reads it all the same";
    return "";
}

static enum kmsctl_exit fail_described(struct kmsctl_failure *failure, enum kms_err err,
    const struct kms_fault *fault, const char *text, const char *what)
{
    enum kmsctl_exit code = kmsctl_exit_of(err, fault);

    if (fault != NULL && fault->code[0] != '\0')
        return kmsctl_fail(failure, code, "%s: %s%s%s%s", what, fault->code,
            fault->message[0] == '\0' ? "" : ": ", fault->message, hint_of(err, fault->code));
    return kmsctl_fail(failure, code, "%s: %s%s", what,
        text == NULL || text[0] == '\0' ? kms_err_text(err) : text, hint_of(err, ""));
}

enum kmsctl_exit kmsctl_fail_call(struct kmsctl_failure *failure, enum kms_err err,
    const struct kms_fault *fault, const char *what)
{
    return fail_described(failure, err, fault, fault == NULL ? NULL : fault->message, what);
}

enum kmsctl_exit kmsctl_fail_envelope(struct kmsctl_failure *failure, enum kms_err err,
    const struct kms_envelope_failure *detail, const char *what)
{
    if (err == KMS_ERR_IO && detail->os_error != 0) {
        const char *reason = strerror(detail->os_error);
        bool told = strstr(detail->text, reason) != NULL;

        (void)kmsctl_fail(failure, KMSCTL_IO, "%s: %s%s%s", what, detail->text,
            told || detail->text[0] == '\0' ? "" : ": ", told ? "" : reason);
        return kmsctl_fail_with_errno(failure, detail->os_error);
    }
    if (detail->frame == 0)
        return fail_described(failure, err, &detail->fault, detail->text, what);
    char where[KMS_ENVELOPE_FAILURE_TEXT_SIZE + 64];
    (void)snprintf(where, sizeof(where), "%s (frame %" PRIu32 ", at byte %" PRIu64 ")",
        detail->text[0] == '\0' ? kms_err_text(err) : detail->text, detail->frame, detail->offset);
    return fail_described(failure, err, &detail->fault, where, what);
}

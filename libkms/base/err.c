#include <kms/error.h>

static const char *const texts[] = {
    [KMS_OK] = "success",
    [KMS_ERR_NO_MEMORY] = "out of memory",
    [KMS_ERR_INVALID_ARGUMENT] = "invalid argument",
    [KMS_ERR_LIMIT] = "size or count limit exceeded",
    [KMS_ERR_IO] = "input/output error",
    [KMS_ERR_NOT_FOUND] = "not found",
    [KMS_ERR_EXISTS] = "already exists",
    [KMS_ERR_BUSY] = "busy",
    [KMS_ERR_INTERNAL] = "internal error",
    [KMS_ERR_UNSUPPORTED] = "not supported",
    [KMS_ERR_SYNTAX] = "malformed input",
    [KMS_ERR_TRUNCATED] = "input ends too early",
    [KMS_ERR_TRAILING] = "input continues past its end",
    [KMS_ERR_TOO_DEEP] = "input is nested too deeply",
    [KMS_ERR_WRONG_TYPE] = "value of the wrong type",
    [KMS_ERR_VALIDATION] = "a constraint of the API is not met",
    [KMS_ERR_CORRUPT] = "stored data is corrupt",
    [KMS_ERR_CRYPTO] = "cryptographic library failure",
    [KMS_ERR_AUTHENTICATION] = "authentication of the data failed",
    [KMS_ERR_NO_KEY] = "no key at hand opens this message",
    [KMS_ERR_CONTEXT] = "encryption context does not match",
    [KMS_ERR_POLICY] = "algorithm suite forbidden by the commitment policy",
    [KMS_ERR_CONFIG] = "no usable endpoint, region or configuration",
    [KMS_ERR_NO_CREDENTIALS] = "no credentials found",
    [KMS_ERR_TRANSPORT] = "connection failed",
    [KMS_ERR_TIMEOUT] = "timed out",
    [KMS_ERR_PROTOCOL] = "answer violates the protocol",
    [KMS_ERR_FAULT] = "the service answered with an error",
    [KMS_ERR_CANCELLED] = "cancelled",
};

_Static_assert(sizeof(texts) / sizeof(texts[0]) == KMS_ERR_COUNT_, "a code without a text");

const char *kms_err_text(enum kms_err err)
{
    if ((unsigned)err >= KMS_ERR_COUNT_)
        return "unknown error";
    return texts[err];
}

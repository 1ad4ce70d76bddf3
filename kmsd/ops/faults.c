/* What goes wrong, in the words of the API. */
#include "kmsd/ops/ops.h"

#include <stdarg.h>
#include <stdio.h>

enum kms_err kmsd_fault(struct kmsd_call *call, enum kms_fault_code code, const char *format, ...)
{
    call->fault = (struct kmsd_fault){.code = code};
    if (format == NULL)
        return KMS_ERR_FAULT;
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = len < 0 ? NULL : kms_arena_alloc(call->arena, (size_t)len + 1);
    if (text == NULL)
        return KMS_ERR_NO_MEMORY;
    va_start(args, format);
    (void)vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    call->fault.message = (struct kms_str){text, (size_t)len};
    return KMS_ERR_FAULT;
}

enum kms_err kmsd_fault_dry_run(struct kmsd_call *call)
{
    return kmsd_fault(call, KMS_FAULT_DRY_RUN_OPERATION,
        "The request would have succeeded, but the DryRun option is set.");
}

enum kms_err kmsd_fault_no_inner_key(struct kmsd_call *call)
{
    return kmsd_fault(call, KMS_FAULT_ACCESS_DENIED,
        "The ciphertext refers to a customer master key that does not exist, does not exist in "
        "this "
        "region, or you are not allowed to access.");
}

enum kms_err kmsd_fault_missing(struct kmsd_call *call, const char *member)
{
    return kmsd_fault(call, KMS_FAULT_VALIDATION,
        "1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must "
        "not be null",
        member);
}

struct kmsd_fault kmsd_fault_of(enum kms_err err)
{
    if (err == KMS_ERR_UNSUPPORTED) {
        struct kmsd_fault fault = {KMS_FAULT_UNSUPPORTED_OPERATION,
            KMS_STR_LITERAL("This version does not offer what was asked for.")};
        return fault;
    }
    /* what exactly went wrong is for the log, not for the caller */
    struct kmsd_fault fault = {KMS_FAULT_KMS_INTERNAL,
        KMS_STR_LITERAL("The request could not be carried out because of an internal error.")};
    return fault;
}

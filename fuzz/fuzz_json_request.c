/*
 * JSON requests: the first byte chooses the operation, the rest is the body. What decodes is
 * encoded and decoded again, in both wire forms, and must come out the same. Jansson is the referee
 * of what is JSON.
 */
#include "fuzz/request.h"
#include "libkms/proto/json_text.h"

#include <jansson.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whether Jansson's refusal is of a kind that json_text.h does not know: names given twice are for
 * the decoder to refuse, and numbers are only looked at where they are used. */
static bool is_lenient_of(enum json_error_code code)
{
    return code == json_error_duplicate_key || code == json_error_numeric_overflow;
}

static void compare_with_jansson(const uint8_t *data, size_t size)
{
    struct kms_str text = {(const char *)data, size};
    json_error_t error;
    enum kms_err err = kms_json_check(text);
    /* Jansson reads over a NUL that ends a word or a number. */
    if (memchr(data, '\0', size) != NULL) {
        FUZZ_CHECK(err != KMS_OK);
        return;
    }
    json_t *document =
        json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (document != NULL) /* what is over a limit is JSON all the same */
        FUZZ_CHECK(err != KMS_ERR_SYNTAX);
    else if (!is_lenient_of(json_error_code(&error)))
        FUZZ_CHECK(err != KMS_OK);
    json_decref(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_request(KMS_WIRE_JSON, data, size);
    if (size > 0)
        compare_with_jansson(data + 1, size - 1);
    return 0;
}

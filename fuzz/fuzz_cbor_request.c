/*
 * CBOR requests: the first byte chooses the operation, the rest is the body. What decodes is
 * encoded and decoded again, in both wire forms, and must come out the same.
 */
#include "fuzz/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_request(KMS_WIRE_CBOR, data, size);
    return 0;
}

/* What an issuer of web identities may answer: its document, and its keys. Whatever is believed is
 * an https URL of the very issuer. */
#include "kmsd/oidc/discovery.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct kms_str text = {(const char *)data, size};
    struct kmsd_detail detail = {.text = ""};
    struct kms_str uri = {NULL, 0};
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 65536);
    (void)!kmsd_discovery_is_key_set(text);
    if (kmsd_discovery_read(text, kms_str("https://issuer.example"), &arena, &uri, &detail) !=
        KMS_OK)
        return 0;
    if (uri.len < 9 || memcmp(uri.data, "https://", 8) != 0)
        abort();
    for (size_t i = 0; i < uri.len; i++) {
        if (uri.data[i] <= ' ' || uri.data[i] > '~')
            abort();
    }
    return 0;
}

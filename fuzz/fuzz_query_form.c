/*
 * Bodies of the Query protocol. Whatever is accepted must be found again under its own name, be
 * UTF-8 without NUL, and be no longer than what was sent.
 */
#include "kmsd/query/form.h"
#include "libkms/base/encoding.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kms_arena arena;
    struct kmsd_form form;
    kms_arena_init(&arena, 8 << 20);
    if (kmsd_form_parse(kms_bytes(data, size), &arena, &form) == KMS_OK) {
        size_t total = 0;
        for (size_t i = 0; i < form.count; i++) {
            const struct kms_str_pair *pair = &form.items[i];
            /* names end in a NUL of their own, for it is not part of them */
            if (pair->key.len == 0 || strlen(pair->key.data) != pair->key.len ||
                kmsd_form_get(&form, pair->key.data).data != pair->value.data ||
                !kms_utf8_valid(pair->key) || !kms_utf8_valid(pair->value) ||
                memchr(pair->value.data, '\0', pair->value.len) != NULL)
                abort();
            total += pair->key.len + pair->value.len;
        }
        if (total > size || form.count > KMSD_FORM_MAX)
            abort();
        (void)kmsd_form_member(&form, "Tags", 1, "Key");
    }
    kms_arena_clean_up(&arena);
    return 0;
}

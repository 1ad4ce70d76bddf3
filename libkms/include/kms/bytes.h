/*
 * Views: a pointer and a length, owned by somebody else. A view with data == NULL is "absent";
 * an empty value has data != NULL and len == 0.
 */
#ifndef KMS_BYTES_H
#define KMS_BYTES_H

#include <kms/export.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Octets. */
struct kms_bytes {
    const uint8_t *data;
    size_t len;
};

/* UTF-8 text, not NUL-terminated. */
struct kms_str {
    const char *data;
    size_t len;
};

/* A view of a NUL-terminated string; NULL gives an absent view. */
static inline struct kms_str kms_str(const char *text)
{
    struct kms_str view = {text, text == NULL ? 0 : strlen(text)};
    return view;
}

static inline struct kms_bytes kms_bytes(const void *data, size_t len)
{
    struct kms_bytes view = {(const uint8_t *)data, len};
    return view;
}

/* A view of a string literal, usable in static initialisers. */
#define KMS_STR_LITERAL(text)    \
    {                            \
        (text), sizeof(text) - 1 \
    }

static inline bool kms_str_eq(struct kms_str a, struct kms_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool kms_str_is(struct kms_str a, const char *text)
{
    if (text != NULL && a.len != 0 && a.data[0] != text[0])
        return false; /* most are told apart here, without a look at the rest */
    return kms_str_eq(a, kms_str(text));
}

#endif

#include "kmsd/query/form.h"

#include "libkms/base/encoding.h"

#include <stdio.h>
#include <stdlib.h>

static int hex_value(char letter)
{
    if (letter >= '0' && letter <= '9')
        return letter - '0';
    if (letter >= 'a' && letter <= 'f')
        return letter - 'a' + 10;
    if (letter >= 'A' && letter <= 'F')
        return letter - 'A' + 10;
    return -1;
}

/* Undoes '+' and '%', into the arena. */
static enum kms_err unescape(struct kms_str text, struct kms_arena *arena, struct kms_str *out)
{
    char *at = kms_arena_alloc(arena, text.len + 1);
    size_t len = 0;
    if (at == NULL)
        return KMS_ERR_NO_MEMORY;
    for (size_t i = 0; i < text.len; i++) {
        char letter = text.data[i];
        if (letter == '%') {
            int high = i + 2 < text.len ? hex_value(text.data[i + 1]) : -1;
            int low = i + 2 < text.len ? hex_value(text.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return KMS_ERR_SYNTAX;
            letter = (char)(high << 4 | low);
            i += 2;
        } else if (letter == '+') {
            letter = ' ';
        }
        if (letter == '\0')
            return KMS_ERR_SYNTAX;
        at[len++] = letter;
    }
    struct kms_str view = {at, len};
    if (!kms_utf8_valid(view))
        return KMS_ERR_SYNTAX;
    *out = view;
    return KMS_OK;
}

static size_t count_parts(struct kms_str text)
{
    size_t count = 1;
    for (size_t i = 0; i < text.len; i++)
        count += text.data[i] == '&';
    return count;
}

static enum kms_err read_pair(
    struct kms_str part, struct kms_arena *arena, struct kms_str_pair *out)
{
    const char *equals = memchr(part.data, '=', part.len);
    struct kms_str name = part;
    struct kms_str value = {"", 0};
    if (equals != NULL) {
        name.len = (size_t)(equals - part.data);
        value = (struct kms_str){equals + 1, part.len - name.len - 1};
    }
    enum kms_err err = name.len == 0 ? KMS_ERR_SYNTAX : unescape(name, arena, &out->key);
    return err == KMS_OK ? unescape(value, arena, &out->value) : err;
}

static int compare_pairs(const void *a, const void *b)
{
    const struct kms_str_pair *first = a;
    const struct kms_str_pair *second = b;
    size_t len = first->key.len < second->key.len ? first->key.len : second->key.len;
    int order = memcmp(first->key.data, second->key.data, len);
    if (order != 0)
        return order;
    return first->key.len < second->key.len ? -1 : first->key.len > second->key.len;
}

enum kms_err kmsd_form_parse(struct kms_bytes body, struct kms_arena *arena, struct kmsd_form *out)
{
    struct kms_str text = {(const char *)body.data, body.len};
    size_t max = count_parts(text);
    if (max > KMSD_FORM_MAX)
        return KMS_ERR_LIMIT;
    struct kms_str_pair *pairs = kms_arena_calloc(arena, max, sizeof(*pairs));
    if (pairs == NULL)
        return KMS_ERR_NO_MEMORY;
    size_t count = 0;
    for (size_t start = 0; start < text.len;) {
        const char *end = memchr(text.data + start, '&', text.len - start);
        size_t len = end == NULL ? text.len - start : (size_t)(end - text.data) - start;
        enum kms_err err =
            len == 0 ? KMS_OK
                     : read_pair((struct kms_str){text.data + start, len}, arena, &pairs[count]);
        if (err != KMS_OK)
            return err;
        count += len != 0;
        start += len + 1;
    }
    /* in order, so that a name is found by halving, and two of it stand together */
    qsort(pairs, count, sizeof(*pairs), compare_pairs);
    for (size_t i = 1; i < count; i++) {
        if (kms_str_eq(pairs[i - 1].key, pairs[i].key))
            return KMS_ERR_EXISTS;
    }
    *out = (struct kmsd_form){pairs, count};
    return KMS_OK;
}

struct kms_str kmsd_form_get(const struct kmsd_form *form, const char *name)
{
    const struct kms_str_pair probe = {.key = kms_str(name)};
    const struct kms_str_pair *found = form->count == 0 ? NULL
                                                        : bsearch(&probe, form->items, form->count,
                                                              sizeof(*form->items), compare_pairs);
    return found == NULL ? kms_str(NULL) : found->value;
}

struct kms_str kmsd_form_member(
    const struct kmsd_form *form, const char *name, size_t index, const char *field)
{
    char full[192];
    int len = field == NULL ? snprintf(full, sizeof(full), "%s.member.%zu", name, index)
                            : snprintf(full, sizeof(full), "%s.member.%zu.%s", name, index, field);
    return len < 0 || (size_t)len >= sizeof(full) ? kms_str(NULL) : kmsd_form_get(form, full);
}

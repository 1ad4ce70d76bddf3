#include "libkms/client/words.h"

static bool is_space(char letter)
{
    return letter == ' ' || letter == '\t' || letter == '\r' || letter == '\n';
}

/* Copies one word, which begins at *at, without its quotes; *end is moved past its NUL. */
static enum kms_err take_word(struct kms_str text, size_t *at, char **end)
{
    char *out = *end;
    char quote = '\0';
    size_t i = *at;
    for (; i < text.len && (quote != '\0' || !is_space(text.data[i])); i++) {
        char letter = text.data[i];
        if (letter == '\0')
            return KMS_ERR_SYNTAX;
        if (letter == quote) {
            quote = '\0';
        } else if (quote == '\0' && (letter == '\'' || letter == '"')) {
            quote = letter;
        } else if (letter == '\\' && quote != '\'') {
            if (++i == text.len || text.data[i] == '\0')
                return KMS_ERR_SYNTAX;
            if (quote == '"' && text.data[i] != '"' && text.data[i] != '\\')
                *out++ = '\\';
            *out++ = text.data[i];
        } else {
            *out++ = letter;
        }
    }
    if (quote != '\0')
        return KMS_ERR_SYNTAX;
    *out++ = '\0';
    *end = out;
    *at = i;
    return KMS_OK;
}

enum kms_err kms_words_split(
    struct kms_str text, struct kms_arena *arena, char ***words, size_t *count)
{
    char **list = kms_arena_calloc(arena, KMS_WORDS_MAX + 1, sizeof(*list));
    /* No word is longer than what it stands for, and its NUL takes the place of the blank after it.
     */
    char *storage = kms_arena_alloc(arena, text.len + 1);
    if (list == NULL || storage == NULL)
        return KMS_ERR_NO_MEMORY;
    size_t found = 0;
    for (size_t at = 0;;) {
        while (at < text.len && is_space(text.data[at]))
            at++;
        if (at == text.len)
            break;
        if (found == KMS_WORDS_MAX)
            return KMS_ERR_LIMIT;
        list[found++] = storage;
        enum kms_err err = take_word(text, &at, &storage);
        if (err != KMS_OK)
            return err;
    }
    *words = list;
    *count = found;
    return KMS_OK;
}

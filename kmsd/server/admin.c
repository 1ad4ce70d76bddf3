/* kmsd admin: one action of a running daemon. */
#include "kmsd/admin/admin.h"

#include "kmsd/server/command.h"
#include "kmsd/server/datadir.h"
#include "kmsd/server/file.h"

#include <string.h>

enum { ACTION_MAX = 128 };

/* "account create" is the action "account.create"; words with '=' are members. */
static bool name_action(const struct kmsd_arguments *arguments, char *out, int *first_member)
{
    size_t len = 0;
    int i = 0;
    for (; i < arguments->word_count && strchr(arguments->words[i], '=') == NULL; i++) {
        size_t add = strlen(arguments->words[i]);
        size_t letters = strspn(arguments->words[i],
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.");
        if (add == 0 || letters != add || len + add + 2 > ACTION_MAX)
            return false;
        if (len != 0)
            out[len++] = '.';
        memcpy(out + len, arguments->words[i], add);
        len += add;
    }
    out[len] = '\0';
    *first_member = i;
    return len != 0;
}

static enum kms_err read_file(const char *path, json_t **out, struct kmsd_detail *detail)
{
    KMS_BUF_AUTO text;
    kms_buf_init(&text, KMSD_ADMIN_BODY_MAX);
    enum kms_err err = kmsd_file_read(path, &text, detail);
    if (err != KMS_OK)
        return err;
    struct kms_str view = kms_buf_str(&text);
    *out = json_stringn(view.data, view.len);
    if (*out == NULL)
        kmsd_detail_set(detail, "%s is no UTF-8 text", path);
    return *out == NULL ? KMS_ERR_SYNTAX : KMS_OK;
}

/* "name=text", "name=@file" (its contents as text), "name:=json". */
static enum kms_err add_member(json_t *input, const char *word, struct kmsd_detail *detail)
{
    const char *equals = strchr(word, '=');
    json_t *value = NULL;
    enum kms_err err = KMS_OK;
    if (equals == NULL || equals == word || (equals[-1] == ':' && equals - 1 == word)) {
        kmsd_detail_set(detail, "'%.64s': a member is NAME=VALUE", word);
        return KMS_ERR_SYNTAX;
    }
    bool is_json = equals[-1] == ':';
    size_t len = (size_t)(equals - word) - (is_json ? 1 : 0);
    if (json_object_getn(input, word, len) != NULL) {
        kmsd_detail_set(detail, "the member %.*s is given twice", (int)(len > 64 ? 64 : len), word);
        return KMS_ERR_SYNTAX;
    }
    if (is_json) {
        json_error_t error;
        value = json_loads(equals + 1, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
        if (value == NULL)
            kmsd_detail_set(detail, "'%.64s': %s", word, error.text);
    } else if (equals[1] == '@') {
        err = read_file(equals + 2, &value, detail);
    } else {
        value = json_string(equals + 1);
        if (value == NULL)
            kmsd_detail_set(detail, "'%.64s' is no UTF-8 text", word);
    }
    if (err == KMS_OK && value == NULL)
        err = KMS_ERR_SYNTAX;
    if (err != KMS_OK)
        return err;
    return json_object_setn_new(input, word, len, value) == 0 ? KMS_OK : KMS_ERR_NO_MEMORY;
}

static enum kms_err send(const struct kmsd_arguments *arguments, const char *action,
    int first_member, json_t *input, struct kmsd_detail *detail)
{
    char path[PATH_MAX];
    const char *socket_path = arguments->socket;
    json_t *output = NULL;
    enum kms_err err = KMS_OK;
    for (int i = first_member; err == KMS_OK && i < arguments->word_count; i++)
        err = add_member(input, arguments->words[i], detail);
    if (err == KMS_OK && socket_path == NULL) {
        err = kmsd_datadir_admin_socket(arguments->data_dir, path, detail);
        socket_path = path;
    }
    if (err == KMS_OK)
        err = kmsd_admin_send(socket_path, action, input, &output, detail);
    if (err != KMS_OK)
        return err;
    bool printed = json_dumpf(output, stdout, JSON_INDENT(4)) == 0 && putchar('\n') == '\n' &&
                   fflush(stdout) == 0;
    json_decref(output);
    return printed ? KMS_OK : KMS_ERR_IO;
}

int kmsd_admin(const struct kmsd_arguments *arguments)
{
    struct kmsd_detail detail = {.text = ""};
    char action[ACTION_MAX];
    int first_member = 0;
    if ((arguments->data_dir == NULL) == (arguments->socket == NULL)) {
        (void)fputs("kmsd admin: either --data-dir or --socket is needed\n"
                    "Try 'kmsd admin --help'.\n",
            stderr);
        return KMSD_EXIT_USAGE;
    }
    if (!name_action(arguments, action, &first_member)) {
        (void)fputs("kmsd admin: say what is to be done, such as 'account create "
                    "account=111122223333'\n",
            stderr);
        return KMSD_EXIT_USAGE;
    }
    json_t *input = json_object();
    enum kms_err err =
        input == NULL ? KMS_ERR_NO_MEMORY : send(arguments, action, first_member, input, &detail);
    json_decref(input);
    if (err == KMS_OK)
        return KMSD_EXIT_OK;
    (void)fprintf(
        stderr, "kmsd admin: %s\n", detail.text[0] != '\0' ? detail.text : kms_err_text(err));
    return KMSD_EXIT_FAILURE;
}

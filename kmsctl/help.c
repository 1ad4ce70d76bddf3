#include "kmsctl/args.h"

#include <string.h>

#define NAME_COLUMN 34 /* where the help of an option begins */

/* What is too long for its column has the other one in the next line. */
static void print_columns(const char *left, const char *right, FILE *out)
{
    if (strlen(left) >= NAME_COLUMN)
        (void)fprintf(out, "%s\n%*s%s\n", left, NAME_COLUMN, "", right);
    else
        (void)fprintf(out, "%-*s%s\n", NAME_COLUMN, left, right);
}

static void print_option(const struct kmsctl_option *row, FILE *out)
{
    char left[96];
    char letter[4] = "";

    if (row->help == NULL)
        return;
    if (row->letter != 0)
        (void)snprintf(letter, sizeof(letter), "-%c,", row->letter);
    (void)snprintf(left, sizeof(left), "  %-3s --%s%s%s", letter, row->name,
        row->value == NULL ? "" : " ", row->value == NULL ? "" : row->value);
    print_columns(left, row->help, out);
}

static void print_options(const struct kmsctl_option *rows, const char *title, FILE *out)
{
    if (rows == NULL || rows->name == NULL)
        return;
    (void)fprintf(out, "\n%s:\n", title);
    for (; rows->name != NULL; rows++)
        print_option(rows, out);
}

static void print_verb_line(const struct kmsctl_verb *verb, FILE *out)
{
    char left[96];

    (void)snprintf(left, sizeof(left), "  %s%s%s %s", verb->noun == NULL ? "" : verb->noun,
        verb->noun == NULL ? "" : " ", verb->name, verb->arguments);
    print_columns(left, verb->summary, out);
}

static void help_verb(
    const struct kmsctl_verb_table *table, const struct kmsctl_verb *verb, FILE *out)
{
    (void)fprintf(out, "Usage: kmsctl %s%s%s [OPTIONS]%s%s\n\n%s.\n",
        verb->noun == NULL ? "" : verb->noun, verb->noun == NULL ? "" : " ", verb->name,
        verb->arguments[0] == '\0' ? "" : " ", verb->arguments, verb->summary);
    if (verb->notes != NULL)
        (void)fprintf(out, "\n%s\n", verb->notes);
    print_options(verb->options, "Options", out);
    print_options(table->global_options, "Global options", out);
}

void kmsctl_help(const struct kmsctl_verb_table *table, const struct kmsctl_args *args, FILE *out)
{
    if (args->verb != NULL) {
        help_verb(table, args->verb, out);
        return;
    }
    (void)fprintf(out, "Usage: kmsctl [GLOBAL OPTIONS] %s [OPTIONS] [ARGUMENTS]\n\n",
        args->noun == NULL ? "VERB" : args->noun);
    if (args->noun == NULL)
        (void)fputs("Manages the keys of a key management service and encrypts files under them.\n"
                    "KEY is a key id, a key ARN, an alias (alias/NAME) or an alias ARN.\n\n",
            out);
    (void)fputs("Verbs:\n", out);
    for (size_t i = 0; i < table->count; i++) {
        const struct kmsctl_verb *row = &table->rows[i];

        if (args->noun == NULL || (row->noun != NULL && strcmp(row->noun, args->noun) == 0))
            print_verb_line(row, out);
    }
    print_options(table->global_options, "Global options", out);
    (void)fputs(
        "\n'kmsctl VERB --help' tells about one verb. Region, endpoint and credentials come "
        "from the\nsame environment variables and files as those of the AWS CLI.\n"
        "Exit codes: 0 done, 1 failed, 2 usage, 3 access denied, 4 not found, 5 bad "
        "ciphertext or\ncontext, 6 local I/O, 7 service unavailable, 8 key state, 9 exists "
        "already.\n",
        out);
}

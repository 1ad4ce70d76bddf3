#include "kmsctl/args.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OPTIONS 48  /* global ones and those of one verb; the unit test checks the table */
#define LONG_BASE   256 /* getopt_long's value of row i; above every letter */
#define ARGUMENT    1   /* what getopt_long returns for an argument that is no option */

/* The rows that count for one call of getopt_long, and their forms for it. */
struct option_set {
    const struct kmsctl_option *rows[MAX_OPTIONS];
    struct option longs[MAX_OPTIONS + 1];
    char letters[2 * MAX_OPTIONS + 4];
    size_t count;
    size_t letters_len;
};

static void add_options(struct option_set *set, const struct kmsctl_option *rows)
{
    for (; rows != NULL && rows->name != NULL && set->count < MAX_OPTIONS; rows++) {
        struct option *entry = &set->longs[set->count];

        entry->name = rows->name;
        entry->has_arg = rows->value == NULL ? no_argument : required_argument;
        entry->flag = NULL;
        entry->val = LONG_BASE + (int)set->count;
        set->rows[set->count++] = rows;
        if (rows->letter != 0) {
            set->letters[set->letters_len++] = rows->letter;
            if (rows->value != NULL)
                set->letters[set->letters_len++] = ':';
        }
    }
}

/* mode: '+' stops at the first argument that is no option, '-' returns it as ARGUMENT. Both hold
 * whatever POSIXLY_CORRECT says. */
static void make_set(struct option_set *set, char mode, const struct kmsctl_option *global_options,
    const struct kmsctl_option *options)
{
    memset(set, 0, sizeof(*set));
    set->letters[0] = mode;
    set->letters[1] = ':'; /* tell a missing value from an unknown option */
    set->letters_len = 2;
    add_options(set, options);
    add_options(set, global_options);
}

static const struct kmsctl_option *row_of(const struct option_set *set, int code)
{
    if (code >= LONG_BASE && (size_t)(code - LONG_BASE) < set->count)
        return set->rows[code - LONG_BASE];
    for (size_t i = 0; i < set->count; i++) {
        if (set->rows[i]->letter != 0 && set->rows[i]->letter == code)
            return set->rows[i];
    }
    return NULL;
}

/* "kmsctl key create", for the hint in messages. */
static const char *name_of(const struct kmsctl_verb *verb, char *out, size_t size)
{
    if (verb == NULL)
        (void)snprintf(out, size, "kmsctl");
    else
        (void)snprintf(out, size, "kmsctl %s%s%s", verb->noun == NULL ? "" : verb->noun,
            verb->noun == NULL ? "" : " ", verb->name);
    return out;
}

static enum kmsctl_exit add_value(struct kmsctl_args *args, const struct kmsctl_option *row,
    const char *text, struct kmsctl_failure *failure)
{
    if ((row->flags & KMSCTL_REPEATS) == 0 && row->value != NULL && kmsctl_args_has(args, row->id))
        return kmsctl_fail(failure, KMSCTL_USAGE, "--%s is given twice", row->name);
    if (row->value == NULL && kmsctl_args_has(args, row->id))
        return KMSCTL_OK; /* "-fff" is "-f" */
    args->values[args->value_count].id = row->id;
    args->values[args->value_count].text = row->value == NULL ? NULL : text;
    args->value_count++;
    return KMSCTL_OK;
}

/* One run of getopt_long over argv[0..argc), argv[0] being no argument. *next is where it ended. */
static enum kmsctl_exit scan(const struct option_set *set, int argc, char **argv,
    struct kmsctl_args *args, int *next, struct kmsctl_failure *failure)
{
    char name[80];

    opterr = 0;
    optind = 0; /* glibc: start anew, with this mode */
    for (;;) {
        int code = getopt_long(argc, argv, set->letters, set->longs, NULL);

        if (code == -1)
            break;
        if (code == ARGUMENT) {
            args->arguments[args->argument_count++] = optarg;
            continue;
        }
        if (code == '?' || code == ':') {
            const struct kmsctl_option *row = row_of(set, optopt);
            char letter[3] = {'-', (char)optopt, '\0'};
            const char *shown =
                optopt > 0 && optopt < LONG_BASE ? letter : argv[optind > 0 ? optind - 1 : 0];
            const char *problem = "unknown option";

            if (code == ':')
                problem = "missing value of option";
            else if (row != NULL)
                problem = "option takes no value:";
            return kmsctl_fail(failure, KMSCTL_USAGE, "%s '%s'; see '%s --help'", problem, shown,
                name_of(args->verb, name, sizeof(name)));
        }
        enum kmsctl_exit status = add_value(args, row_of(set, code), optarg, failure);
        if (status != KMSCTL_OK)
            return status;
    }
    *next = optind;
    return KMSCTL_OK;
}

static bool is_noun(const struct kmsctl_verb_table *table, const char *text)
{
    for (size_t i = 0; i < table->count; i++) {
        if (table->rows[i].noun != NULL && strcmp(table->rows[i].noun, text) == 0)
            return true;
    }
    return false;
}

static const struct kmsctl_verb *find_verb(
    const struct kmsctl_verb_table *table, const char *noun, const char *name)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct kmsctl_verb *row = &table->rows[i];
        bool same_noun =
            noun == NULL ? row->noun == NULL : row->noun != NULL && strcmp(row->noun, noun) == 0;

        if (same_noun && strcmp(row->name, name) == 0)
            return row;
    }
    return NULL;
}

/* Sets args->verb from argv[*at], moves *at to the last word that names it. */
static enum kmsctl_exit choose_verb(const struct kmsctl_verb_table *table, int argc, char **argv,
    int *at, struct kmsctl_args *args, struct kmsctl_failure *failure)
{
    bool asks_only =
        kmsctl_args_has(args, KMSCTL_OPT_HELP) || kmsctl_args_has(args, KMSCTL_OPT_VERSION);

    if (*at >= argc) {
        if (asks_only)
            return KMSCTL_OK;
        return kmsctl_fail(failure, KMSCTL_USAGE, "what shall be done? See 'kmsctl --help'");
    }
    if (!is_noun(table, argv[*at])) {
        args->verb = find_verb(table, NULL, argv[*at]);
        if (args->verb == NULL)
            return kmsctl_fail(
                failure, KMSCTL_USAGE, "unknown verb '%s'; see 'kmsctl --help'", argv[*at]);
        return KMSCTL_OK;
    }
    const char *noun = argv[*at];
    if (*at + 1 >= argc || strcmp(argv[*at + 1], "--help") == 0 ||
        strcmp(argv[*at + 1], "-h") == 0) {
        if (*at + 1 >= argc && !asks_only)
            return kmsctl_fail(failure, KMSCTL_USAGE,
                "what shall be done with the %s? See 'kmsctl %s --help'", noun, noun);
        args->noun = noun;
        return KMSCTL_OK; /* the rest of the line is scanned as usual and finds --help */
    }
    *at += 1;
    args->verb = find_verb(table, noun, argv[*at]);
    if (args->verb == NULL)
        return kmsctl_fail(failure, KMSCTL_USAGE, "unknown verb '%s %s'; see 'kmsctl %s --help'",
            noun, argv[*at], noun);
    return KMSCTL_OK;
}

static enum kmsctl_exit check_complete(
    const struct kmsctl_args *args, struct kmsctl_failure *failure)
{
    const struct kmsctl_verb *verb = args->verb;
    char name[80];

    if (verb == NULL)
        return kmsctl_fail(failure, KMSCTL_USAGE, "what shall be done? See 'kmsctl --help'");
    name_of(verb, name, sizeof(name));
    if (args->argument_count > verb->max_arguments)
        return kmsctl_fail(failure, KMSCTL_USAGE, "unexpected argument '%s'; see '%s --help'",
            args->arguments[verb->max_arguments], name);
    if (args->argument_count < verb->min_arguments)
        return kmsctl_fail(failure, KMSCTL_USAGE, "missing argument; usage: %s [OPTIONS] %s", name,
            verb->arguments);
    for (const struct kmsctl_option *row = verb->options; row != NULL && row->name != NULL; row++) {
        if ((row->flags & KMSCTL_REQUIRED) != 0 && !kmsctl_args_has(args, row->id))
            return kmsctl_fail(failure, KMSCTL_USAGE, "--%s %s is required; see '%s --help'",
                row->name, row->value, name);
    }
    return KMSCTL_OK;
}

static enum kmsctl_exit parse(const struct kmsctl_verb_table *table, int argc, char **argv,
    struct kmsctl_args *args, struct kmsctl_failure *failure)
{
    struct option_set set;
    int at = argc;

    make_set(&set, '+', table->global_options, NULL);
    enum kmsctl_exit status = scan(&set, argc, argv, args, &at, failure);
    if (status != KMSCTL_OK)
        return status;
    status = choose_verb(table, argc, argv, &at, args, failure);
    if (status != KMSCTL_OK)
        return status;
    if (at < argc) {
        int end = argc - at;

        make_set(&set, '-', table->global_options, args->verb == NULL ? NULL : args->verb->options);
        status = scan(&set, argc - at, argv + at, args, &end, failure);
        if (status != KMSCTL_OK)
            return status;
        for (; end < argc - at; end++) /* what follows "--" */
            args->arguments[args->argument_count++] = argv[at + end];
    }
    if (kmsctl_args_has(args, KMSCTL_OPT_HELP) || kmsctl_args_has(args, KMSCTL_OPT_VERSION))
        return KMSCTL_OK;
    return check_complete(args, failure);
}

enum kmsctl_exit kmsctl_args_parse(const struct kmsctl_verb_table *table, int argc, char **argv,
    struct kmsctl_args *out, struct kmsctl_failure *failure)
{
    struct kmsctl_args args = {0};
    size_t most = argc > 0 ? (size_t)argc : 1;

    /* no word has more than one option with a value, and of those without each counts once */
    args.values = calloc(most + 2 * MAX_OPTIONS, sizeof(args.values[0]));
    args.arguments = calloc(most, sizeof(args.arguments[0]));
    enum kmsctl_exit status = args.values == NULL || args.arguments == NULL
                                  ? kmsctl_fail_memory(failure)
                                  : parse(table, argc, argv, &args, failure);
    if (status != KMSCTL_OK) {
        kmsctl_args_clean_up(&args);
        return status;
    }
    *out = args;
    return KMSCTL_OK;
}

void kmsctl_args_clean_up(struct kmsctl_args *args)
{
    free(args->values);
    free(args->arguments);
    memset(args, 0, sizeof(*args));
}

size_t kmsctl_args_count(const struct kmsctl_args *args, enum kmsctl_option_id id)
{
    size_t count = 0;

    for (size_t i = 0; i < args->value_count; i++)
        count += args->values[i].id == id;
    return count;
}

const char *kmsctl_args_nth(const struct kmsctl_args *args, enum kmsctl_option_id id, size_t n)
{
    for (size_t i = 0; i < args->value_count; i++) {
        if (args->values[i].id == id && n-- == 0)
            return args->values[i].text;
    }
    return NULL;
}

const char *kmsctl_args_value(const struct kmsctl_args *args, enum kmsctl_option_id id)
{
    return kmsctl_args_nth(args, id, 0);
}

bool kmsctl_args_has(const struct kmsctl_args *args, enum kmsctl_option_id id)
{
    return kmsctl_args_count(args, id) > 0;
}

const char *kmsctl_args_argument(const struct kmsctl_args *args, size_t n)
{
    return n < args->argument_count ? args->arguments[n] : NULL;
}

enum kmsctl_exit kmsctl_args_number(const char *text, const char *what, long min, long max,
    long *out, struct kmsctl_failure *failure)
{
    char *end = NULL;

    errno = 0;
    long value = strtol(text, &end, 10);
    bool digits = text[0] >= '0' && text[0] <= '9'; /* strtol would skip blanks and signs */
    if (!digits || *end != '\0' || errno != 0 || value < min || value > max)
        return kmsctl_fail(failure, KMSCTL_USAGE, "%s is a number from %ld to %ld, not '%s'", what,
            min, max, text);
    *out = value;
    return KMSCTL_OK;
}

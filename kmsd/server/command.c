#include "kmsd/server/command.h"

#include "kmsd/server/harden.h"
#include "kmsd/server/log.h"

#include <string.h>

struct verb {
    const char *name;
    const char *summary;
    uint32_t options;
    bool warns; /* of protections that could not be had: not worth a word in development */
    int (*run)(const struct kmsd_arguments *arguments);
};

/* A new verb: a row here, a file with its function. */
static const struct verb verbs[] = {
    {"init", "create a data directory, its root key and the account root's credentials",
        KMSD_OPTION_DATA_DIR | KMSD_OPTION_ACCOUNT_ID | KMSD_OPTION_REGION | KMSD_OPTION_ROOT_KEY |
            KMSD_OPTION_OUTPUT,
        false, kmsd_init},
    {"run", "serve a data directory",
        KMSD_OPTION_DATA_DIR | KMSD_OPTION_CONFIG | KMSD_OPTION_LISTEN | KMSD_OPTION_ROOT_KEY |
            KMSD_OPTION_LOG_LEVEL | KMSD_OPTION_ADMIN_SOCKET,
        true, kmsd_run},
    {"dev", "serve at once, for development: credentials test/test, keys in memory",
        KMSD_OPTION_CONFIG | KMSD_OPTION_LISTEN | KMSD_OPTION_ACCOUNT_ID | KMSD_OPTION_REGION |
            KMSD_OPTION_DATA_DIR | KMSD_OPTION_LOG_LEVEL | KMSD_OPTION_ACCEPT_ANY |
            KMSD_OPTION_IDENTITIES | KMSD_OPTION_ADMIN_SOCKET | KMSD_OPTION_VIRTUAL_CLOCK,
        false, kmsd_dev},
    {"admin", "administer a running daemon: kmsd admin NOUN VERB [MEMBER=TEXT | MEMBER:=NUMBER]...",
        KMSD_OPTION_DATA_DIR | KMSD_OPTION_SOCKET | KMSD_OPTION_WORDS, false, kmsd_admin},
};

enum { VERB_COUNT = sizeof(verbs) / sizeof(verbs[0]) };

static void print_usage(FILE *out)
{
    (void)fputs("Usage: kmsd VERB [OPTION]...\n\nVerbs:\n", out);
    for (size_t i = 0; i < VERB_COUNT; i++)
        (void)fprintf(out, "  %-6s %s\n", verbs[i].name, verbs[i].summary);
    (void)fputs("\n  kmsd VERB --help   the options of a verb\n"
                "  kmsd --version     the version\n\n"
                "Exit status: 0 done, 1 failed, 2 wrong command line.\n",
        out);
}

static int finish_output(void)
{
    return fflush(stdout) == 0 ? KMSD_EXIT_OK : KMSD_EXIT_FAILURE;
}

static int run_verb(
    const struct verb *verb, const struct kmsd_harden_report *report, int argc, char **argv)
{
    struct kmsd_arguments arguments;
    if (!kmsd_arguments_read(argc, argv, verb->options, &arguments)) {
        (void)fprintf(stderr, "Try 'kmsd %s --help'.\n", verb->name);
        return KMSD_EXIT_USAGE;
    }
    if (arguments.help) {
        (void)printf("Usage: kmsd %s [OPTION]...\n%s\n\n", verb->name, verb->summary);
        kmsd_arguments_explain(verb->options, stdout);
        return finish_output();
    }
    for (size_t i = 0; verb->warns && i < report->count; i++)
        kmsd_log(KMSD_LOG_WARNING, "%s", report->warnings[i]);
    return verb->run(&arguments);
}

int kmsd_command_main(int argc, char **argv)
{
    struct kmsd_harden_report report;
    kmsd_log_init();
    if (kmsd_harden_process(&report) != KMS_OK) { /* before a secret or another thread exists */
        (void)fprintf(stderr, "kmsd: %s\n", report.heap.text);
        return KMSD_EXIT_FAILURE;
    }
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0) {
        print_usage(stdout);
        return finish_output();
    }
    if (strcmp(name, "--version") == 0) {
        (void)puts("kmsd " KMS_VERSION);
        return finish_output();
    }
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strcmp(verbs[i].name, name) == 0)
            return run_verb(&verbs[i], &report, argc - 1, argv + 1);
    }
    if (name[0] == '\0')
        print_usage(stderr);
    else
        (void)fprintf(stderr, "kmsd: there is no verb '%s'\nTry 'kmsd --help'.\n", name);
    return KMSD_EXIT_USAGE;
}

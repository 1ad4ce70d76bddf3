#include "kmsd/server/arguments.h"

#include <getopt.h>
#include <string.h>

enum option_kind { FLAG, TEXT, REPEATED };

struct row {
    enum kmsd_option bit;
    enum option_kind kind;
    const char *name;
    const char *value_name;
    const char *help;
    size_t offset; /* in struct kmsd_arguments */
};

static const struct row rows[] = {
    {KMSD_OPTION_DATA_DIR, TEXT, "data-dir", "DIR", "where the keys are kept",
        offsetof(struct kmsd_arguments, data_dir)},
    {KMSD_OPTION_ACCOUNT_ID, TEXT, "account-id", "N", "the account, 12 digits",
        offsetof(struct kmsd_arguments, account_id)},
    {KMSD_OPTION_REGION, REPEATED, "region", "R", "a region to serve; may be given again",
        offsetof(struct kmsd_arguments, regions)},
    {KMSD_OPTION_ROOT_KEY, TEXT, "root-key", "FILE", "the root key, if not DIR/root.key",
        offsetof(struct kmsd_arguments, root_key)},
    {KMSD_OPTION_OUTPUT, TEXT, "output", "text|json", "how to print the credentials",
        offsetof(struct kmsd_arguments, output)},
    {KMSD_OPTION_CONFIG, TEXT, "config", "FILE", "the configuration (docs/OPERATING.md)",
        offsetof(struct kmsd_arguments, config)},
    {KMSD_OPTION_LISTEN, REPEATED, "listen", "ADDR:PORT",
        "where to listen (default 127.0.0.1:4599); may be given again",
        offsetof(struct kmsd_arguments, listen)},
    {KMSD_OPTION_LOG_LEVEL, TEXT, "log-level", "LEVEL", "error, warning, info or debug",
        offsetof(struct kmsd_arguments, log_level)},
    {KMSD_OPTION_ACCEPT_ANY, FLAG, "accept-any-credentials", NULL,
        "verify no signatures; a 12-digit access key id is the account",
        offsetof(struct kmsd_arguments, accept_any_credentials)},
    {KMSD_OPTION_IDENTITIES, TEXT, "identities", "FILE",
        "users, roles and their policies (docs/OPERATING.md)",
        offsetof(struct kmsd_arguments, identities)},
    {KMSD_OPTION_ADMIN_SOCKET, TEXT, "admin-socket", "PATH",
        "where `kmsd admin` is answered (run: DIR/admin.sock)",
        offsetof(struct kmsd_arguments, admin_socket)},
    {KMSD_OPTION_SOCKET, TEXT, "socket", "PATH", "the daemon's admin socket, if not DIR/admin.sock",
        offsetof(struct kmsd_arguments, socket)},
    {KMSD_OPTION_VIRTUAL_CLOCK, FLAG, "virtual-clock", NULL,
        "let `kmsd admin time` set the hour that keys go by",
        offsetof(struct kmsd_arguments, virtual_clock)},
};

enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]), HELP = ROW_COUNT };

static bool store(struct kmsd_arguments *arguments, const struct row *row, const char *value)
{
    void *at = (char *)arguments + row->offset;
    struct kmsd_repeated *repeated = at;
    const char **text = at;
    bool *flag = at;
    switch (row->kind) {
    case FLAG:
        *flag = true;
        return true;
    case TEXT:
        if (*text != NULL) {
            (void)fprintf(stderr, "kmsd: --%s is given twice\n", row->name);
            return false;
        }
        *text = value;
        return true;
    case REPEATED:
        if (repeated->count == KMSD_MAX_REPEATED) {
            (void)fprintf(stderr, "kmsd: --%s is given too often\n", row->name);
            return false;
        }
        repeated->values[repeated->count++] = value;
        return true;
    }
    return false;
}

bool kmsd_arguments_read(int argc, char **argv, uint32_t allowed, struct kmsd_arguments *out)
{
    struct option options[ROW_COUNT + 2] = {{.name = NULL}};
    size_t count = 0;
    for (int i = 0; i < ROW_COUNT; i++) {
        if ((allowed & (uint32_t)rows[i].bit) != 0)
            options[count++] = (struct option){.name = rows[i].name,
                .has_arg = rows[i].kind == FLAG ? no_argument : required_argument,
                .val = i};
    }
    options[count] = (struct option){.name = "help", .has_arg = no_argument, .val = HELP};

    struct kmsd_arguments arguments = {.help = false};
    optind = 0; /* start over: the verb has been taken off */
    for (;;) {
        int found = getopt_long(argc, argv, "", options, NULL);
        if (found == -1)
            break;
        if (found == HELP)
            arguments.help = true;
        else if (found < 0 || found >= ROW_COUNT || !store(&arguments, &rows[found], optarg))
            return false; /* getopt_long has said why */
    }
    arguments.words = argv + optind;
    arguments.word_count = argc - optind;
    if (optind < argc && (allowed & (uint32_t)KMSD_OPTION_WORDS) == 0) {
        (void)fprintf(stderr, "%s: unexpected argument '%s'\n", argv[0], argv[optind]);
        return false;
    }
    *out = arguments;
    return true;
}

void kmsd_arguments_explain(uint32_t allowed, FILE *out)
{
    for (int i = 0; i < ROW_COUNT; i++) {
        if ((allowed & (uint32_t)rows[i].bit) == 0)
            continue;
        char form[48];
        (void)snprintf(form, sizeof(form), "--%s%s%s", rows[i].name,
            rows[i].value_name != NULL ? " " : "",
            rows[i].value_name != NULL ? rows[i].value_name : "");
        (void)fprintf(out, "  %-26s %s\n", form, rows[i].help);
    }
}

/*
 * The command line, as one table: every option of every verb, what it takes and what it says in
 * --help. To add one: a member here, a row in arguments.c, its bit in the verbs that take it
 * (command.c).
 */
#ifndef KMSD_SERVER_ARGUMENTS_H
#define KMSD_SERVER_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum kmsd_option {
    KMSD_OPTION_DATA_DIR = 1U << 0,
    KMSD_OPTION_ACCOUNT_ID = 1U << 1,
    KMSD_OPTION_REGION = 1U << 2,
    KMSD_OPTION_ROOT_KEY = 1U << 3,
    KMSD_OPTION_OUTPUT = 1U << 4,
    KMSD_OPTION_CONFIG = 1U << 5,
    KMSD_OPTION_LISTEN = 1U << 6,
    KMSD_OPTION_LOG_LEVEL = 1U << 7,
    KMSD_OPTION_ACCEPT_ANY = 1U << 8,
    KMSD_OPTION_IDENTITIES = 1U << 9,
    KMSD_OPTION_ADMIN_SOCKET = 1U << 10,
    KMSD_OPTION_SOCKET = 1U << 11,
    KMSD_OPTION_VIRTUAL_CLOCK = 1U << 12,
    KMSD_OPTION_WORDS = 1U << 31, /* no option: words that belong to none are allowed */
};

enum { KMSD_MAX_REPEATED = 64 };

/* An option that may be given several times. */
struct kmsd_repeated {
    const char *values[KMSD_MAX_REPEATED];
    size_t count;
};

/* What was given; NULL, false or empty where nothing was. Points into argv. */
struct kmsd_arguments {
    const char *data_dir;
    const char *account_id;
    struct kmsd_repeated regions;
    const char *root_key;
    const char *output;
    const char *config;
    struct kmsd_repeated listen;
    const char *log_level;
    bool accept_any_credentials;
    const char *identities;
    const char *admin_socket;
    const char *socket;
    bool virtual_clock;
    bool help;
    char **words; /* word_count of them */
    int word_count;
};

/* Reads argv[1...] of a verb that takes the given options (bits of enum kmsd_option). False: what
 * is wrong has been said on standard error. */
bool kmsd_arguments_read(int argc, char **argv, uint32_t allowed, struct kmsd_arguments *out);

/* Writes one line for each of the options. */
void kmsd_arguments_explain(uint32_t allowed, FILE *out);

#endif

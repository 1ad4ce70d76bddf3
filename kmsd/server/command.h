/* The verbs of kmsd. */
#ifndef KMSD_SERVER_COMMAND_H
#define KMSD_SERVER_COMMAND_H

#include "kmsd/server/arguments.h"

/* What kmsd exits with. */
enum kmsd_exit {
    KMSD_EXIT_OK = 0,
    KMSD_EXIT_FAILURE = 1, /* it could not be done; the reason is on standard error */
    KMSD_EXIT_USAGE = 2,   /* the command line makes no sense */
};

/* kmsd's main function. */
int kmsd_command_main(int argc, char **argv);

/* The verbs: init.c, run.c, dev.c, admin.c. The result is an enum kmsd_exit. */
int kmsd_init(const struct kmsd_arguments *arguments);
int kmsd_run(const struct kmsd_arguments *arguments);
int kmsd_dev(const struct kmsd_arguments *arguments);
int kmsd_admin(const struct kmsd_arguments *arguments);

#endif

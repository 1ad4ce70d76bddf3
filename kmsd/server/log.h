/*
 * The log: one line for each event on standard error, for people and for journald. Only the top of
 * the daemon logs. Control characters are escaped, so that nothing a caller sends can make a line
 * of its own; secrets never get here.
 */
#ifndef KMSD_SERVER_LOG_H
#define KMSD_SERVER_LOG_H

#include <stdbool.h>

enum kmsd_log_level {
    KMSD_LOG_ERROR,
    KMSD_LOG_WARNING,
    KMSD_LOG_INFO,
    KMSD_LOG_DEBUG,
};

/* "error", "warning", "info", "debug". */
bool kmsd_log_level_parse(const char *text, enum kmsd_log_level *out);
const char *kmsd_log_level_name(enum kmsd_log_level level);

/* Finds out whether standard error goes to the journal, which keeps times by itself and takes
 * levels as a prefix. Before any thread starts. */
void kmsd_log_init(void);

/* Events less important than this are dropped. Before any thread starts. */
void kmsd_log_set_level(enum kmsd_log_level level);

/* Any thread may call. */
void kmsd_log(enum kmsd_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The line for an event, ended by a newline and a NUL; longer ones are cut. */
void kmsd_log_format(enum kmsd_log_level level, bool for_journal, long long now_ms,
    const char *message, char *out, unsigned long size);

#endif

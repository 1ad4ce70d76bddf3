/*
 * How far the hour can be trusted. A clock that is set forward by mistake must not cost anybody a
 * key: deletion is the one thing that cannot be taken back when the clock is put right again. So
 * whenever the hour has run ahead of the time that really went by, or at the start is more than
 * three days after that of the run before, deletions are put off for a day, in which somebody may
 * notice. Everything else follows the clock at once: a key whose deletion date
 * has passed is found no more, and found again when the clock is put back.
 */
#ifndef KMSD_JOBS_WATCH_H
#define KMSD_JOBS_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct kmsd_watch {
    int64_t now_ms;     /* as last seen */
    int64_t elapsed_ms; /* on a clock that nobody sets */
    int64_t hold_until_elapsed_ms;
};

/* seen_ms: the last hour that an earlier run noted; 0: none did. */
void kmsd_watch_init(struct kmsd_watch *watch, int64_t now_ms, int64_t elapsed_ms, int64_t seen_ms);

/* Takes note of the time. True: the clock has jumped forward just now, and deletions wait. */
bool kmsd_watch_see(struct kmsd_watch *watch, int64_t now_ms, int64_t elapsed_ms);

/* Whether deletions are put off. */
bool kmsd_watch_deletions_wait(const struct kmsd_watch *watch);

#endif

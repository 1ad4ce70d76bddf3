#include "kmsd/jobs/watch.h"

static const int64_t hour_ms = (int64_t)60 * 60 * 1000;

/* Longer than most restarts take, shorter than the shortest wait for a deletion (7 days). */
static const int64_t longest_pause_ms = (int64_t)3 * 24 * 60 * 60 * 1000;

static const int64_t hold_ms = (int64_t)24 * 60 * 60 * 1000;

void kmsd_watch_init(struct kmsd_watch *watch, int64_t now_ms, int64_t elapsed_ms, int64_t seen_ms)
{
    *watch = (struct kmsd_watch){now_ms, elapsed_ms, elapsed_ms};
    if (seen_ms != 0 && now_ms - seen_ms > longest_pause_ms)
        watch->hold_until_elapsed_ms = elapsed_ms + hold_ms;
}

bool kmsd_watch_see(struct kmsd_watch *watch, int64_t now_ms, int64_t elapsed_ms)
{
    int64_t ahead_ms = (now_ms - watch->now_ms) - (elapsed_ms - watch->elapsed_ms);
    watch->now_ms = now_ms;
    watch->elapsed_ms = elapsed_ms;
    if (ahead_ms <= hour_ms)
        return false;
    watch->hold_until_elapsed_ms = elapsed_ms + hold_ms;
    return true;
}

bool kmsd_watch_deletions_wait(const struct kmsd_watch *watch)
{
    return watch->elapsed_ms < watch->hold_until_elapsed_ms;
}

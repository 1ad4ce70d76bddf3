/*
 * The hour that the daemon goes by. Everything that time does to keys is told by this one clock.
 * `kmsd dev --virtual-clock` lets it be moved, for tests; signatures are checked by the real one all
 * the same, since clients sign by theirs.
 */
#ifndef KMSD_SERVER_CLOCK_H
#define KMSD_SERVER_CLOCK_H

#include <kms/error.h>
#include <stdbool.h>
#include <stdint.h>

int64_t kmsd_clock_now_ms(void);

/* Moves the hour; it goes on from there. Nothing calls this but the admin action that exists with
 * --virtual-clock alone. KMS_ERR_VALIDATION: before 1970, or after the year 9999. */
KMS_MUST_USE enum kms_err kmsd_clock_set_ms(int64_t now_ms);

/* Time that goes by, sleep of the machine included, on a clock that nobody sets. */
int64_t kmsd_clock_elapsed_ms(void);

#endif

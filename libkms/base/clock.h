/*
 * Time is passed in: whoever needs the hour takes milliseconds since 1970-01-01T00:00:00Z, and only
 * the outermost callers read a clock.
 */
#ifndef KMS_BASE_CLOCK_H
#define KMS_BASE_CLOCK_H

#include <kms/bytes.h>
#include <kms/error.h>

/* Now, from the system's real-time clock, in milliseconds since the epoch. */
int64_t kms_clock_now_ms(void);

/* Milliseconds since an arbitrary point; never steps back. */
int64_t kms_clock_monotonic_ms(void);

/* The same as it was at the kernel's last tick, some milliseconds ago: a glance at memory. */
int64_t kms_clock_tick_ms(void);

#define KMS_TIME_BASIC_SIZE   17 /* "20261123T011253Z" and a NUL */
#define KMS_TIME_RFC3339_SIZE 25 /* "2026-11-23T01:12:53.123Z" and a NUL */

/* ISO 8601 basic format as SigV4 uses it. Years 1970 to 9999; a time outside gives the nearest one
 * inside. */
void kms_time_format_basic(int64_t time_ms, char out[KMS_TIME_BASIC_SIZE]);

/* Strict: exactly 16 characters, an existing date, no leap second. KMS_ERR_SYNTAX. */
KMS_MUST_USE enum kms_err kms_time_parse_basic(struct kms_str text, int64_t *time_ms);

/* RFC 3339 with milliseconds; the same bounds. */
void kms_time_format_rfc3339(int64_t time_ms, char out[KMS_TIME_RFC3339_SIZE]);

/* RFC 3339 with an optional fraction (cut to milliseconds) and Z or a numeric offset; an existing
 * date of the years 0 to 9999 (before 1970 gives a negative time), no leap second.
 * KMS_ERR_SYNTAX. */
KMS_MUST_USE enum kms_err kms_time_parse_rfc3339(struct kms_str text, int64_t *time_ms);

#endif

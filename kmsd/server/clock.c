#include "kmsd/server/clock.h"

#include "libkms/base/clock.h"

#include <stdatomic.h>
#include <time.h>

static const int64_t last_ms = 253402300799999; /* of the year 9999 */

static _Atomic int64_t offset_ms; /* 0 for ever, unless the clock is a virtual one */

int64_t kmsd_clock_now_ms(void)
{
    return kms_clock_now_ms() + atomic_load_explicit(&offset_ms, memory_order_relaxed);
}

enum kms_err kmsd_clock_set_ms(int64_t now_ms)
{
    if (now_ms < 0 || now_ms > last_ms)
        return KMS_ERR_VALIDATION;
    atomic_store(&offset_ms, now_ms - kms_clock_now_ms());
    return KMS_OK;
}

int64_t kmsd_clock_elapsed_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_BOOTTIME, &now); /* cannot fail for a clock that exists */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

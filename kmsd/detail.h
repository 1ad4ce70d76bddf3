/* Where a failure is explained to an operator. The top of the daemon logs it, once. */
#ifndef KMSD_DETAIL_H
#define KMSD_DETAIL_H

#include <stdarg.h>
#include <stdio.h>

/* NUL-terminated, never holds a secret. */
struct kmsd_detail {
    char text[512];
};

/* Replaces the text, cut where it does not fit. NULL is allowed and takes nothing. */
__attribute__((format(printf, 2, 3))) static inline void kmsd_detail_set(
    struct kmsd_detail *detail, const char *format, ...)
{
    if (detail == NULL)
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(detail->text, sizeof(detail->text), format, args);
    va_end(args);
}

#endif

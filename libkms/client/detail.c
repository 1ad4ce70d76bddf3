#include "libkms/client/detail.h"

#include <stdarg.h>
#include <stdio.h>

void kms_detail_set(struct kms_detail *detail, const char *format, ...)
{
    if (detail == NULL)
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(detail->text, sizeof(detail->text), format, args);
    va_end(args);
    /* What is quoted in it came from files, environment and network, and it goes to a terminal. */
    for (char *at = detail->text; *at != '\0'; at++) {
        unsigned char letter = (unsigned char)*at;
        if (letter < 0x20 || letter == 0x7f)
            *at = '?';
    }
}

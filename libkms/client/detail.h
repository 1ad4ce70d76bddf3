/* Filling struct kms_detail, which callers may leave out. */
#ifndef KMS_CLIENT_DETAIL_H
#define KMS_CLIENT_DETAIL_H

#include <kms/client.h>

/* Formats into detail->text, cut to fit; control characters become '?'. NULL detail: nothing. */
void kms_detail_set(struct kms_detail *detail, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* For "%.*s": a view's length and text, the length cut to what fits a message. */
#define KMS_DETAIL_ARG(view) ((int)((view).len < 256 ? (view).len : 256)), ((view).data)

#endif

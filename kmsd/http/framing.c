#include "kmsd/http/framing.h"

#include <strings.h>

static bool is_text(struct kms_str text, const char *any_case)
{
    return text.len == strlen(any_case) && strncasecmp(text.data, any_case, text.len) == 0;
}

/* Enough of RFC 9110 section 5.6.2 to tell apart what another reader may take for the same name. */
static bool is_name(struct kms_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] <= ' ' || name.data[i] >= 0x7f)
            return false;
    }
    return name.len != 0;
}

bool kmsd_framing_is_sound(const struct kms_header *headers, size_t count)
{
    unsigned said = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_coding = is_text(headers[i].name, "Transfer-Encoding");
        if (!is_name(headers[i].name) || (is_coding && !is_text(headers[i].value, "chunked")))
            return false;
        if (is_coding || is_text(headers[i].name, "Content-Length"))
            said++;
    }
    return said <= 1;
}

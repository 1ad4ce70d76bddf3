#include "kmsd/http/framing.h"

#include "libkms/base/encoding.h"

static inline bool is_text(struct kms_str text, const char *any_case)
{
    return kms_ascii_eq(text, kms_str(any_case));
}

/* Enough of RFC 9110 section 5.6.2 to tell apart what another reader may take for the same name. */
static bool is_name(struct kms_str name)
{
    static const uint64_t ones = UINT64_C(0x0101010101010101);
    size_t at = 0;
    for (; name.len - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, name.data + at, sizeof(word));
        /* a borrow or a carry comes only from an octet that is out of bounds itself */
        if ((((word - ones * 0x21) | (word + ones) | word) & ones * 0x80) != 0)
            return false;
    }
    for (; at < name.len; at++) {
        if (name.data[at] <= ' ' || name.data[at] >= 0x7f)
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

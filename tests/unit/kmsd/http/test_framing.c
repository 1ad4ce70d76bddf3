/* Where a body ends. */
#include "kmsd/http/framing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MAX_HEADERS = 3 };

static void tells_sound_from_ambiguous(void **state)
{
    static const struct {
        const char *headers[2 * MAX_HEADERS]; /* names and values */
        bool sound;
    } cases[] = {
        {{NULL}, true},
        {{"Host", "a", "X-Amz-Date", "b"}, true},
        {{"Host", "a", "Content-Length", "2"}, true},
        {{"transfer-encoding", "Chunked"}, true},
        {{"Content-Length", "2", "content-length", "2"}, false},
        {{"Content-Length", "0", "Host", "a", "Content-Length", "2"}, false},
        {{"Content-Length", "2", "Transfer-Encoding", "chunked"}, false},
        {{"Transfer-Encoding", "chunked", "Transfer-Encoding", "chunked"}, false},
        {{"Transfer-Encoding", "gzip, chunked"}, false},
        {{"Transfer-Encoding", "xchunked"}, false},
        {{"Transfer-Encoding", ""}, false},
        {{"Content-Length ", "2"}, false},
        {{"Transfer-Encoding\t", "chunked"}, false},
        {{"X-Amz-Target ", "a"}, false},
        {{"", "a"}, false},
        {{"Content-Length\xa0", "2"}, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct kms_header headers[MAX_HEADERS];
        size_t count = 0;
        for (; count < MAX_HEADERS && cases[i].headers[2 * count] != NULL; count++)
            headers[count] = (struct kms_header){
                kms_str(cases[i].headers[2 * count]), kms_str(cases[i].headers[2 * count + 1])};
        if (kmsd_framing_is_sound(headers, count) != cases[i].sound)
            fail_msg("case %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tells_sound_from_ambiguous)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

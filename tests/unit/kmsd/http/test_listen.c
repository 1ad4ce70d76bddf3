/* Addresses to listen on. */
#include "kmsd/http/listen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

static void reads_addresses(void **state)
{
    static const struct {
        const char *text;
        const char *formatted; /* NULL: refused */
        bool is_loopback;
    } cases[] = {
        {"127.0.0.1:4599", "127.0.0.1:4599", true},
        {"127.9.9.9:0", "127.9.9.9:0", true},
        {"localhost:1", "127.0.0.1:1", true},
        {"[::1]:4599", "[::1]:4599", true},
        {"0.0.0.0:65535", "0.0.0.0:65535", false},
        {"[::]:80", "[::]:80", false},
        {"192.0.2.7:443", "192.0.2.7:443", false},
        {"[2001:db8::1]:443", "[2001:db8::1]:443", false},
        {"[::ffff:127.0.0.1]:443", "[::ffff:127.0.0.1]:443", false},
        {"127.0.0.1", NULL, false},
        {"127.0.0.1:", NULL, false},
        {":4599", NULL, false},
        {"4599", NULL, false},
        {"", NULL, false},
        {"127.0.0.1:65536", NULL, false},
        {"127.0.0.1:-1", NULL, false},
        {"127.0.0.1:1x", NULL, false},
        {"127.0.0.1:000001", NULL, false},
        {"127.0.0.1:1:2", NULL, false},
        {"127.1:4599", NULL, false},
        {"::1:4599", NULL, false},
        {"[::1]", NULL, false},
        {"[::1]4599", NULL, false},
        {"[::1", NULL, false},
        {"[]:1", NULL, false},
        {"[127.0.0.1]:1", NULL, false},
        {"example.com:80", NULL, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct kmsd_listen_address address;
        char text[KMSD_LISTEN_TEXT_SIZE];
        enum kms_err err = kmsd_listen_parse(kms_str(cases[i].text), &address);
        if ((err == KMS_OK) != (cases[i].formatted != NULL))
            print_error("case: %s\n", cases[i].text);
        assert_int_equal(err, cases[i].formatted != NULL ? KMS_OK : KMS_ERR_SYNTAX);
        if (err != KMS_OK)
            continue;
        kmsd_listen_format(&address, text);
        assert_string_equal(text, cases[i].formatted);
        assert_int_equal(kmsd_listen_is_loopback(&address), cases[i].is_loopback);
    }
}

static void opens_a_socket_and_tells_its_port(void **state)
{
    struct kmsd_listen_address address;
    struct kmsd_listen_address same;
    struct kmsd_detail detail = {.text = ""};
    int fd = -1;
    int second = -1;
    (void)state;
    assert_int_equal(kmsd_listen_parse(kms_str("127.0.0.1:0"), &address), KMS_OK);
    assert_int_equal(kmsd_listen_open(&address, &fd, &detail), KMS_OK);
    assert_int_not_equal(address.at.v4.sin_port, 0);
    same = address;
    assert_int_equal(kmsd_listen_open(&same, &second, &detail), KMS_ERR_IO);
    assert_non_null(strstr(detail.text, "Address already in use"));
    assert_int_equal(close(fd), 0);
    assert_int_equal(kmsd_listen_open(&same, &second, &detail), KMS_OK);
    assert_int_equal(close(second), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_addresses),
        cmocka_unit_test(opens_a_socket_and_tells_its_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

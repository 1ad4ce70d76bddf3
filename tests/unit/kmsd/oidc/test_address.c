/* Which addresses are everybody's. */
#include "kmsd/oidc/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#include <cmocka.h>

static bool is_public(const char *text)
{
    struct sockaddr_in in4 = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &in4.sin_addr) == 1)
        return kmsd_address_is_public((const struct sockaddr *)&in4);
    assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
    return kmsd_address_is_public((const struct sockaddr *)&in6);
}

static void tells_public_ones(void **state)
{
    static const char *const addresses[] = {"1.1.1.1", "9.255.255.255", "11.0.0.0",
        "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0", "169.253.255.255",
        "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255",
        "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700::1111",
        "2001:200::1", "2a00::1", "3fff:1000::"};
    (void)state;
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        if (!is_public(addresses[i]))
            fail_msg("%s", addresses[i]);
    }
}

static void tells_ours(void **state)
{
    static const char *const addresses[] = {"0.0.0.0", "10.0.0.1", "10.255.255.255", "100.64.0.0",
        "100.127.255.255", "127.0.0.1", "127.255.255.255", "169.254.169.254", "172.16.0.1",
        "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1",
        "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "::", "::1", "::ffff:1.1.1.1", "::1.1.1.1", "64:ff9b::1.1.1.1",
        "fc00::1", "fd00:ec2::254", "fe80::1", "ff02::1", "2001::1", "2001:db8::1",
        "2002:7f00:1::", "3fff::1", "4000::1"};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    (void)state;
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        if (is_public(addresses[i]))
            fail_msg("%s", addresses[i]);
    }
    assert_false(kmsd_address_is_public((const struct sockaddr *)&local));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_public_ones),
        cmocka_unit_test(tells_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

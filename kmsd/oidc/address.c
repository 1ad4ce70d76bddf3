#include "kmsd/oidc/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

struct range4 {
    uint32_t first;
    unsigned bits;
};

struct range6 {
    uint8_t first[4]; /* and twelve bytes of zeros */
    unsigned bits;
};

static const struct range4 not_public4[] = {
    {0x00000000, 8},  /* 0.0.0.0: this network */
    {0x0a000000, 8},  /* 10.0.0.0: private */
    {0x64400000, 10}, /* 100.64.0.0: carriers' NAT */
    {0x7f000000, 8},  /* 127.0.0.0: this machine */
    {0xa9fe0000, 16}, /* 169.254.0.0: this link, and the metadata services of clouds */
    {0xac100000, 12}, /* 172.16.0.0: private */
    {0xc0000000, 24}, /* 192.0.0.0: protocol assignments */
    {0xc0000200, 24}, /* 192.0.2.0: documentation */
    {0xc0586300, 24}, /* 192.88.99.0: 6to4 relays */
    {0xc0a80000, 16}, /* 192.168.0.0: private */
    {0xc6120000, 15}, /* 198.18.0.0: benchmarks */
    {0xc6336400, 24}, /* 198.51.100.0: documentation */
    {0xcb007100, 24}, /* 203.0.113.0: documentation */
    {0xe0000000, 3},  /* 224.0.0.0 and above: multicast, reserved, broadcast */
};

/* Within 2000::/3; all that is outside is not public. */
static const struct range6 not_public6[] = {
    {{0x20, 0x01, 0x00, 0x00}, 23}, /* 2001::: protocol assignments, Teredo */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* 2001:db8::: documentation */
    {{0x20, 0x02, 0x00, 0x00}, 16}, /* 2002::: 6to4 */
    {{0x3f, 0xff, 0x00, 0x00}, 20}, /* 3fff::: documentation */
};

static uint32_t mask(unsigned bits)
{
    return ~(uint32_t)0 << (32 - bits);
}

static bool is_public4(uint32_t address)
{
    for (size_t i = 0; i < sizeof(not_public4) / sizeof(not_public4[0]); i++) {
        if ((address & mask(not_public4[i].bits)) == not_public4[i].first)
            return false;
    }
    return true;
}

static uint32_t head(const uint8_t bytes[4])
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool is_public6(const uint8_t address[16])
{
    if ((address[0] & 0xe0) != 0x20)
        return false;
    for (size_t i = 0; i < sizeof(not_public6) / sizeof(not_public6[0]); i++) {
        if ((head(address) & mask(not_public6[i].bits)) == head(not_public6[i].first))
            return false;
    }
    return true;
}

bool kmsd_address_is_public(const struct sockaddr *address)
{
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
    switch (address->sa_family) {
    case AF_INET:
        memcpy(&in4, address, sizeof(in4));
        return is_public4(ntohl(in4.sin_addr.s_addr));
    case AF_INET6:
        memcpy(&in6, address, sizeof(in6));
        return is_public6(in6.sin6_addr.s6_addr);
    default:
        return false;
    }
}

/* The room's own: which addresses belong to everybody's network and not to ours. */
#ifndef KMSD_OIDC_ADDRESS_H
#define KMSD_OIDC_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* Whether an address is a public one: not of this machine, a private network, a link, a carrier's
 * NAT, a tunnel that hides an IPv4 address, documentation, or many at once. Anything but IPv4 and
 * IPv6 is not. Source: IANA special-purpose address registries (RFC 6890). */
bool kmsd_address_is_public(const struct sockaddr *address);

#endif

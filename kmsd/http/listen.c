#include "kmsd/http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static bool parse_port(struct kms_str text, in_port_t *out)
{
    unsigned port = 0;
    if (text.len == 0 || text.len > 5)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        port = port * 10 + (unsigned)(text.data[i] - '0');
    }
    if (port > 65535)
        return false;
    *out = htons((uint16_t)port);
    return true;
}

static bool parse_host(struct kms_str host, bool is_v6, struct kmsd_listen_address *out)
{
    char text[INET6_ADDRSTRLEN];
    if (host.len == 0 || host.len >= sizeof(text) || memchr(host.data, '\0', host.len) != NULL)
        return false;
    memcpy(text, host.data, host.len);
    text[host.len] = '\0';
    if (is_v6) {
        out->at.v6.sin6_family = AF_INET6;
        out->len = sizeof(out->at.v6);
        return inet_pton(AF_INET6, text, &out->at.v6.sin6_addr) == 1;
    }
    out->at.v4.sin_family = AF_INET;
    out->len = sizeof(out->at.v4);
    return inet_pton(AF_INET, strcmp(text, "localhost") == 0 ? "127.0.0.1" : text,
               &out->at.v4.sin_addr) == 1;
}

enum kms_err kmsd_listen_parse(struct kms_str text, struct kmsd_listen_address *out)
{
    struct kmsd_listen_address address = {.len = 0};
    struct kms_str host = text;
    in_port_t port = 0;
    bool is_v6 = text.len != 0 && text.data[0] == '[';
    if (is_v6) {
        const char *end = memchr(text.data, ']', text.len);
        if (end == NULL)
            return KMS_ERR_SYNTAX;
        host = (struct kms_str){text.data + 1, (size_t)(end - text.data) - 1};
    }
    const char *after_host = is_v6 ? host.data + host.len + 1
                                   : memchr(text.data == NULL ? "" : text.data, ':', text.len);
    if (after_host == NULL || after_host >= text.data + text.len || *after_host != ':')
        return KMS_ERR_SYNTAX;
    if (!is_v6)
        host.len = (size_t)(after_host - text.data);
    struct kms_str digits = {after_host + 1, (size_t)(text.data + text.len - after_host) - 1};
    if (!parse_port(digits, &port) || !parse_host(host, is_v6, &address))
        return KMS_ERR_SYNTAX;
    if (is_v6)
        address.at.v6.sin6_port = port;
    else
        address.at.v4.sin_port = port;
    *out = address;
    return KMS_OK;
}

void kmsd_listen_format(const struct kmsd_listen_address *address, char out[KMSD_LISTEN_TEXT_SIZE])
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (address->at.any.sa_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &address->at.v6.sin6_addr, host, sizeof(host));
        (void)snprintf(
            out, KMSD_LISTEN_TEXT_SIZE, "[%s]:%u", host, ntohs(address->at.v6.sin6_port));
    } else {
        (void)inet_ntop(AF_INET, &address->at.v4.sin_addr, host, sizeof(host));
        (void)snprintf(out, KMSD_LISTEN_TEXT_SIZE, "%s:%u", host, ntohs(address->at.v4.sin_port));
    }
}

bool kmsd_listen_is_loopback(const struct kmsd_listen_address *address)
{
    if (address->at.any.sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&address->at.v6.sin6_addr);
    return ntohl(address->at.v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

static bool open_at(int fd, struct kmsd_listen_address *address)
{
    static const int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
        return false;
    /* [::] is IPv6 alone: IPv4 has an address of its own to give */
    if (address->at.any.sa_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0)
        return false;
    socklen_t len = address->len;
    return bind(fd, &address->at.any, address->len) == 0 && listen(fd, SOMAXCONN) == 0 &&
           getsockname(fd, &address->at.any, &len) == 0;
}

enum kms_err kmsd_listen_open(
    struct kmsd_listen_address *address, int *out, struct kmsd_detail *detail)
{
    char text[KMSD_LISTEN_TEXT_SIZE];
    kmsd_listen_format(address, text);
    int fd =
        socket(address->at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    if (fd < 0 || !open_at(fd, address)) {
        char reason[64];
        kmsd_detail_set(
            detail, "listening on %s: %s", text, strerror_r(errno, reason, sizeof(reason)));
        if (fd >= 0)
            (void)close(fd);
        return KMS_ERR_IO;
    }
    *out = fd;
    return KMS_OK;
}

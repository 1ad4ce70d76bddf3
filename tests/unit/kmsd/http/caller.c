#include "caller.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

int caller_socket(const char *own_address)
{
    struct sockaddr_in own = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (own_address != NULL) {
        assert_int_equal(inet_pton(AF_INET, own_address, &own.sin_addr), 1);
        assert_int_equal(bind(fd, (const struct sockaddr *)&own, sizeof(own)), 0);
    }
    return fd;
}

void caller_connect(int fd, uint16_t port)
{
    struct sockaddr_in there = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    assert_int_equal(connect(fd, (const struct sockaddr *)&there, sizeof(there)), 0);
}

int caller_open(uint16_t port)
{
    int fd = caller_socket(NULL);
    caller_connect(fd, port);
    return fd;
}

void caller_reset(int fd)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    (void)close(fd);
}

void caller_send(int fd, const char *body)
{
    char text[512];
    int len = snprintf(text, sizeof(text),
        "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
    assert_int_equal(send(fd, text, (size_t)len, MSG_NOSIGNAL), len);
}

bool caller_hears(int fd, int within_ms)
{
    struct pollfd at = {.fd = fd, .events = POLLIN};
    return poll(&at, 1, within_ms) == 1;
}

static size_t read_some(int fd, char *out, size_t size)
{
    if (!caller_hears(fd, CALLER_SOON_MS))
        fail_msg("no answer");
    ssize_t len = recv(fd, out, size, 0);
    if (len <= 0)
        fail_msg("closed instead of answered");
    return (size_t)len;
}

void caller_read_answer(int fd, char *out, size_t size)
{
    static const char length_field[] = "Content-Length: ";
    char head[1024];
    size_t len = 0;
    do {
        assert_true(len < sizeof(head) - 1);
        len += read_some(fd, head + len, 1);
        head[len] = '\0';
    } while (len < 4 || strcmp(head + len - 4, "\r\n\r\n") != 0);
    const char *field = strstr(head, length_field);
    assert_non_null(field);
    size_t body_len = (size_t)strtoul(field + sizeof(length_field) - 1, NULL, 10);
    assert_true(body_len < size);
    for (len = 0; len < body_len;)
        len += read_some(fd, out + len, body_len - len);
    out[len] = '\0';
}

bool caller_is_turned_away(int fd)
{
    char byte;
    return caller_hears(fd, CALLER_SOON_MS) && recv(fd, &byte, 1, 0) <= 0;
}

bool caller_is_closed(int fd)
{
    char bytes[256];
    ssize_t len;
    do {
        if (!caller_hears(fd, CALLER_SOON_MS))
            return false;
        len = recv(fd, bytes, sizeof(bytes), 0);
    } while (len > 0);
    return true;
}

int64_t caller_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void caller_nap(void)
{
    static const struct timespec nap = {.tv_nsec = 2000000};
    (void)nanosleep(&nap, NULL);
}

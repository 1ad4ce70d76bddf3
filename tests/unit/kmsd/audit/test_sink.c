/* Copies of the trail for others: a stop does not wait for whoever does not answer, and tells what it cost. */
#include "kmsd/audit/sink.h"

#include "libkms/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { QUEUE_BYTES = 65536, STOPS_WITHIN_MS = 4000 };

static struct {
    int count;
    int bad;
    char last[256];
} said;

/* Called before kmsd_sink_close returns, or by kmsd_sink_put itself: the tests read it after that. */
static void say(void *context, bool is_bad, const char *text)
{
    (void)context;
    said.count++;
    said.bad += is_bad;
    (void)snprintf(said.last, sizeof(said.last), "%s", text);
}

static struct kmsd_sink *open_sink(const char *webhook, const char *log_path)
{
    struct kmsd_sink *sink = NULL;
    const struct kmsd_sink_options options = {
        .webhook = webhook, .log_path = log_path, .queue_bytes = QUEUE_BYTES, .say = say};
    memset(&said, 0, sizeof(said));
    assert_int_equal(kmsd_sink_open(&options, &sink), KMS_OK);
    return sink;
}

/* Closes it in good time, and it says once what was lost, if anything. */
static void close_in_time(struct kmsd_sink *sink, const char *lost)
{
    int64_t began_ms = kms_clock_monotonic_ms();
    kmsd_sink_close(sink);
    assert_in_range(kms_clock_monotonic_ms() - began_ms, 0, STOPS_WITHIN_MS);
    assert_int_equal(said.count, lost == NULL ? 0 : 1);
    assert_int_equal(said.bad, said.count);
    if (lost != NULL)
        assert_non_null(strstr(said.last, lost));
}

static int listen_somewhere(char url[64])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    (void)snprintf(url, 64, "http://127.0.0.1:%u/", (unsigned)ntohs(address.sin_port));
    return fd;
}

/* A connection over which a request has come whose lines end with this text. */
static int take_request(int listener, const char *end)
{
    char request[4096];
    size_t len = 0;
    int fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    do {
        ssize_t now = recv(fd, request + len, sizeof(request) - 1 - len, 0);
        assert_true(now > 0);
        len += (size_t)now;
        request[len] = '\0';
    } while (strstr(request, end) == NULL);
    return fd;
}

static void a_silent_hook_does_not_hold_up_a_stop(void **state)
{
    char url[64];
    int listener = listen_somewhere(url);
    struct kmsd_sink *sink = open_sink(url, NULL);
    (void)state;
    kmsd_sink_put(sink, kms_str("one\ntwo\n"));
    int connection = take_request(listener, "two\n");
    kmsd_sink_put(sink, kms_str("three\nfour\nfive\n")); /* waits behind the request under way */
    close_in_time(sink, "webhook is closed: 5 records");
    (void)close(connection);
    (void)close(listener);
}

static void what_a_hook_took_is_not_lost(void **state)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    char url[64];
    int listener = listen_somewhere(url);
    struct kmsd_sink *sink = open_sink(url, NULL);
    (void)state;
    kmsd_sink_put(sink, kms_str("one\ntwo\n"));
    int connection = take_request(listener, "two\n");
    assert_int_equal(
        send(connection, answer, sizeof(answer) - 1, MSG_NOSIGNAL), sizeof(answer) - 1);
    close_in_time(sink, NULL);
    (void)close(connection);
    (void)close(listener);
}

static void what_no_log_took_is_told_of(void **state)
{
    struct kmsd_sink *sink = open_sink(NULL, "/nonexistent/log");
    (void)state;
    kmsd_sink_put(sink, kms_str("one\ntwo\n"));
    kmsd_sink_put(sink, kms_str("three\n"));
    close_in_time(sink, "syslog is closed: 3 records");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_silent_hook_does_not_hold_up_a_stop),
        cmocka_unit_test(what_a_hook_took_is_not_lost),
        cmocka_unit_test(what_no_log_took_is_told_of),
    };
    (void)setenv("no_proxy", "*", 1); /* whatever the machine's are */
    return cmocka_run_group_tests(tests, NULL, NULL);
}

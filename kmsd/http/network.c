#include "kmsd/http/network.h"

#include "kmsd/http/connection.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* TLS 1.2 and 1.3, forward secrecy, authenticated ciphers of 128 bits and more. */
#define TLS_PRIORITIES                                                                   \
    "SECURE128:%SERVER_PRECEDENCE:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-CIPHER-ALL:" \
    "+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM"

enum { MAX_OPTIONS = 24 };

__attribute__((format(printf, 2, 0))) static void take_log(
    void *cls, const char *format, va_list args)
{
    struct kmsd_http *http = cls;
    char text[sizeof(http->last_log)];
    (void)vsnprintf(text, sizeof(text), format, args);
    text[strcspn(text, "\r\n")] = '\0';
    if (http->log != NULL)
        http->log(text);
    if (pthread_equal(pthread_self(), http->starter) != 0) /* why it refuses to start */
        memcpy(http->last_log, text, sizeof(text));
}

struct option_list {
    struct MHD_OptionItem items[MAX_OPTIONS];
    size_t count;
};

static void add_number(struct option_list *list, enum MHD_OPTION option, size_t value)
{
    list->items[list->count++] =
        (struct MHD_OptionItem){.option = option, .value = (intptr_t)value};
}

/* libmicrohttpd's list of options has no const, though it only reads. */
static void add_text(struct option_list *list, enum MHD_OPTION option, const char *value)
{
    struct MHD_OptionItem item = {.option = option};
    memcpy(&item.ptr_value, &value, sizeof(value));
    list->items[list->count++] = item;
}

static void add_limits(struct option_list *list, const struct kmsd_http_limits *limits)
{
    /* never reached: one that ends is counted by libmicrohttpd for a moment longer than here */
    add_number(list, MHD_OPTION_CONNECTION_LIMIT, (size_t)limits->connections * 2);
    add_number(list, MHD_OPTION_CONNECTION_MEMORY_LIMIT, limits->connection_memory);
    add_number(list, MHD_OPTION_CONNECTION_TIMEOUT, limits->idle_timeout_s);
    add_number(list, MHD_OPTION_STRICT_FOR_CLIENT, 1);
}

enum kms_err kmsd_network_start(struct kmsd_network *network,
    const struct kmsd_http_options *options, struct kmsd_detail *detail)
{
    struct kmsd_http *http = network->http;
    struct option_list list = {.count = 0};
    add_limits(&list, &options->limits);
    unsigned flags = MHD_USE_NO_LISTEN_SOCKET | MHD_USE_EPOLL_INTERNAL_THREAD |
                     MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    if (http->is_tls) {
        flags |= MHD_USE_TLS;
        add_text(&list, MHD_OPTION_HTTPS_MEM_CERT, options->tls_certificate);
        add_text(&list, MHD_OPTION_HTTPS_MEM_KEY, options->tls_key);
        add_text(&list, MHD_OPTION_HTTPS_PRIORITIES, TLS_PRIORITIES);
    }
    list.items[list.count] = (struct MHD_OptionItem){.option = MHD_OPTION_END};

    /* clang-format off */
    network->daemon = MHD_start_daemon(flags, 0, NULL, NULL, kmsd_request_handle, http,
        MHD_OPTION_EXTERNAL_LOGGER, take_log, http, /* first, so that it hears of the others */
        MHD_OPTION_URI_LOG_CALLBACK, kmsd_request_begin, http,
        MHD_OPTION_NOTIFY_COMPLETED, kmsd_request_completed, http,
        MHD_OPTION_NOTIFY_CONNECTION, kmsd_connection_notify, network,
        MHD_OPTION_ARRAY, list.items,
        MHD_OPTION_END);
    /* clang-format on */
    if (network->daemon != NULL) {
        enum kms_err err = kmsd_network_be_nudged(network);
        if (err == KMS_OK)
            return KMS_OK;
        kmsd_network_stop(network);
        kmsd_detail_set(detail, "serving: %s", kms_err_text(err));
        return err;
    }
    kmsd_detail_set(detail, "serving: %s",
        http->last_log[0] != '\0' ? http->last_log : "libmicrohttpd gives no reason");
    return KMS_ERR_IO;
}

/* --- nudges ----------------------------------------------------------------------------------- */

/*
 * libmicrohttpd (0.9.75 to 1.0) takes 128 events at a time from epoll_wait(2). When it gets exactly as many, it
 * asks for more before it looks at them, and waits for those as long as for the first: until some connection
 * is idle for too long, if nobody else sends anything. So each thread is nudged now and then. It passes over
 * events that point to nothing.
 */
enum { EVENTS_AT_ONCE = 128 };

static int epoll_of(const struct kmsd_network *network)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(network->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    return info == NULL ? -1 : info->epoll_fd;
}

enum kms_err kmsd_network_be_nudged(struct kmsd_network *network)
{
    /* by its edge: the number that it counts to is never read */
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
    network->nudge = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (network->nudge < 0 ||
        epoll_ctl(epoll_of(network), EPOLL_CTL_ADD, network->nudge, &event) != 0)
        return KMS_ERR_IO;
    return KMS_OK;
}

void kmsd_network_nudge(struct kmsd_network *network)
{
    static const uint64_t one = 1;
    if (atomic_load(&network->connections) < EVENTS_AT_ONCE)
        return;
    ssize_t written = write(network->nudge, &one, sizeof(one));
    (void)written; /* else the next one does it */
}

void kmsd_network_stop(struct kmsd_network *network)
{
    if (network->nudge >= 0)
        (void)epoll_ctl(epoll_of(network), EPOLL_CTL_DEL, network->nudge, NULL);
    MHD_stop_daemon(network->daemon);
    if (network->nudge >= 0)
        (void)close(network->nudge);
    network->daemon = NULL;
    network->nudge = -1;
}

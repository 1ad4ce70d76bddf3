#include "kmsd/http/connection.h"

#include "libkms/base/clock.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>

enum { SWEEP_INTERVAL_S = 1 };

/* --- the reaper ------------------------------------------------------------------------------- */

/*
 * libmicrohttpd closes connections that are silent; a sender of one byte a minute is not. So
 * whatever takes too long to become a whole request has its socket shut down here, and
 * libmicrohttpd then finds it closed. The list's lock keeps the socket from being closed, and its
 * number from being given to another connection, meanwhile.
 */
static bool is_overdue(
    const struct kmsd_connections *connections, enum kmsd_phase phase, int64_t age_ms)
{
    switch (phase) {
    case KMSD_PHASE_IDLE:
        return age_ms > connections->head_timeout_ms;
    case KMSD_PHASE_RECEIVING:
        return age_ms > connections->body_timeout_ms;
    case KMSD_PHASE_RUNNING:
    case KMSD_PHASE_ANSWERING:
        break;
    }
    return false;
}

/*
 * Whether the peer has closed its side in the middle of nothing. libmicrohttpd (edge-triggered
 * epoll) misses an end of stream that comes together with the last bytes. Believed only when
 * nothing is left to read and one sweep later the connection stands where it stood.
 */
static bool is_abandoned(
    struct kmsd_connection *connection, enum kmsd_phase phase, int64_t since_ms)
{
    struct pollfd at = {.fd = connection->fd, .events = POLLRDHUP};
    int unread = 0;
    if (phase == KMSD_PHASE_RUNNING || phase == KMSD_PHASE_ANSWERING || poll(&at, 1, 0) != 1 ||
        (at.revents & POLLRDHUP) == 0 || ioctl(connection->fd, FIONREAD, &unread) != 0 ||
        unread != 0)
        return false;
    bool seen_before = connection->abandoned_since_ms == since_ms;
    connection->abandoned_since_ms = since_ms;
    return seen_before;
}

static void sweep(const struct kmsd_connections *connections, int64_t now_ms)
{
    struct kmsd_connection *connection = connections->first;
    for (; connection != NULL; connection = connection->next) {
        int64_t since_ms = atomic_load(&connection->since_ms);
        enum kmsd_phase phase = atomic_load(&connection->phase);
        if (is_overdue(connections, phase, now_ms - since_ms) ||
            is_abandoned(connection, phase, since_ms))
            (void)shutdown(connection->fd, SHUT_RDWR);
    }
}

static void *reap(void *context)
{
    struct kmsd_connections *connections = context;
    (void)pthread_mutex_lock(&connections->lock);
    while (!connections->stopping) {
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += SWEEP_INTERVAL_S;
        (void)pthread_cond_timedwait(&connections->changed, &connections->lock, &until);
        sweep(connections, kms_clock_monotonic_ms());
    }
    (void)pthread_mutex_unlock(&connections->lock);
    return NULL;
}

static bool init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return false;
    bool done = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
                pthread_cond_init(condition, &attributes) == 0;
    (void)pthread_condattr_destroy(&attributes);
    return done;
}

enum kms_err kmsd_connections_init(
    struct kmsd_connections *connections, const struct kmsd_http_limits *limits)
{
    connections->body_timeout_ms = (int64_t)limits->request_timeout_s * 1000;
    /* between two requests a connection may be idle for its full time first */
    connections->head_timeout_ms =
        (int64_t)limits->idle_timeout_s * 1000 + connections->body_timeout_ms;
    if (pthread_mutex_init(&connections->lock, NULL) != 0)
        return KMS_ERR_NO_MEMORY;
    if (!init_condition(&connections->changed)) {
        (void)pthread_mutex_destroy(&connections->lock);
        return KMS_ERR_NO_MEMORY;
    }
    if (pthread_create(&connections->reaper, NULL, reap, connections) != 0) {
        (void)pthread_cond_destroy(&connections->changed);
        (void)pthread_mutex_destroy(&connections->lock);
        return KMS_ERR_NO_MEMORY;
    }
    connections->is_watched = true;
    return KMS_OK;
}

void kmsd_connections_clean_up(struct kmsd_connections *connections)
{
    if (!connections->is_watched)
        return;
    (void)pthread_mutex_lock(&connections->lock);
    connections->stopping = true;
    (void)pthread_cond_signal(&connections->changed);
    (void)pthread_mutex_unlock(&connections->lock);
    (void)pthread_join(connections->reaper, NULL);
    (void)pthread_cond_destroy(&connections->changed);
    (void)pthread_mutex_destroy(&connections->lock);
    connections->is_watched = false;
}

/* --- connections ------------------------------------------------------------------------------ */

static void remember_peer(struct kmsd_connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info != NULL && info->client_addr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 =
            (const struct sockaddr_in6 *)(const void *)info->client_addr;
        (void)inet_ntop(AF_INET6, &v6->sin6_addr, connection->remote_address,
            sizeof(connection->remote_address));
    } else if (info != NULL && info->client_addr->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)info->client_addr;
        (void)inet_ntop(
            AF_INET, &v4->sin_addr, connection->remote_address, sizeof(connection->remote_address));
    }
}

static struct kmsd_connection *open_connection(struct kmsd_http *http, struct MHD_Connection *mhd)
{
    struct kmsd_connection *connection = calloc(1, sizeof(*connection));
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (connection == NULL || info == NULL) {
        free(connection);
        return NULL;
    }
    connection->http = http;
    connection->mhd = mhd;
    connection->fd = info->connect_fd;
    remember_peer(connection);
    kmsd_connection_enter(connection, KMSD_PHASE_IDLE);

    struct kmsd_connections *connections = &http->connections;
    (void)pthread_mutex_lock(&connections->lock);
    connection->next = connections->first;
    if (connection->next != NULL)
        connection->next->previous = connection;
    connections->first = connection;
    (void)pthread_mutex_unlock(&connections->lock);
    return connection;
}

static void close_connection(struct kmsd_connection *connection)
{
    struct kmsd_connections *connections = &connection->http->connections;
    (void)pthread_mutex_lock(&connections->lock);
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        connections->first = connection->next;
    (void)pthread_mutex_unlock(&connections->lock);
    kmsd_stock_give_back(connection->http, connection->request);
    free(connection);
}

void kmsd_connection_notify(void *cls, struct MHD_Connection *mhd, void **socket_context,
    enum MHD_ConnectionNotificationCode code)
{
    struct kmsd_network *network = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = open_connection(network->http, mhd);
        return;
    }
    if (*socket_context != NULL)
        close_connection(*socket_context);
    *socket_context = NULL;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info != NULL)
        kmsd_acceptor_forget(network->http->peers, network, info->client_addr);
}

struct kmsd_connection *kmsd_connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

void kmsd_connection_enter(struct kmsd_connection *connection, enum kmsd_phase phase)
{
    atomic_store_explicit(&connection->since_ms, kms_clock_tick_ms(), memory_order_relaxed);
    atomic_store_explicit(&connection->phase, phase, memory_order_release);
}

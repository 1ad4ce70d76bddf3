#include "kmsd/http/acceptor.h"

#include "libkms/base/clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    NAP_MS = 10,     /* until it is looked again for room */
    NUDGE_MS = 1000, /* between nudges of the network threads */
    SERIES = 64,     /* connections before it is looked whether to stop */
};

struct kmsd_acceptor {
    struct kmsd_acceptor_options options;
    struct pollfd *at; /* the listening sockets, then what says to stop */
    int stopping;      /* eventfd(2) */
    size_t turn;       /* which socket's it is */
    bool is_short;     /* of descriptors or memory */
    int64_t told_ms;   /* when that was told last */
    int64_t nudged_ms;
    pthread_t thread;
};

static struct kmsd_network *least_busy(const struct kmsd_acceptor_options *options)
{
    struct kmsd_network *least = &options->networks[0];
    for (size_t i = 1; i < options->network_count; i++) {
        struct kmsd_network *other = &options->networks[i];
        if (atomic_load(&other->connections) < atomic_load(&least->connections))
            least = other;
    }
    return least;
}

void kmsd_acceptor_forget(
    struct kmsd_peers *peers, struct kmsd_network *network, const struct sockaddr *address)
{
    (void)atomic_fetch_sub(&network->connections, 1);
    kmsd_peers_leave(peers, address);
}

/* libmicrohttpd closes the socket, now or when its thread is done with it. One for which that thread then has
 * no memory ends without a word (0.9.75), and stays counted. */
static void give_away(
    const struct kmsd_acceptor_options *options, int fd, struct sockaddr *address, socklen_t len)
{
    struct kmsd_network *network = least_busy(options);
    if (!kmsd_peers_enter(options->peers, address)) {
        (void)close(fd);
        return;
    }
    (void)atomic_fetch_add(&network->connections, 1);
    if (MHD_add_connection(network->daemon, fd, address, len) != MHD_YES)
        kmsd_acceptor_forget(options->peers, network, address);
}

/* Not more often than so, however often it comes and goes. */
static void tell_shortage(struct kmsd_acceptor *acceptor, int reason)
{
    char text[128];
    char explanation[64];
    int64_t now_ms = kms_clock_monotonic_ms();
    bool is_news = !acceptor->is_short &&
                   (acceptor->told_ms == 0 || now_ms - acceptor->told_ms >=
                                                  (int64_t)acceptor->options.warn_again_s * 1000);
    acceptor->is_short = true;
    if (!is_news || acceptor->options.warn == NULL)
        return;
    acceptor->told_ms = now_ms;
    (void)snprintf(text, sizeof(text), "connections have to wait: %s",
        strerror_r(reason, explanation, sizeof(explanation)));
    acceptor->options.warn(text);
}

/* Whether accept(2) has failed for a reason of that one connection, which is gone. */
static bool is_its_own_fault(int reason)
{
    static const int own[] = {EINTR, ECONNABORTED, EPROTO, ENOPROTOOPT, EOPNOTSUPP, ENETDOWN,
        ENETUNREACH, EHOSTDOWN, EHOSTUNREACH, ENONET};
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (own[i] == reason)
            return true;
    }
    return false;
}

enum taken {
    TAKEN,
    NOBODY,
    NO_ROOM,
};

static enum taken take_one(struct kmsd_acceptor *acceptor, int listening)
{
    const struct kmsd_acceptor_options *options = &acceptor->options;
    struct sockaddr_in6 storage;
    struct sockaddr *address = (struct sockaddr *)(void *)&storage;
    socklen_t len = sizeof(storage);
    if (kmsd_peers_are_full(options->peers))
        return NO_ROOM;
    int fd = accept4(listening, address, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
        give_away(options, fd, address, len);
    else if (errno == EAGAIN)
        return NOBODY;
    else if (!is_its_own_fault(errno)) {
        tell_shortage(acceptor, errno);
        return NO_ROOM;
    }
    return TAKEN;
}

/* Takes in who waits, one from each socket in turn: whoever keeps the one busy gets no more of what room there
 * is. False: nobody more can be taken in for now. */
static bool take_in(struct kmsd_acceptor *acceptor)
{
    size_t count = acceptor->options.listening_count;
    size_t quiet = 0;
    for (size_t i = 0; quiet < count && i < SERIES; i++) {
        enum taken taken = take_one(acceptor, acceptor->at[acceptor->turn].fd);
        if (taken == NO_ROOM)
            return false; /* it is still his turn */
        acceptor->turn = (acceptor->turn + 1) % count;
        quiet = taken == NOBODY ? quiet + 1 : 0;
    }
    return true;
}

/* Waits until somebody comes, or, where there is no room, a little while. False: it is to stop. */
static bool wait_for_somebody(struct kmsd_acceptor *acceptor, bool has_room)
{
    size_t count = acceptor->options.listening_count;
    struct pollfd *stopping = &acceptor->at[count];
    if (has_room)
        (void)poll(acceptor->at, (nfds_t)count + 1, NUDGE_MS);
    else
        (void)poll(stopping, 1, NAP_MS);
    return stopping->revents == 0;
}

static void nudge_all(struct kmsd_acceptor *acceptor)
{
    int64_t now_ms = kms_clock_monotonic_ms();
    if (now_ms - acceptor->nudged_ms < NUDGE_MS)
        return;
    acceptor->nudged_ms = now_ms;
    for (size_t i = 0; i < acceptor->options.network_count; i++)
        kmsd_network_nudge(&acceptor->options.networks[i]);
}

static void *accept_all(void *context)
{
    struct kmsd_acceptor *acceptor = context;
    bool has_room = true;
    while (wait_for_somebody(acceptor, has_room)) {
        has_room = take_in(acceptor);
        nudge_all(acceptor);
        if (has_room) /* not just for one whose descriptor another has left */
            acceptor->is_short = false;
    }
    return NULL;
}

static void free_acceptor(struct kmsd_acceptor *acceptor)
{
    if (acceptor->stopping >= 0)
        (void)close(acceptor->stopping);
    free(acceptor->at);
    free(acceptor);
}

enum kms_err kmsd_acceptor_start(
    const struct kmsd_acceptor_options *options, struct kmsd_acceptor **out)
{
    struct kmsd_acceptor *acceptor = calloc(1, sizeof(*acceptor));
    if (acceptor == NULL)
        return KMS_ERR_NO_MEMORY;
    acceptor->options = *options;
    acceptor->at = calloc(options->listening_count + 1, sizeof(*acceptor->at));
    acceptor->stopping = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (acceptor->at == NULL || acceptor->stopping < 0) {
        enum kms_err err = acceptor->at == NULL ? KMS_ERR_NO_MEMORY : KMS_ERR_IO;
        free_acceptor(acceptor);
        return err;
    }
    for (size_t i = 0; i < options->listening_count; i++)
        acceptor->at[i] = (struct pollfd){.fd = options->listening[i], .events = POLLIN};
    acceptor->at[options->listening_count] =
        (struct pollfd){.fd = acceptor->stopping, .events = POLLIN};
    if (pthread_create(&acceptor->thread, NULL, accept_all, acceptor) != 0) {
        free_acceptor(acceptor);
        return KMS_ERR_NO_MEMORY;
    }
    *out = acceptor;
    return KMS_OK;
}

void kmsd_acceptor_stop(struct kmsd_acceptor *acceptor)
{
    static const uint64_t one = 1;
    if (acceptor == NULL)
        return;
    while (write(acceptor->stopping, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
    (void)pthread_join(acceptor->thread, NULL);
    free_acceptor(acceptor);
}

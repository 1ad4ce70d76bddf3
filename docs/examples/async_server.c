/*
 * A server with an event loop of its own: every connection sends a stream, shuts down its sending side,
 * and gets the stream back encrypted. One thread, non-blocking sockets, epoll; each connection has an
 * encryptor that is fed what came and drained into what can be sent.
 *
 *   async_server KEY-FILE           prints the port it listens on, on 127.0.0.1
 *
 * KEY-FILE holds an AES key of 32 bytes. A keyring of the service instead would block in
 * kms_envelope_encryptor_new, once for each connection: put a caching keyring in front of it, or make
 * encryptors in another thread and hand them over.
 */
#include <kms/kms.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE = 16 * 1024, EVENTS = 64 };

struct connection {
    int fd;
    struct kms_envelope_encryptor *encryptor;
    uint8_t in_bytes[PIECE];
    struct kms_bytes in; /* received, not yet taken by the encryptor */
    bool ended;          /* the peer has sent everything */
    uint8_t out_bytes[PIECE];
    struct kms_bytes out; /* message bytes to be sent */
    bool done;            /* out is the last of them */
};

static int loop = -1;
static struct kms_keyring *keyring;

static void hang_up(struct connection *connection)
{
    kms_envelope_encryptor_free(connection->encryptor);
    (void)close(connection->fd);
    free(connection);
}

/* Waits for what the connection can go on with: room to send before more to receive. */
static bool await(struct connection *connection)
{
    struct epoll_event event = {
        .events = connection->out.len > 0 ? EPOLLOUT : EPOLLIN, .data.ptr = connection};
    return epoll_ctl(loop, EPOLL_CTL_MOD, connection->fd, &event) == 0;
}

/* True: go on. False: nothing can be done now, or (with *failed) ever. */
static bool receive(struct connection *connection, bool *failed)
{
    ssize_t n = recv(connection->fd, connection->in_bytes, PIECE, 0);
    if (n < 0) {
        *failed = errno != EAGAIN && errno != EINTR;
        return errno == EINTR;
    }
    connection->in = kms_bytes(connection->in_bytes, (size_t)n);
    connection->ended = n == 0;
    return true;
}

static bool transmit(struct connection *connection, bool *failed)
{
    ssize_t n = send(connection->fd, connection->out.data, connection->out.len, MSG_NOSIGNAL);
    if (n < 0) {
        *failed = errno != EAGAIN && errno != EINTR;
        return errno == EINTR;
    }
    connection->out = kms_bytes(connection->out.data + n, connection->out.len - (size_t)n);
    return true;
}

/* As far as it goes without waiting. False: hang up. */
static bool serve(struct connection *connection)
{
    bool failed = false;
    for (;;) {
        if (connection->out.len > 0) {
            if (transmit(connection, &failed))
                continue;
            return !failed && await(connection);
        }
        if (connection->done)
            return false;
        if (connection->in.len == 0 && !connection->ended && !receive(connection, &failed))
            return !failed && await(connection);
        struct kms_room room = {.data = connection->out_bytes, .len = PIECE};
        if (kms_envelope_encryptor_step(connection->encryptor, &connection->in, connection->ended,
                &room, &connection->done, NULL) != KMS_OK)
            return false;
        connection->out = kms_bytes(connection->out_bytes, PIECE - room.len);
    }
}

static void take_up(int listener)
{
    const struct kms_envelope_encrypt_options options = {.keyring = keyring};
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct connection *connection = fd < 0 ? NULL : calloc(1, sizeof(*connection));
    if (connection == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    connection->fd = fd;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (kms_envelope_encryptor_new(&options, &connection->encryptor, NULL) != KMS_OK ||
        epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) != 0)
        hang_up(connection);
}

static int listen_locally(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct epoll_event event = {.events = EPOLLIN}; /* no connection: the listener itself */
    loop = epoll_create1(EPOLL_CLOEXEC);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, len) != 0 ||
        listen(listener, SOMAXCONN) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &len) != 0 || loop < 0 ||
        epoll_ctl(loop, EPOLL_CTL_ADD, listener, &event) != 0)
        return -1;
    (void)printf("%d\n", ntohs(address.sin_port));
    (void)fflush(stdout);
    return listener;
}

int main(int argc, char **argv)
{
    uint8_t key[32];
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL || fread(key, 1, sizeof(key), file) != sizeof(key) ||
        kms_keyring_new_raw_aes(
            kms_str("example"), kms_str("file"), kms_bytes(key, sizeof(key)), &keyring) != KMS_OK)
        return 2;
    (void)fclose(file);
    int listener = listen_locally();
    if (listener < 0) {
        perror("listening");
        return 1;
    }
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(loop, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (connection == NULL)
                take_up(listener);
            else if (!serve(connection))
                hang_up(connection);
        }
        if (count < 0 && errno != EINTR)
            return 1;
    }
}

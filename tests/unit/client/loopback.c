#include "tests/unit/client/loopback.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNECTIONS 256
#define MAX_REQUEST     ((size_t)2 << 20)

struct connection {
    struct loopback *server;
    int fd;
};

struct loopback {
    loopback_handler *handler;
    void *context;
    int listener;
    unsigned port;
    atomic_bool stopping;
    atomic_uint connections;
    atomic_uint requests;
    pthread_t acceptor;
    pthread_t threads[MAX_CONNECTIONS]; /* the acceptor's, until it has ended */
    struct connection served[MAX_CONNECTIONS];
};

unsigned loopback_port(const struct loopback *server)
{
    return server->port;
}

unsigned loopback_connections(const struct loopback *server)
{
    return atomic_load(&server->connections);
}

unsigned loopback_requests(const struct loopback *server)
{
    return atomic_load(&server->requests);
}

struct kms_str loopback_header(const struct loopback_request *request, const char *name)
{
    for (size_t i = 0; i < request->view.header_count; i++) {
        const struct kms_header *header = &request->view.headers[i];
        if (header->name.len == strlen(name) &&
            strncasecmp(header->name.data, name, header->name.len) == 0)
            return header->value;
    }
    return kms_str(NULL);
}

/* Waits for bytes, looking up now and then whether the server stops. False: end of connection. */
static bool read_more(const struct connection *connection, struct kms_buf *in)
{
    for (;;) {
        struct pollfd wait = {.fd = connection->fd, .events = POLLIN};
        int ready = poll(&wait, 1, 20);
        if (atomic_load(&connection->server->stopping))
            return false;
        if (ready > 0)
            break;
    }
    uint8_t *at = kms_buf_extend(in, 4096);
    if (at == NULL)
        return false;
    ssize_t got = read(connection->fd, at, 4096);
    kms_buf_truncate(in, in->len - 4096 + (got > 0 ? (size_t)got : 0));
    return got > 0;
}

static struct kms_str take_line(struct kms_str *rest)
{
    const char *end = memmem(rest->data, rest->len, "\r\n", 2);
    size_t len = end == NULL ? rest->len : (size_t)(end - rest->data);
    struct kms_str line = {rest->data, len};
    size_t used = end == NULL ? len : len + 2;
    rest->data += used;
    rest->len -= used;
    return line;
}

static struct kms_str take_until(struct kms_str *rest, char stop)
{
    const char *end = memchr(rest->data, stop, rest->len);
    size_t len = end == NULL ? rest->len : (size_t)(end - rest->data);
    struct kms_str part = {rest->data, len};
    size_t used = end == NULL ? len : len + 1;
    rest->data += used;
    rest->len -= used;
    return part;
}

static void parse_head(
    struct kms_str head, struct loopback_request *request, struct kms_header *headers)
{
    struct kms_str line = take_line(&head);
    request->view.method = take_until(&line, ' ');
    struct kms_str target = take_until(&line, ' ');
    request->view.path = take_until(&target, '?');
    request->view.query = target;
    request->view.headers = headers;
    while (head.len > 0 && request->view.header_count < KMS_SIGV4_MAX_HEADERS) {
        line = take_line(&head);
        struct kms_header *header = &headers[request->view.header_count++];
        header->name = take_until(&line, ':');
        while (line.len > 0 && line.data[0] == ' ') {
            line.data++;
            line.len--;
        }
        header->value = line;
    }
}

static bool write_all(int fd, struct kms_bytes bytes)
{
    while (bytes.len > 0) {
        ssize_t sent = send(fd, bytes.data, bytes.len, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes.data += sent;
        bytes.len -= (size_t)sent;
    }
    return true;
}

static bool send_reply(int fd, const struct loopback_reply *reply)
{
    if (reply->raw != NULL) {
        (void)write_all(fd, kms_bytes(reply->raw, strlen(reply->raw)));
        return false;
    }
    if (reply->status == 0)
        return false;
    KMS_BUF_AUTO out;
    kms_buf_init(&out, 2 * MAX_REQUEST);
    kms_buf_printf(&out, "HTTP/1.1 %d Said\r\nContent-Length: %zu\r\n%s\r\n", reply->status,
        reply->body.len + reply->missing, reply->headers == NULL ? "" : reply->headers);
    kms_buf_append(&out, kms_buf_bytes(&reply->body).data, reply->body.len);
    return write_all(fd, kms_buf_bytes(&out)) && reply->missing == 0;
}

/* Serves one request; false: the connection ends. */
static bool serve_one(const struct connection *connection, struct kms_buf *in)
{
    struct loopback *server = connection->server;
    const char *end = NULL;
    while ((end = memmem(kms_buf_bytes(in).data, in->len, "\r\n\r\n", 4)) == NULL) {
        if (!read_more(connection, in))
            return false;
    }
    size_t head_len = (size_t)(end - (const char *)in->data);
    struct kms_header headers[KMS_SIGV4_MAX_HEADERS];
    struct loopback_request request = {.number = 0};
    parse_head((struct kms_str){(const char *)in->data, head_len}, &request, headers);
    struct kms_str length = loopback_header(&request, "content-length");
    size_t body_len = length.data == NULL ? 0 : strtoul(length.data, NULL, 10);
    while (in->len < head_len + 4 + body_len) {
        if (!read_more(connection, in))
            return false;
    }
    request.view.header_count = 0; /* reading the body may have moved the buffer */
    parse_head((struct kms_str){(const char *)in->data, head_len}, &request, headers);
    request.view.body = kms_bytes(in->data + head_len + 4, body_len);
    request.number = atomic_fetch_add(&server->requests, 1) + 1;

    struct loopback_reply reply = {.status = 200};
    kms_buf_init(&reply.body, 2 * MAX_REQUEST);
    server->handler(server->context, &request, &reply);
    for (unsigned waited = 0; waited < reply.delay_ms && !atomic_load(&server->stopping);
         waited += 10) {
        struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
        (void)nanosleep(&pause, NULL);
    }
    bool again = send_reply(connection->fd, &reply);
    kms_buf_clean_up(&reply.body);
    kms_buf_reset(in); /* clients of these tests do not pipeline */
    return again;
}

static void *serve(void *context)
{
    struct connection *connection = context;
    KMS_BUF_AUTO in;
    kms_buf_init(&in, MAX_REQUEST);
    while (serve_one(connection, &in))
        ;
    (void)close(connection->fd);
    return NULL;
}

static void *accept_all(void *context)
{
    struct loopback *server = context;
    while (!atomic_load(&server->stopping)) {
        struct pollfd wait = {.fd = server->listener, .events = POLLIN};
        if (poll(&wait, 1, 20) <= 0)
            continue;
        int fd = accept(server->listener, NULL, NULL);
        unsigned number = atomic_load(&server->connections);
        if (fd < 0 || number == MAX_CONNECTIONS)
            abort();
        server->served[number] = (struct connection){server, fd};
        if (pthread_create(&server->threads[number], NULL, serve, &server->served[number]) != 0)
            abort();
        atomic_store(&server->connections, number + 1);
    }
    return NULL;
}

struct loopback *loopback_start(loopback_handler *handler, void *context)
{
    struct loopback *server = calloc(1, sizeof(*server));
    if (server == NULL)
        return NULL;
    server->handler = handler;
    server->context = context;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    if (server->listener < 0 ||
        bind(server->listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(server->listener, 128) != 0 ||
        getsockname(server->listener, (struct sockaddr *)&address, &len) != 0 ||
        pthread_create(&server->acceptor, NULL, accept_all, server) != 0) {
        if (server->listener >= 0)
            (void)close(server->listener);
        free(server);
        return NULL;
    }
    server->port = ntohs(address.sin_port);
    return server;
}

void loopback_stop(struct loopback *server)
{
    if (server == NULL)
        return;
    atomic_store(&server->stopping, true);
    (void)pthread_join(server->acceptor, NULL);
    for (unsigned i = 0; i < atomic_load(&server->connections); i++)
        (void)pthread_join(server->threads[i], NULL);
    (void)close(server->listener);
    free(server);
}

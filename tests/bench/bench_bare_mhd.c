/*
 * bench_bare_mhd BYTES [THREADS]: the least that libmicrohttpd can do, to compare kmsd with. Reads
 * each request to its end and answers with BYTES bytes that never change, from one response object.
 * Same event loop, same number of threads (default: one for each processor), same memory for each
 * connection as kmsd. Prints where it listens; ends on SIGTERM.
 */
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_BYTES = 1 << 20, CONNECTION_MEMORY = 16384, CONNECTIONS = 1024 };

static enum MHD_Result answer(void *cls, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *upload_data, size_t *upload_data_size,
    void **con_cls)
{
    static int seen;
    (void)url;
    (void)method;
    (void)version;
    (void)upload_data;
    if (*con_cls == NULL) { /* the head */
        *con_cls = &seen;
        return MHD_YES;
    }
    if (*upload_data_size != 0) {
        *upload_data_size = 0;
        return MHD_YES;
    }
    return MHD_queue_response(connection, MHD_HTTP_OK, cls);
}

static unsigned parse(const char *text, unsigned max)
{
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);
    if (end == text || *end != '\0' || value > max) {
        (void)fprintf(stderr, "'%s' is no number up to %u\n", text, max);
        exit(2);
    }
    return (unsigned)value;
}

int main(int argc, char **argv)
{
    static char body[MAX_BYTES];
    sigset_t ending;
    int received = 0;
    if (argc < 2 || argc > 3) {
        (void)fputs("Usage: bench_bare_mhd BYTES [THREADS]\n", stderr);
        return 2;
    }
    unsigned bytes = parse(argv[1], MAX_BYTES);
    unsigned threads = argc > 2 ? parse(argv[2], 1024) : 0;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (threads == 0)
        threads = processors < 1 ? 1 : (unsigned)processors;
    (void)sigemptyset(&ending);
    (void)sigaddset(&ending, SIGTERM);
    (void)sigaddset(&ending, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &ending, NULL);
    memset(body, 'x', bytes);

    struct MHD_Response *response =
        MHD_create_response_from_buffer(bytes, body, MHD_RESPMEM_PERSISTENT);
    if (response == NULL ||
        MHD_add_response_header(response, "Content-Type", "application/x-amz-json-1.1") != MHD_YES)
        return 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct MHD_OptionItem pool[] = {
        {threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL,
        answer, response, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_ARRAY, pool, MHD_OPTION_END);
    if (daemon == NULL)
        return 1;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
    if (info == NULL)
        return 1;
    (void)printf("bench_bare_mhd: listening on http://127.0.0.1:%u\n", info->port);
    (void)fflush(stdout);
    (void)sigwait(&ending, &received);
    MHD_stop_daemon(daemon);
    MHD_destroy_response(response);
    return 0;
}

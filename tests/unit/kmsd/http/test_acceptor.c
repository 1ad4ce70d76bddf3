/* Taking connections in: spread evenly, under limits, and orderly at the end. */
#include "caller.h"
#include "kmsd/http/acceptor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    NETWORKS = 2,
    LISTENING = 2,
    MANY = 1000,
    PROMPTLY_MS = 1000, /* it looks for room every few milliseconds */
};

/* What a daemon's callbacks need to know. */
struct site {
    struct kmsd_peers *peers;
    struct kmsd_network *network;
    char name[2];
};

/* An acceptor with all that it needs. */
struct house {
    int listening[LISTENING];
    uint16_t ports[LISTENING];
    struct kmsd_peers *peers;
    struct kmsd_network networks[NETWORKS];
    struct site sites[NETWORKS];
    struct kmsd_acceptor *acceptor;
};

struct house_options {
    unsigned all;
    unsigned each;
    unsigned mhd_limit; /* of each of libmicrohttpd's daemons; 0: many */
};

static atomic_uint told;
static char last_text[256];

static void hear(const char *text)
{
    (void)snprintf(last_text, sizeof(last_text), "%s", text);
    atomic_fetch_add(&told, 1); /* who reads this may read the text, too */
}

/* --- the house -------------------------------------------------------------------------------- */

/* Says which network it is. */
static enum MHD_Result answer(void *cls, struct MHD_Connection *mhd, const char *url,
    const char *method, const char *version, const char *upload_data, size_t *upload_data_size,
    void **con_cls)
{
    static int begun;
    struct site *site = cls;
    (void)url;
    (void)method;
    (void)version;
    (void)upload_data;
    if (*con_cls == NULL || *upload_data_size != 0) {
        *con_cls = &begun;
        *upload_data_size = 0;
        return MHD_YES;
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(1, site->name, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result result = MHD_queue_response(mhd, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

static void forget_closed(void *cls, struct MHD_Connection *mhd, void **socket_context,
    enum MHD_ConnectionNotificationCode code)
{
    const struct site *site = cls;
    (void)socket_context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        return;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    kmsd_acceptor_forget(site->peers, site->network, info->client_addr);
}

static void close_all(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)close(fds[i]);
}

static int listen_somewhere(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 256), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void start_network(struct house *house, size_t i, unsigned limit)
{
    struct kmsd_network *network = &house->networks[i];
    house->sites[i] = (struct site){.peers = house->peers, .network = network};
    house->sites[i].name[0] = (char)('0' + i);
    atomic_init(&network->connections, 0);
    network->daemon = MHD_start_daemon(
        MHD_USE_NO_LISTEN_SOCKET | MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0,
        NULL, NULL, answer, &house->sites[i], MHD_OPTION_NOTIFY_CONNECTION, forget_closed,
        &house->sites[i], MHD_OPTION_CONNECTION_LIMIT, limit, MHD_OPTION_END);
    assert_non_null(network->daemon);
    assert_int_equal(kmsd_network_be_nudged(network), KMS_OK);
}

static struct kmsd_acceptor_options options_of(struct house *house)
{
    return (struct kmsd_acceptor_options){
        .listening = house->listening,
        .listening_count = LISTENING,
        .networks = house->networks,
        .network_count = NETWORKS,
        .peers = house->peers,
        .warn = hear,
    };
}

static struct house *open_house(struct house_options options)
{
    struct house *house = calloc(1, sizeof(*house));
    assert_non_null(house);
    atomic_store(&told, 0);
    for (size_t i = 0; i < LISTENING; i++)
        house->listening[i] = listen_somewhere(&house->ports[i]);
    assert_int_equal(kmsd_peers_new(options.all, options.each, &house->peers), KMS_OK);
    for (size_t i = 0; i < NETWORKS; i++)
        start_network(house, i, options.mhd_limit == 0 ? MANY : options.mhd_limit);
    struct kmsd_acceptor_options acceptor = options_of(house);
    assert_int_equal(kmsd_acceptor_start(&acceptor, &house->acceptor), KMS_OK);
    return house;
}

static void stop_accepting(struct house *house)
{
    int64_t began_ms = caller_now_ms();
    kmsd_acceptor_stop(house->acceptor);
    house->acceptor = NULL;
    assert_in_range(caller_now_ms() - began_ms, 0, PROMPTLY_MS);
}

static unsigned connections_of(struct house *house, size_t network)
{
    return atomic_load(&house->networks[network].connections);
}

/* All connections must be gone, and their numbers with them. */
static void close_house(struct house *house)
{
    stop_accepting(house);
    for (size_t i = 0; i < NETWORKS; i++) {
        kmsd_network_stop(&house->networks[i]);
        assert_int_equal(connections_of(house, i), 0);
    }
    close_all(house->listening, LISTENING);
    kmsd_peers_free(house->peers);
    free(house);
}

static void wait_for_connections(struct house *house, size_t network, unsigned count)
{
    int64_t until_ms = caller_now_ms() + CALLER_SOON_MS;
    while (connections_of(house, network) != count && caller_now_ms() < until_ms)
        caller_nap();
    assert_int_equal(connections_of(house, network), count);
}

/* --- callers ---------------------------------------------------------------------------------- */

/* Which network answers. */
static size_t read_site(int fd)
{
    char name[8];
    caller_read_answer(fd, name, sizeof(name));
    assert_int_equal(strlen(name), 1);
    assert_in_range(name[0], '0', '0' + NETWORKS - 1);
    return (size_t)(name[0] - '0');
}

static size_t ask(int fd)
{
    caller_send(fd, "who?");
    return read_site(fd);
}

static int open_from(const struct house *house, const char *own_address)
{
    int fd = caller_socket(own_address);
    caller_connect(fd, house->ports[0]);
    return fd;
}

/* All have asked, in this order, before an answer is read. */
static void open_and_ask_all(const struct house *house, int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fds[i] = caller_open(house->ports[0]);
        caller_send(fds[i], "who?");
    }
}

static void all_are_answered(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)read_site(fds[i]);
}

static int64_t spent_ms(void)
{
    struct timespec spent;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return (int64_t)spent.tv_sec * 1000 + spent.tv_nsec / 1000000;
}

/* And nobody has much to do meanwhile. */
static void all_have_to_wait(const int *fds, size_t count)
{
    int64_t before_ms = spent_ms();
    for (size_t i = 0; i < count; i++)
        assert_false(caller_hears(fds[i], i == 0 ? CALLER_WHILE_MS : 0));
    assert_in_range(spent_ms() - before_ms, 0, CALLER_WHILE_MS / 2);
}

/* --- spreading -------------------------------------------------------------------------------- */

static void spreads_evenly_those_who_come_together(void **state)
{
    enum { CALLERS = 32 };
    int fds[CALLERS];
    size_t answered[NETWORKS] = {0};
    (void)state;
    struct house *house = open_house((struct house_options){.all = MANY});
    for (size_t i = 0; i < CALLERS; i++)
        fds[i] = caller_open(house->ports[i % LISTENING]);
    for (size_t i = 0; i < CALLERS; i++)
        caller_send(fds[i], "who?");
    for (size_t i = 0; i < CALLERS; i++)
        answered[read_site(fds[i])]++;
    for (size_t i = 0; i < NETWORKS; i++) {
        assert_int_equal(answered[i], CALLERS / NETWORKS);
        assert_int_equal(connections_of(house, i), CALLERS / NETWORKS);
    }
    close_all(fds, CALLERS);
    for (size_t i = 0; i < NETWORKS; i++)
        wait_for_connections(house, i, 0);
    close_house(house);
}

static void newcomers_go_where_others_have_left(void **state)
{
    enum { CALLERS = 32, GONE = 10 };
    int fds[CALLERS];
    size_t sites[CALLERS];
    (void)state;
    struct house *house = open_house((struct house_options){.all = MANY});
    for (size_t i = 0; i < CALLERS; i++) {
        fds[i] = caller_open(house->ports[0]);
        sites[i] = ask(fds[i]);
    }
    for (size_t emptier = NETWORKS; emptier-- > 0;) {
        size_t gone[GONE];
        size_t count = 0;
        for (size_t i = 0; i < CALLERS && count < GONE; i++) {
            if (sites[i] == emptier)
                gone[count++] = i;
        }
        for (size_t i = 0; i < GONE; i++)
            (void)close(fds[gone[i]]);
        wait_for_connections(house, emptier, CALLERS / NETWORKS - GONE);
        for (size_t i = 0; i < GONE; i++) {
            fds[gone[i]] = caller_open(house->ports[0]);
            assert_int_equal(ask(fds[gone[i]]), emptier);
        }
        assert_int_equal(connections_of(house, emptier), CALLERS / NETWORKS);
    }
    close_all(fds, CALLERS);
    close_house(house);
}

enum { VISITORS = 4, VISITS = 50 };

static void *come_and_go(void *context)
{
    const struct house *house = context;
    for (size_t i = 0; i < VISITS; i++) {
        int fd = caller_open(house->ports[i % LISTENING]);
        if (i % 5 == 0) {
            caller_reset(fd);
        } else if (i % 5 == 1) {
            (void)close(fd);
        } else {
            (void)ask(fd);
            (void)close(fd);
        }
    }
    return NULL;
}

static void nobody_is_miscounted_when_many_come_and_go(void **state)
{
    pthread_t visitors[VISITORS];
    int fds[VISITORS];
    (void)state;
    struct house *house = open_house((struct house_options){.all = VISITORS, .each = VISITORS});
    for (size_t i = 0; i < VISITORS; i++)
        assert_int_equal(pthread_create(&visitors[i], NULL, come_and_go, house), 0);
    for (size_t i = 0; i < VISITORS; i++)
        assert_int_equal(pthread_join(visitors[i], NULL), 0);
    open_and_ask_all(house, fds, VISITORS); /* there is room for all of them */
    all_are_answered(fds, VISITORS);
    assert_true(kmsd_peers_are_full(house->peers));
    close_all(fds, VISITORS);
    for (size_t i = 0; i < NETWORKS; i++)
        wait_for_connections(house, i, 0);
    assert_false(kmsd_peers_are_full(house->peers));
    close_house(house);
}

/* --- limits ----------------------------------------------------------------------------------- */

static size_t who_is_answered(const int *fds, size_t count)
{
    struct pollfd at[16];
    for (size_t i = 0; i < count; i++)
        at[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
    assert_true(poll(at, (nfds_t)count, PROMPTLY_MS) == 1);
    for (size_t i = 0; i < count; i++) {
        if (at[i].revents != 0)
            return i;
    }
    return count;
}

static void who_is_one_too_many_waits_until_another_leaves(void **state)
{
    enum { ROOM = 4, CALLERS = 7, WAITING = CALLERS - ROOM };
    int fds[CALLERS];
    (void)state;
    struct house *house = open_house((struct house_options){.all = ROOM});
    open_and_ask_all(house, fds, CALLERS);
    all_are_answered(fds, ROOM);
    all_have_to_wait(fds + ROOM, WAITING);
    for (size_t i = 0; i < WAITING; i++) {
        int *waiting = fds + ROOM + i; /* those that have been let in are moved before it */
        (void)close(fds[i]);
        size_t next = who_is_answered(waiting, WAITING - i);
        (void)read_site(waiting[next]);
        int let_in = waiting[next];
        waiting[next] = waiting[0];
        waiting[0] = let_in;
        if (i + 1 < WAITING)
            all_have_to_wait(waiting + 1, WAITING - i - 1);
    }
    assert_int_equal(atomic_load(&told), 0);
    close_all(fds + WAITING, ROOM);
    close_house(house);
}

static void who_gives_up_waiting_keeps_nobody_out(void **state)
{
    int fds[4];
    (void)state;
    struct house *house = open_house((struct house_options){.all = 1});
    open_and_ask_all(house, fds, 4);
    (void)read_site(fds[0]);
    all_have_to_wait(fds + 1, 3);
    caller_reset(fds[1]);
    (void)close(fds[2]);
    (void)close(fds[0]);
    (void)read_site(fds[3]);
    (void)close(fds[3]);
    close_house(house);
}

static void too_many_of_one_address_are_turned_away(void **state)
{
    static const char *const addresses[] = {"127.0.0.1", "127.0.0.2"};
    int fds[4];
    (void)state;
    struct house *house = open_house((struct house_options){.all = MANY, .each = 2});
    for (size_t i = 0; i < 4; i++) {
        fds[i] = open_from(house, addresses[i / 2]);
        (void)ask(fds[i]);
    }
    for (size_t i = 0; i < 6; i++) {
        int surplus = open_from(house, addresses[i % 2]);
        assert_true(caller_is_turned_away(surplus));
        (void)close(surplus);
    }
    for (size_t i = 0; i < NETWORKS; i++)
        assert_int_equal(connections_of(house, i), 2);
    size_t emptier = ask(fds[1]);
    (void)close(fds[1]);
    wait_for_connections(house, emptier, 1);
    fds[1] = open_from(house, addresses[1]);
    assert_true(caller_is_turned_away(fds[1]));
    (void)close(fds[1]);
    fds[1] = open_from(house, addresses[0]);
    (void)ask(fds[1]);
    for (size_t i = 0; i < 4; i++)
        (void)ask(fds[i]);
    close_all(fds, 4);
    close_house(house);
}

static void where_nobody_can_come_in_nobody_is_turned_away(void **state)
{
    (void)state;
    struct house *house = open_house((struct house_options){.all = 2, .each = 1});
    int here = open_from(house, "127.0.0.1");
    int there = open_from(house, "127.0.0.2");
    (void)ask(here);
    (void)ask(there);
    int surplus = open_from(house, "127.0.0.1");
    all_have_to_wait(&surplus, 1);
    (void)close(there);
    assert_true(caller_is_turned_away(surplus));
    (void)close(surplus);
    (void)close(here);
    close_house(house);
}

static void whom_libmicrohttpd_refuses_is_forgotten(void **state)
{
    int fds[NETWORKS];
    (void)state;
    struct house *house = open_house((struct house_options){.all = MANY, .mhd_limit = 1});
    open_and_ask_all(house, fds, NETWORKS);
    all_are_answered(fds, NETWORKS);
    for (size_t i = 0; i < 5; i++) {
        int surplus = caller_open(house->ports[0]);
        assert_true(caller_is_turned_away(surplus));
        (void)close(surplus);
    }
    for (size_t i = 0; i < NETWORKS; i++)
        wait_for_connections(house, i, 1);
    close_all(fds, NETWORKS);
    close_house(house);
}

/* --- descriptors ------------------------------------------------------------------------------ */

static struct rlimit ordinary; /* limit of descriptors */

/* So many can still be opened. */
static void leave_descriptors(unsigned count)
{
    struct rlimit limit = ordinary;
    for (limit.rlim_cur = 0;; limit.rlim_cur++) {
        bool is_free = fcntl((int)limit.rlim_cur, F_GETFD) < 0;
        if (is_free && count == 0)
            break;
        count -= is_free;
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void restore_descriptors(void)
{
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &ordinary), 0);
}

static int restore_after_test(void **state)
{
    (void)state;
    restore_descriptors();
    return 0;
}

static void does_not_start_without_descriptors(void **state)
{
    struct kmsd_acceptor *another = NULL;
    (void)state;
    struct house *house = open_house((struct house_options){.all = MANY});
    struct kmsd_acceptor_options options = options_of(house);
    leave_descriptors(0);
    enum kms_err err = kmsd_acceptor_start(&options, &another);
    restore_descriptors();
    assert_int_equal(err, KMS_ERR_IO);
    assert_null(another);
    close_house(house);
}

static void tells_a_shortage_of_descriptors_once_and_serves_all_in_the_end(void **state)
{
    enum { ROOM = 2, CALLERS = 8 };
    int fds[CALLERS];
    (void)state;
    struct house *house = open_house((struct house_options){.all = MANY});
    for (size_t i = 0; i < CALLERS; i++)
        fds[i] = caller_socket(NULL);
    leave_descriptors(ROOM);
    for (size_t i = 0; i < CALLERS; i++) {
        caller_connect(fds[i], house->ports[0]);
        caller_send(fds[i], "who?");
    }
    all_are_answered(fds, ROOM);
    all_have_to_wait(fds + ROOM, CALLERS - ROOM);
    assert_int_equal(atomic_load(&told), 1);
    (void)close(fds[0]); /* which makes two: that of the other side is closed, too */
    all_are_answered(fds + ROOM, 2);
    all_have_to_wait(fds + ROOM + 2, CALLERS - ROOM - 2);
    assert_int_equal(atomic_load(&told), 1); /* it is the same shortage still */
    restore_descriptors();
    all_are_answered(fds + ROOM + 2, CALLERS - ROOM - 2);
    for (size_t i = 1; i < CALLERS; i++)
        (void)ask(fds[i]);
    close_all(fds + 1, CALLERS - 1);
    close_house(house);
    assert_int_equal(atomic_load(&told), 1);
    assert_string_equal(last_text, "connections have to wait: Too many open files");
}

/* One that comes before the acceptor has been round with room is the same shortage still, and not told: it is
 * tried until it is another. */
static void tells_the_next_shortage_too(void **state)
{
    enum { SHORTAGES = 3, ATTEMPTS = 60 };
    int fds[ATTEMPTS][2];
    size_t count = 0;
    (void)state;
    struct house *house = open_house((struct house_options){.all = MANY});
    for (; atomic_load(&told) < SHORTAGES && count < ATTEMPTS; count++) {
        unsigned before = atomic_load(&told);
        fds[count][0] = caller_socket(NULL);
        leave_descriptors(0);
        caller_connect(fds[count][0], house->ports[0]);
        caller_send(fds[count][0], "who?");
        all_have_to_wait(fds[count], 1);
        assert_in_range(atomic_load(&told), before, before + 1);
        restore_descriptors();
        (void)read_site(fds[count][0]);
        fds[count][1] = caller_open(house->ports[1]);
        (void)ask(fds[count][1]);
        caller_nap();
    }
    assert_int_equal(atomic_load(&told), SHORTAGES);
    while (count-- > 0)
        close_all(fds[count], 2);
    close_house(house);
}

static void a_shortage_need_not_be_told(void **state)
{
    (void)state;
    struct house *house = open_house((struct house_options){.all = MANY});
    stop_accepting(house);
    struct kmsd_acceptor_options options = options_of(house);
    options.warn = NULL;
    assert_int_equal(kmsd_acceptor_start(&options, &house->acceptor), KMS_OK);
    int waiting = caller_socket(NULL);
    leave_descriptors(0);
    caller_connect(waiting, house->ports[0]);
    caller_send(waiting, "who?");
    all_have_to_wait(&waiting, 1);
    restore_descriptors();
    (void)read_site(waiting);
    (void)close(waiting);
    close_house(house);
    assert_int_equal(atomic_load(&told), 0);
}

static void a_shortage_is_not_told_again_at_once(void **state)
{
    enum { SHORTAGES = 3 };
    int fds[SHORTAGES][2];
    (void)state;
    struct house *house = open_house((struct house_options){.all = MANY});
    stop_accepting(house);
    struct kmsd_acceptor_options options = options_of(house);
    options.warn_again_s = 3600;
    assert_int_equal(kmsd_acceptor_start(&options, &house->acceptor), KMS_OK);
    for (size_t i = 0; i < SHORTAGES; i++) {
        fds[i][0] = caller_socket(NULL);
        leave_descriptors(0);
        caller_connect(fds[i][0], house->ports[0]);
        caller_send(fds[i][0], "who?");
        all_have_to_wait(fds[i], 1);
        restore_descriptors();
        (void)read_site(fds[i][0]);
        fds[i][1] = caller_open(house->ports[1]); /* once round with room */
        (void)ask(fds[i][1]);
    }
    for (size_t i = 0; i < SHORTAGES; i++)
        close_all(fds[i], 2);
    close_house(house);
    assert_int_equal(atomic_load(&told), 1);
}

/* Whoever crowds one door does not take all the room that there is from those at the other. */
static void doors_have_their_turns(void **state)
{
    enum { EACH = 4, ALL = EACH * LISTENING };
    int fds[ALL];
    (void)state;
    struct house *house = open_house((struct house_options){.all = 1});
    int served = caller_open(house->ports[0]);
    (void)ask(served);
    for (size_t i = 0; i < ALL; i++) {
        fds[i] = caller_socket(NULL);
        caller_connect(fds[i], house->ports[i / EACH]);
        caller_send(fds[i], "who?");
    }
    for (size_t turn = 1; turn <= ALL; turn++) {
        (void)close(served);
        size_t next = who_is_answered(fds, ALL);
        assert_true(next < ALL);
        assert_int_equal(next / EACH, turn % LISTENING);
        (void)read_site(fds[next]);
        served = fds[next];
        fds[next] = -1;
    }
    (void)close(served);
    close_house(house);
}

/* --- the end ---------------------------------------------------------------------------------- */

static unsigned open_descriptors(void)
{
    unsigned count = 0;
    for (int fd = 0; fd < MANY; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void stops_while_idle(void **state)
{
    unsigned before = open_descriptors();
    (void)state;
    struct house *house = open_house((struct house_options){.all = MANY});
    close_house(house);
    house = open_house((struct house_options){.all = MANY});
    (void)poll(NULL, 0, CALLER_WHILE_MS); /* asleep by now */
    close_house(house);
    kmsd_acceptor_stop(NULL);
    assert_int_equal(open_descriptors(), before);
}

static void those_who_are_in_go_on_after_the_stop(void **state)
{
    enum { CALLERS = 8 };
    int fds[CALLERS];
    (void)state;
    struct house *house = open_house((struct house_options){.all = MANY});
    open_and_ask_all(house, fds, CALLERS);
    all_are_answered(fds, CALLERS);
    stop_accepting(house);
    for (size_t i = 0; i < CALLERS; i++)
        (void)ask(fds[i]);
    int late = caller_open(house->ports[0]);
    caller_send(late, "who?");
    all_have_to_wait(&late, 1);
    close_all(fds, CALLERS);
    (void)close(late);
    close_house(house);
}

static void stops_while_others_wait_for_room(void **state)
{
    enum { ROOM = 2, CALLERS = 6 };
    int fds[CALLERS];
    (void)state;
    struct house *house = open_house((struct house_options){.all = ROOM});
    open_and_ask_all(house, fds, CALLERS);
    all_are_answered(fds, ROOM);
    all_have_to_wait(fds + ROOM, CALLERS - ROOM);
    stop_accepting(house);
    (void)close(fds[0]);
    all_have_to_wait(fds + ROOM, CALLERS - ROOM);
    (void)ask(fds[1]);
    for (size_t i = 0; i < LISTENING; i++) {
        (void)close(house->listening[i]);
        house->listening[i] = -1;
    }
    for (size_t i = ROOM; i < CALLERS; i++)
        assert_true(caller_is_turned_away(fds[i]));
    close_all(fds + 1, CALLERS - 1);
    close_house(house);
}

static void stops_while_others_wait_for_descriptors(void **state)
{
    (void)state;
    struct house *house = open_house((struct house_options){.all = MANY});
    int waiting = caller_socket(NULL);
    leave_descriptors(0);
    caller_connect(waiting, house->ports[0]);
    caller_send(waiting, "who?");
    all_have_to_wait(&waiting, 1);
    stop_accepting(house);
    restore_descriptors();
    all_have_to_wait(&waiting, 1);
    (void)close(waiting);
    close_house(house);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spreads_evenly_those_who_come_together),
        cmocka_unit_test(newcomers_go_where_others_have_left),
        cmocka_unit_test(nobody_is_miscounted_when_many_come_and_go),
        cmocka_unit_test(who_is_one_too_many_waits_until_another_leaves),
        cmocka_unit_test(who_gives_up_waiting_keeps_nobody_out),
        cmocka_unit_test(too_many_of_one_address_are_turned_away),
        cmocka_unit_test(where_nobody_can_come_in_nobody_is_turned_away),
        cmocka_unit_test(whom_libmicrohttpd_refuses_is_forgotten),
        cmocka_unit_test_teardown(does_not_start_without_descriptors, restore_after_test),
        cmocka_unit_test_teardown(
            tells_a_shortage_of_descriptors_once_and_serves_all_in_the_end, restore_after_test),
        cmocka_unit_test_teardown(tells_the_next_shortage_too, restore_after_test),
        cmocka_unit_test_teardown(a_shortage_need_not_be_told, restore_after_test),
        cmocka_unit_test_teardown(a_shortage_is_not_told_again_at_once, restore_after_test),
        cmocka_unit_test(doors_have_their_turns),
        cmocka_unit_test(stops_while_idle),
        cmocka_unit_test(those_who_are_in_go_on_after_the_stop),
        cmocka_unit_test(stops_while_others_wait_for_room),
        cmocka_unit_test_teardown(stops_while_others_wait_for_descriptors, restore_after_test),
    };
    if (getrlimit(RLIMIT_NOFILE, &ordinary) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

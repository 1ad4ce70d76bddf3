/* Who may come in: so many in all, so many of one address. */
#include "kmsd/http/peers.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

enum { NO_LIMIT = 0, MANY = 1000 };
enum { THREADS = 4, ROUNDS = 5000, ADDRESSES = 3, CROWD_MAX = 3, CROWD_MAX_EACH = 2 };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
};

/* Each has a port of its own, as clients do. */
static union address at(const char *text)
{
    static uint16_t port;
    union address address = {.v4 = {.sin_family = AF_INET}};
    in_port_t next = htons(++port);
    address.v4.sin_port = next;
    if (inet_pton(AF_INET, text, &address.v4.sin_addr) == 1)
        return address;
    address.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = next};
    assert_int_equal(inet_pton(AF_INET6, text, &address.v6.sin6_addr), 1);
    return address;
}

static struct kmsd_peers *new_peers(unsigned all, unsigned each)
{
    struct kmsd_peers *peers = NULL;
    assert_int_equal(kmsd_peers_new(all, each, &peers), KMS_OK);
    return peers;
}

static bool enters(struct kmsd_peers *peers, const char *text)
{
    union address address = at(text);
    return kmsd_peers_enter(peers, &address.any);
}

static void leave(struct kmsd_peers *peers, const char *text)
{
    union address address = at(text);
    kmsd_peers_leave(peers, &address.any);
}

/* How many more can come in from there; they leave again. */
static unsigned room_for(struct kmsd_peers *peers, const char *text)
{
    unsigned count = 0;
    while (count < MANY && enters(peers, text))
        count++;
    for (unsigned i = 0; i < count; i++)
        leave(peers, text);
    return count;
}

static void no_more_than_the_limit_in_all(void **state)
{
    static const char *const addresses[] = {"192.0.2.1", "2001:db8::1", "192.0.2.2"};
    struct kmsd_peers *peers = new_peers(3, NO_LIMIT);
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_false(kmsd_peers_are_full(peers));
        assert_true(enters(peers, addresses[i]));
    }
    assert_true(kmsd_peers_are_full(peers));
    assert_false(enters(peers, "192.0.2.1"));
    assert_false(enters(peers, "192.0.2.9"));
    leave(peers, "2001:db8::1");
    assert_false(kmsd_peers_are_full(peers));
    assert_true(enters(peers, "192.0.2.9"));
    assert_true(kmsd_peers_are_full(peers));
    kmsd_peers_free(peers);
}

static void no_more_than_the_limit_of_one_address(void **state)
{
    struct kmsd_peers *peers = new_peers(MANY, 2);
    (void)state;
    for (int round = 0; round < 3; round++) {
        assert_true(enters(peers, "192.0.2.1"));
        assert_true(enters(peers, "192.0.2.1"));
        assert_false(enters(peers, "192.0.2.1"));
        assert_int_equal(room_for(peers, "192.0.2.2"), 2);
        leave(peers, "192.0.2.1");
        assert_int_equal(room_for(peers, "192.0.2.1"), 1);
        leave(peers, "192.0.2.1");
        assert_int_equal(room_for(peers, "192.0.2.1"), 2);
    }
    assert_false(kmsd_peers_are_full(peers));
    kmsd_peers_free(peers);
}

static void who_is_turned_away_is_not_counted(void **state)
{
    struct kmsd_peers *peers = new_peers(2, 1);
    (void)state;
    assert_true(enters(peers, "192.0.2.1"));
    for (int i = 0; i < 5; i++)
        assert_false(enters(peers, "192.0.2.1")); /* for its address's sake */
    assert_false(kmsd_peers_are_full(peers));
    assert_true(enters(peers, "192.0.2.2"));
    for (int i = 0; i < 5; i++)
        assert_false(enters(peers, "192.0.2.3")); /* for all's sake */
    leave(peers, "192.0.2.1");
    assert_true(enters(peers, "192.0.2.3"));
    leave(peers, "192.0.2.2");
    leave(peers, "192.0.2.3");
    assert_int_equal(room_for(peers, "192.0.2.1"), 1);
    assert_int_equal(room_for(peers, "192.0.2.3"), 1);
    kmsd_peers_free(peers);
}

static void without_a_limit_of_its_own_an_address_may_have_all(void **state)
{
    struct kmsd_peers *peers = new_peers(MANY / 2, NO_LIMIT);
    (void)state;
    assert_int_equal(room_for(peers, "192.0.2.1"), MANY / 2);
    assert_int_equal(room_for(peers, "2001:db8::1"), MANY / 2);
    assert_false(kmsd_peers_are_full(peers));
    kmsd_peers_free(peers);
}

static void tells_addresses_apart(void **state)
{
    static const char *const addresses[] = {"0.0.0.0", "0.0.0.1", "1.0.0.0", "10.0.0.1", "10.0.0.2",
        "255.255.255.255", "::", "::1", "::10.0.0.1", "64:ff9b::10.0.0.1", "::fffe:10.0.0.1",
        "::1:ffff:10.0.0.1", "1::", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1",
        "fe80::ffff:10.0.0.1"};
    enum { COUNT = sizeof(addresses) / sizeof(addresses[0]) };
    struct kmsd_peers *peers = new_peers(MANY, 1);
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        if (!enters(peers, addresses[i]))
            fail_msg("%s is taken for another", addresses[i]);
    }
    for (size_t i = 0; i < COUNT; i++) {
        if (enters(peers, addresses[i]))
            fail_msg("%s is not known again", addresses[i]);
    }
    for (size_t i = COUNT; i > 0; i--) {
        leave(peers, addresses[i - 1]);
        for (size_t j = 0; j < COUNT; j++) {
            if (room_for(peers, addresses[j]) != (j < i - 1 ? 0 : 1))
                fail_msg("%s left, and %s is miscounted", addresses[i - 1], addresses[j]);
        }
    }
    kmsd_peers_free(peers);
}

static void an_ipv4_address_is_the_same_in_the_clothes_of_ipv6(void **state)
{
    struct kmsd_peers *peers = new_peers(MANY, 2);
    (void)state;
    assert_true(enters(peers, "192.0.2.1"));
    assert_true(enters(peers, "::ffff:192.0.2.1"));
    assert_false(enters(peers, "192.0.2.1"));
    assert_false(enters(peers, "::ffff:192.0.2.1"));
    assert_int_equal(room_for(peers, "::ffff:192.0.2.2"), 2);
    leave(peers, "::ffff:192.0.2.1");
    leave(peers, "::ffff:192.0.2.1");
    assert_int_equal(room_for(peers, "192.0.2.1"), 2);
    kmsd_peers_free(peers);
}

static void the_zone_of_an_address_does_not_make_it_another(void **state)
{
    struct kmsd_peers *peers = new_peers(MANY, 1);
    union address here = at("fe80::1");
    union address there = here;
    (void)state;
    here.v6.sin6_scope_id = 1;
    there.v6.sin6_scope_id = 2;
    there.v6.sin6_flowinfo = 7;
    assert_true(kmsd_peers_enter(peers, &here.any));
    assert_false(kmsd_peers_enter(peers, &there.any));
    kmsd_peers_free(peers);
}

static void what_has_no_address_counts_too(void **state)
{
    struct kmsd_peers *peers = new_peers(MANY, 2);
    union address local = {.local = {.sun_family = AF_UNIX, .sun_path = "/somewhere"}};
    (void)state;
    assert_true(kmsd_peers_enter(peers, &local.any));
    local.local.sun_path[1] = 'x';
    assert_true(kmsd_peers_enter(peers, &local.any));
    assert_false(kmsd_peers_enter(peers, &local.any));
    kmsd_peers_leave(peers, &local.any);
    assert_true(kmsd_peers_enter(peers, &local.any));
    kmsd_peers_free(peers);
}

static void those_who_are_there_are_freed(void **state)
{
    struct kmsd_peers *peers = new_peers(MANY, 5);
    char text[32];
    (void)state;
    kmsd_peers_free(NULL);
    for (int i = 0; i < 200; i++) {
        (void)snprintf(text, sizeof(text), "10.1.%d.%d", i * 7 % 256, i);
        assert_true(enters(peers, text));
    }
    kmsd_peers_free(peers);
}

/* --- many threads ----------------------------------------------------------------------------- */

static const char *const crowd_addresses[ADDRESSES] = {"192.0.2.1", "192.0.2.2", "2001:db8::1"};

struct crowd {
    struct kmsd_peers *peers;
    union address addresses[ADDRESSES];
    atomic_int all;
    atomic_int each[ADDRESSES];
    atomic_int too_many;
    atomic_int entered;
    atomic_int refused;
};

static void *come_and_go(void *context)
{
    struct crowd *crowd = context;
    for (int i = 0; i < ROUNDS; i++) {
        int which = i % ADDRESSES;
        const struct sockaddr *address = &crowd->addresses[which].any;
        if (!kmsd_peers_enter(crowd->peers, address)) {
            atomic_fetch_add(&crowd->refused, 1);
            continue;
        }
        atomic_fetch_add(&crowd->entered, 1);
        int all = atomic_fetch_add(&crowd->all, 1) + 1;
        int each = atomic_fetch_add(&crowd->each[which], 1) + 1;
        if (all > CROWD_MAX || each > CROWD_MAX_EACH)
            atomic_fetch_add(&crowd->too_many, 1);
        if (i % 16 == 0)
            (void)sched_yield(); /* so that others find it there */
        atomic_fetch_sub(&crowd->each[which], 1);
        atomic_fetch_sub(&crowd->all, 1);
        kmsd_peers_leave(crowd->peers, address);
    }
    return NULL;
}

static void threads_come_and_go_and_none_is_miscounted(void **state)
{
    struct crowd crowd = {.peers = new_peers(CROWD_MAX, CROWD_MAX_EACH)};
    pthread_t threads[THREADS];
    (void)state;
    for (size_t i = 0; i < ADDRESSES; i++)
        crowd.addresses[i] = at(crowd_addresses[i]);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &crowd), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&crowd.too_many), 0);
    assert_int_equal(atomic_load(&crowd.entered) + atomic_load(&crowd.refused), THREADS * ROUNDS);
    assert_int_not_equal(atomic_load(&crowd.entered), 0);
    assert_false(kmsd_peers_are_full(crowd.peers));
    for (size_t i = 0; i < ADDRESSES; i++)
        assert_int_equal(room_for(crowd.peers, crowd_addresses[i]), CROWD_MAX_EACH);
    assert_true(enters(crowd.peers, crowd_addresses[0]));
    assert_true(enters(crowd.peers, crowd_addresses[1]));
    assert_int_equal(room_for(crowd.peers, crowd_addresses[2]), CROWD_MAX - 2);
    kmsd_peers_free(crowd.peers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_more_than_the_limit_in_all),
        cmocka_unit_test(no_more_than_the_limit_of_one_address),
        cmocka_unit_test(who_is_turned_away_is_not_counted),
        cmocka_unit_test(without_a_limit_of_its_own_an_address_may_have_all),
        cmocka_unit_test(tells_addresses_apart),
        cmocka_unit_test(an_ipv4_address_is_the_same_in_the_clothes_of_ipv6),
        cmocka_unit_test(the_zone_of_an_address_does_not_make_it_another),
        cmocka_unit_test(what_has_no_address_counts_too),
        cmocka_unit_test(those_who_are_there_are_freed),
        cmocka_unit_test(threads_come_and_go_and_none_is_miscounted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

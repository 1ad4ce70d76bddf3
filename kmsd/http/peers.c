#include "kmsd/http/peers.h"

#include <netinet/in.h>
#include <pthread.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

/* A client address that has connections; a node of a tree. */
struct peer {
    struct in6_addr address;
    unsigned connections;
};

struct kmsd_peers {
    pthread_mutex_t lock;
    unsigned max_all;
    unsigned max_each;
    unsigned connections;
    void *tree; /* tsearch(3)'s, of struct peer; empty without a limit for each */
};

static int compare(const void *a, const void *b)
{
    const struct peer *left = a;
    const struct peer *right = b;
    return memcmp(&left->address, &right->address, sizeof(left->address));
}

/* IPv4 addresses as IPv6 ones that stand for them (RFC 4291, 2.5.5.2). */
static struct peer peer_at(const struct sockaddr *address)
{
    struct peer peer = {.connections = 0};
    if (address->sa_family == AF_INET6) {
        peer.address = ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    } else if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
        memset(peer.address.s6_addr + 10, 0xff, 2);
        memcpy(peer.address.s6_addr + 12, &v4->sin_addr, sizeof(v4->sin_addr));
    }
    return peer;
}

enum kms_err kmsd_peers_new(unsigned all, unsigned each, struct kmsd_peers **out)
{
    struct kmsd_peers *peers = calloc(1, sizeof(*peers));
    if (peers == NULL)
        return KMS_ERR_NO_MEMORY;
    if (pthread_mutex_init(&peers->lock, NULL) != 0) {
        free(peers);
        return KMS_ERR_NO_MEMORY;
    }
    peers->max_all = all;
    peers->max_each = each;
    *out = peers;
    return KMS_OK;
}

static void remove_peer(struct kmsd_peers *peers, struct peer *peer)
{
    (void)tdelete(peer, &peers->tree, compare);
    free(peer);
}

void kmsd_peers_free(struct kmsd_peers *peers)
{
    if (peers == NULL)
        return;
    while (peers->tree != NULL)
        remove_peer(peers, *(struct peer **)peers->tree);
    (void)pthread_mutex_destroy(&peers->lock);
    free(peers);
}

/* Called with the lock held. */
static bool enter_address(struct kmsd_peers *peers, const struct sockaddr *address)
{
    struct peer wanted = peer_at(address);
    struct peer *const *found = tfind(&wanted, &peers->tree, compare);
    if (found != NULL) {
        if ((*found)->connections >= peers->max_each)
            return false;
        (*found)->connections++;
        return true;
    }
    struct peer *peer = malloc(sizeof(*peer));
    if (peer == NULL)
        return false;
    *peer = wanted;
    peer->connections = 1;
    if (tsearch(peer, &peers->tree, compare) != NULL)
        return true;
    free(peer);
    return false;
}

bool kmsd_peers_enter(struct kmsd_peers *peers, const struct sockaddr *address)
{
    (void)pthread_mutex_lock(&peers->lock);
    bool may = peers->connections < peers->max_all &&
               (peers->max_each == 0 || enter_address(peers, address));
    peers->connections += may;
    (void)pthread_mutex_unlock(&peers->lock);
    return may;
}

void kmsd_peers_leave(struct kmsd_peers *peers, const struct sockaddr *address)
{
    struct peer wanted = peer_at(address);
    (void)pthread_mutex_lock(&peers->lock);
    peers->connections--;
    struct peer *const *found = tfind(&wanted, &peers->tree, compare);
    if (found != NULL && --(*found)->connections == 0)
        remove_peer(peers, *found);
    (void)pthread_mutex_unlock(&peers->lock);
}

bool kmsd_peers_are_full(struct kmsd_peers *peers)
{
    (void)pthread_mutex_lock(&peers->lock);
    bool are_full = peers->connections >= peers->max_all;
    (void)pthread_mutex_unlock(&peers->lock);
    return are_full;
}

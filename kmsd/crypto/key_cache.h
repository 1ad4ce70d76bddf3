/*
 * Key pairs kept ready for use, because unwrapping and decoding one costs more than signing with it
 * (tests/bench/bench_sign.c measures both). Bounded: the one that was used longest ago makes room,
 * and is wiped by libcrypto. What was made ready for a key ends with it. Copies of the key in there
 * are only for those who have a place: at most KMSD_KEY_CACHE_READY of a key, in use or waiting, and
 * in all as many as kmsd_pkey_copy_private finds locked memory for.
 *
 * Entries are found by a tag: all that vouches for the key, its record as well as what
 * that is bound to. So who asks with another name, kind or record does not find it, and has to open
 * what it has. A tag is no secret.
 *
 * All functions but init and clean_up may be called from any thread.
 */
#ifndef KMSD_CRYPTO_KEY_CACHE_H
#define KMSD_CRYPTO_KEY_CACHE_H

#include "kmsd/crypto/pkey.h"

#include <openssl/evp.h>
#include <pthread.h>

#define KMSD_KEY_CACHE_MAX     256
#define KMSD_KEY_CACHE_ID_SIZE 32
#define KMSD_KEY_CACHE_READY   4 /* for as many threads that use one key at a time */

/* What was made ready for a key, and for what: for the row of that address. */
struct kmsd_key_cache_ready {
    const void *row;
    struct kmsd_ready ready;
};

struct kmsd_key_cache_entry {
    EVP_PKEY *key; /* NULL: free */
    struct kmsd_key_cache_ready kept[KMSD_KEY_CACHE_READY];
    size_t lent;   /* how many hold what was kept, or a place for it */
    uint64_t used; /* when last */
    uint8_t *tag;
    size_t tag_len;
    uint8_t id[KMSD_KEY_CACHE_ID_SIZE];
};

struct kmsd_key_cache {
    pthread_mutex_t mutex;
    uint64_t clock;                        /* counts uses */
    uint64_t forgets;                      /* counts calls of forget */
    uint64_t prefixes[KMSD_KEY_CACHE_MAX]; /* the tags' last octets, to be searched quickly */
    struct kmsd_key_cache_entry entries[KMSD_KEY_CACHE_MAX];
};

/* KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_key_cache_init(struct kmsd_key_cache *cache);
void kmsd_key_cache_clean_up(struct kmsd_key_cache *cache);

/* A key in use. It is given back to the cache, whose lock then orders this use before the key's end:
 * libcrypto counts references, but orders nothing by it. */
struct kmsd_held_key {
    struct kmsd_key_cache *cache;
    EVP_PKEY *key; /* NULL: none */
    size_t at;     /* the entry that it was found in */
    const void *row;
    struct kmsd_ready ready; /* for that row; what is in it goes back with the key */
};

/* Gives the key back. One that holds none is allowed. */
void kmsd_held_key_release(struct kmsd_held_key *held);
#define KMSD_HELD_KEY_AUTO __attribute__((cleanup(kmsd_held_key_release))) struct kmsd_held_key

/* Holds the key of that tag, with what is ready for that row (NULL: for none); or nothing, and
 * *forgets is then what kmsd_key_cache_put asks for. */
KMS_MUST_USE struct kmsd_held_key kmsd_key_cache_find(
    struct kmsd_key_cache *cache, struct kms_bytes tag, const void *row, uint64_t *forgets);

/* Keeps a reference of its own to a key that was not found. If anything was forgotten since then it
 * keeps nothing: it might have been this key. Nor when memory is out. */
void kmsd_key_cache_put(struct kmsd_key_cache *cache, struct kms_bytes tag,
    const uint8_t id[KMSD_KEY_CACHE_ID_SIZE], EVP_PKEY *key, uint64_t forgets);

/* Drops what was put with that id. */
void kmsd_key_cache_forget(struct kmsd_key_cache *cache, const uint8_t id[KMSD_KEY_CACHE_ID_SIZE]);

#endif

#include "libkms/base/uuid.h"

#include "libkms/base/encoding.h"

#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>

enum { UUID_LEN = KMS_UUID_SIZE - 1, UUID_BYTES = 16, POOL_COUNT = 128 };

/*
 * Random bytes for the next identifiers of this thread: one call of the generator costs as much for
 * all of them as for one. They are no secrets. After a fork the child must not go on with what the
 * parent has.
 */
static _Thread_local struct {
    uint8_t bytes[POOL_COUNT][UUID_BYTES];
    unsigned left;
    unsigned forks; /* when it was filled */
} pool;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_uint forks; /* that this process descends from since the first identifier */
static bool hears_of_forks;

static void count_fork(void)
{
    atomic_fetch_add(&forks, 1);
}

static void listen_for_forks(void)
{
    hears_of_forks = pthread_atfork(NULL, NULL, count_fork) == 0;
}

/* The pieces between hyphens, as digits. */
static const struct {
    uint8_t text_at;
    uint8_t digits_at;
    uint8_t len;
} pieces[] = {{0, 0, 8}, {9, 8, 4}, {14, 12, 4}, {19, 16, 4}, {24, 20, 12}};

enum { PIECES = sizeof(pieces) / sizeof(pieces[0]) };

enum kms_err kms_uuid_new(char out[KMS_UUID_SIZE])
{
    (void)pthread_once(&once, listen_for_forks);
    unsigned now = atomic_load_explicit(&forks, memory_order_relaxed);
    if (pool.left == 0 || pool.forks != now || !hears_of_forks) {
        pool.left = 0;
        if (RAND_bytes(&pool.bytes[0][0], sizeof(pool.bytes)) != 1)
            return KMS_ERR_CRYPTO;
        pool.left = POOL_COUNT;
        pool.forks = now;
    }
    kms_uuid_from_bytes(pool.bytes[--pool.left], out);
    return KMS_OK;
}

void kms_uuid_from_bytes(const uint8_t bytes[16], char out[KMS_UUID_SIZE])
{
    uint8_t marked[16];
    char hex[2 * sizeof(marked) + 1];
    memcpy(marked, bytes, sizeof(marked));
    marked[6] = (uint8_t)((marked[6] & 0x0f) | 0x40); /* version 4 */
    marked[8] = (uint8_t)((marked[8] & 0x3f) | 0x80); /* variant 10 */
    kms_hex_encode(kms_bytes(marked, sizeof(marked)), hex);
    memset(out, '-', UUID_LEN);
    for (size_t i = 0; i < PIECES; i++)
        memcpy(out + pieces[i].text_at, hex + pieces[i].digits_at, pieces[i].len);
    out[UUID_LEN] = '\0';
}

bool kms_uuid_is(struct kms_str text)
{
    char hex[2 * UUID_BYTES];
    uint8_t bytes[UUID_BYTES];
    if (text.len != UUID_LEN)
        return false;
    for (size_t i = 0; i < PIECES; i++) {
        if (i != 0 && text.data[pieces[i].text_at - 1] != '-')
            return false;
        memcpy(hex + pieces[i].digits_at, text.data + pieces[i].text_at, pieces[i].len);
    }
    return kms_hex_decode((struct kms_str){hex, sizeof(hex)}, bytes) == KMS_OK;
}

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

static bool is_hyphen_place(size_t place)
{
    return place == 8 || place == 13 || place == 18 || place == 23;
}

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
    const char *digit = hex;
    for (size_t i = 0; i < UUID_LEN; i++)
        out[i] = (char)(is_hyphen_place(i) ? '-' : *digit++);
    out[UUID_LEN] = '\0';
}

static bool is_hex_digit(char letter)
{
    return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'f') ||
           (letter >= 'A' && letter <= 'F');
}

bool kms_uuid_is(struct kms_str text)
{
    if (text.len != UUID_LEN)
        return false;
    for (size_t i = 0; i < UUID_LEN; i++) {
        if (is_hyphen_place(i) ? text.data[i] != '-' : !is_hex_digit(text.data[i]))
            return false;
    }
    return true;
}

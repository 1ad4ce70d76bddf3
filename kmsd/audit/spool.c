#include "kmsd/audit/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPOOL_NAME  "spool"
#define SPOOL_MAGIC "kmsdspool 3\n"

enum { PAGE = 4096, BOOT_ID_SIZE = 40, ALIGNMENT = 8 };

enum { PUTTING = 0x50555421, WHOLE = 0x57484f4c };

/* The first page of the file. */
struct head {
    char magic[16];
    char boot[BOOT_ID_SIZE];
    uint64_t size;         /* of the ring */
    _Atomic uint64_t head; /* bytes ever reserved */
    _Atomic uint64_t tail; /* bytes ever given up */
};

/* Before each record or request in the ring, which is padded to ALIGNMENT. */
struct kmsd_spool_slot {
    uint32_t len;
    _Atomic uint32_t state;
    uint64_t number;
    uint64_t kind;
};

struct kmsd_spool {
    pthread_mutex_t lock; /* guards reserving */
    struct head *head;
    uint8_t *ring;         /* mapped twice, one after the other: no record is ever in two pieces */
    uint64_t next;         /* number */
    uint64_t putting_ends; /* slots before it were left by a killed process */
};

static size_t padded(size_t len)
{
    return (len + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static size_t room_for(size_t len)
{
    return sizeof(struct kmsd_spool_slot) + padded(len);
}

static struct kmsd_spool_slot *slot_at(const struct kmsd_spool *spool, uint64_t at)
{
    return (struct kmsd_spool_slot *)(void *)(spool->ring + at % KMSD_SPOOL_SIZE);
}

/* --- opening ---------------------------------------------------------------------------------- */

static enum kms_err failed(const char *what, struct kmsd_detail *detail)
{
    kmsd_detail_set(detail, "the audit spool: %s: %s", what, strerror(errno));
    return errno == ENOMEM ? KMS_ERR_NO_MEMORY : KMS_ERR_IO;
}

/* Which start of the machine this is; "" when the kernel does not say. */
static void read_boot_id(char out[BOOT_ID_SIZE])
{
    memset(out, 0, BOOT_ID_SIZE);
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? 0 : read(fd, out, BOOT_ID_SIZE - 1);
    if (len <= 0)
        out[0] = '\0';
    else
        out[strcspn(out, "\n")] = '\0';
    if (fd >= 0)
        (void)close(fd);
}

static enum kms_err open_file(int folder, int *out, struct kmsd_detail *detail)
{
    const off_t size = (off_t)(PAGE + KMSD_SPOOL_SIZE);
    int fd = folder < 0 ? memfd_create("kmsd-audit-spool", MFD_CLOEXEC)
                        : openat(folder, SPOOL_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
                              S_IRUSR | S_IWUSR);
    if (fd < 0)
        return failed("opening", detail);
    /* all blocks now: a full disk must not be met by a fault in mapped memory */
    int result = ftruncate(fd, size) != 0 ? errno : 0;
    if (result == 0 && folder >= 0)
        result = posix_fallocate(fd, 0, size);
    if (result != 0) {
        errno = result;
        enum kms_err err = failed("setting disk space aside", detail);
        (void)close(fd);
        return err;
    }
    *out = fd;
    return KMS_OK;
}

static enum kms_err map(struct kmsd_spool *spool, int fd, struct kmsd_detail *detail)
{
    const int access = PROT_READ | PROT_WRITE;
    void *head = mmap(NULL, PAGE, access, MAP_SHARED, fd, 0);
    if (head == MAP_FAILED)
        return failed("mapping", detail);
    spool->head = head;
    uint8_t *ring = mmap(NULL, 2 * KMSD_SPOOL_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (ring == MAP_FAILED)
        return failed("mapping", detail);
    spool->ring = ring;
    for (size_t i = 0; i < 2; i++) {
        if (mmap(ring + i * KMSD_SPOOL_SIZE, KMSD_SPOOL_SIZE, access, MAP_SHARED | MAP_FIXED, fd,
                PAGE) == MAP_FAILED)
            return failed("mapping", detail);
    }
    return KMS_OK;
}

/* --- what a killed process left --------------------------------------------------------------- */

static bool is_of_another_version(const struct head *head)
{
    static const char magic[] = "kmsdspool ";
    return memcmp(head->magic, magic, sizeof(magic) - 1) == 0 &&
           memcmp(head->magic, SPOOL_MAGIC, sizeof(SPOOL_MAGIC)) != 0;
}

static bool is_empty(const struct head *head)
{
    return atomic_load(&head->head) == atomic_load(&head->tail);
}

static bool makes_sense(const struct kmsd_spool *spool)
{
    const struct head *head = spool->head;
    uint64_t from = atomic_load(&head->tail);
    uint64_t to = atomic_load(&head->head);
    return memcmp(head->magic, SPOOL_MAGIC, sizeof(SPOOL_MAGIC)) == 0 &&
           head->size == KMSD_SPOOL_SIZE && from <= to && to - from <= KMSD_SPOOL_SIZE &&
           from % ALIGNMENT == 0 && to % ALIGNMENT == 0;
}

/* Where the records that make sense end. */
static uint64_t sound_end(const struct kmsd_spool *spool)
{
    uint64_t at = atomic_load(&spool->head->tail);
    uint64_t to = atomic_load(&spool->head->head);
    uint64_t before = 0;
    while (at < to) {
        const struct kmsd_spool_slot *slot = slot_at(spool, at);
        uint32_t state = atomic_load(&slot->state);
        if (to - at < sizeof(*slot) || slot->len > KMS_TRAIL_RECORD_MAX ||
            room_for(slot->len) > to - at || slot->number <= before ||
            (slot->kind != KMSD_SPOOL_RECORD && slot->kind != KMSD_SPOOL_REQUEST) ||
            (state != WHOLE && state != PUTTING))
            break;
        before = slot->number;
        at += room_for(slot->len);
    }
    return at;
}

/* Whether the machine has been restarted since: what is in it may be of any age. */
static bool is_before_restart(const struct head *head)
{
    char boot[BOOT_ID_SIZE];
    read_boot_id(boot);
    return memcmp(head->boot, boot, sizeof(boot)) != 0;
}

/* Only what differs is written: a kill between two writes must not make a spool with records in it
 * look as if it were another one. */
static void mark(struct head *head)
{
    head->size = KMSD_SPOOL_SIZE;
    if (is_before_restart(head))
        read_boot_id(head->boot);
    if (memcmp(head->magic, SPOOL_MAGIC, sizeof(SPOOL_MAGIC)) == 0)
        return;
    memset(head->magic, 0, sizeof(head->magic));
    memcpy(head->magic, SPOOL_MAGIC, sizeof(SPOOL_MAGIC));
}

static void take_over(struct kmsd_spool *spool, struct kmsd_spool_left *left)
{
    struct head *head = spool->head;
    bool is_other = is_of_another_version(head);
    bool is_new = head->magic[0] == '\0' || (is_other && is_empty(head));
    *left = (struct kmsd_spool_left){
        .has_power_loss = !is_new && !is_empty(head) && is_before_restart(head)};
    left->is_damaged = !is_new && !is_other && !makes_sense(spool);
    if (is_new || is_other || left->is_damaged || left->has_power_loss) {
        atomic_store(&head->head, 0);
        atomic_store(&head->tail, 0);
    }
    uint64_t end = sound_end(spool);
    if (end != atomic_load(&head->head)) {
        left->is_damaged = true;
        atomic_store(&head->head, end);
    }
    spool->putting_ends = end;
    mark(head);
}

enum kms_err kmsd_spool_open(
    int folder, struct kmsd_spool **out, struct kmsd_spool_left *left, struct kmsd_detail *detail)
{
    struct kmsd_spool *spool = calloc(1, sizeof(*spool));
    int fd = -1;
    if (spool == NULL)
        return KMS_ERR_NO_MEMORY;
    if (pthread_mutex_init(&spool->lock, NULL) != 0) {
        free(spool);
        return KMS_ERR_NO_MEMORY;
    }
    enum kms_err err = open_file(folder, &fd, detail);
    if (err == KMS_OK)
        err = map(spool, fd, detail);
    if (err == KMS_OK && is_of_another_version(spool->head) && !is_empty(spool->head) &&
        !is_before_restart(spool->head)) {
        kmsd_detail_set(detail,
            "another version of kmsd was killed and left records in the file 'spool' of the audit "
            "trail: start that version once more, or remove the file and with it the records");
        err = KMS_ERR_UNSUPPORTED;
    }
    if (fd >= 0)
        (void)close(fd); /* the mappings stay */
    if (err != KMS_OK) {
        kmsd_spool_close(spool);
        return err;
    }
    take_over(spool, left);
    *out = spool;
    return KMS_OK;
}

void kmsd_spool_close(struct kmsd_spool *spool)
{
    if (spool == NULL)
        return;
    if (spool->ring != NULL)
        (void)munmap(spool->ring, 2 * KMSD_SPOOL_SIZE);
    if (spool->head != NULL)
        (void)munmap(spool->head, PAGE);
    (void)pthread_mutex_destroy(&spool->lock);
    free(spool);
}

/* --- putting ---------------------------------------------------------------------------------- */

void kmsd_spool_number(struct kmsd_spool *spool, uint64_t next)
{
    spool->next = next;
}

enum kms_err kmsd_spool_begin(
    struct kmsd_spool *spool, enum kmsd_spool_kind kind, size_t len, struct kmsd_spool_place *place)
{
    struct head *head = spool->head;
    size_t need = room_for(len);
    if (len > KMS_TRAIL_RECORD_MAX)
        return KMS_ERR_LIMIT;
    (void)pthread_mutex_lock(&spool->lock);
    uint64_t at = atomic_load_explicit(&head->head, memory_order_relaxed);
    if (at + need - atomic_load_explicit(&head->tail, memory_order_acquire) > KMSD_SPOOL_SIZE) {
        (void)pthread_mutex_unlock(&spool->lock);
        return KMS_ERR_BUSY;
    }
    struct kmsd_spool_slot *slot = slot_at(spool, at);
    slot->len = (uint32_t)len;
    slot->number = spool->next++;
    slot->kind = kind;
    atomic_store_explicit(&slot->state, PUTTING, memory_order_relaxed);
    atomic_store_explicit(&head->head, at + need, memory_order_release);
    *place = (struct kmsd_spool_place){(uint8_t *)(slot + 1), slot->number, slot};
    (void)pthread_mutex_unlock(&spool->lock);
    return KMS_OK;
}

void kmsd_spool_put(const struct kmsd_spool_place *place)
{
    atomic_store_explicit(&place->slot->state, WHOLE, memory_order_release);
}

enum kms_err kmsd_spool_put_record(
    struct kmsd_spool *spool, struct kms_str record, uint64_t *number)
{
    struct kmsd_spool_place place;
    enum kms_err err = kmsd_spool_begin(spool, KMSD_SPOOL_RECORD, record.len, &place);
    if (err != KMS_OK)
        return err;
    memcpy(place.data, record.data, record.len);
    kmsd_spool_put(&place);
    *number = place.number;
    return KMS_OK;
}

/* --- taking ----------------------------------------------------------------------------------- */

bool kmsd_spool_peek(struct kmsd_spool *spool, uint64_t *at, struct kmsd_spooled *out)
{
    struct head *head = spool->head;
    uint64_t tail = atomic_load_explicit(&head->tail, memory_order_relaxed);
    uint64_t place = *at < tail ? tail : *at;
    if (place == atomic_load_explicit(&head->head, memory_order_acquire))
        return false;
    struct kmsd_spool_slot *slot = slot_at(spool, place);
    bool whole = atomic_load_explicit(&slot->state, memory_order_acquire) == WHOLE;
    if (!whole && place >= spool->putting_ends) /* and not of a process that was killed */
        return false;
    *out = (struct kmsd_spooled){
        .kind = (enum kmsd_spool_kind)slot->kind,
        .bytes = {(const uint8_t *)(slot + 1), slot->len},
        .number = slot->number,
        .is_whole = whole,
    };
    *at = place + room_for(slot->len);
    return true;
}

void kmsd_spool_give_up(struct kmsd_spool *spool, uint64_t at)
{
    if (at > atomic_load_explicit(&spool->head->tail, memory_order_relaxed))
        atomic_store_explicit(&spool->head->tail, at, memory_order_release);
}

bool kmsd_spool_is_empty(const struct kmsd_spool *spool)
{
    return atomic_load_explicit(&spool->head->tail, memory_order_acquire) ==
           atomic_load_explicit(&spool->head->head, memory_order_acquire);
}

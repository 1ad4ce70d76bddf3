/* The trail as the daemon writes it: what was recorded is there, whatever happens to the process. */
#include "tests/unit/kmsd/audit/audit_fixture.h"

#include "kmsd/audit/record.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* --- a disk that fails, and what becomes of writes ---------------------------------------------- */

static atomic_int failing_syncs;
static _Atomic ino_t watched; /* the file whose writes are looked at */
static atomic_llong lowest_write;
static _Atomic ino_t synced_folder; /* looked for among what is synced; 0: it was */

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
ssize_t __real_pwrite(int fd, const void *data, size_t len, off_t at);
ssize_t __wrap_pwrite(int fd, const void *data, size_t len, off_t at);

static ino_t inode_of(int fd)
{
    struct stat info;
    return fstat(fd, &info) == 0 ? info.st_ino : 0;
}

int __wrap_fdatasync(int fd)
{
    if (failing_syncs > 0 && inode_of(fd) == watched) {
        failing_syncs--;
        errno = EIO;
        return -1;
    }
    return __real_fdatasync(fd);
}

int __wrap_fsync(int fd)
{
    if (inode_of(fd) == synced_folder)
        synced_folder = 0;
    return __real_fsync(fd);
}

ssize_t __wrap_pwrite(int fd, const void *data, size_t len, off_t at)
{
    if (watched != 0 && inode_of(fd) == watched && at < lowest_write)
        lowest_write = at;
    return __real_pwrite(fd, data, len, at);
}

/* The thread signs a digest when it begins, and would sync what the test does. */
static void await_first_digest(const struct fixture *f)
{
    struct stat info = {.st_size = 0};
    char path[160];
    path_of(f, KMS_TRAIL_DIGESTS, 1, path);
    for (int i = 0; i < 1000 && info.st_size == 0; i++) {
        (void)usleep(10000);
        assert_int_equal(stat(path, &info), 0);
    }
    assert_true(info.st_size != 0);
}

/* What could not be synced is written again: the system would not do so by itself. */
static void what_was_not_synced_is_written_again(void **state)
{
    struct fixture *f = *state;
    struct stat info;
    char path[160];
    f->options.sync = KMSD_AUDIT_SYNC_ALWAYS;
    f->options.sync_interval_ms = 3600 * 1000;
    f->options.digest_interval_s = 3600;
    open_trail(f);
    await_first_digest(f);
    record_many(f, 1);
    path_of(f, KMS_TRAIL_RECORDS, 1, path);
    assert_int_equal(stat(path, &info), 0);
    lowest_write = INT64_MAX;
    watched = info.st_ino;
    failing_syncs = 1;
    assert_int_not_equal(record_one(f, "Decrypt", NULL), KMS_OK);
    assert_true(lowest_write == info.st_size);
    lowest_write = INT64_MAX;
    record_many(f, 1);
    assert_true(lowest_write == info.st_size);
    lowest_write = INT64_MAX;
    record_many(f, 1);
    assert_true(lowest_write > info.st_size);
    watched = 0;
    close_trail(f);
    assert_int_equal(count_records(f, 1, NULL), 4);
}

static void its_name_is_synced(void **state)
{
    struct fixture *f = *state;
    struct stat info;
    assert_int_equal(stat(f->folder, &info), 0);
    synced_folder = info.st_ino;
    open_trail(f);
    assert_int_equal(synced_folder, 0);
}

/* Only what was made for the next file is taken away again. */
static void leaves_nothing_of_a_file_that_cannot_be_made(void **state)
{
    struct fixture *f = *state;
    char path[160];
    char digests[160];
    open_trail(f);
    record_many(f, 1);
    assert_int_equal(kmsd_audit_flush(f->trail), KMS_OK);
    path_of(f, KMS_TRAIL_RECORDS, 2, path);
    path_of(f, KMS_TRAIL_DIGESTS, 2, digests);
    int fd = open(digests, O_WRONLY | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);
    assert_true(fd >= 0);
    (void)close(fd);
    clock_ms += INT64_C(1000) * f->options.file_age_s;
    assert_int_not_equal(kmsd_audit_flush(f->trail), KMS_OK);
    for (int i = 0; i < 1000 && access(path, F_OK) == 0; i++)
        (void)usleep(1000); /* the thread may be trying just now */
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(unlink(digests), 0); /* still there */
    assert_int_equal(kmsd_audit_flush(f->trail), KMS_OK);
    assert_int_equal(access(path, F_OK), 0);
}

static void records_go_on_in_the_same_file(void **state)
{
    struct fixture *f = *state;
    open_trail(f);
    record_many(f, 10);
    close_trail(f);
    open_trail(f);
    assert_true(kmsd_audit_status(f->trail).records == 10);
    record_many(f, 5);
    assert_int_equal(record_one(f, "Decrypt", "AccessDenied"), KMS_OK);
    close_trail(f);
    assert_int_equal(count_records(f, 1, NULL), 16);
    assert_int_equal(
        count_records(f, 1, "\"errorCode\":\"AccessDenied\",\"errorMessage\":\"No.\""), 1);
    assert_int_equal(count_records(f, 1, "RecoverAuditTrail"), 0);
    assert_int_equal(count_records(f, 1, "\"userAgent\":\"test \\\"agent\\\"\""), 16);
}

static void files_are_for_their_owner_alone(void **state)
{
    struct fixture *f = *state;
    struct stat info;
    char path[160];
    open_trail(f);
    assert_int_equal(stat(f->audit, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    path_of(f, KMS_TRAIL_RECORDS, 1, path);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    close_trail(f);
    struct kmsd_detail detail = {.text = ""};
    assert_int_equal(chmod(f->audit, 0777), 0);
    assert_int_equal(kmsd_audit_open(&f->options, &f->trail, &detail), KMS_ERR_POLICY);
    assert_true(detail.text[0] != '\0');
}

/* A child records and ends without a word; nothing of what it was told is recorded is lost. */
static void records_survive_the_process(void **state)
{
    struct fixture *f = *state;
    enum { ROUNDS = 5, EACH = 200 };
    for (int round = 0; round < ROUNDS; round++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct kmsd_detail detail = {.text = ""};
            bool ok = kmsd_audit_open(&f->options, &f->trail, &detail) == KMS_OK;
            for (int i = 0; ok && i < EACH; i++)
                ok = record_one(f, "Encrypt", NULL) == KMS_OK;
            _exit(ok ? 0 : 1);
        }
        int status = 0;
        assert_true(waitpid(child, &status, 0) == child);
        assert_int_equal(status, 0);
    }
    open_trail(f);
    close_trail(f);
    assert_int_equal(count_records(f, 1, "\"Encrypt\""), ROUNDS * EACH);
    assert_int_equal(count_records(f, 1, "AbandonRecord"), 0);
}

static void half_a_line_is_cut_off(void **state)
{
    struct fixture *f = *state;
    char path[160];
    open_trail(f);
    record_many(f, 3);
    close_trail(f);
    path_of(f, KMS_TRAIL_RECORDS, 1, path);
    int fd = open(path, O_WRONLY | O_APPEND);
    assert_true(write(fd, "{\"eventVersion\":\"1.1", 20) == 20);
    (void)close(fd);
    open_trail(f);
    record_many(f, 1);
    close_trail(f);
    assert_int_equal(count_records(f, 1, NULL), 5);
    assert_int_equal(count_records(f, 1, "\"tornBytesRemoved\":20"), 1);
}

static void what_was_altered_stays_as_evidence(void **state)
{
    struct fixture *f = *state;
    char path[160];
    char line[] = "{\"eventVersion\":\"1.11\"}\n";
    open_trail(f);
    record_many(f, 3);
    close_trail(f);
    path_of(f, KMS_TRAIL_RECORDS, 1, path);
    int fd = open(path, O_WRONLY | O_APPEND);
    assert_true(write(fd, line, sizeof(line) - 1) == (ssize_t)sizeof(line) - 1);
    (void)close(fd);
    open_trail(f);
    record_many(f, 1);
    close_trail(f);
    assert_int_equal(count_records(f, 2, NULL), 2);
    assert_int_equal(count_records(f, 2, "\"damagedFile\":1"), 1);
}

static void large_and_old_files_are_closed(void **state)
{
    struct fixture *f = *state;
    f->options.file_bytes = 8192;
    open_trail(f);
    for (int i = 0; i < 40; i++) {
        record_many(f, 1);
        assert_int_equal(kmsd_audit_flush(f->trail), KMS_OK);
    }
    close_trail(f);
    size_t all = 0;
    uint32_t files = 0;
    char path[160];
    for (path_of(f, KMS_TRAIL_RECORDS, 1, path); access(path, F_OK) == 0;
         path_of(f, KMS_TRAIL_RECORDS, files + 1, path))
        all += count_records(f, ++files, NULL);
    assert_int_equal(all, 40);
    assert_true(files >= 4 && files <= 8);

    open_trail(f);
    record_many(f, 1); /* into the last file, whether it has records yet or not */
    assert_int_equal(kmsd_audit_flush(f->trail), KMS_OK);
    clock_ms += INT64_C(1000) * f->options.file_age_s;
    record_many(f, 1);
    close_trail(f);
    assert_true(count_records(f, files + 1, NULL) >= 1);
}

/* Digests that close the file. */
static size_t count_closing(const struct fixture *f, uint32_t file)
{
    static const char closing[] = "\"closed\":true";
    char path[160];
    struct kms_trail_lines lines;
    struct kms_str line;
    size_t count = 0;
    path_of(f, KMS_TRAIL_DIGESTS, file, path);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    kms_trail_lines_init(&lines, fd, 0, UINT64_MAX);
    while (kms_trail_lines_next(&lines, &line) == KMS_OK)
        count += memmem(line.data, line.len, closing, sizeof(closing) - 1) != NULL;
    kms_trail_lines_clean_up(&lines);
    (void)close(fd);
    return count;
}

static void a_file_is_closed_once(void **state)
{
    struct fixture *f = *state;
    char path[160];
    f->options.file_age_s = 60;
    open_trail(f);
    record_many(f, 2);
    assert_int_equal(kmsd_audit_flush(f->trail), KMS_OK);
    path_of(f, KMS_TRAIL_RECORDS, 2, path); /* the next file's name is taken */
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);
    assert_true(fd >= 0);
    (void)close(fd);
    clock_ms += 61000;
    for (int i = 0; i < 5; i++)
        assert_int_not_equal(kmsd_audit_flush(f->trail), KMS_OK);
    assert_int_equal(count_closing(f, 1), 1);

    clock_ms -= 61000; /* it is not old any more, but closed it is */
    assert_int_not_equal(record_one(f, "Decrypt", NULL), KMS_OK);
    assert_int_not_equal(kmsd_audit_flush(f->trail), KMS_OK);
    assert_int_equal(count_records(f, 1, NULL), 2);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(kmsd_audit_flush(f->trail), KMS_OK);
    assert_int_equal(count_records(f, 2, "\"Decrypt\""), 1);
    close_trail(f);
}

static void old_files_go(void **state)
{
    struct fixture *f = *state;
    char path[160];
    f->options.file_bytes = 1; /* each record has a file */
    f->options.retention_days = 2;
    open_trail(f);
    for (int day = 0; day < 6; day++) {
        record_many(f, 1);
        assert_int_equal(kmsd_audit_flush(f->trail), KMS_OK);
        clock_ms += INT64_C(86400000);
    }
    close_trail(f);
    open_trail(f); /* looks at retention when it starts its thread */
    for (int i = 0; i < 500; i++) {
        path_of(f, KMS_TRAIL_RECORDS, 1, path);
        if (access(path, F_OK) != 0)
            break;
        (void)usleep(10000);
    }
    assert_int_not_equal(access(path, F_OK), 0);
    close_trail(f);
    path_of(f, KMS_TRAIL_RECORDS, 5, path);
    assert_int_equal(access(path, F_OK), 0);
}

static void a_clock_set_back_is_part_of_the_trail(void **state)
{
    struct fixture *f = *state;
    open_trail(f);
    record_many(f, 2);
    assert_int_equal(kmsd_audit_flush(f->trail), KMS_OK);
    clock_ms -= 3600000;
    record_many(f, 2);
    close_trail(f);
    assert_int_equal(count_records(f, 1, NULL), 5);
    assert_int_equal(count_records(f, 1, "\"setBackByMilliseconds\":3600000"), 1);
}

static void another_root_key_has_another_trail(void **state)
{
    struct fixture *f = *state;
    static const uint8_t other[KMSD_ROOT_KEY_SIZE] = {9};
    struct kms_secret *root_key = NULL;
    struct kmsd_custody *custody = NULL;
    struct kmsd_detail detail = {.text = ""};
    open_trail(f);
    close_trail(f);
    assert_int_equal(kms_secret_copy(kms_bytes(other, sizeof(other)), &root_key), KMS_OK);
    assert_int_equal(kmsd_custody_new(root_key, &custody), KMS_OK);
    f->options.custody = custody;
    assert_int_equal(kmsd_audit_open(&f->options, &f->trail, &detail), KMS_ERR_AUTHENTICATION);
    kmsd_custody_free(custody);
}

static void without_a_folder_it_is_in_memory(void **state)
{
    struct fixture *f = *state;
    f->options.folder = NULL;
    f->options.file_bytes = 65536;
    open_trail(f);
    record_many(f, 1000);
    assert_int_equal(kmsd_audit_flush(f->trail), KMS_OK);
    assert_true(kmsd_audit_status(f->trail).records == 1000);
    assert_int_not_equal(access(f->audit, F_OK), 0);
}

static void always_means_on_disk(void **state)
{
    struct fixture *f = *state;
    f->options.sync = KMSD_AUDIT_SYNC_ALWAYS;
    open_trail(f);
    record_many(f, 3);
    assert_int_equal(count_records(f, 1, NULL), 3); /* nothing else has written it out */
}

/* --- many at a time --------------------------------------------------------------------------- */

enum { THREADS = 4, EACH_THREAD = 20000 };

static void *record_in_thread(void *arg)
{
    size_t failed = 0;
    for (int i = 0; i < EACH_THREAD; i++)
        failed += record_one(arg, "Encrypt", NULL) != KMS_OK;
    return failed == 0 ? arg : NULL;
}

/* Together they put several times what the spool holds. */
static void threads_share_it(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[THREADS];
    open_trail(f);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, record_in_thread, f), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *result = NULL;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, f);
    }
    close_trail(f);
    size_t all = count_records(f, 1, NULL);
    char path[160];
    path_of(f, KMS_TRAIL_RECORDS, 2, path);
    if (access(path, F_OK) == 0)
        all += count_records(f, 2, NULL);
    assert_int_equal(all, THREADS * EACH_THREAD);
}

/* --- when it can't be written ----------------------------------------------------------------- */

/* Puts a directory where the next file has to be, and records until that shows. */
static void stop_writing(struct fixture *f, char path[160])
{
    record_many(f, 8);
    assert_int_equal(kmsd_audit_flush(f->trail), KMS_OK);
    uint32_t next = 1;
    do
        path_of(f, KMS_TRAIL_RECORDS, next++, path);
    while (access(path, F_OK) == 0);
    assert_int_equal(mkdir(path, 0700), 0);
    enum kms_err err = KMS_OK;
    for (int i = 0; i < 100 && err == KMS_OK; i++) {
        err = record_one(f, "Encrypt", NULL);
        (void)usleep(10000);
    }
    assert_int_equal(err, KMS_ERR_IO);
    assert_false(kmsd_audit_is_ready(f->trail));
}

static void refuses_what_it_cannot_record(void **state)
{
    struct fixture *f = *state;
    char path[160];
    f->options.file_bytes = 2048;
    open_trail(f);
    stop_writing(f, path);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(kmsd_audit_flush(f->trail), KMS_OK);
    assert_true(kmsd_audit_is_ready(f->trail));
    assert_int_equal(access(path, F_OK), 0);
}

static uint64_t lost_so_far(struct fixture *f)
{
    return kmsd_audit_status(f->trail).lost;
}

/* Until nothing fits into the spool any more; each that does not is counted. */
static void fill_spool(struct fixture *f, struct kms_str details)
{
    const struct kmsd_audit_happening happening = {.event_name = "DeleteKey", .details = details};
    uint64_t before = lost_so_far(f);
    for (int i = 0; i < 100000 && lost_so_far(f) == before; i++)
        (void)!kmsd_audit_happened(f->trail, &happening);
    assert_true(lost_so_far(f) == before + 1);
    assert_int_equal(kmsd_audit_happened(f->trail, &happening), KMS_ERR_IO);
    assert_true(lost_so_far(f) == before + 2);
}

/* What was done and left nothing in the spool is counted, though requests are refused; what was refused is
 * not. */
static void what_was_done_and_lost_is_told_of(void **state)
{
    static char large[64 * 1024];
    struct fixture *f = *state;
    char path[160];
    char told[64];
    (void)snprintf(large, sizeof(large), "{\"x\":\"%0*d\"}", (int)sizeof(large) - 16, 0);
    f->options.file_bytes = 2048;
    open_trail(f);
    stop_writing(f, path);
    assert_true(lost_so_far(f) == 0);
    fill_spool(f, kms_str(large));
    fill_spool(f, kms_str(NULL));
    uint64_t lost = lost_so_far(f);
    for (int i = 0; i < 100 && lost_so_far(f) == lost; i++)
        assert_int_equal(record_one(f, "CreateKey", NULL), KMS_ERR_IO);
    assert_true(lost_so_far(f) == ++lost);
    assert_int_equal(record_one(f, "CreateKey", "ServiceUnavailable"), KMS_ERR_IO);
    assert_true(lost_so_far(f) == lost);

    assert_int_equal(rmdir(path), 0);
    close_trail(f);
    size_t count = 0;
    (void)snprintf(told, sizeof(told), "{\"records\":%llu}", (unsigned long long)lost);
    for (uint32_t file = 1;; file++) {
        path_of(f, KMS_TRAIL_RECORDS, file, path);
        if (access(path, F_OK) != 0)
            break;
        count += count_records(f, file, told);
    }
    assert_int_equal(count, 1);
}

/* --- what makes no record --------------------------------------------------------------------- */

/* Texts that escapes make six times as long: no record has room for them. */
static void what_is_too_large_holds_up_nothing(void **state)
{
    static char odd[KMSD_AUDIT_TEXT_MAX];
    struct fixture *f = *state;
    memset(odd, 1, sizeof(odd));
    const struct kms_str text = {odd, sizeof(odd)};
    const struct kmsd_audit_identity identity = {.who = KMSD_AUDIT_ASSUMED_ROLE,
        .has_session = true,
        .principal_id = text,
        .arn = text,
        .account = text,
        .access_key_id = text,
        .user_name = text,
        .invoked_by = text,
        .provider = text,
        .issuer_type = text,
        .issuer_id = text,
        .issuer_arn = text,
        .issuer_account = text,
        .issuer_name = text,
        .source_identity = text,
        .web_provider = text};
    const struct kmsd_audit_request request = {.event_source = text,
        .event_name = text,
        .identity = &identity,
        .region = text,
        .account = text,
        .source_address = text,
        .user_agent = text,
        .request_id = text,
        .error_code = text,
        .error_message = text,
        .tls_version = text,
        .tls_cipher = text,
        .host = text};
    open_trail(f);
    record_many(f, 1);
    assert_int_equal(kmsd_audit_record(f->trail, &request), KMS_OK);
    record_many(f, 1);
    assert_int_equal(kmsd_audit_flush(f->trail), KMS_OK);
    close_trail(f);
    assert_int_equal(count_records(f, 1, "\"Encrypt\""), 2);
    assert_int_equal(count_records(f, 1, "\"AbandonRecord\""), 1);
    assert_int_equal(count_records(f, 1, "does not make a record"), 1);
}

static void without_its_parameters_it_may_fit(void **state)
{
    static char odd[KMS_TRAIL_RECORD_MAX];
    struct fixture *f = *state;
    memset(odd, 'x', sizeof(odd));
    const struct kmsd_audit_identity nobody = {.who = KMSD_AUDIT_UNKNOWN};
    const struct kmsd_audit_request request = {.event_source = KMS_STR_LITERAL("here"),
        .identity = &nobody,
        .request_parameters = {odd, sizeof(odd)}};
    open_trail(f);
    assert_int_equal(kmsd_audit_record(f->trail, &request), KMS_OK);
    close_trail(f);
    assert_int_equal(count_records(f, 1, "larger than a record may be"), 1);
}

enum { SPOOL_HEAD = 64, SPOOL_RING = 4096, SLOT = 24 };

/* Leaves one record of each kind in the spool, as a kill does, and damages what is said to be damaged. */
static void leave_in_spool(struct fixture *f, bool cuts_request, bool cuts_record)
{
    char path[160];
    uint64_t ends[2]; /* where the ring ends and begins */
    uint32_t len = 0;
    open_trail(f);
    close_trail(f);
    pid_t child = fork();
    if (child == 0) {
        const struct kmsd_audit_happening happening = {.event_name = "RotateKey"};
        struct kmsd_detail detail = {.text = ""};
        f->options.on_failure = KMSD_AUDIT_CONTINUE; /* else a thread that is quick refuses */
        bool ok = kmsd_audit_open(&f->options, &f->trail, &detail) == KMS_OK;
        limit_files(1);
        ok = ok && kmsd_audit_record(f->trail,
                       &(struct kmsd_audit_request){.event_source = KMS_STR_LITERAL("here"),
                           .event_name = KMS_STR_LITERAL("Left"),
                           .identity = &(struct kmsd_audit_identity){.who = KMSD_AUDIT_UNKNOWN}}) ==
                       KMS_OK;
        ok = ok && kmsd_audit_happened(f->trail, &happening) == KMS_OK;
        _exit(ok ? 0 : 1);
    }
    int status = 0;
    assert_true(waitpid(child, &status, 0) == child);
    assert_int_equal(status, 0);
    (void)snprintf(path, sizeof(path), "%s/spool", f->audit);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, ends, sizeof(ends), SPOOL_HEAD), sizeof(ends));
    off_t request_at = SPOOL_RING + (off_t)ends[1];
    assert_int_equal(pread(fd, &len, sizeof(len), request_at), sizeof(len));
    off_t record_at = request_at + SLOT + (off_t)((len + 7) / 8 * 8);
    if (cuts_request)
        assert_int_equal(pwrite(fd, "\xff\xff", 2, request_at + SLOT + 16), 2); /* who it was */
    assert_int_equal(pread(fd, &len, sizeof(len), record_at), sizeof(len));
    if (cuts_record)
        assert_int_equal(pwrite(fd, "|", 1, record_at + SLOT + len - 1), 1); /* its last brace */
    (void)close(fd);
}

static void what_was_left_is_taken_over(void **state)
{
    struct fixture *f = *state;
    leave_in_spool(f, false, false);
    open_trail(f);
    close_trail(f);
    assert_int_equal(count_records(f, 1, "\"Left\""), 1);
    assert_int_equal(count_records(f, 1, "\"RotateKey\""), 1);
    assert_int_equal(count_records(f, 1, "\"AbandonRecord\""), 0);
}

static void what_was_left_and_damaged_holds_up_nothing(void **state)
{
    struct fixture *f = *state;
    leave_in_spool(f, true, false);
    open_trail(f);
    close_trail(f);
    assert_int_equal(count_records(f, 1, "\"Left\""), 0);
    assert_int_equal(count_records(f, 1, "\"RotateKey\""), 1);
    assert_int_equal(count_records(f, 1, "does not make a record"), 1);
    leave_in_spool(f, false, true);
    open_trail(f);
    record_many(f, 1);
    close_trail(f);
    assert_int_equal(count_records(f, 1, "\"Left\""), 1);
    assert_int_equal(count_records(f, 1, "\"RotateKey\""), 1);
    assert_int_equal(count_records(f, 1, "does not make a record"), 2);
    assert_int_equal(count_records(f, 1, "\"Encrypt\""), 1);
}

static void a_spool_given_up_is_told_of(void **state)
{
    struct fixture *f = *state;
    char path[160];
    leave_in_spool(f, false, false);
    (void)snprintf(path, sizeof(path), "%s/spool", f->audit);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "?", 1, 0), 1);
    (void)close(fd);
    open_trail(f);
    close_trail(f);
    assert_int_equal(count_records(f, 1, "\"spoolDamaged\":true"), 1);
}

static void event_ids_tell_their_time(void **state)
{
    (void)state;
    char a[KMS_UUID_SIZE];
    char b[KMS_UUID_SIZE];
    int64_t time_ms = 0;
    kmsd_audit_event_id(INT64_C(1795396373123), a);
    kmsd_audit_event_id(INT64_C(1795396373123), b);
    assert_string_not_equal(a, b);
    assert_true(kms_uuid_is(kms_str(a)) && a[14] == '7' && strchr("89ab", a[19]) != NULL);
    assert_true(kmsd_audit_event_id_time(kms_str(a), &time_ms));
    assert_true(time_ms == INT64_C(1795396373123));
    assert_false(kmsd_audit_event_id_time(kms_str("not an id"), &time_ms));
}

int main(void)
{
#define WITH_TRAIL(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_TRAIL(records_go_on_in_the_same_file),
        WITH_TRAIL(files_are_for_their_owner_alone),
        WITH_TRAIL(records_survive_the_process),
        WITH_TRAIL(half_a_line_is_cut_off),
        WITH_TRAIL(what_was_altered_stays_as_evidence),
        WITH_TRAIL(large_and_old_files_are_closed),
        WITH_TRAIL(a_file_is_closed_once),
        WITH_TRAIL(what_was_not_synced_is_written_again),
        WITH_TRAIL(its_name_is_synced),
        WITH_TRAIL(leaves_nothing_of_a_file_that_cannot_be_made),
        WITH_TRAIL(old_files_go),
        WITH_TRAIL(a_clock_set_back_is_part_of_the_trail),
        WITH_TRAIL(another_root_key_has_another_trail),
        WITH_TRAIL(without_a_folder_it_is_in_memory),
        WITH_TRAIL(always_means_on_disk),
        WITH_TRAIL(threads_share_it),
        WITH_TRAIL(refuses_what_it_cannot_record),
        WITH_TRAIL(what_was_done_and_lost_is_told_of),
        WITH_TRAIL(what_is_too_large_holds_up_nothing),
        WITH_TRAIL(without_its_parameters_it_may_fit),
        WITH_TRAIL(what_was_left_is_taken_over),
        WITH_TRAIL(what_was_left_and_damaged_holds_up_nothing),
        WITH_TRAIL(a_spool_given_up_is_told_of),
        cmocka_unit_test(event_ids_tell_their_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

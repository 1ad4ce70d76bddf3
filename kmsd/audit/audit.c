/*
 * The face of the trail, and its thread. Requests put down in the spool what their records will say and go on; the
 * thread makes records of it, seals and writes them behind, syncs, signs and closes files. Whoever needs the file to be
 * up to date (a look-up, a full spool, sync = always) does the thread's work in its place.
 */
#include "kmsd/audit/audit.h"

#include "kmsd/audit/lookup.h"
#include "kmsd/audit/pack.h"
#include "kmsd/audit/record.h"
#include "kmsd/audit/sink.h"
#include "kmsd/audit/writer.h"
#include "libkms/base/clock.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define NOTE_NAME "configuration"

enum {
    PAUSE_MS = 20,      /* between batches under load */
    RETRY_MS = 500,     /* after a failure */
    EXPIRE_MS = 600000, /* between looks at retention */
};

struct kmsd_audit {
    struct kmsd_audit_options options;
    char folder[4096];
    char account[16];
    char region[64];

    pthread_mutex_t writing; /* guards the writer */
    struct kmsd_writer writer;
    struct kms_trail_drafts *drafts;
    struct kmsd_lookup *lookup;
    struct kmsd_sink *sinks[2]; /* syslog, web hook; NULL: not wanted */
    uint64_t durable;           /* number of the last record that was synced */
    int64_t synced_ms;          /* monotonic */
    int64_t expired_ms;

    pthread_mutex_t lock; /* guards is_asleep's waking and is_stopping */
    pthread_cond_t wake;
    bool is_stopping;
    bool has_thread;
    pthread_t thread;
    atomic_bool is_asleep;

    atomic_bool is_failing;
    _Atomic uint64_t lost;
    uint64_t told_lost; /* how many of them the trail tells of */
};

const struct kmsd_audit_options kmsd_audit_defaults = {
    .sync = KMSD_AUDIT_SYNC_INTERVAL,
    .on_failure = KMSD_AUDIT_REFUSE,
    .sync_interval_ms = 1000,
    .digest_interval_s = 60,
    .file_bytes = 64U << 20,
    .file_age_s = 24 * 60 * 60,
    .retention_days = 90,
    .sink_queue_bytes = 8U << 20,
    .now_ms = kms_clock_now_ms,
};

__attribute__((format(printf, 3, 4))) static void tell(
    const struct kmsd_audit *audit, enum kmsd_audit_severity severity, const char *format, ...)
{
    char text[256];
    va_list args;
    if (audit->options.log == NULL)
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    audit->options.log(severity, text);
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Notes the outcome of writing, and says when it changes. */
static enum kms_err outcome(struct kmsd_audit *audit, enum kms_err err)
{
    bool fails = err != KMS_OK;
    if (atomic_exchange(&audit->is_failing, fails) == fails)
        return err;
    if (fails)
        tell(audit, KMSD_AUDIT_ERROR, "the audit trail can't be written: %s: requests are %s",
            kms_err_text(err),
            audit->options.on_failure == KMSD_AUDIT_REFUSE ? "refused" : "served unrecorded");
    else
        tell(audit, KMSD_AUDIT_WARNING, "the audit trail is being written again");
    return err;
}

/* With audit->writing held. */
static enum kms_err drain(struct kmsd_audit *audit)
{
    return outcome(audit, kmsd_writer_drain(&audit->writer));
}

static enum kms_err sync_files(struct kmsd_audit *audit)
{
    enum kms_err err = kmsd_writer_sync(&audit->writer);
    audit->synced_ms = kms_clock_monotonic_ms();
    if (err != KMS_OK)
        return outcome(audit, err);
    audit->durable = audit->writer.last;
    return KMS_OK;
}

enum kms_err kmsd_audit_flush(struct kmsd_audit *audit)
{
    if (audit == NULL)
        return KMS_OK;
    (void)pthread_mutex_lock(&audit->writing);
    enum kms_err err = drain(audit);
    (void)pthread_mutex_unlock(&audit->writing);
    return err;
}

/* Whoever comes first syncs for all that wait. */
static enum kms_err make_durable(struct kmsd_audit *audit, uint64_t number)
{
    enum kms_err err = KMS_OK;
    (void)pthread_mutex_lock(&audit->writing);
    if (audit->durable < number)
        err = drain(audit);
    if (err == KMS_OK && audit->durable < number)
        err = sync_files(audit);
    (void)pthread_mutex_unlock(&audit->writing);
    return err;
}

/* --- the thread ------------------------------------------------------------------------------- */

/* That records were lost is part of the trail, once it can be written again. With audit->writing held, and
 * all that was in the spool in its file. */
static void tell_loss(struct kmsd_audit *audit)
{
    char details[64];
    uint64_t number = 0;
    uint64_t lost = atomic_load(&audit->lost);
    if (lost == audit->told_lost)
        return;
    KMS_BUF_AUTO record;
    kms_buf_init(&record, KMS_TRAIL_RECORD_MAX);
    (void)snprintf(details, sizeof(details), "{\"records\":%llu}",
        (unsigned long long)(lost - audit->told_lost));
    const struct kmsd_audit_happening happening = {.event_name = "LoseRecords",
        .account = audit->options.account,
        .region = audit->options.region,
        .details = kms_str(details)};
    kmsd_audit_write_happening(&record, &happening, audit->options.now_ms());
    if (record.err != KMS_OK ||
        kmsd_spool_put_record(audit->writer.spool, kms_buf_str(&record), &number) != KMS_OK)
        return; /* next time */
    tell(audit, KMSD_AUDIT_ERROR, "%llu records of the audit trail were lost",
        (unsigned long long)(lost - audit->told_lost));
    audit->told_lost = lost;
}

static void do_duties(struct kmsd_audit *audit)
{
    const struct kmsd_audit_options *options = &audit->options;
    struct kmsd_writer *writer = &audit->writer;
    int64_t now = kms_clock_monotonic_ms();
    int64_t now_ms = options->now_ms();
    enum kms_err err = drain(audit);
    if (err == KMS_OK)
        tell_loss(audit);
    if (err == KMS_OK && now - audit->synced_ms >= (int64_t)options->sync_interval_ms)
        err = sync_files(audit);
    int64_t since_digest = now_ms - writer->digest_ms;
    if (err == KMS_OK &&
        (since_digest < 0 || since_digest >= (int64_t)options->digest_interval_s * 1000))
        err = outcome(audit, kmsd_writer_digest(writer, false));
    if (err == KMS_OK && now - audit->expired_ms >= EXPIRE_MS) {
        uint32_t removed = 0;
        audit->expired_ms = now;
        err = kmsd_writer_expire(writer, now_ms, &removed);
        if (removed != 0)
            tell(
                audit, KMSD_AUDIT_INFO, "%u files of the audit trail were past retention", removed);
        if (err != KMS_OK)
            tell(audit, KMSD_AUDIT_WARNING, "removing old files of the audit trail: %s",
                kms_err_text(err));
    }
}

/* How long the thread may sleep when nothing is put. */
static int64_t next_duty_ms(const struct kmsd_audit *audit)
{
    if (atomic_load(&audit->is_failing))
        return RETRY_MS;
    if (audit->writer.synced_bytes != audit->writer.bytes && audit->writer.folder.fd >= 0)
        return audit->options.sync_interval_ms;
    return audit->options.digest_interval_s * INT64_C(1000);
}

/* With audit->lock held. */
static void wait_for(struct kmsd_audit *audit, int64_t ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_cond_timedwait(&audit->wake, &audit->lock, &until);
}

static void *run(void *arg)
{
    struct kmsd_audit *audit = arg;
    (void)pthread_mutex_lock(&audit->lock);
    while (!audit->is_stopping) {
        (void)pthread_mutex_unlock(&audit->lock);
        (void)pthread_mutex_lock(&audit->writing);
        do_duties(audit);
        int64_t sleep_ms = next_duty_ms(audit);
        (void)pthread_mutex_unlock(&audit->writing);
        (void)pthread_mutex_lock(&audit->lock);
        if (audit->is_stopping)
            break;
        wait_for(audit, PAUSE_MS); /* so that the next batch is worth a system call */
        atomic_store(&audit->is_asleep, true);
        bool is_idle = kmsd_spool_is_empty(audit->writer.spool) || atomic_load(&audit->is_failing);
        if (is_idle && !audit->is_stopping)
            wait_for(audit, sleep_ms);
        atomic_store(&audit->is_asleep, false);
    }
    (void)pthread_mutex_unlock(&audit->lock);
    return NULL;
}

static void rouse(struct kmsd_audit *audit)
{
    if (!atomic_load(&audit->is_asleep) || !atomic_exchange(&audit->is_asleep, false))
        return;
    (void)pthread_mutex_lock(&audit->lock);
    (void)pthread_cond_signal(&audit->wake);
    (void)pthread_mutex_unlock(&audit->lock);
}

/* --- recording -------------------------------------------------------------------------------- */

/* What is to be put: a request, or the text of a record. */
struct wanted {
    const struct kmsd_audit_packing *packing; /* NULL: record */
    struct kms_str record;
    bool was_done; /* false: it was refused or failed, so that nothing came of it */
};

static enum kms_err put_once(
    struct kmsd_spool *spool, const struct wanted *wanted, uint64_t *number)
{
    struct kmsd_spool_place place;
    if (wanted->packing == NULL)
        return kmsd_spool_put_record(spool, wanted->record, number);
    enum kms_err err = kmsd_spool_begin(spool, KMSD_SPOOL_REQUEST, wanted->packing->size, &place);
    if (err != KMS_OK)
        return err;
    kmsd_audit_pack(wanted->packing, place.data);
    kmsd_spool_put(&place);
    *number = place.number;
    return KMS_OK;
}

/* A full spool is emptied here and now. One record that a thread has begun to put and not finished
 * holds up all after it, so that may take until that thread runs again. */
static enum kms_err put_into_spool(
    struct kmsd_audit *audit, const struct wanted *wanted, uint64_t *number)
{
    enum kms_err err = put_once(audit->writer.spool, wanted, number);
    while (err == KMS_ERR_BUSY && !atomic_load(&audit->is_failing)) {
        err = kmsd_audit_flush(audit);
        (void)sched_yield();
        if (err == KMS_OK)
            err = put_once(audit->writer.spool, wanted, number);
    }
    return err;
}

/* Nothing of it reached the spool. What was refused for just that reason is no loss; what was done all the
 * same, by a request under way or by kmsd itself, is one in either mode. */
static enum kms_err lose(struct kmsd_audit *audit, const struct wanted *wanted)
{
    bool goes_on = audit->options.on_failure == KMSD_AUDIT_CONTINUE;
    if (goes_on || wanted->was_done)
        atomic_fetch_add(&audit->lost, 1);
    return goes_on ? KMS_OK : KMS_ERR_IO;
}

static enum kms_err put(struct kmsd_audit *audit, const struct wanted *wanted)
{
    uint64_t number = 0;
    enum kms_err err = put_into_spool(audit, wanted, &number);
    if (err != KMS_OK)
        return lose(audit, wanted);
    if (audit->options.sync == KMSD_AUDIT_SYNC_ALWAYS)
        err = make_durable(audit, number);
    else
        rouse(audit);
    /* it is in the spool, and will be in the file; but nothing is answered while that can't be
     * shown */
    if (err == KMS_OK && !kmsd_audit_is_ready(audit))
        err = KMS_ERR_IO;
    return audit->options.on_failure == KMSD_AUDIT_CONTINUE ? KMS_OK : err;
}

enum kms_err kmsd_audit_record(struct kmsd_audit *audit, const struct kmsd_audit_request *request)
{
    if (audit == NULL)
        return KMS_OK;
    struct kmsd_audit_request full = *request;
    if (full.region.data == NULL)
        full.region = audit->options.region;
    if (full.account.data == NULL)
        full.account =
            full.identity->account.data != NULL ? full.identity->account : audit->options.account;
    struct kmsd_audit_packing packing;
    kmsd_audit_pack_begin(&full, &packing);
    if (packing.size > KMS_TRAIL_RECORD_MAX) {
        kmsd_audit_omit_parameters(&full);
        kmsd_audit_pack_begin(&full, &packing);
    }
    return put(
        audit, &(struct wanted){.packing = &packing, .was_done = request->error_code.data == NULL});
}

enum kms_err kmsd_audit_happened(
    struct kmsd_audit *audit, const struct kmsd_audit_happening *happening)
{
    if (audit == NULL)
        return KMS_OK;
    struct kmsd_audit_happening full = *happening;
    KMS_BUF_AUTO record;
    kms_buf_init(&record, KMS_TRAIL_RECORD_MAX);
    if (full.account.data == NULL)
        full.account = audit->options.account;
    if (full.region.data == NULL)
        full.region = audit->options.region;
    kmsd_audit_write_happening(&record, &full, audit->options.now_ms());
    if (record.err != KMS_OK)
        return record.err;
    return put(audit, &(struct wanted){.record = kms_buf_str(&record),
                          .was_done = happening->error_code.data == NULL});
}

bool kmsd_audit_is_ready(const struct kmsd_audit *audit)
{
    return kmsd_audit_is_writing(audit) || audit->options.on_failure == KMSD_AUDIT_CONTINUE;
}

bool kmsd_audit_is_writing(const struct kmsd_audit *audit)
{
    return audit == NULL || !atomic_load_explicit(&audit->is_failing, memory_order_relaxed);
}

enum kms_err kmsd_audit_read_note(struct kmsd_audit *audit, struct kms_buf *out)
{
    return kmsd_folder_read(&audit->writer.folder, NOTE_NAME, out);
}

enum kms_err kmsd_audit_write_note(struct kmsd_audit *audit, struct kms_str text)
{
    return kmsd_folder_write(
        &audit->writer.folder, NOTE_NAME, kms_bytes(text.data, text.len), S_IRUSR | S_IWUSR);
}

struct kmsd_audit_status kmsd_audit_status(struct kmsd_audit *audit)
{
    (void)pthread_mutex_lock(&audit->writing);
    struct kmsd_audit_status status = {
        .is_writing = !atomic_load(&audit->is_failing),
        .records = audit->writer.last,
        .lost = atomic_load(&audit->lost),
    };
    (void)pthread_mutex_unlock(&audit->writing);
    for (size_t i = 0; i < sizeof(audit->sinks) / sizeof(audit->sinks[0]); i++) {
        struct kmsd_sink_status sink = {.sent = 0};
        if (audit->sinks[i] != NULL)
            sink = kmsd_sink_status(audit->sinks[i]);
        status.sink_sent += sink.sent;
        status.sink_lost += sink.lost;
    }
    return status;
}

/* --- life ------------------------------------------------------------------------------------- */

/* What was found on opening belongs into the trail, beside the log. */
static enum kms_err report(struct kmsd_audit *audit, const struct kmsd_writer_found *found)
{
    char details[256];
    bool lost_spool = found->spool.has_power_loss || found->spool.is_damaged;
    bool is_damaged = found->damaged != 0;
    if (!lost_spool && !is_damaged && found->torn_bytes == 0 && found->recovered == 0)
        return KMS_OK;
    (void)snprintf(details, sizeof(details),
        "{\"recordsTakenOver\":%llu,\"tornBytesRemoved\":%llu,\"restartOfTheMachine\":%s,"
        "\"spoolDamaged\":%s,\"damagedFile\":%u,\"damagedRecord\":%llu}",
        (unsigned long long)found->recovered, (unsigned long long)found->torn_bytes,
        found->spool.has_power_loss ? "true" : "false", found->spool.is_damaged ? "true" : "false",
        found->damaged, (unsigned long long)found->damaged_record);
    if (is_damaged)
        tell(audit, KMSD_AUDIT_ERROR,
            "file %u of the audit trail does not verify from record %llu on: it stays as it is, "
            "and a new file is begun",
            found->damaged, (unsigned long long)found->damaged_record);
    else
        tell(audit, KMSD_AUDIT_WARNING, "the audit trail was not closed: %llu records taken over",
            (unsigned long long)found->recovered);
    if (found->spool.is_damaged)
        tell(audit, KMSD_AUDIT_ERROR,
            "the spool of the audit trail was damaged: records that were in it are lost");
    const struct kmsd_audit_happening happening = {
        .event_name = "RecoverAuditTrail", .details = kms_str(details)};
    return kmsd_audit_happened(audit, &happening);
}

static enum kms_err start_thread(struct kmsd_audit *audit)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return KMS_ERR_NO_MEMORY;
    bool ok = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
              pthread_mutex_init(&audit->writing, NULL) == 0 &&
              pthread_mutex_init(&audit->lock, NULL) == 0 &&
              pthread_cond_init(&audit->wake, &attributes) == 0;
    (void)pthread_condattr_destroy(&attributes);
    if (!ok || pthread_create(&audit->thread, NULL, run, audit) != 0)
        return KMS_ERR_NO_MEMORY;
    audit->has_thread = true;
    return KMS_OK;
}

static struct kms_str keep(struct kms_str text, char *out, size_t size)
{
    (void)snprintf(out, size, "%.*s", (int)text.len, text.data == NULL ? "" : text.data);
    return text.data == NULL ? text : kms_str(out);
}

static void say_of_sink(void *context, bool is_bad, const char *text)
{
    tell(context, is_bad ? KMSD_AUDIT_ERROR : KMSD_AUDIT_WARNING, "%s", text);
}

static void pass_on(void *context, struct kms_str lines)
{
    struct kmsd_audit *audit = context;
    for (size_t i = 0; i < sizeof(audit->sinks) / sizeof(audit->sinks[0]); i++)
        kmsd_sink_put(audit->sinks[i], lines);
}

static enum kms_err open_sinks(struct kmsd_audit *audit, struct kmsd_detail *detail)
{
    const struct kmsd_audit_options *wanted = &audit->options;
    struct kmsd_sink_options options = {.queue_bytes = wanted->sink_queue_bytes,
        .log_path = wanted->syslog,
        .say = say_of_sink,
        .context = audit};
    enum kms_err err = wanted->syslog != NULL ? kmsd_sink_open(&options, &audit->sinks[0]) : KMS_OK;
    options.webhook = wanted->webhook;
    if (err == KMS_OK && wanted->webhook != NULL)
        err = kmsd_sink_open(&options, &audit->sinks[1]);
    if (err == KMS_ERR_CONFIG)
        kmsd_detail_set(
            detail, "the audit trail's web hook %.200s is no http or https URL", wanted->webhook);
    audit->writer.written = pass_on;
    audit->writer.context = audit;
    return err;
}

enum kms_err kmsd_audit_find(struct kmsd_audit *audit, const struct kms_trail_query *query,
    kms_trail_visit *visit, void *context, uint64_t *next)
{
    enum kms_err err = kmsd_audit_flush(audit);
    return err == KMS_OK ? kmsd_lookup_find(audit->lookup, query, visit, context, next) : err;
}

enum kms_err kmsd_audit_open(
    const struct kmsd_audit_options *options, struct kmsd_audit **out, struct kmsd_detail *detail)
{
    struct kmsd_writer_found found;
    struct kmsd_audit *audit = calloc(1, sizeof(*audit));
    if (audit == NULL || kms_trail_drafts_new(&audit->drafts) != KMS_OK) {
        free(audit);
        return KMS_ERR_NO_MEMORY;
    }
    audit->options = *options;
    audit->options.account = keep(options->account, audit->account, sizeof(audit->account));
    audit->options.region = keep(options->region, audit->region, sizeof(audit->region));
    if (options->folder != NULL)
        audit->options.folder =
            keep(kms_str(options->folder), audit->folder, sizeof(audit->folder)).data;
    audit->synced_ms = kms_clock_monotonic_ms();
    enum kms_err err =
        kmsd_writer_open(&audit->writer, &audit->options, audit->drafts, &found, detail);
    if (err == KMS_OK) {
        audit->durable = audit->writer.last;
        err = open_sinks(audit, detail);
    }
    if (err == KMS_OK)
        err = start_thread(audit);
    if (err == KMS_OK)
        err = report(audit, &found);
    if (err == KMS_OK)
        err = kmsd_lookup_open(&audit->writer.folder, audit->drafts, &audit->lookup);
    if (err == KMS_OK)
        err = kmsd_audit_flush(audit);
    if (err != KMS_OK) {
        if (detail != NULL && detail->text[0] == '\0')
            kmsd_detail_set(detail, "opening the audit trail: %s", kms_err_text(err));
        kmsd_audit_close(audit);
        return err;
    }
    *out = audit;
    return KMS_OK;
}

void kmsd_audit_close(struct kmsd_audit *audit)
{
    if (audit == NULL)
        return;
    kmsd_lookup_close(audit->lookup);
    if (audit->has_thread) {
        (void)pthread_mutex_lock(&audit->lock);
        audit->is_stopping = true;
        (void)pthread_cond_signal(&audit->wake);
        (void)pthread_mutex_unlock(&audit->lock);
        (void)pthread_join(audit->thread, NULL);
        if (drain(audit) == KMS_OK)
            tell_loss(audit);
        if (drain(audit) != KMS_OK ||
            outcome(audit, kmsd_writer_digest(&audit->writer, false)) != KMS_OK)
            tell(audit, KMSD_AUDIT_ERROR, "the audit trail could not be closed in order");
        (void)pthread_cond_destroy(&audit->wake);
        (void)pthread_mutex_destroy(&audit->lock);
        (void)pthread_mutex_destroy(&audit->writing);
    }
    kmsd_writer_clean_up(&audit->writer);
    for (size_t i = 0; i < sizeof(audit->sinks) / sizeof(audit->sinks[0]); i++)
        kmsd_sink_close(audit->sinks[i]);
    kms_trail_drafts_free(audit->drafts);
    free(audit);
}

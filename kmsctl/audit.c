/* kmsctl audit ...: an audit trail in a local directory, with or without the daemon that writes it. */
#include "kmsctl/input.h"
#include "kmsctl/output.h"
#include "kmsctl/verbs.h"
#include "libkms/base/clock.h"
#include "libkms/base/encoding.h"
#include "libkms/trail/find.h"
#include "libkms/trail/lines.h"
#include "libkms/trail/verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, KEY_TEXT_MAX = 16384, RECORDS_MAX = 10000, DEFAULT_RECORDS = 50 };

#define PUBLIC_KEY_NAME "public-key.pem"

/* --- the directory ---------------------------------------------------------------------------- */

struct folder {
    int fd;
    const char *path;
};

static void close_folder(struct folder *folder)
{
    if (folder->fd >= 0)
        (void)close(folder->fd);
}
#define FOLDER_AUTO __attribute__((cleanup(close_folder))) struct folder

static enum kmsctl_exit open_folder(
    struct kmsctl_app *app, const struct kmsctl_args *args, struct folder *out)
{
    out->path = kmsctl_args_argument(args, 0);
    out->fd = open(out->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return out->fd < 0 ? kmsctl_fail_errno(&app->failure, errno, out->path) : KMSCTL_OK;
}

static enum kms_err open_file(void *context, enum kms_trail_file_kind kind, uint32_t file, int *fd)
{
    const struct folder *folder = context;
    char name[KMS_TRAIL_NAME_SIZE];
    kms_trail_file_name(kind, file, name);
    int opened = openat(folder->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (opened < 0)
        return errno == ENOENT ? KMS_ERR_NOT_FOUND : KMS_ERR_IO;
    *fd = opened;
    return KMS_OK;
}

static enum kms_err range(void *context, uint32_t *lowest, uint32_t *highest)
{
    const struct folder *folder = context;
    int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry = NULL;
    if (list == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return KMS_ERR_IO;
    }
    *lowest = 0;
    *highest = 0;
    while ((entry = readdir(list)) != NULL) {
        enum kms_trail_file_kind kind;
        uint32_t file = 0;
        if (!kms_trail_file_parse(entry->d_name, &kind, &file) || kind != KMS_TRAIL_RECORDS)
            continue;
        *lowest = *lowest == 0 || file < *lowest ? file : *lowest;
        *highest = file > *highest ? file : *highest;
    }
    (void)closedir(list);
    return KMS_OK;
}

static enum kmsctl_exit fail_trail(
    struct kmsctl_app *app, const struct folder *folder, enum kms_err err)
{
    if (err == KMS_ERR_NO_MEMORY)
        return kmsctl_fail_memory(&app->failure);
    if (err == KMS_ERR_NOT_FOUND)
        return kmsctl_fail(
            &app->failure, KMSCTL_NOT_FOUND, "%s has no audit trail in it", folder->path);
    return kmsctl_fail(&app->failure, KMSCTL_IO, "%s: %s", folder->path, kms_err_text(err));
}

/* --- verify ----------------------------------------------------------------------------------- */

static void print_finding(void *context, const struct kms_trail_finding *finding)
{
    FILE *out = context;
    (void)fprintf(out, "%s: %s%s", finding->is_note ? "note" : "bad", finding->file,
        finding->file[0] == '\0' ? "" : ": ");
    if (finding->record != 0)
        (void)fprintf(out, "from record %" PRIu64 " on: ", finding->record);
    (void)fprintf(out, "%s\n", finding->text);
}

/* The key to trust: a file of the caller's own, or for want of one what lies beside the trail. */
static enum kmsctl_exit read_key(struct kmsctl_app *app, const struct kmsctl_args *args,
    const struct folder *folder, struct kms_trail_key **out)
{
    char path[PATH_SIZE];
    uint8_t text[KEY_TEXT_MAX];
    const char *given = kmsctl_args_value(args, KMSCTL_OPT_PUBLIC_KEY);
    (void)snprintf(path, sizeof(path), "%s/" PUBLIC_KEY_NAME, folder->path);
    if (given == NULL)
        given = path;
    int fd = open(given, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text));
    int error = errno;
    if (fd >= 0)
        (void)close(fd);
    if (len < 0)
        return kmsctl_fail_errno(&app->failure, error, given);
    if (kms_trail_key_read(kms_bytes(text, (size_t)len), out) != KMS_OK)
        return kmsctl_fail(&app->failure, KMSCTL_BAD_INPUT, "%s is no Ed25519 public key", given);
    return KMSCTL_OK;
}

/* "12:3f..." */
static enum kmsctl_exit read_head(
    struct kmsctl_app *app, const char *text, struct kms_trail_verification *out)
{
    char *end = NULL;
    if (text == NULL)
        return KMSCTL_OK;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || number == 0 || *end != ':' || strlen(end + 1) != 2 * KMS_SHA256_SIZE ||
        kms_hex_decode(kms_str(end + 1), out->head_hash.bytes) != KMS_OK)
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "--head takes NUMBER:HASH, as an earlier verification printed it");
    out->head_number = number;
    return KMSCTL_OK;
}

static void print_summary(FILE *out, const struct kms_trail_summary *summary)
{
    char hash[2 * KMS_SHA256_SIZE + 1];
    kms_hex_encode(kms_bytes(summary->head_hash.bytes, KMS_SHA256_SIZE), hash);
    (void)fprintf(out,
        "%s: %" PRIu32 " files, records %" PRIu64 " to %" PRIu64 ", signed up to %" PRIu64 "\n",
        summary->findings == 0 ? "sound" : "not sound", summary->files, summary->first_record,
        summary->last_record, summary->signed_up_to);
    (void)fprintf(out, "head: %" PRIu64 ":%s\n", summary->head_number, hash);
}

enum kmsctl_exit kmsctl_audit_verify(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    FOLDER_AUTO folder = {.fd = -1};
    struct kms_trail_key *key = NULL;
    struct kms_trail_summary summary;
    struct kms_trail_verification verification = {
        .accepts_clock_changes = kmsctl_args_has(args, KMSCTL_OPT_ACCEPT_CLOCK_CHANGES),
        .report = print_finding,
        .context = app->out,
    };
    enum kmsctl_exit status =
        read_head(app, kmsctl_args_value(args, KMSCTL_OPT_HEAD), &verification);
    if (status == KMSCTL_OK)
        status = open_folder(app, args, &folder);
    if (status == KMSCTL_OK)
        status = read_key(app, args, &folder, &key);
    if (status != KMSCTL_OK)
        return status;
    verification.folder = folder.fd;
    verification.key = key;
    enum kms_err err = kms_trail_verify(&verification, &summary);
    kms_trail_key_free(key);
    if (err != KMS_OK)
        return fail_trail(app, &folder, err);
    print_summary(app->out, &summary);
    if (summary.findings != 0)
        return kmsctl_fail(&app->failure, KMSCTL_BAD_INPUT,
            "%s is not as it was written: %" PRIu64 " findings", folder.path, summary.findings);
    return KMSCTL_OK;
}

/* --- look-ups --------------------------------------------------------------------------------- */

/* A time in RFC 3339, or a day. */
static enum kmsctl_exit read_time(
    struct kmsctl_app *app, const char *text, const char *what, int64_t *out)
{
    char full[64];
    if (text == NULL)
        return KMSCTL_OK;
    bool is_day = strlen(text) == 10;
    (void)snprintf(full, sizeof(full), "%.40s%s", text, is_day ? "T00:00:00Z" : "");
    if (kms_time_parse_rfc3339(kms_str(full), out) != KMS_OK)
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "--%s takes a time such as 2026-11-23T04:37:52Z, or a day", what);
    return KMSCTL_OK;
}

static struct kms_str text_of(const struct kmsctl_args *args, enum kmsctl_option_id id)
{
    return kms_str(kmsctl_args_value(args, id));
}

static enum kmsctl_exit read_query(
    struct kmsctl_app *app, const struct kmsctl_args *args, struct kms_trail_query *query)
{
    long limit = DEFAULT_RECORDS;
    const char *limit_text = kmsctl_args_value(args, KMSCTL_OPT_LIMIT);
    struct kms_str principal = text_of(args, KMSCTL_OPT_PRINCIPAL);
    bool is_arn = principal.len > 4 && memcmp(principal.data, "arn:", 4) == 0;
    *query = (struct kms_trail_query){.to_ms = INT64_MAX / 2};
    query->terms[KMS_TRAIL_RESOURCE] = text_of(args, KMSCTL_OPT_KEY);
    query->terms[is_arn ? KMS_TRAIL_PRINCIPAL : KMS_TRAIL_USER_NAME] = principal;
    query->terms[KMS_TRAIL_EVENT_NAME] = text_of(args, KMSCTL_OPT_OPERATION);
    query->terms[KMS_TRAIL_ERROR] = text_of(args, KMSCTL_OPT_ERROR);
    enum kmsctl_exit status =
        read_time(app, kmsctl_args_value(args, KMSCTL_OPT_SINCE), "since", &query->from_ms);
    if (status == KMSCTL_OK)
        status = read_time(app, kmsctl_args_value(args, KMSCTL_OPT_UNTIL), "until", &query->to_ms);
    if (status == KMSCTL_OK && limit_text != NULL)
        status = kmsctl_args_number(limit_text, "--limit", 1, RECORDS_MAX, &limit, &app->failure);
    query->max = (size_t)limit;
    return status;
}

/* A value as it stands in a record, readable again. */
static json_t *plain_of(struct kms_str escaped)
{
    KMS_BUF_AUTO text;
    kms_buf_init(&text, KMS_TRAIL_RECORD_MAX);
    if (escaped.data == NULL || kms_trail_unescape(&text, escaped) != KMS_OK)
        return json_null();
    return kmsctl_json_str(kms_buf_str(&text));
}

static json_t *record_of(struct kms_str record)
{
    KMS_BUF_AUTO text;
    kms_buf_init(&text, KMS_TRAIL_RECORD_MAX + 1);
    kms_buf_append_str(&text, record);
    kms_buf_append_u8(&text, '}');
    return text.err != KMS_OK ? NULL : json_loadb((const char *)text.data, text.len, 0, NULL);
}

static enum kms_err add_row(void *context, struct kms_str record, const struct kms_trail_seal *seal,
    const struct kms_trail_fields *f)
{
    json_t *rows = context;
    json_t *row = json_object();
    struct kms_str arn = f->resource_count == 0 ? kms_str(NULL) : f->resources[0].arn;
    bool ok = row != NULL &&
              kmsctl_json_add(row, "Number", json_integer((json_int_t)seal->number)) &&
              kmsctl_json_add(row, "Time", plain_of(f->event_time)) &&
              kmsctl_json_add(row, "Operation", plain_of(f->event_name)) &&
              kmsctl_json_add(row, "Principal",
                  plain_of(f->principal_arn.data != NULL ? f->principal_arn : f->user_name)) &&
              kmsctl_json_add(row, "Error", plain_of(f->error_code)) &&
              kmsctl_json_add(row, "Resource", plain_of(arn)) &&
              kmsctl_json_add(row, "Record", record_of(record));
    if (ok)
        ok = json_array_append_new(rows, row) == 0;
    else
        json_decref(row);
    return ok ? KMS_OK : KMS_ERR_NO_MEMORY;
}

static enum kms_err find_rows(struct folder *folder, struct kms_trail_query *query, json_t *rows)
{
    const struct kms_trail_source source = {.open = open_file, .range = range, .context = folder};
    size_t wanted = query->max;
    uint64_t next = 0;
    enum kms_err err = KMS_OK;
    do {
        query->max = wanted - json_array_size(rows);
        err = kms_trail_find(&source, query, add_row, rows, &next);
        query->below = next;
    } while (err == KMS_OK && next != 0 && json_array_size(rows) < wanted);
    return err;
}

/* The oldest first: a log is read downwards. */
static void turn(json_t *rows)
{
    size_t count = json_array_size(rows);
    for (size_t i = 0; i + 1 < count; i++) {
        json_t *last = json_incref(json_array_get(rows, count - 1));
        (void)json_array_remove(rows, count - 1);
        (void)json_array_insert_new(rows, i, last);
    }
}

static enum kmsctl_exit look_up(
    struct kmsctl_app *app, const struct kmsctl_args *args, bool oldest_first)
{
    static const char *const columns[] = {"Time", "Operation", "Principal", "Error", "Resource"};
    FOLDER_AUTO folder = {.fd = -1};
    struct kms_trail_query query;
    json_auto_t *result = json_object();
    json_t *rows = json_array(); /* the result's */
    enum kmsctl_exit status = read_query(app, args, &query);
    if (!kmsctl_json_add(result, "Records", rows))
        return kmsctl_fail_memory(&app->failure);
    if (status == KMSCTL_OK)
        status = open_folder(app, args, &folder);
    if (status != KMSCTL_OK)
        return status;
    enum kms_err err = find_rows(&folder, &query, rows);
    if (err != KMS_OK)
        return fail_trail(app, &folder, err);
    if (oldest_first)
        turn(rows);
    return kmsctl_print_rows(app, result, "Records", columns, sizeof(columns) / sizeof(columns[0]));
}

enum kmsctl_exit kmsctl_audit_lookup(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    return look_up(app, args, false);
}

enum kmsctl_exit kmsctl_audit_tail(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    return look_up(app, args, true);
}

/* --- export ----------------------------------------------------------------------------------- */

static enum kms_err export_file(FILE *out, int fd, const struct kms_trail_filter *filter)
{
    struct kms_trail_lines lines;
    struct kms_str line;
    struct kms_str record;
    struct kms_trail_seal seal;
    struct kms_trail_fields fields;
    enum kms_err err = KMS_OK;
    kms_trail_lines_init(&lines, fd, 0, UINT64_MAX);
    while ((err = kms_trail_lines_next(&lines, &line)) == KMS_OK) {
        if (kms_trail_record_parse(line, &seal, &record) != KMS_OK ||
            kms_trail_scan(line, &fields) != KMS_OK)
            continue; /* the head, or damage, which verify names */
        if (!kms_trail_filter_passes(filter, &fields, &seal))
            continue;
        if (fwrite(record.data, 1, record.len, out) != record.len || fputs("}\n", out) < 0) {
            err = KMS_ERR_IO;
            break;
        }
    }
    kms_trail_lines_clean_up(&lines);
    return err == KMS_ERR_NOT_FOUND || err == KMS_ERR_TRUNCATED ? KMS_OK : err;
}

static enum kms_err export_files(
    FILE *out, struct folder *folder, const struct kms_trail_filter *filter)
{
    uint32_t lowest = 0;
    uint32_t highest = 0;
    enum kms_err err = range(folder, &lowest, &highest);
    if (err == KMS_OK && lowest == 0)
        err = KMS_ERR_NOT_FOUND;
    for (uint64_t file = lowest; err == KMS_OK && file <= highest; file++) {
        int fd = -1;
        err = open_file(folder, KMS_TRAIL_RECORDS, (uint32_t)file, &fd);
        if (err == KMS_ERR_NOT_FOUND) {
            err = KMS_OK; /* verify says that it is missing */
            continue;
        }
        if (err == KMS_OK)
            err = export_file(out, fd, filter);
        if (fd >= 0)
            (void)close(fd);
    }
    return err;
}

enum kmsctl_exit kmsctl_audit_export(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    FOLDER_AUTO folder = {.fd = -1};
    struct kms_trail_query query;
    struct kms_trail_filter filter;
    enum kmsctl_exit status = read_query(app, args, &query);
    if (status == KMSCTL_OK)
        status = open_folder(app, args, &folder);
    if (status != KMSCTL_OK)
        return status;
    enum kms_err err = kms_trail_filter_init(&filter, &query);
    if (err == KMS_OK)
        err = export_files(app->out, &folder, &filter);
    kms_trail_filter_clean_up(&filter);
    return err == KMS_OK ? KMSCTL_OK : fail_trail(app, &folder, err);
}

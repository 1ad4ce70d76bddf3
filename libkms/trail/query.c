#include "libkms/trail/query.h"

#include "libkms/base/clock.h"

#include <endian.h>

enum { TERM_TEXT_MAX = 4096 };

/* --- values of records ------------------------------------------------------------------------ */

/* "arn:aws:kms:REGION:ACCOUNT:key/ID" */
static struct kms_str account_of(struct kms_str arn)
{
    size_t colons = 0;
    size_t from = 0;
    for (size_t i = 0; i < arn.len; i++) {
        if (arn.data[i] != ':')
            continue;
        if (++colons == 4)
            from = i + 1;
        else if (colons == 5)
            return (struct kms_str){arn.data + from, i - from};
    }
    return kms_str(NULL);
}

static struct kms_str id_of(struct kms_str arn)
{
    const char *slash = arn.len == 0 ? NULL : memrchr(arn.data, '/', arn.len);
    size_t from = slash == NULL ? 0 : (size_t)(slash - arn.data) + 1;
    const char *colon = arn.len == from ? NULL : memrchr(arn.data + from, ':', arn.len - from);
    size_t at = colon == NULL ? from : (size_t)(colon - arn.data) + 1;
    return at == 0 ? kms_str(NULL) : (struct kms_str){arn.data + at, arn.len - at};
}

int64_t kms_trail_event_time(
    const struct kms_trail_fields *fields, const struct kms_trail_seal *seal)
{
    int64_t time_ms = 0;
    if (fields->event_time.data == NULL ||
        kms_time_parse_rfc3339(fields->event_time, &time_ms) != KMS_OK)
        return seal->written_ms;
    return time_ms;
}

/* --- in short --------------------------------------------------------------------------------- */

static uint64_t word_at(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return le64toh(word);
}

/* The last bytes of a text, fewer than a word has, and zeros behind them. */
static uint64_t last_word(struct kms_str text, size_t count)
{
    uint64_t word = 0;
    if (text.len >= sizeof(word)) /* with bytes before them, which fall out */
        return word_at(text.data + text.len - sizeof(word)) >> 8 * (sizeof(word) - count);
    for (size_t i = 0; i < count; i++)
        word |= (uint64_t)(uint8_t)text.data[text.len - count + i] << 8 * i;
    return word;
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

uint32_t kms_trail_term_hash(enum kms_trail_term term, struct kms_str text)
{
    uint64_t hash = ((uint64_t)term + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ text.len;
    size_t at = 0;
    for (; text.len - at >= sizeof(uint64_t); at += sizeof(uint64_t))
        hash = mix(hash, word_at(text.data + at));
    if (at < text.len)
        hash = mix(hash, last_word(text, text.len - at));
    uint32_t folded = (uint32_t)(hash ^ hash >> 32);
    return folded == 0 ? 1 : folded;
}

static void take(struct kms_trail_gist *gist, enum kms_trail_term term, struct kms_str text)
{
    gist->terms[gist->count++] = kms_trail_term_hash(term, text);
}

void kms_trail_gist_of(
    const struct kms_trail_fields *fields, int64_t time_ms, struct kms_trail_gist *out)
{
    const struct {
        enum kms_trail_term term;
        struct kms_str text;
    } own[] = {
        {KMS_TRAIL_EVENT_NAME, fields->event_name},
        {KMS_TRAIL_EVENT_SOURCE, fields->event_source},
        {KMS_TRAIL_USER_NAME, fields->user_name},
        {KMS_TRAIL_PRINCIPAL, fields->principal_arn},
        {KMS_TRAIL_ACCESS_KEY, fields->access_key_id},
        {KMS_TRAIL_ACCOUNT, fields->account},
        {KMS_TRAIL_ERROR, fields->error_code},
        {KMS_TRAIL_ERROR, kms_str(fields->error_code.data == NULL ? NULL : "*")},
    };
    _Static_assert(sizeof(own) / sizeof(own[0]) <= KMS_TRAIL_TERM_COUNT, "they fit into a gist");
    out->time_ms = time_ms;
    out->count = 0;
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (own[i].text.data != NULL)
            take(out, own[i].term, own[i].text);
    }
    for (size_t i = 0; i < fields->resource_count; i++) {
        const struct kms_trail_resource *resource = &fields->resources[i];
        take(out, KMS_TRAIL_RESOURCE, resource->arn);
        take(out, KMS_TRAIL_RESOURCE, id_of(resource->arn));
        take(out, KMS_TRAIL_RESOURCE_TYPE, resource->type);
        take(out, KMS_TRAIL_ACCOUNT, account_of(resource->arn));
    }
}

enum kms_err kms_trail_gist_read(struct kms_str line, uint64_t *number, struct kms_trail_gist *out)
{
    struct kms_trail_seal seal;
    struct kms_trail_fields fields;
    struct kms_str record;
    if (kms_trail_record_parse(line, &seal, &record) != KMS_OK ||
        kms_trail_scan(line, &fields) != KMS_OK)
        return KMS_ERR_SYNTAX;
    *number = seal.number;
    kms_trail_gist_of(&fields, kms_trail_event_time(&fields, &seal), out);
    return KMS_OK;
}

/* --- filters ---------------------------------------------------------------------------------- */

enum kms_err kms_trail_filter_init(
    struct kms_trail_filter *filter, const struct kms_trail_query *query)
{
    size_t ends[KMS_TRAIL_TERM_COUNT + 1] = {0};
    *filter = (struct kms_trail_filter){.query = query};
    kms_buf_init(&filter->text, (size_t)KMS_TRAIL_TERM_COUNT * 6 * TERM_TEXT_MAX);
    for (int term = 0; term < KMS_TRAIL_TERM_COUNT; term++) {
        if (query->terms[term].len > TERM_TEXT_MAX)
            return KMS_ERR_LIMIT;
        kms_trail_escape(&filter->text, query->terms[term]);
        ends[term + 1] = filter->text.len;
    }
    struct kms_str all = kms_buf_str(&filter->text); /* it stays where it is from here on */
    for (int term = 0; term < KMS_TRAIL_TERM_COUNT; term++) {
        if (query->terms[term].data != NULL)
            filter->terms[term] =
                (struct kms_str){all.data + ends[term], ends[term + 1] - ends[term]};
    }
    return filter->text.err;
}

void kms_trail_filter_clean_up(struct kms_trail_filter *filter)
{
    kms_buf_clean_up(&filter->text);
}

static bool holds_of_resource(
    const struct kms_trail_resource *resource, enum kms_trail_term term, struct kms_str wanted)
{
    switch (term) {
    case KMS_TRAIL_RESOURCE:
        return kms_str_eq(resource->arn, wanted) || kms_str_eq(id_of(resource->arn), wanted);
    case KMS_TRAIL_RESOURCE_TYPE:
        return kms_str_eq(resource->type, wanted);
    default:
        return kms_str_eq(account_of(resource->arn), wanted);
    }
}

static bool holds(const struct kms_trail_fields *f, enum kms_trail_term term, struct kms_str wanted)
{
    switch (term) {
    case KMS_TRAIL_EVENT_NAME:
        return kms_str_eq(f->event_name, wanted);
    case KMS_TRAIL_EVENT_SOURCE:
        return kms_str_eq(f->event_source, wanted);
    case KMS_TRAIL_USER_NAME:
        return kms_str_eq(f->user_name, wanted);
    case KMS_TRAIL_PRINCIPAL:
        return kms_str_eq(f->principal_arn, wanted);
    case KMS_TRAIL_ACCESS_KEY:
        return kms_str_eq(f->access_key_id, wanted);
    case KMS_TRAIL_ERROR:
        return f->error_code.data != NULL &&
               (kms_str_is(wanted, "*") || kms_str_eq(f->error_code, wanted));
    default:
        break;
    }
    if (term == KMS_TRAIL_ACCOUNT && kms_str_eq(f->account, wanted))
        return true;
    for (size_t i = 0; i < f->resource_count; i++) {
        if (holds_of_resource(&f->resources[i], term, wanted))
            return true;
    }
    return false;
}

bool kms_trail_filter_passes(const struct kms_trail_filter *filter,
    const struct kms_trail_fields *fields, const struct kms_trail_seal *seal)
{
    const struct kms_trail_query *query = filter->query;
    int64_t time_ms = kms_trail_event_time(fields, seal);
    if (time_ms < query->from_ms || time_ms > query->to_ms)
        return false;
    if (query->event_id.data != NULL && !kms_str_eq(fields->event_id, query->event_id))
        return false;
    if (query->read_only.data != NULL &&
        kms_str_is(query->read_only, "true") != fields->is_read_only)
        return false;
    if (query->region.data != NULL && !kms_str_eq(fields->region, query->region))
        return false;
    for (int term = 0; term < KMS_TRAIL_TERM_COUNT; term++) {
        if (filter->terms[term].data != NULL &&
            !holds(fields, (enum kms_trail_term)term, filter->terms[term]))
            return false;
    }
    return true;
}

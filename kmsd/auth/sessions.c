#include "kmsd/auth/sessions.h"

#include <stdlib.h>
#include <string.h>

enum { SET_COUNT = 1024, WAYS = 4, HASHED = 32 };

struct kmsd_session_set {
    struct kmsd_session_entry entries[WAYS];
    unsigned next; /* the place that is taken next */
};

/* A token ends in the tag over all of it, which nobody can choose. Whoever has that has the token: how
 * long the rest takes to compare tells nothing more. */
static bool is_token(const struct kmsd_session_entry *entry, struct kms_str token)
{
    const char *known = entry->session == NULL ? NULL : (const char *)kms_secret_data(entry->token);
    size_t tail = token.len < HASHED ? token.len : HASHED;
    return known != NULL && kms_secret_len(entry->token) == token.len &&
           kms_bytes_eq_ct(known + token.len - tail, token.data + token.len - tail, tail) &&
           memcmp(known, token.data, token.len) == 0;
}

static struct kmsd_session_set *set_of(const struct kmsd_sessions *sessions, struct kms_str token)
{
    uint64_t hash = 0xcbf29ce484222325U;
    for (size_t i = token.len < HASHED ? 0 : token.len - HASHED; i < token.len; i++)
        hash = (hash ^ (uint8_t)token.data[i]) * 0x100000001b3U;
    return &sessions->sets[(hash >> 32) % SET_COUNT];
}

static void empty(struct kmsd_session_entry *entry)
{
    kmsd_identity_release(entry->identity);
    kmsd_session_release(entry->session);
    kms_secret_free(entry->token);
    *entry = (struct kmsd_session_entry){.session = NULL};
}

enum kms_err kmsd_sessions_init(struct kmsd_sessions *sessions)
{
    sessions->sets = calloc(SET_COUNT, sizeof(struct kmsd_session_set));
    return sessions->sets == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
}

void kmsd_sessions_clean_up(struct kmsd_sessions *sessions)
{
    for (size_t i = 0; sessions->sets != NULL && i < SET_COUNT; i++) {
        for (size_t k = 0; k < WAYS; k++)
            empty(&sessions->sets[i].entries[k]);
    }
    free(sessions->sets);
    sessions->sets = NULL;
}

struct kmsd_session_entry *kmsd_sessions_find(
    const struct kmsd_sessions *sessions, struct kms_str token)
{
    struct kmsd_session_set *set = set_of(sessions, token);
    for (size_t i = 0; i < WAYS; i++) {
        struct kmsd_session_entry *entry = &set->entries[i];
        if (is_token(entry, token))
            return entry;
    }
    return NULL;
}

enum kms_err kmsd_sessions_put(struct kmsd_sessions *sessions, struct kms_str token,
    const struct kmsd_session *session, uint64_t serial)
{
    if (kmsd_sessions_find(sessions, token) != NULL)
        return KMS_OK; /* another thread was faster */
    struct kms_secret *copy = NULL;
    enum kms_err err = kms_secret_copy(kms_bytes(token.data, token.len), &copy);
    if (err != KMS_OK)
        return err;
    struct kmsd_session_set *set = set_of(sessions, token);
    struct kmsd_session_entry *entry = &set->entries[set->next];
    set->next = (set->next + 1) % WAYS;
    empty(entry);
    *entry = (struct kmsd_session_entry){
        .session = kmsd_session_hold(session), .token = copy, .serial = serial};
    return KMS_OK;
}

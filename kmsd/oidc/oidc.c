#include "kmsd/oidc/oidc.h"

#include "kmsd/oidc/discovery.h"
#include "kmsd/oidc/fetch.h"
#include "libkms/base/clock.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { ISSUER_MAX = 512, ARENA_MAX = 16384 };

struct issuer {
    char name[ISSUER_MAX + 1]; /* "": the place is free */
    char *jwks;                /* NULL: never had any */
    size_t jwks_len;
    int64_t fetched_ms;
    int64_t tried_ms; /* 0: never */
    bool is_fetching;
    size_t waiting; /* for whoever is fetching */
    uint64_t used;
};

struct kmsd_oidc {
    struct kmsd_oidc_options options;
    pthread_mutex_t lock; /* guards what follows; never held while fetching */
    pthread_cond_t fetched;
    size_t waiting; /* or fetching, of all issuers */
    uint64_t uses;
    struct issuer issuers[KMSD_OIDC_ISSUERS_MAX];
};

enum kms_err kmsd_oidc_new(const struct kmsd_oidc_options *options, struct kmsd_oidc **out)
{
    struct kmsd_oidc *oidc = calloc(1, sizeof(*oidc));
    if (oidc == NULL)
        return KMS_ERR_NO_MEMORY;
    oidc->options = *options;
    if (oidc->options.fetch == NULL)
        oidc->options.fetch = kmsd_fetch;
    bool has_lock = pthread_mutex_init(&oidc->lock, NULL) == 0;
    if (!has_lock || pthread_cond_init(&oidc->fetched, NULL) != 0) {
        if (has_lock)
            (void)pthread_mutex_destroy(&oidc->lock);
        free(oidc);
        return KMS_ERR_NO_MEMORY;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
        kmsd_oidc_free(oidc);
        return KMS_ERR_INTERNAL;
    }
    *out = oidc;
    return KMS_OK;
}

void kmsd_oidc_free(struct kmsd_oidc *oidc)
{
    if (oidc == NULL)
        return;
    for (size_t i = 0; i < KMSD_OIDC_ISSUERS_MAX; i++)
        free(oidc->issuers[i].jwks);
    (void)pthread_cond_destroy(&oidc->fetched);
    (void)pthread_mutex_destroy(&oidc->lock);
    free(oidc);
}

/* --- asking an issuer ------------------------------------------------------------------------- */

/* Its document, then the keys that the document names. */
static enum kms_err ask(const struct kmsd_oidc *oidc, struct kms_str name, struct kms_buf *jwks,
    struct kmsd_detail *detail)
{
    const struct kmsd_oidc_options *options = &oidc->options;
    int64_t until_ms = kms_clock_monotonic_ms() + KMSD_OIDC_FETCH_MS;
    struct kms_str uri;
    KMS_ARENA_AUTO arena;
    KMS_BUF_AUTO document;
    kms_arena_init(&arena, ARENA_MAX);
    kms_buf_init(&document, KMSD_OIDC_DOCUMENT_MAX);
    struct kms_str url = kmsd_discovery_url(name, &arena);
    if (url.data == NULL)
        return KMS_ERR_NO_MEMORY;
    enum kms_err err = options->fetch(options, url, until_ms, &document, detail);
    if (err == KMS_OK)
        err = kmsd_discovery_read(kms_buf_str(&document), name, &arena, &uri, detail);
    if (err == KMS_OK)
        err = options->fetch(options, uri, until_ms, jwks, detail);
    if (err == KMS_OK && !kmsd_discovery_is_key_set(kms_buf_str(jwks))) {
        kmsd_detail_set(detail, "%.*s is no set of keys", (int)uri.len, uri.data);
        err = KMS_ERR_PROTOCOL;
    }
    return err;
}

static void tell(const struct kmsd_oidc *oidc, struct kms_str name, enum kms_err err,
    const struct kmsd_detail *detail)
{
    char text[ISSUER_MAX + sizeof(detail->text) + 64];
    if (oidc->options.log == NULL)
        return;
    if (err == KMS_OK)
        (void)snprintf(
            text, sizeof(text), "the keys of %.*s were fetched", (int)name.len, name.data);
    else
        (void)snprintf(text, sizeof(text), "the keys of %.*s cannot be fetched: %s", (int)name.len,
            name.data, detail->text[0] != '\0' ? detail->text : kms_err_text(err));
    oidc->options.log(text);
}

/* --- what is remembered; with the lock held --------------------------------------------------- */

/* A clock that was set back makes everything old. */
static bool is_past(int64_t now_ms, int64_t then_ms, int64_t span_ms)
{
    return now_ms < then_ms || now_ms - then_ms >= span_ms;
}

static struct issuer *find(struct kmsd_oidc *oidc, struct kms_str name)
{
    struct issuer *oldest = NULL;
    for (size_t i = 0; i < KMSD_OIDC_ISSUERS_MAX; i++) {
        struct issuer *issuer = &oidc->issuers[i];
        if (kms_str_is(name, issuer->name))
            return issuer;
        bool is_idle = !issuer->is_fetching && issuer->waiting == 0;
        if (is_idle && (oldest == NULL || issuer->used < oldest->used))
            oldest = issuer;
    }
    if (oldest == NULL)
        return NULL;
    free(oldest->jwks);
    *oldest = (struct issuer){.used = 0};
    memcpy(oldest->name, name.data, name.len);
    return oldest;
}

/* Takes the lock off for as long as the issuer takes. */
static void fetch(struct kmsd_oidc *oidc, struct issuer *issuer, int64_t now_ms)
{
    struct kmsd_detail detail = {.text = ""};
    struct kms_str name = kms_str(issuer->name); /* nobody else's while it is being fetched */
    KMS_BUF_AUTO jwks;
    kms_buf_init(&jwks, KMSD_OIDC_DOCUMENT_MAX);
    issuer->is_fetching = true;
    issuer->tried_ms = now_ms;
    oidc->waiting++;
    (void)pthread_mutex_unlock(&oidc->lock);
    enum kms_err err = ask(oidc, name, &jwks, &detail);
    char *text = err == KMS_OK ? strndup((const char *)jwks.data, jwks.len) : NULL;
    if (err == KMS_OK && text == NULL)
        err = KMS_ERR_NO_MEMORY;
    tell(oidc, name, err, &detail);
    (void)pthread_mutex_lock(&oidc->lock);
    oidc->waiting--;
    issuer->is_fetching = false;
    if (err == KMS_OK) {
        free(issuer->jwks);
        issuer->jwks = text;
        issuer->jwks_len = strlen(text);
        issuer->fetched_ms = now_ms;
    }
    (void)pthread_cond_broadcast(&oidc->fetched);
}

static void wait_for(struct kmsd_oidc *oidc, struct issuer *issuer)
{
    oidc->waiting++;
    issuer->waiting++;
    while (issuer->is_fetching)
        (void)pthread_cond_wait(&oidc->fetched, &oidc->lock);
    issuer->waiting--;
    oidc->waiting--;
}

/* Sees to it that the keys are as new as they can be. KMS_ERR_BUSY. */
static enum kms_err renew(
    struct kmsd_oidc *oidc, struct issuer *issuer, enum kmsd_oidc_wish wish, int64_t now_ms)
{
    bool is_old =
        issuer->jwks == NULL || is_past(now_ms, issuer->fetched_ms, oidc->options.refresh_ms);
    bool may_try =
        issuer->tried_ms == 0 || is_past(now_ms, issuer->tried_ms, oidc->options.retry_ms);
    bool is_wanted = is_old || wish == KMSD_OIDC_NEWER;
    if (!is_wanted || (!issuer->is_fetching && !may_try))
        return KMS_OK;
    if (oidc->waiting >= oidc->options.waiting_max)
        return KMS_ERR_BUSY;
    if (issuer->is_fetching)
        wait_for(oidc, issuer);
    else
        fetch(oidc, issuer, now_ms);
    return KMS_OK;
}

enum kms_err kmsd_oidc_keys(struct kmsd_oidc *oidc, struct kms_str name, enum kmsd_oidc_wish wish,
    int64_t now_ms, struct kms_arena *arena, struct kms_str *jwks)
{
    if (name.len == 0 || name.len > ISSUER_MAX)
        return KMS_ERR_TRANSPORT;
    (void)pthread_mutex_lock(&oidc->lock);
    struct issuer *issuer = find(oidc, name);
    enum kms_err err = KMS_ERR_BUSY;
    if (issuer != NULL) {
        issuer->used = ++oidc->uses;
        err = renew(oidc, issuer, wish, now_ms);
        bool is_good =
            issuer->jwks != NULL && !is_past(now_ms, issuer->fetched_ms, KMSD_OIDC_FORGET_MS);
        if (is_good) {
            *jwks = kms_arena_str(arena, (struct kms_str){issuer->jwks, issuer->jwks_len});
            err = jwks->data == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
        } else if (err == KMS_OK) {
            err = KMS_ERR_TRANSPORT;
        }
    }
    (void)pthread_mutex_unlock(&oidc->lock);
    return err;
}

size_t kmsd_oidc_waiting(struct kmsd_oidc *oidc)
{
    (void)pthread_mutex_lock(&oidc->lock);
    size_t waiting = oidc->waiting;
    (void)pthread_mutex_unlock(&oidc->lock);
    return waiting;
}

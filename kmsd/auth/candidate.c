#include "kmsd/auth/candidate.h"

#include <stdio.h>

static struct kmsd_signing_scope scope_of(const struct kmsd_claim *claim, uint64_t serial)
{
    struct kmsd_signing_scope scope = {
        .serial = serial,
        .date = claim->date,
        .region = claim->region,
        .service = claim->service,
    };
    return scope;
}

void kmsd_principal_clean_up(struct kmsd_principal *principal)
{
    kmsd_identity_release(principal->identity);
    kmsd_session_release(principal->session);
    principal->identity = NULL;
    principal->session = NULL;
}

/* --- long-lived access keys ------------------------------------------------------------------- */

/* Whether the key's owner is one whose policies have to be looked up. */
static bool has_owner(const struct kmsd_auth *auth, const struct kmsd_credential *credential)
{
    return auth->iam != NULL && !credential->principal.is_account_root && !credential->is_static;
}

/* Whether what is known of the key's owner is what holds now. */
static bool is_fresh(const struct kmsd_auth *auth, const struct kmsd_credential *credential)
{
    return !has_owner(auth, credential) || credential->generation == kmsd_iam_generation(auth->iam);
}

/* Looks the owner of an access key up anew and keeps that with the key. The lock is not held. */
static enum kms_err refresh(struct kmsd_auth *auth, struct kms_str id, struct kms_str arn)
{
    const struct kmsd_identity *identity = NULL;
    uint64_t generation = kmsd_iam_generation(auth->iam);
    enum kms_err err = kmsd_iam_resolve_user(auth->iam, arn, &identity);
    if (err != KMS_OK)
        return err;
    (void)pthread_rwlock_wrlock(&auth->lock);
    struct kmsd_credential *credential = kmsd_credentials_find(&auth->credentials, id);
    /* another request may have found out something newer meanwhile */
    if (credential != NULL && kms_str_is(arn, credential->principal.arn) &&
        credential->generation <= generation) {
        kmsd_identity_release(credential->principal.identity);
        credential->principal.identity = identity;
        credential->generation = generation;
        identity = NULL;
    }
    (void)pthread_rwlock_unlock(&auth->lock);
    kmsd_identity_release(identity);
    return KMS_OK;
}

enum finding { UNKNOWN, FOUND, STALE };

/* With the lock held. takes_stale: it was fresh a moment ago. Whose policies are not known at all,
 * because the key was replaced since, is never found: without them nothing would be denied. */
static enum finding find_key(struct kmsd_auth *auth, const struct kmsd_claim *claim,
    bool takes_stale, struct kmsd_candidate *out)
{
    const struct kmsd_credential *credential =
        kmsd_credentials_find(&auth->credentials, claim->access_key_id);
    if (credential == NULL || !credential->active)
        return UNKNOWN;
    out->principal = credential->principal;
    out->principal.identity = NULL;
    bool is_known = !has_owner(auth, credential) || credential->principal.identity != NULL;
    if (!is_known || (!takes_stale && !is_fresh(auth, credential)))
        return STALE;
    out->principal.identity = kmsd_identity_hold(credential->principal.identity);
    struct kmsd_signing_scope scope = scope_of(claim, credential->serial);
    out->serial = credential->serial;
    out->used_ms = credential->used_ms;
    out->cached = kmsd_signing_keys_get(&auth->signing_keys, &scope, out->signing_key);
    return FOUND;
}

/* Opens the secret and derives the signing key. Leaves the lock while it computes. */
static enum kms_err derive(
    struct kmsd_auth *auth, const struct kmsd_claim *claim, struct kmsd_candidate *candidate)
{
    uint8_t wrapped[KMSD_WRAPPED_SECRET_MAX];
    size_t wrapped_len = 0;
    (void)pthread_rwlock_rdlock(&auth->lock);
    const struct kmsd_credential *credential =
        kmsd_credentials_find(&auth->credentials, claim->access_key_id);
    if (credential != NULL && credential->serial == candidate->serial) {
        memcpy(wrapped, credential->wrapped_secret, credential->wrapped_len);
        wrapped_len = credential->wrapped_len;
    }
    (void)pthread_rwlock_unlock(&auth->lock);
    if (wrapped_len == 0)
        return KMS_ERR_NOT_FOUND; /* changed since it was looked up */

    KMS_SECRET_AUTO secret = NULL;
    enum kms_err err = kmsd_iam_unseal(auth->custody, kms_str(candidate->principal.access_key_id),
        kms_str(candidate->principal.arn), kms_bytes(wrapped, wrapped_len), &secret);
    if (err != KMS_OK)
        return err;
    return kms_sigv4_signing_key(kms_secret_bytes(secret), claim->date, claim->region,
        claim->service, candidate->signing_key);
}

/* KMS_ERR_BUSY: the key was replaced again and again meanwhile. */
static enum kms_err find_long_lived(
    struct kmsd_auth *auth, const struct kmsd_claim *claim, struct kmsd_candidate *out)
{
    enum { REFRESHES_MAX = 8 };
    (void)pthread_rwlock_rdlock(&auth->lock);
    enum finding finding = find_key(auth, claim, false, out);
    (void)pthread_rwlock_unlock(&auth->lock);
    for (int i = 0; finding == STALE && i < REFRESHES_MAX; i++) {
        enum kms_err err = refresh(auth, claim->access_key_id, kms_str(out->principal.arn));
        if (err != KMS_OK)
            return err;
        (void)pthread_rwlock_rdlock(&auth->lock);
        finding = find_key(auth, claim, true, out);
        (void)pthread_rwlock_unlock(&auth->lock);
    }
    if (finding == STALE)
        return KMS_ERR_BUSY;
    if (finding != FOUND)
        return KMS_ERR_NOT_FOUND;
    return out->cached ? KMS_OK : derive(auth, claim, out);
}

/* --- temporary credentials -------------------------------------------------------------------- */

/* The long-lived key that asked for them still has to work. */
static bool has_parent(const struct kmsd_auth *auth, const struct kmsd_session *session)
{
    struct kms_str id = session->content.parent_key_id;
    if (id.data == NULL)
        return true;
    const struct kmsd_credential *parent = kmsd_credentials_find(&auth->credentials, id);
    return parent != NULL && parent->active;
}

static bool fill_principal(struct kmsd_principal *principal, const struct kmsd_session *session,
    const struct kmsd_identity *identity)
{
    const struct kmsd_session_content *content = &session->content;
    struct kms_str arn = identity == NULL ? session->arn : identity->subject.arn;
    if (arn.len >= sizeof(principal->arn) || content->account.len >= sizeof(principal->account) ||
        content->access_key_id.len >= sizeof(principal->access_key_id))
        return false;
    memcpy(principal->arn, arn.data, arn.len);
    memcpy(principal->account, content->account.data, content->account.len);
    memcpy(principal->access_key_id, content->access_key_id.data, content->access_key_id.len);
    principal->is_account_root = content->kind == KMSD_SESSION_ROOT;
    principal->identity = kmsd_identity_hold(identity);
    principal->session = kmsd_session_hold(session);
    return true;
}

/* With the lock held. */
static enum finding find_session(struct kmsd_auth *auth, const struct kmsd_claim *claim,
    bool takes_stale, struct kmsd_candidate *out, const struct kmsd_session **session)
{
    struct kmsd_session_entry *entry = kmsd_sessions_find(&auth->sessions, claim->token);
    if (entry == NULL)
        return STALE;
    if (!kms_str_eq(entry->session->content.access_key_id, claim->access_key_id) ||
        !has_parent(auth, entry->session))
        return UNKNOWN;
    if (!takes_stale && entry->generation != kmsd_iam_generation(auth->iam)) {
        *session = kmsd_session_hold(entry->session);
        return STALE;
    }
    if (!fill_principal(&out->principal, entry->session, entry->identity))
        return UNKNOWN;
    struct kmsd_signing_scope scope = scope_of(claim, entry->serial);
    out->serial = entry->serial;
    int64_t now_ms = auth->now_ms == NULL ? claim->now_ms : auth->now_ms();
    out->is_expired = now_ms >= entry->session->content.expires_ms;
    out->cached = kmsd_signing_keys_get(&auth->signing_keys, &scope, out->signing_key);
    return FOUND;
}

/* Opens the token unless that was done, finds out who that is now, and keeps both. */
static enum kms_err refresh_session(
    struct kmsd_auth *auth, const struct kmsd_claim *claim, const struct kmsd_session *known)
{
    const struct kmsd_session *session = known;
    const struct kmsd_identity *identity = NULL;
    enum kms_err err = KMS_OK;
    if (session == NULL)
        err = kmsd_session_open(kmsd_iam_session_keys(auth->iam), claim->token,
            kmsd_iam_partition(auth->iam), &session);
    uint64_t generation = kmsd_iam_generation(auth->iam);
    if (err == KMS_OK)
        err = kmsd_iam_resolve_session(auth->iam, session, &identity);
    if (err == KMS_OK) {
        (void)pthread_rwlock_wrlock(&auth->lock);
        err = kmsd_sessions_put(
            &auth->sessions, claim->token, session, ++auth->credentials.last_serial);
        struct kmsd_session_entry *entry =
            err == KMS_OK ? kmsd_sessions_find(&auth->sessions, claim->token) : NULL;
        if (entry != NULL) {
            kmsd_identity_release(entry->identity);
            entry->identity = identity;
            entry->generation = generation;
            identity = NULL;
        }
        (void)pthread_rwlock_unlock(&auth->lock);
        kmsd_identity_release(identity);
    }
    if (known == NULL)
        kmsd_session_release(session);
    return err;
}

static enum kms_err find_temporary(
    struct kmsd_auth *auth, const struct kmsd_claim *claim, struct kmsd_candidate *out)
{
    const struct kmsd_session *known = NULL;
    if (auth->iam == NULL)
        return KMS_ERR_NOT_FOUND;
    (void)pthread_rwlock_rdlock(&auth->lock);
    enum finding finding = find_session(auth, claim, false, out, &known);
    (void)pthread_rwlock_unlock(&auth->lock);
    if (finding == STALE) {
        enum kms_err err = refresh_session(auth, claim, known);
        kmsd_session_release(known);
        if (err != KMS_OK)
            return err;
        (void)pthread_rwlock_rdlock(&auth->lock);
        finding = find_session(auth, claim, true, out, &known);
        (void)pthread_rwlock_unlock(&auth->lock);
    }
    if (finding != FOUND)
        return KMS_ERR_NOT_FOUND;
    if (out->cached)
        return KMS_OK;
    return kms_sigv4_signing_key(out->principal.session->content.secret, claim->date, claim->region,
        claim->service, out->signing_key);
}

/* --- either ----------------------------------------------------------------------------------- */

enum kms_err kmsd_candidate_find(
    struct kmsd_auth *auth, const struct kmsd_claim *claim, struct kmsd_candidate *out)
{
    enum kms_err err = claim->token.data == NULL ? find_long_lived(auth, claim, out)
                                                 : find_temporary(auth, claim, out);
    /* a secret that does not open signs nothing: no signature can match it */
    out->known = err == KMS_OK || (err == KMS_ERR_AUTHENTICATION && claim->token.data == NULL);
    if (err == KMS_OK)
        return KMS_OK;
    out->cached = true; /* nothing to remember */
    kmsd_principal_clean_up(&out->principal);
    if (err != KMS_ERR_NOT_FOUND && err != KMS_ERR_AUTHENTICATION)
        return err;
    memcpy(out->signing_key, auth->decoy_key, sizeof(out->signing_key));
    return KMS_OK;
}

void kmsd_candidate_remember(
    struct kmsd_auth *auth, const struct kmsd_claim *claim, const struct kmsd_candidate *candidate)
{
    struct kmsd_signing_scope scope = scope_of(claim, candidate->serial);
    (void)pthread_rwlock_wrlock(&auth->lock);
    const struct kmsd_credential *credential =
        kmsd_credentials_find(&auth->credentials, claim->access_key_id);
    bool is_current =
        candidate->principal.session != NULL ||
        (credential != NULL && credential->active && credential->serial == candidate->serial);
    if (is_current)
        kmsd_signing_keys_put(&auth->signing_keys, &scope, candidate->signing_key);
    (void)pthread_rwlock_unlock(&auth->lock);
}

/* --- last used -------------------------------------------------------------------------------- */

enum { USE_PRECISION_MS = 60000 };

void kmsd_candidate_note_use(
    struct kmsd_auth *auth, const struct kmsd_claim *claim, const struct kmsd_candidate *candidate)
{
    int64_t now_ms = auth->now_ms == NULL ? claim->now_ms : auth->now_ms();
    int64_t since_ms = now_ms - candidate->used_ms;
    if (candidate->principal.session != NULL || (since_ms >= 0 && since_ms < USE_PRECISION_MS))
        return;
    (void)pthread_rwlock_wrlock(&auth->lock);
    struct kmsd_credential *credential =
        kmsd_credentials_find(&auth->credentials, claim->access_key_id);
    if (credential != NULL && claim->region.len < sizeof(credential->used_region) &&
        claim->service.len < sizeof(credential->used_service)) {
        credential->used_ms = now_ms;
        (void)snprintf(credential->used_region, sizeof(credential->used_region), "%.*s",
            (int)claim->region.len, claim->region.data);
        (void)snprintf(credential->used_service, sizeof(credential->used_service), "%.*s",
            (int)claim->service.len, claim->service.data);
    }
    (void)pthread_rwlock_unlock(&auth->lock);
}

bool kmsd_auth_last_use(
    struct kmsd_auth *auth, struct kms_str access_key_id, struct kmsd_key_use *out)
{
    struct kmsd_key_use use = {.used_ms = 0};
    (void)pthread_rwlock_rdlock(&auth->lock);
    const struct kmsd_credential *credential =
        kmsd_credentials_find(&auth->credentials, access_key_id);
    if (credential != NULL) {
        const char *slash = strrchr(credential->principal.arn, '/');
        memcpy(use.account, credential->principal.account, sizeof(use.account));
        (void)snprintf(use.user_name, sizeof(use.user_name), "%s",
            credential->principal.is_account_root || slash == NULL ? "" : slash + 1);
        use.used_ms = credential->used_ms;
        memcpy(use.region, credential->used_region, sizeof(use.region));
        memcpy(use.service, credential->used_service, sizeof(use.service));
    }
    (void)pthread_rwlock_unlock(&auth->lock);
    if (credential != NULL)
        *out = use;
    return credential != NULL;
}

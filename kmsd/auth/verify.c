#include "kmsd/auth/candidate.h"
#include "kmsd/auth/explain.h"
#include "libkms/base/clock.h"
#include "libkms/base/encoding.h"
#include "libkms/base/sha256.h"
#include "libkms/base/thread_buf.h"

#include <stdio.h>

/* One request on its way through the checks. */
struct verification {
    struct kmsd_auth *auth;
    const char *service; /* that it has to be signed for; NULL: this one */
    const struct kms_http_view *http;
    bool is_query; /* for the APIs of identities: services "iam" and "sts" */
    int64_t now_ms;
    struct kms_arena *arena;
    struct kms_str *message;

    const struct kms_header *authorization_header;
    const struct kms_header *date_header; /* X-Amz-Date, else Date */
    struct kms_str security_token;        /* absent: none */
    struct kms_str claimed_body_hash;     /* X-Amz-Content-Sha256; absent: none */
    struct kms_str date;                  /* "20261123T011253Z" */
    struct kms_sigv4_authorization authorization;
};

/* --- reading the request ---------------------------------------------------------------------- */

static inline bool name_is(struct kms_str name, const char *lower_case)
{
    return kms_ascii_eq(name, kms_str(lower_case));
}

static bool is_amz(struct kms_str name)
{
    static const size_t prefix_len = sizeof("x-amz-") - 1;
    return name.len > prefix_len && name_is((struct kms_str){name.data, prefix_len}, "x-amz-");
}

static enum kms_fault_code refuse(
    struct verification *v, enum kms_fault_code code, struct kms_str message)
{
    *v->message = message;
    return code;
}

static enum kms_fault_code collect_headers(struct verification *v)
{
    const struct kms_header *amz_date = NULL;
    const struct kms_header *plain_date = NULL;
    for (size_t i = 0; i < v->http->header_count; i++) {
        const struct kms_header *header = &v->http->headers[i];
        if (name_is(header->name, "authorization")) {
            if (v->authorization_header != NULL)
                return refuse(v, KMS_FAULT_INCOMPLETE_SIGNATURE, kmsd_explain_two_headers);
            v->authorization_header = header;
        } else if (name_is(header->name, "x-amz-date")) {
            amz_date = amz_date == NULL ? header : amz_date;
        } else if (name_is(header->name, "date")) {
            plain_date = plain_date == NULL ? header : plain_date;
        } else if (name_is(header->name, "x-amz-security-token")) {
            if (header->value.len != 0)
                v->security_token = header->value;
        } else if (name_is(header->name, "x-amz-content-sha256")) {
            v->claimed_body_hash = header->value;
        }
    }
    v->date_header = amz_date != NULL ? amz_date : plain_date;
    return KMS_FAULT_COUNT;
}

static bool query_names_algorithm(struct kms_str query)
{
    static const struct kms_str name = KMS_STR_LITERAL("X-Amz-Algorithm=");
    for (size_t i = 0; i + name.len <= query.len; i++) {
        if ((i == 0 || query.data[i - 1] == '&') &&
            memcmp(query.data + i, name.data, name.len) == 0)
            return true;
    }
    return false;
}

static bool starts_with(struct kms_str text, const char *prefix)
{
    size_t len = strlen(prefix);
    return text.len >= len && memcmp(text.data, prefix, len) == 0;
}

/* The value of the Credential parameter of a header that the parser refused. */
static struct kms_str credential_in(struct kms_str header)
{
    static const struct kms_str name = KMS_STR_LITERAL("Credential=");
    struct kms_str credential = {"", 0};
    for (size_t i = 0; i + name.len <= header.len; i++) {
        if (memcmp(header.data + i, name.data, name.len) != 0)
            continue;
        credential.data = header.data + i + name.len;
        while (i + name.len + credential.len < header.len &&
               credential.data[credential.len] != ',' && credential.data[credential.len] != ' ')
            credential.len++;
        break;
    }
    return credential;
}

/* Splits id/date/region/service/terminator. False: not five parts. */
static bool split_credential(struct kms_str credential, struct kms_str parts[5])
{
    size_t count = 0;
    size_t start = 0;
    for (size_t i = 0; i <= credential.len; i++) {
        if (i < credential.len && credential.data[i] != '/')
            continue;
        if (count == 5)
            return false;
        parts[count++] = (struct kms_str){credential.data + start, i - start};
        start = i + 1;
    }
    return count == 5;
}

/* --- the checks, in the order in which the service reports them ------------------------------- */

static enum kms_fault_code check_shape(struct verification *v, enum kms_sigv4_defect *defect)
{
    enum kms_fault_code code = collect_headers(v);
    if (code != KMS_FAULT_COUNT)
        return code;
    if (v->authorization_header == NULL || v->authorization_header->value.len == 0)
        return refuse(v, KMS_FAULT_MISSING_AUTHENTICATION_TOKEN, kmsd_explain_missing_token);
    if (query_names_algorithm(v->http->query))
        return refuse(v, KMS_FAULT_INVALID_SIGNATURE, kmsd_explain_two_places);

    struct kms_str value = v->authorization_header->value;
    *defect = KMS_SIGV4_DEFECT_NONE;
    if (kms_sigv4_parse_authorization(value, &v->authorization, defect) != KMS_OK &&
        *defect == KMS_SIGV4_DEFECT_SYNTAX)
        return refuse(v, KMS_FAULT_INCOMPLETE_SIGNATURE, kmsd_explain_syntax(v->arena, value));
    const unsigned all =
        KMS_SIGV4_DEFECT_CREDENTIAL | KMS_SIGV4_DEFECT_SIGNATURE | KMS_SIGV4_DEFECT_SIGNED_HEADERS;
    unsigned missing = (unsigned)*defect & all;
    if (*defect == KMS_SIGV4_DEFECT_ALGORITHM && !starts_with(value, "AWS4-"))
        missing = all; /* another scheme: nothing of ours is in it */
    if (missing != 0 || v->date_header == NULL)
        return refuse(v, KMS_FAULT_INCOMPLETE_SIGNATURE,
            kmsd_explain_incomplete(v->arena, value, missing, v->date_header == NULL));
    return KMS_FAULT_COUNT;
}

static enum kms_fault_code check_date(struct verification *v)
{
    int64_t date_ms = 0;
    v->date = v->date_header->value;
    if (kms_time_parse_basic(v->date, &date_ms) != KMS_OK)
        return refuse(v, KMS_FAULT_INCOMPLETE_SIGNATURE, kmsd_explain_date(v->arena, v->date));
    int64_t now_ms = v->now_ms - v->now_ms % 1000; /* dates have whole seconds */
    if (date_ms < now_ms - KMSD_AUTH_MAX_SKEW_MS)
        return refuse(
            v, KMS_FAULT_INVALID_SIGNATURE, kmsd_explain_expired(v->arena, v->date, now_ms));
    if (date_ms > now_ms + KMSD_AUTH_MAX_SKEW_MS)
        return refuse(
            v, KMS_FAULT_INVALID_SIGNATURE, kmsd_explain_not_yet(v->arena, v->date, now_ms));
    return KMS_FAULT_COUNT;
}

/* What decides about a request must be under its signature: where it goes, when it was made, and
 * every header of the X-Amz- family (the target of an AWS JSON request is one; the target of an RPC
 * v2 request is its path, which is always signed). */
static enum kms_fault_code check_signed_headers(struct verification *v)
{
    struct kms_str signed_headers = v->authorization.signed_headers;
    if (!kms_sigv4_signs_header(signed_headers, "host"))
        return refuse(v, KMS_FAULT_INVALID_SIGNATURE, kmsd_explain_host_unsigned);
    for (size_t i = 0; i < v->http->header_count; i++) {
        const struct kms_header *header = &v->http->headers[i];
        if (header != v->date_header && !is_amz(header->name))
            continue;
        char name[128]; /* longer ones have no meaning here, yet are refused unless signed */
        if (header->name.len < sizeof(name)) {
            memcpy(name, header->name.data, header->name.len);
            name[header->name.len] = '\0';
            if (kms_sigv4_signs_header(signed_headers, name))
                continue;
        }
        return refuse(
            v, KMS_FAULT_INVALID_SIGNATURE, kmsd_explain_unsigned(v->arena, header->name));
    }
    return KMS_FAULT_COUNT;
}

static bool is_served(const struct kmsd_auth *auth, struct kms_str region)
{
    if (auth->region_count == 0)
        return kmsd_auth_is_region(region);
    for (size_t i = 0; i < auth->region_count; i++) {
        if (kms_str_eq(auth->regions[i], region))
            return true;
    }
    return false;
}

static enum kms_fault_code check_scope(struct verification *v, enum kms_sigv4_defect defect)
{
    struct kms_str parts[5] = {{0}};
    struct kms_str header = v->authorization_header->value;
    if (defect == KMS_SIGV4_DEFECT_NONE) {
        parts[1] = v->authorization.date;
        parts[2] = v->authorization.region;
        parts[3] = v->authorization.service;
        parts[4] = kms_str("aws4_request"); /* the parser saw it */
    } else if (!split_credential(credential_in(header), parts)) {
        return refuse(v, KMS_FAULT_INCOMPLETE_SIGNATURE,
            kmsd_explain_five_elements(v->arena, credential_in(header)));
    }
    /* identities belong to no region: their callers name whatever region they are set up for */
    bool is_global = v->is_query && (kms_str_is(parts[3], "iam") || kms_str_is(parts[3], "sts")) &&
                     kmsd_auth_is_region(parts[2]);
    struct kmsd_scope_defects defects = {
        .region = !is_global && !is_served(v->auth, parts[2]),
        .service = v->is_query
                       ? !is_global
                       : !kms_str_is(parts[3], v->service == NULL ? KMS_SIGNING_NAME : v->service),
        .terminator = !kms_str_is(parts[4], "aws4_request"),
        .date = !kms_str_eq(parts[1], (struct kms_str){v->date.data, 8}),
    };
    if (defects.region || defects.service || defects.terminator || defects.date)
        return refuse(v, KMS_FAULT_INVALID_SIGNATURE,
            kmsd_explain_scope(v->arena, &defects, parts[1], parts[4], v->date));
    if (defect != KMS_SIGV4_DEFECT_NONE) /* five parts, all right, but the access key id is empty */
        return refuse(v, KMS_FAULT_UNRECOGNIZED_CLIENT, kmsd_explain_unknown_key);
    return KMS_FAULT_COUNT;
}

/* --- the signature ---------------------------------------------------------------------------- */

/* The string to sign of the request as it was received, at the end of out. */
static enum kms_err build_string_to_sign(const struct verification *v, struct kms_str body_hash,
    struct kms_buf *out, struct kms_bytes *string_to_sign)
{
    struct kms_sigv4_options options = kms_sigv4_defaults;
    options.payload_hash = body_hash;
    enum kms_err err =
        kms_sigv4_canonical_request(v->http, v->authorization.signed_headers, &options, out);
    size_t canonical_len = out->len;
    if (err == KMS_OK)
        err = kms_sigv4_string_to_sign(v->date, v->authorization.scope, kms_buf_bytes(out), out);
    if (err == KMS_OK)
        *string_to_sign = kms_bytes(out->data + canonical_len, out->len - canonical_len);
    return err;
}

/* KMS_OK: the signature is the one that this key gives. KMS_ERR_AUTHENTICATION: it is not. */
static enum kms_err compare(const struct verification *v, struct kms_str body_hash,
    const uint8_t signing_key[KMS_SIGV4_KEY_SIZE])
{
    char signature[KMS_SIGV4_SIGNATURE_SIZE];
    struct kms_bytes string_to_sign;
    struct kms_buf *text = kms_thread_buf(KMS_THREAD_BUF_SIGNED);
    if (text == NULL)
        return KMS_ERR_NO_MEMORY;
    enum kms_err err = build_string_to_sign(v, body_hash, text, &string_to_sign);
    if (err == KMS_OK)
        err = kms_sigv4_signature(signing_key, string_to_sign, signature);
    kms_thread_buf_done(text);
    switch (err) {
    case KMS_OK:
        return kms_sigv4_signature_matches(v->authorization.signature, signature)
                   ? KMS_OK
                   : KMS_ERR_AUTHENTICATION;
    case KMS_ERR_NO_MEMORY:
    case KMS_ERR_CRYPTO:
        return err;
    default: /* no canonical form: a signed header that is absent, too many of them, ... */
        return KMS_ERR_AUTHENTICATION;
    }
}

static enum kms_fault_code check_body_hash(struct verification *v, struct kms_str body_hash)
{
    struct kms_str claimed = v->claimed_body_hash;
    if (claimed.data == NULL || kms_str_eq(claimed, body_hash))
        return KMS_FAULT_COUNT;
    return refuse(v, KMS_FAULT_INVALID_SIGNATURE,
        starts_with(claimed, "UNSIGNED-PAYLOAD") ? kmsd_explain_unsigned_payload
                                                 : kmsd_explain_body_hash);
}

static enum kms_fault_code check_candidate(struct verification *v, struct kms_str body_hash,
    const struct kmsd_claim *claim, struct kmsd_candidate *candidate)
{
    enum kms_err err = kmsd_candidate_find(v->auth, claim, candidate);
    if (err == KMS_OK)
        err = compare(v, body_hash, candidate->signing_key);
    if (err == KMS_OK && candidate->known && !candidate->cached)
        kmsd_candidate_remember(v->auth, claim, candidate);
    kms_wipe(candidate->signing_key, sizeof(candidate->signing_key));

    if (err != KMS_OK && err != KMS_ERR_AUTHENTICATION)
        return refuse(v, KMS_FAULT_INTERNAL_FAILURE, (struct kms_str){NULL, 0});
    if (!candidate->known)
        return refuse(v, KMS_FAULT_UNRECOGNIZED_CLIENT, kmsd_explain_unknown_key);
    if (err != KMS_OK)
        return refuse(v, KMS_FAULT_INVALID_SIGNATURE, kmsd_explain_mismatch);
    if (candidate->is_expired)
        return refuse(v, KMS_FAULT_EXPIRED_TOKEN, kmsd_explain_expired_token);
    enum kms_fault_code code = check_body_hash(v, body_hash);
    if (code == KMS_FAULT_COUNT)
        kmsd_candidate_note_use(v->auth, claim, candidate);
    return code;
}

static enum kms_fault_code check_signature(
    struct verification *v, struct kms_str body_hash, struct kmsd_principal *principal)
{
    struct kmsd_candidate candidate = {.known = false};
    const struct kmsd_claim claim = {
        .access_key_id = v->authorization.access_key_id,
        .token = v->security_token,
        .date = v->authorization.date,
        .region = v->authorization.region,
        .service = v->authorization.service,
        .now_ms = v->now_ms,
    };
    enum kms_fault_code code = check_candidate(v, body_hash, &claim, &candidate);
    if (code == KMS_FAULT_COUNT)
        *principal = candidate.principal; /* with what it holds */
    else
        kmsd_principal_clean_up(&candidate.principal);
    return code;
}

/* --- without signatures ----------------------------------------------------------------------- */

/* `kmsd dev --accept-any-credentials`: the header says who it is. Its date may be any: test suites
 * stop the clock. */
static enum kms_fault_code accept_any(
    struct verification *v, enum kms_sigv4_defect defect, struct kmsd_principal *principal)
{
    if (defect != KMS_SIGV4_DEFECT_NONE)
        return refuse(v, KMS_FAULT_INCOMPLETE_SIGNATURE,
            kmsd_explain_five_elements(v->arena, credential_in(v->authorization_header->value)));
    struct kms_str id = v->authorization.access_key_id;
    if (id.len >= sizeof(principal->access_key_id))
        return refuse(v, KMS_FAULT_UNRECOGNIZED_CLIENT, kmsd_explain_unknown_key);
    if (!is_served(v->auth, v->authorization.region)) {
        static const struct kmsd_scope_defects defects = {.region = true};
        static const struct kms_str none = {"", 0};
        return refuse(v, KMS_FAULT_INVALID_SIGNATURE,
            kmsd_explain_scope(v->arena, &defects, none, none, none));
    }
    struct kmsd_principal anyone = {.is_account_root = true};
    memcpy(anyone.access_key_id, id.data, id.len);
    memcpy(anyone.account, kmsd_auth_is_account(id) ? id.data : v->auth->accept_any_account,
        KMS_ACCOUNT_ID_LEN);
    (void)snprintf(anyone.arn, sizeof(anyone.arn), "arn:%s:iam::%s:root",
        kms_partition_of_region(v->authorization.region), anyone.account);
    *principal = anyone;
    return KMS_FAULT_COUNT;
}

/* The hash of the body as it was received, then the signature over it. */
static enum kms_fault_code check_body_and_signature(
    struct verification *v, struct kmsd_principal *principal)
{
    uint8_t digest[KMS_SHA256_SIZE];
    char body_hash[2 * KMS_SHA256_SIZE + 1];
    if (kms_sha256(v->http->body, digest) != KMS_OK)
        return refuse(v, KMS_FAULT_INTERNAL_FAILURE, (struct kms_str){NULL, 0});
    kms_hex_encode(kms_bytes(digest, sizeof(digest)), body_hash);
    return check_signature(v, kms_str(body_hash), principal);
}

static enum kms_fault_code verify(struct verification *v, struct kmsd_principal *principal)
{
    enum kms_sigv4_defect defect = KMS_SIGV4_DEFECT_NONE;
    enum kms_fault_code code = check_shape(v, &defect);
    if (code != KMS_FAULT_COUNT)
        return code;
    if (v->auth->accept_any_account[0] != '\0')
        return accept_any(v, defect, principal);
    code = check_date(v);
    if (code != KMS_FAULT_COUNT)
        return code;
    if (defect == KMS_SIGV4_DEFECT_ALGORITHM)
        return refuse(v, KMS_FAULT_INCOMPLETE_SIGNATURE,
            kmsd_explain_algorithm(v->arena, v->authorization_header->value));
    if (defect == KMS_SIGV4_DEFECT_NONE) {
        code = check_signed_headers(v);
        if (code != KMS_FAULT_COUNT)
            return code;
    }
    code = check_scope(v, defect);
    if (code != KMS_FAULT_COUNT)
        return code;
    return check_body_and_signature(v, principal);
}

static enum kms_fault_code run(
    struct verification *v, struct kmsd_principal *principal, struct kms_str *region)
{
    struct kmsd_principal caller = {.is_account_root = false};
    enum kms_fault_code code = verify(v, &caller);
    if (code != KMS_FAULT_COUNT)
        return code;
    *principal = caller;
    *region = v->authorization.region;
    return KMS_FAULT_COUNT;
}

enum kms_fault_code kmsd_auth_verify(struct kmsd_auth *auth, const struct kms_http_view *http,
    int64_t now_ms, struct kms_arena *arena, struct kmsd_principal *principal,
    struct kms_str *region, struct kms_str *message)
{
    return kmsd_auth_verify_for(auth, NULL, http, now_ms, arena, principal, region, message);
}

enum kms_fault_code kmsd_auth_verify_for(struct kmsd_auth *auth, const char *service,
    const struct kms_http_view *http, int64_t now_ms, struct kms_arena *arena,
    struct kmsd_principal *principal, struct kms_str *region, struct kms_str *message)
{
    struct verification v = {.auth = auth,
        .service = service,
        .http = http,
        .now_ms = now_ms,
        .arena = arena,
        .message = message};
    return run(&v, principal, region);
}

enum kms_fault_code kmsd_auth_verify_query(struct kmsd_auth *auth, const struct kms_http_view *http,
    int64_t now_ms, struct kms_arena *arena, struct kmsd_principal *principal,
    struct kmsd_query_scope *scope, struct kms_str *message)
{
    struct verification v = {.auth = auth,
        .http = http,
        .is_query = true,
        .now_ms = now_ms,
        .arena = arena,
        .message = message};
    enum kms_fault_code code = run(&v, principal, &scope->region);
    if (code == KMS_FAULT_COUNT)
        scope->service = v.authorization.service;
    return code;
}

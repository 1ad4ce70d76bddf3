/*
 * The texts of the authentication errors, as the live service words them. What a caller sent is
 * repeated only where the service does so, shortened and made printable; an Authorization header
 * never is (it may hold a bearer token that strayed here), only its hash.
 */
#ifndef KMSD_AUTH_EXPLAIN_H
#define KMSD_AUTH_EXPLAIN_H

#include "libkms/base/arena.h"
#include "libkms/proto/sigv4.h"

/* Texts that never vary. */
extern const struct kms_str kmsd_explain_missing_token;
extern const struct kms_str kmsd_explain_two_places;
extern const struct kms_str kmsd_explain_two_headers;
extern const struct kms_str kmsd_explain_unknown_key;
extern const struct kms_str kmsd_explain_expired_token;
extern const struct kms_str kmsd_explain_mismatch;
extern const struct kms_str kmsd_explain_host_unsigned;
extern const struct kms_str kmsd_explain_body_hash;
extern const struct kms_str kmsd_explain_unsigned_payload;

/* All of the following allocate in the arena and return an absent text when it is full. */

/* Parameters missing from the Authorization header (defect), or the date missing. */
struct kms_str kmsd_explain_incomplete(
    struct kms_arena *arena, struct kms_str authorization, unsigned defect, bool date_missing);
struct kms_str kmsd_explain_syntax(struct kms_arena *arena, struct kms_str authorization);
struct kms_str kmsd_explain_algorithm(struct kms_arena *arena, struct kms_str authorization);
struct kms_str kmsd_explain_date(struct kms_arena *arena, struct kms_str date);
struct kms_str kmsd_explain_expired(struct kms_arena *arena, struct kms_str date, int64_t now_ms);
struct kms_str kmsd_explain_not_yet(struct kms_arena *arena, struct kms_str date, int64_t now_ms);
struct kms_str kmsd_explain_unsigned(struct kms_arena *arena, struct kms_str header_name);
struct kms_str kmsd_explain_five_elements(struct kms_arena *arena, struct kms_str credential);

/* What is wrong with the scope of a credential, all of it in one text. */
struct kmsd_scope_defects {
    bool region;
    bool service;
    bool terminator;
    bool date;
};
struct kms_str kmsd_explain_scope(struct kms_arena *arena, const struct kmsd_scope_defects *defects,
    struct kms_str scope_date, struct kms_str terminator, struct kms_str request_date);

#endif

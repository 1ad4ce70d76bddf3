/*
 * Tables of policy tests: JSON files under tests/vectors/policy, read into what the engine takes.
 * tests/vectors/policy/README.md tells what is in them.
 */
#ifndef POLICY_FIXTURE_H
#define POLICY_FIXTURE_H

#include "kmsd/policy/authorize.h"

#include <jansson.h>

/* Everything that one case needs lives as long as its arena; documents until they are released. */
struct policy_fixture {
    struct kms_arena arena;
    json_t *table;
    struct kmsd_policy_document *documents[64];
    size_t document_count;
};

/* Opens tests/vectors/policy/<name>; fails the test when it cannot. */
void policy_fixture_open(struct policy_fixture *fixture, const char *name);
void policy_fixture_close(struct policy_fixture *fixture);

/* Forgets the documents of the last case. */
void policy_fixture_next(struct policy_fixture *fixture);

/* A document: the name of one of the table's "policies", a whole document, one statement, or a list
 * of statements (then of version 2012-10-17). Absent or null: NULL. */
const struct kmsd_policy_document *policy_fixture_document(
    struct policy_fixture *fixture, const json_t *json, enum kmsd_policy_kind kind);

/* A caller: the name of one of the table's "subjects", or an object with "arn" and perhaps
 * "issuer", "tags", "user_id", "user_name". A bare service name is a service. */
struct kmsd_policy_subject *policy_fixture_subject(
    struct policy_fixture *fixture, const json_t *json);

/* An object of condition keys: strings, numbers, truth values, lists of strings, and
 * {"time": ...}, {"ip": ...}, {"binary": base64}. */
const struct kmsd_policy_entry *policy_fixture_entries(
    struct policy_fixture *fixture, const json_t *json, size_t *count);

/* A JSON string member; absent when there is none. */
struct kms_str policy_fixture_str(const json_t *object, const char *name);

/* An object of strings; items stays absent when json is. */
struct kms_str_map policy_fixture_map(struct policy_fixture *fixture, const json_t *json);

/* Parses text that has to be a document. */
struct kmsd_policy_document *policy_parse_text(const char *text, enum kmsd_policy_kind kind);

#endif

/*
 * Policy documents, parsed once into an immutable structure and kept. Matching them later allocates
 * nothing and changes nothing, so that any number of threads may share one.
 *
 * Source: "Grammar of the IAM JSON policy language" and "IAM JSON policy elements", IAM User Guide;
 * "Key policies in AWS KMS" and "AWS KMS condition keys", AWS KMS Developer Guide; PutKeyPolicy,
 * AWS KMS API Reference.
 */
#ifndef KMSD_POLICY_PARSE_H
#define KMSD_POLICY_PARSE_H

#include "kmsd/policy/subject.h"

enum kmsd_policy_kind {
    KMSD_POLICY_KIND_KEY,      /* on a key: every statement names principals */
    KMSD_POLICY_KIND_IDENTITY, /* on a user, group or role: no principals */
    KMSD_POLICY_KIND_SESSION,  /* given to AssumeRole or GetFederationToken: no principals */
    KMSD_POLICY_KIND_BOUNDARY, /* a permissions boundary: no principals */
    KMSD_POLICY_KIND_TRUST,    /* on a role, who may assume it: principals, no resources */
};

/* Longest documents. Key policies count every byte; the others, as IAM counts them, every character
 * but white space. */
#define KMSD_POLICY_KEY_MAX      32768
#define KMSD_POLICY_IDENTITY_MAX 6144
#define KMSD_POLICY_BOUNDARY_MAX 6144
#define KMSD_POLICY_SESSION_MAX  2048
#define KMSD_POLICY_TRUST_MAX    4096

/* The longest text of any kind, white space and all. */
#define KMSD_POLICY_TEXT_MAX 131072

/* Policy variables in one value. */
#define KMSD_POLICY_VARIABLES_MAX 8

struct kmsd_policy_document;

/* Why a document is refused: the message of the MalformedPolicyDocumentException. Where the live
 * service's words are known they are these, otherwise a sentence that names the statement. */
struct kmsd_policy_problem {
    char text[400];
};

/* Parses a document; free with kmsd_policy_document_free. problem->text is set (perhaps empty) on
 * failure. The text need not outlive the call.
 *
 * KMS_ERR_SYNTAX: not JSON, or an object names a member twice; the message is empty.
 * KMS_ERR_LIMIT: longer than its kind allows.
 * KMS_ERR_VALIDATION: JSON, but refused. */
KMS_MUST_USE enum kms_err kmsd_policy_parse(struct kms_str text, enum kmsd_policy_kind kind,
    struct kmsd_policy_document **out, struct kmsd_policy_problem *problem);

/* NULL is allowed. */
void kmsd_policy_document_free(struct kmsd_policy_document *document);

enum kmsd_policy_kind kmsd_policy_document_kind(const struct kmsd_policy_document *document);
struct kms_str kmsd_policy_document_id(const struct kmsd_policy_document *document);
size_t kmsd_policy_document_statements(const struct kmsd_policy_document *document);

/* The Sid of a statement (counted from 0); absent when it has none. */
struct kms_str kmsd_policy_document_sid(const struct kmsd_policy_document *document, size_t index);
bool kmsd_policy_document_is_deny(const struct kmsd_policy_document *document, size_t index);

/* Bytes that the document takes in memory. */
size_t kmsd_policy_document_size(const struct kmsd_policy_document *document);

/* Calls visit for each principal that the statements name, until it returns false; returns whether
 * all were visited. For checks that need to know who exists, as PutKeyPolicy does. */
typedef bool kmsd_policy_visit_fn(void *arg, const struct kmsd_policy_name *name);
bool kmsd_policy_document_principals(
    const struct kmsd_policy_document *document, kmsd_policy_visit_fn *visit, void *arg);

#endif

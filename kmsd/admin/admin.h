/*
 * Administration of a running daemon by whoever runs it: HTTP/1.1 with JSON on a socket in the file
 * system. POST /ACTION with an object, answered by an object. Only the daemon's own user and root
 * get in: the socket has mode 0600, and the kernel says who is at the other end.
 *
 * What can be done is a list of tables, one for each room that has something to administer; the
 * actions run one at a time on the socket's own thread.
 */
#ifndef KMSD_ADMIN_ADMIN_H
#define KMSD_ADMIN_ADMIN_H

#include "kmsd/detail.h"

#include <jansson.h>
#include <kms/bytes.h>
#include <kms/error.h>

/* Bytes of a request's and of an answer's body. */
#define KMSD_ADMIN_BODY_MAX ((size_t)4 << 20)

/* One action under way. */
struct kmsd_admin_call {
    struct kms_str action;      /* as it was asked for */
    int64_t peer_uid;           /* the user at the other end */
    const json_t *input;        /* an object: every member is one that the action takes */
    json_t *output;             /* an object, empty, to be filled */
    struct kmsd_detail *detail; /* why not, when it fails: told to the caller */
};

/*
 * Carries out an action. context is its table's. The codes that are the caller's fault:
 *   KMS_ERR_INVALID_ARGUMENT, KMS_ERR_VALIDATION, KMS_ERR_SYNTAX, KMS_ERR_LIMIT  a member is wrong
 *   KMS_ERR_NOT_FOUND, KMS_ERR_EXISTS
 */
typedef enum kms_err kmsd_admin_fn(void *context, const struct kmsd_admin_call *call);

enum { KMSD_ADMIN_MEMBERS_MAX = 12 };

struct kmsd_admin_action {
    const char *name; /* "noun.verb", or a word of its own; "noun.*" is every verb of the noun */
    /* The members that it takes; "?name" may be left out, "*" stands for any. NULL ends the list
     * early. */
    const char *members[KMSD_ADMIN_MEMBERS_MAX];
    kmsd_admin_fn *run;
};

struct kmsd_admin_table {
    const struct kmsd_admin_action *actions;
    size_t count;
    void *context;
};

/* --- serving ---------------------------------------------------------------------------------- */

struct kmsd_admin_options {
    const char *path;                      /* of the socket; a dead one is replaced */
    const struct kmsd_admin_table *tables; /* copied; what they point to must outlive the socket */
    size_t table_count;
};

enum { KMSD_ADMIN_TABLES_MAX = 16 };

struct kmsd_admin;

/* KMS_ERR_BUSY: somebody is listening there. KMS_ERR_EXISTS: something else is there.
 * KMS_ERR_LIMIT, KMS_ERR_IO, KMS_ERR_NO_MEMORY. detail explains. */
KMS_MUST_USE enum kms_err kmsd_admin_start(
    const struct kmsd_admin_options *options, struct kmsd_admin **out, struct kmsd_detail *detail);

/* Ends after the action under way and removes the socket. NULL is allowed. */
void kmsd_admin_stop(struct kmsd_admin *admin);

/* --- running an action ------------------------------------------------------------------------ */

/* Finds the action, checks the members and runs it. *output is the caller's to give back; NULL
 * after a failure, which detail explains. KMS_ERR_UNSUPPORTED: there is no such action. */
KMS_MUST_USE enum kms_err kmsd_admin_run(const struct kmsd_admin_table *tables, size_t table_count,
    int64_t peer_uid, struct kms_str name, const json_t *input, json_t **output,
    struct kmsd_detail *detail);

/* A text member; absent when it was left out. KMS_ERR_VALIDATION: of another type, or longer than
 * max bytes, or holding a NUL; detail says so. Valid as long as the input. */
KMS_MUST_USE enum kms_err kmsd_admin_text(
    const struct kmsd_admin_call *call, const char *name, size_t max, struct kms_str *out);

/* Puts a text into the output; absent text is left out. KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_admin_put_text(
    const struct kmsd_admin_call *call, const char *name, struct kms_str value);

/* --- the client's side ------------------------------------------------------------------------ */

/* Sends one action to the socket at path. *output is the answer, to be given back by the caller.
 * KMS_ERR_FAULT: the daemon refused, detail has its words. KMS_ERR_TRANSPORT: nobody answers
 * there. KMS_ERR_PROTOCOL, KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_admin_send(const char *path, const char *action, const json_t *input,
    json_t **output, struct kmsd_detail *detail);

#endif

/* Actions of the services beside that of the keys: IAM and STS. Their answers are XML. */
#ifndef KMSCTL_QUERY_H
#define KMSCTL_QUERY_H

#include "kmsctl/app.h"
#include "libkms/base/buf.h"

#include <jansson.h>

enum kmsctl_query_service { KMSCTL_QUERY_IAM, KMSCTL_QUERY_STS, KMSCTL_QUERY_STS_UNSIGNED };

/* A form that grows; a sticky error is found by kmsctl_query. */
struct kmsctl_query_form {
    enum kmsctl_query_service service;
    struct kms_buf text;
};

void kmsctl_query_begin(
    struct kmsctl_query_form *form, enum kmsctl_query_service service, const char *action);
void kmsctl_query_clean_up(struct kmsctl_query_form *form); /* wipes */
#define KMSCTL_QUERY_FORM_AUTO \
    __attribute__((cleanup(kmsctl_query_clean_up))) struct kmsctl_query_form

/* Adds a parameter; an absent value adds nothing. */
void kmsctl_query_add(struct kmsctl_query_form *form, const char *name, struct kms_str value);

/* Adds the pairs of --tag as Tags.member.N. KMSCTL_USAGE. */
KMS_MUST_USE enum kmsctl_exit kmsctl_query_add_tags(
    struct kmsctl_app *app, struct kmsctl_query_form *form);

/* Adds what a file holds; "-" is standard input. KMSCTL_IO, KMSCTL_USAGE. */
KMS_MUST_USE enum kmsctl_exit kmsctl_query_add_file(
    struct kmsctl_app *app, struct kmsctl_query_form *form, const char *name, const char *path);

/* Connects and asks. *out is the action's result, a new reference: an object whose members are
 * texts, objects, and lists (of what the answer has as "member"s). what begins the message of a
 * failure. */
KMS_MUST_USE enum kmsctl_exit kmsctl_query(
    struct kmsctl_app *app, const struct kmsctl_query_form *form, const char *what, json_t **out);

#endif

/*
 * Bodies of type application/x-www-form-urlencoded, as the AWS Query protocol uses them.
 *
 * Source: URL Standard, section 5 (what a '+' and a '%' mean); "AWS Query protocol", Smithy
 * specification (names such as "Tags.member.1.Key").
 */
#ifndef KMSD_QUERY_FORM_H
#define KMSD_QUERY_FORM_H

#include "libkms/base/arena.h"

#include <kms/types.h>

/* Most parameters of one request. */
#define KMSD_FORM_MAX 4096

struct kmsd_form {
    const struct kms_str_pair *items;
    size_t count;
};

/* Reads a body; the texts live in the arena and are well-formed UTF-8 without NUL.
 * KMS_ERR_SYNTAX: a bad escape, bad UTF-8, a NUL, an empty name. KMS_ERR_EXISTS: a name is there
 * twice. KMS_ERR_LIMIT: too many. KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_form_parse(
    struct kms_bytes body, struct kms_arena *arena, struct kmsd_form *out);

/* The value of that name; absent when there is none. */
struct kms_str kmsd_form_get(const struct kmsd_form *form, const char *name);

/* "NAME.member.INDEX" or, with a field, "NAME.member.INDEX.FIELD", counted from 1. */
struct kms_str kmsd_form_member(
    const struct kmsd_form *form, const char *name, size_t index, const char *field);

#endif

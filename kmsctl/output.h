/*
 * Results on stdout: JSON, or lines of text that scripts can cut. Both come from one JSON value;
 * structures of the API become one by the tables of libkms/proto/model.h, with the API's own member
 * names, times in RFC 3339, octets in base64.
 *
 * Text never holds a control character of the value: \n, \t, \\ and \xNN stand for them, so that
 * one result is one line and a description can't drive the terminal.
 */
#ifndef KMSCTL_OUTPUT_H
#define KMSCTL_OUTPUT_H

#include "kmsctl/app.h"
#include "libkms/proto/model.h"

#include <jansson.h>

/* A new reference; NULL when memory is out. Members that are absent are left out. */
json_t *kmsctl_json_of(const struct kms_shape *shape, const void *value);
json_t *kmsctl_json_str(struct kms_str text); /* null when absent or not UTF-8 */
json_t *kmsctl_json_base64(struct kms_bytes bytes);
json_t *kmsctl_json_hex(struct kms_bytes bytes);
json_t *kmsctl_json_map(struct kms_str_map map);

/* Adds a member, taking over value. False, with value released, when memory is out (also when value
 * is NULL for that reason). */
KMS_MUST_USE bool kmsctl_json_add(json_t *object, const char *name, json_t *value);

/*
 * The printers take a borrowed value. NULL stands for "memory was out while it was made".
 * KMSCTL_FAILED then; writing errors are found by main when it closes stdout.
 */

/* In JSON: the value. In text: one "Name: value" line per member, nested names joined by dots,
 * lists of scalars joined by ", ". */
enum kmsctl_exit kmsctl_print_fields(struct kmsctl_app *app, const json_t *value);

/* In JSON: the value. In text: the value of one member, alone on its line. */
enum kmsctl_exit kmsctl_print_member(struct kmsctl_app *app, const json_t *value, const char *name);

/* In JSON: the value. In text: of the list that is member rows of value, one line per item, the
 * named members divided by tabs; "-" for what is absent or empty. */
enum kmsctl_exit kmsctl_print_rows(struct kmsctl_app *app, const json_t *value, const char *rows,
    const char *const *columns, size_t column_count);

/* In JSON: the value. In text: nothing, as there is nothing to say. */
enum kmsctl_exit kmsctl_print_done(struct kmsctl_app *app, const json_t *value);

/* Text with control characters made visible, as described above. */
void kmsctl_print_escaped(FILE *out, struct kms_str text);

/* The same for people to read: backslashes stay as they are. */
void kmsctl_print_visible(FILE *out, struct kms_str text);

#endif

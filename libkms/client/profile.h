/*
 * The AWS CLI's shared files: ~/.aws/config and ~/.aws/credentials.
 *
 * An INI dialect. "[section]" lines, below them "name = value" (names in any letter case). Lines
 * that begin with '#' or ';' are comments; behind a value these are part of it, as in
 * credential_process = sh -c "a ; b". A line indented deeper than the name above it continues that
 * name's value; below an empty value such lines are "name = value" pairs of their own (as in "s3 ="
 * and [services]). A section or a name that occurs twice is an error, as it is to the CLI, and so
 * are two headers of one profile, "[profile x]" and "[profile "x"]", of which the CLI takes the
 * last.
 *
 * Source: AWS CLI User Guide, "Configuration and credential file settings"; AWS SDKs and Tools
 * Reference Guide, "Shared config and credentials files".
 */
#ifndef KMS_CLIENT_PROFILE_H
#define KMS_CLIENT_PROFILE_H

#include "libkms/base/arena.h"

#include <kms/client.h>

#define KMS_PROFILE_FILE_MAX       ((size_t)1 << 20)
#define KMS_PROFILE_MAX_SECTIONS   4096
#define KMS_PROFILE_MAX_PROPERTIES 1024 /* of one section */

enum kms_profile_file_kind {
    KMS_PROFILE_CONFIG,      /* profiles are "[default]" and "[profile NAME]" */
    KMS_PROFILE_CREDENTIALS, /* every section is a profile */
};

enum kms_profile_section_kind {
    KMS_SECTION_PROFILE,
    KMS_SECTION_SERVICES, /* "[services NAME]" */
    KMS_SECTION_OTHER,
};

struct kms_profile_property {
    struct kms_profile_property *next;
    struct kms_str name; /* lower case */
    struct kms_str value;
    struct kms_profile_property *nested; /* pairs indented below an empty value */
};

struct kms_profile_section {
    struct kms_profile_section *next;
    enum kms_profile_section_kind kind;
    bool explicit_default; /* "[profile default]", which hides "[default]" */
    struct kms_str header; /* between the brackets */
    struct kms_str name;
    struct kms_profile_property *properties;
};

struct kms_profile_file {
    struct kms_arena arena; /* holds everything, wiped: there are secret keys in it */
    struct kms_profile_section *sections;
};

/* An empty file. */
void kms_profile_file_init(struct kms_profile_file *file);
void kms_profile_file_clean_up(struct kms_profile_file *file);

/*
 * Parses the text of a file into an initialised, empty file; on failure it stays empty.
 * KMS_ERR_SYNTAX with *line, counted from 1; KMS_ERR_LIMIT, KMS_ERR_NO_MEMORY.
 */
KMS_MUST_USE enum kms_err kms_profile_parse(enum kms_profile_file_kind kind, struct kms_str text,
    struct kms_profile_file *file, size_t *line);

/* Reads and parses. What is no regular file, or not there, counts as an empty file. KMS_ERR_CONFIG
 * with detail for anything that goes wrong with the file; KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kms_profile_load(enum kms_profile_file_kind kind, const char *path,
    struct kms_profile_file *file, struct kms_detail *detail);

/* NULL when there is none. */
const struct kms_profile_section *kms_profile_find(
    const struct kms_profile_file *file, enum kms_profile_section_kind kind, struct kms_str name);

/* The value of a property; absent when it is not there or the section is NULL. */
struct kms_str kms_profile_get(const struct kms_profile_section *section, const char *name);

/* The value of a pair below a property, as in "kms =" and "  endpoint_url = ...". */
struct kms_str kms_profile_get_nested(
    const struct kms_profile_section *section, const char *name, const char *nested);

#endif

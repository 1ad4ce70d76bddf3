/* Splitting a command line into words, as credential_process and section names need it. */
#ifndef KMS_CLIENT_WORDS_H
#define KMS_CLIENT_WORDS_H

#include "libkms/base/arena.h"

#define KMS_WORDS_MAX 256

/*
 * Words separated by blanks, tabs and line ends. Single quotes keep everything, double quotes all
 * but \" and \\, a backslash outside of quotes the next character. Nothing is expanded: no
 * variables, no patterns, no commands. These are the rules of Python's shlex.split, which the AWS
 * CLI uses.
 *
 * *words is a NULL-terminated array of NUL-terminated words in the arena. KMS_ERR_SYNTAX: a quote
 * without its end, a backslash at the end, a NUL. KMS_ERR_LIMIT: more than KMS_WORDS_MAX words.
 */
KMS_MUST_USE enum kms_err kms_words_split(
    struct kms_str text, struct kms_arena *arena, char ***words, size_t *count);

#endif

/*
 * Verbs that work on files where they are: any number of them, and with -r all files of directory
 * trees whose names end in the suffix.
 */
#ifndef KMSCTL_MANY_H
#define KMSCTL_MANY_H

#include "kmsctl/batch.h"
#include "kmsctl/input.h"
#include "kmsctl/sink.h"

/* Whether the arguments are more than one file: then kmsctl_many_run is for them. */
bool kmsctl_many_asked(const struct kmsctl_args *args);

/* Hands all files that the arguments name to the batch's function and prints the summary. */
KMS_MUST_USE enum kmsctl_exit kmsctl_many_run(
    struct kmsctl_app *app, struct kmsctl_batch_options *options);

/* For that function: opens the file of an item, for reading or with O_RDWR. */
KMS_MUST_USE enum kmsctl_exit kmsctl_many_open(struct kmsctl_app *app,
    const struct kmsctl_batch_item *item, int flags, struct kmsctl_input *input);

/* And a sink that replaces it. */
KMS_MUST_USE enum kmsctl_exit kmsctl_many_replace(struct kmsctl_app *app,
    const struct kmsctl_batch_item *item, const struct kmsctl_input *input,
    const struct kmsctl_sink_options *options, struct kmsctl_sink *sink);

#endif

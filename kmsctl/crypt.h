/*
 * What encrypt, decrypt, re-encrypt and verify have in common. The command line becomes a plan, once;
 * a pass takes one input to one output by it. Any number of passes may go by the same plan at once,
 * each in a thread with an app of its own (kmsctl_app_fork).
 */
#ifndef KMSCTL_CRYPT_H
#define KMSCTL_CRYPT_H

#include "kmsctl/app.h"
#include "kmsctl/input.h"
#include "kmsctl/output.h"
#include "kmsctl/progress.h"
#include "kmsctl/sink.h"

#include <kms/envelope.h>

void kmsctl_crypt_free_info_at(struct kms_envelope_info **info);
void kmsctl_crypt_free_response_at(const void *response_pointer);
#define KMSCTL_INFO_AUTO \
    __attribute__((cleanup(kmsctl_crypt_free_info_at))) struct kms_envelope_info *
#define KMSCTL_RESPONSE_AUTO __attribute__((cleanup(kmsctl_crypt_free_response_at)))

/* What the input turned out to be. */
enum kmsctl_crypt_kind {
    KMSCTL_MESSAGE, /* a message of <kms/envelope.h> */
    KMSCTL_BLOB,    /* short enough to be the CiphertextBlob of an operation */
};

enum kmsctl_crypt_work {
    KMSCTL_CRYPT_ENCRYPT,
    KMSCTL_CRYPT_DECRYPT,
    KMSCTL_CRYPT_REENCRYPT,
    KMSCTL_CRYPT_VERIFY, /* the sink is not used */
};

struct kmsctl_crypt_pass;
struct kmsctl_crypt_plan;

/* Does with a ciphertext blob what the plan does with messages. The input has been looked at. */
typedef enum kmsctl_exit kmsctl_crypt_blob_fn(
    struct kmsctl_app *app, const struct kmsctl_crypt_plan *plan, struct kmsctl_crypt_pass *pass);

struct kmsctl_range {
    bool given;
    uint64_t offset;
    uint64_t len; /* UINT64_MAX: to the end */
};

struct kmsctl_crypt_plan {
    enum kmsctl_crypt_work work;
    const char *doing;          /* "encrypt", for messages */
    kmsctl_crypt_blob_fn *blob; /* NULL: messages only */
    bool direct;                /* blobs only */

    struct kms_str_list keys;     /* to encrypt under, the first one makes the data keys */
    struct kms_str_list old_keys; /* to decrypt with; none: those that the message names */
    struct kms_envelope_encrypt_options making;
    struct kms_envelope_decrypt_options opening;

    struct kmsctl_range range; /* decrypt: just this part of the plaintext */
    bool sparse;               /* decrypt: zeros become holes */

    struct kms_keyring *maker; /* set by kmsctl_crypt_ready, as the work needs them */
    struct kms_keyring *opener;
};

/* Sets what the options -k, -c and so on say. KMSCTL_USAGE. The plan is zeroed but for its first
 * members; the caller cleans it up in any case. */
KMS_MUST_USE enum kmsctl_exit kmsctl_crypt_plan_making(
    struct kmsctl_app *app, struct kmsctl_crypt_plan *plan);
KMS_MUST_USE enum kmsctl_exit kmsctl_crypt_plan_opening(
    struct kmsctl_app *app, struct kmsctl_crypt_plan *plan, enum kmsctl_option_id keys);

bool kmsctl_crypt_gives_ciphertext(const struct kmsctl_crypt_plan *plan);

/* Makes the keyrings; connects. Does nothing the second time. */
KMS_MUST_USE enum kmsctl_exit kmsctl_crypt_ready(
    struct kmsctl_app *app, struct kmsctl_crypt_plan *plan);

void kmsctl_crypt_plan_clean_up(struct kmsctl_crypt_plan *plan);
#define KMSCTL_PLAN_AUTO \
    __attribute__((cleanup(kmsctl_crypt_plan_clean_up))) struct kmsctl_crypt_plan

struct kmsctl_crypt_pass {
    struct kmsctl_input *input;
    struct kmsctl_sink *sink;
    bool steady; /* the input must still be the same at the end */
    struct kms_envelope_fd_options fd_options;

    /* set on success */
    json_t *result; /* what became of it; the caller's reference, NULL when memory was out */
    uint64_t plaintext_len;
};

/* Takes the input to the sink, and commits that. The plan is ready, or the blob function connects
 * by itself. */
KMS_MUST_USE enum kmsctl_exit kmsctl_crypt_pass(
    struct kmsctl_app *app, const struct kmsctl_crypt_plan *plan, struct kmsctl_crypt_pass *pass);

/* The same for one file or standard input, as the first argument and -o say, with progress and the
 * result printed. Without -o, what comes from standard input goes to standard output, ciphertext not
 * to a terminal; for a file, -o is required, but re-encrypt then replaces the file itself. */
KMS_MUST_USE enum kmsctl_exit kmsctl_crypt_single(
    struct kmsctl_app *app, struct kmsctl_crypt_plan *plan);

/* Looks at the input. With direct it can only be a blob. KMSCTL_BAD_INPUT: neither. */
KMS_MUST_USE enum kmsctl_exit kmsctl_crypt_recognise(
    struct kmsctl_app *app, bool direct, struct kmsctl_input *input, enum kmsctl_crypt_kind *out);

/* For pipelines from the input's stream to the sink (NULL: none): with the input's own failure, if
 * it had one, in preference to what the pipeline made of it; and a warning about what has gone to
 * standard output already. */
enum kmsctl_exit kmsctl_crypt_fail(struct kmsctl_app *app, struct kmsctl_input *input,
    const struct kmsctl_sink *sink, const char *doing, enum kms_err err,
    const struct kms_envelope_failure *detail);

/* Whether an ARN names the key that an ARN or a key id names. */
bool kmsctl_crypt_arn_is(struct kms_bytes arn, struct kms_str key);

/* What a message says of itself, for results. NULL when memory is out. */
json_t *kmsctl_crypt_describe(const struct kms_envelope_info *info);

/* "cannot DOING NAME" for messages. Lives as long as the run. */
const char *kmsctl_crypt_what(
    struct kmsctl_app *app, const char *doing, const struct kmsctl_input *input);

#endif

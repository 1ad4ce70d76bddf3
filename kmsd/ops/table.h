/*
 * The table of operations: one row for each of the API, with the properties that security rests on
 * beside the functions that do the work. The pipeline reads the row and enforces it; a handler
 * cannot forget what it never does.
 *
 * docs/ADDING-AN-OPERATION.md leads through a new row.
 */
#ifndef KMSD_OPS_TABLE_H
#define KMSD_OPS_TABLE_H

#include "kmsd/auth/principal.h"
#include "kmsd/keys/keys.h"
#include "kmsd/policy/authorize.h"
#include "libkms/proto/model.h"

struct kmsd_call;

/* A step of a call. KMS_ERR_FAULT: call->fault says what to answer; any other error is internal. */
typedef enum kms_err kmsd_op_step(struct kmsd_call *call);

/* Flags of a row. */
enum {
    KMSD_OP_WRITES = 1 << 0, /* changes keys: on a worker, as the only writer from resource() on */
    KMSD_OP_SLOW = 1 << 1,   /* the same, beside others; takes the writer's lock itself */
    KMSD_OP_KEY_ONLY = 1 << 2,    /* takes no alias in place of a key */
    KMSD_OP_NO_IMPORTED = 1 << 3, /* not for keys whose material is its owner's to make */
    KMSD_OP_IMPORTED = 1 << 6,    /* for keys of imported material alone */
    KMSD_OP_FOREIGN = 1 << 4,     /* a key's policy may allow it to other accounts; else none can */
    KMSD_OP_USES = 1 << 5,        /* success is a use of the key, for GetKeyLastUsage */
};

/* What a call keeps a thread busy with. */
enum kmsd_pace {
    KMSD_PACE_FAST,      /* memory alone, and cryptography of a few hundred microseconds at most */
    KMSD_PACE_WRITES,    /* waits for the disk */
    KMSD_PACE_COMPUTES,  /* half a millisecond of processor time and more */
    KMSD_PACE_GENERATES, /* makes an RSA key: tens of milliseconds to many seconds */
};

/* What that input will do; it has been validated. */
typedef enum kmsd_pace kmsd_op_pace(const void *input);

/* Sets of usages and states are bits. */
#define KMSD_BIT(value)     (1U << (unsigned)(value))
#define KMSD_IN(set, value) (((set)&KMSD_BIT(value)) != 0)

struct kmsd_op {
    enum kms_op id;
    unsigned flags;
    const char *action; /* "kms:Encrypt"; that of further resources is resource()'s business */
    unsigned usages;    /* of enum kms_key_usage; 0: any */
    unsigned states;    /* of enum kms_key_state; 0: any */
    size_t key_id_at;   /* where the input keeps the struct kms_str that names the key */

    /* What this input makes of it; NULL: what the flags say, of which a writer is never FAST. */
    kmsd_op_pace *pace;

    kmsd_op_step *check; /* members against each other, before any look-up; NULL: nothing to do */
    kmsd_op_step *resource; /* finds what the call is about and lists it in call->targets */
    kmsd_op_step *run;      /* does it; NULL: this version does not offer the operation */
};

extern const struct kmsd_op kmsd_ops[KMS_OPERATION_COUNT];

/* What a caller must be allowed to touch, all of it. */
struct kmsd_target {
    const char *action;
    struct kms_str arn;     /* as refusals show it; "*": the account as such */
    struct kms_str account; /* whose it is */
    /* borrowed from the call; NULL: an alias, the account, or another account's key that is not there */
    const struct kmsd_key *key;
    struct kms_str given; /* how the request names the key; absent: a ciphertext or an alias does */
    bool
        is_in_ciphertext; /* a ciphertext names it: of another account's key nothing else is said */
};

/* How the request came here, as conditions see it. Views; absent what is not known. */
struct kmsd_way {
    struct kms_str remote_address;
    struct kms_str user_agent;
    struct kms_str referer;
    struct kms_str source_arn; /* X-Amz-Source-Arn and X-Amz-Source-Account, which are signed: */
    struct kms_str source_account; /* on whose behalf a service says that it asks */
    bool is_secure;
};

enum { KMSD_TARGETS_MAX = 4 };

struct kmsd_fault {
    enum kms_fault_code code;
    struct kms_str message; /* absent: none */
};

/* One call of an operation, from the decoded request to the answer. */
struct kmsd_call {
    const struct kmsd_op *op;
    struct kmsd_keys *keys;
    const struct kmsd_principal *principal;
    struct kms_str region;
    struct kmsd_way way;
    const struct kms_str *regions; /* that are served; region_count 0: any */
    size_t region_count;
    int64_t now_ms;
    const char *request_id;
    struct kms_arena *arena; /* for everything that lives as long as the call */
    const void *input;
    void *output; /* zeroed, of the shape's size; NULL when the answer has no body */

    uint64_t as_of; /* kmsd_custody_forgets from before any key was looked up */

    /* filled by resource() */
    struct kmsd_target targets[KMSD_TARGETS_MAX];
    size_t target_count;
    const struct kmsd_key *key; /* held; what usages and states are checked of */
    /* held; the second key of ReEncrypt, the replica of UpdatePrimaryRegion: checked likewise; the
     * replica that ReplicateKey made */
    const struct kmsd_key *destination;
    const struct kmsd_key *former;     /* held; the key that UpdateAlias takes the alias from */
    const struct kmsd_alias *alias;    /* held; of the alias operations */
    struct kmsd_ciphertext ciphertext; /* views into the input */

    /* of the grant operations */
    struct kmsd_key_grant wanted_grant; /* of CreateGrant, by check(); views into the input */
    struct kms_str grant_id;            /* of RetireGrant */
    const struct kmsd_key_grant *grant; /* that it is about, into key; NULL: not there */
    const struct kmsd_key **listed;     /* held; what the answer of a list points into */
    size_t listed_count;

    struct kmsd_fault fault;
};

/*
 * The steps, in this order. Each returns like a kmsd_op_step.
 */
KMS_MUST_USE enum kms_err kmsd_call_resolve(struct kmsd_call *call);
KMS_MUST_USE enum kms_err kmsd_call_authorize(struct kmsd_call *call); /* every target allowed? */
KMS_MUST_USE enum kms_err kmsd_call_admit(struct kmsd_call *call);     /* origin, usage, state */
KMS_MUST_USE enum kms_err kmsd_call_run(struct kmsd_call *call);

/* Gives back what the call holds; the output may point into it, so encode first. */
void kmsd_call_clean_up(struct kmsd_call *call);

/* The fault of an internal error: internal and API errors meet here alone. */
struct kmsd_fault kmsd_fault_of(enum kms_err err);

#endif

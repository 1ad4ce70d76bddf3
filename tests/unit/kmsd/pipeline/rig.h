/*
 * A daemon's heart on the bench: store, custody, index and pipeline put together, and requests sent
 * through them as text. Only authentication is a stand-in: the Authorization header of these tests
 * is "ACCOUNT REGION" for an account's root and "ACCOUNT REGION NAME" for a user of it.
 *
 * Texts are templates: ' stands for ", and ${NAME} for what rig_set put under that name.
 */
#ifndef KMSD_TEST_RIG_H
#define KMSD_TEST_RIG_H

#include "kmsd/keys/keys.h"
#include "kmsd/pipeline.h"

#include <jansson.h>

#define RIG_ACCOUNT "111122223333"
#define RIG_OTHER   "444455556666"
#define RIG_REGION  "us-east-1"
#define RIG_VALUES  16

struct rig {
    char path[64]; /* of the store; empty: in memory */
    struct kmsd_store *store;
    struct kmsd_custody *custody;
    struct kmsd_keys *keys;
    struct kmsd_pipeline pipeline;
    struct kmsd_exchange exchange;
    const char *caller; /* the Authorization header; at first the root of RIG_ACCOUNT */

    int status;
    char text[1 << 16]; /* the last answer's body */
    json_t *answer;     /* the same, read; NULL when empty */

    struct {
        char name[24];
        char value[16384];
    } values[RIG_VALUES];
    size_t value_count;
};

/* The hour that the pipeline sees. */
extern int64_t rig_now_ms;

/* In memory, or in a new file that rig_close removes. */
struct rig *rig_open(bool on_disk);
void rig_close(struct rig *rig);

/* Closes and opens the store, as a restart does. */
void rig_restart(struct rig *rig);

void rig_set(struct rig *rig, const char *name, const char *value);
const char *rig_get(const struct rig *rig, const char *name);
bool rig_knows(const struct rig *rig, const char *name);

/* Sends a request and reads the answer. */
void rig_send(struct rig *rig, const char *operation, const char *body);

/* The same, and the answer must be a success; returns it (NULL when it has no body). */
json_t *rig_ok(struct rig *rig, const char *operation, const char *body);

/* The same, and the answer must be that error with exactly that text; NULL: it must have none. */
void rig_fault(struct rig *rig, const char *operation, const char *body, const char *code,
    const char *message);

/* One row of a table of refusals. */
struct rig_case {
    const char *operation;
    const char *body;
    const char *code;
    const char *message;
};
void rig_faults(struct rig *rig, const struct rig_case *cases, size_t count);

/* Makes a key and puts its id and ARN under NAME and NAME_ARN. */
void rig_key(struct rig *rig, const char *name);

/* The text of a member of the last answer; fails when it is not there. */
const char *rig_text(struct rig *rig, const char *member);

#endif

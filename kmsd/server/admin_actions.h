/* What `kmsd admin` can do: the tables of all rooms, and the daemon's own actions. */
#ifndef KMSD_SERVER_ADMIN_ACTIONS_H
#define KMSD_SERVER_ADMIN_ACTIONS_H

#include "kmsd/admin/admin.h"
#include "kmsd/server/service.h"

struct kmsd_keys;
struct kmsd_query;
struct kmsd_jobs;

/* What the actions act on; must outlive the socket. */
struct kmsd_admin_state {
    const struct kmsd_service *service;
    struct kmsd_keys *keys;
    const struct kmsd_query *query;
    struct kmsd_jobs *jobs;
    struct kmsd_audit *audit; /* NULL: there is no trail */
    int64_t started_elapsed_ms;
};

/* Serves every action at path. As kmsd_admin_start. */
KMS_MUST_USE enum kms_err kmsd_admin_actions_start(struct kmsd_admin_state *state, const char *path,
    struct kmsd_admin **out, struct kmsd_detail *detail);

#endif

/* A daemon's life, the same for run and dev: from an open data directory to the end of the drain.
 */
#ifndef KMSD_SERVER_SERVICE_H
#define KMSD_SERVER_SERVICE_H

#include "kmsd/auth/auth.h"
#include "kmsd/server/config.h"
#include "kmsd/server/datadir.h"

struct kmsd_service {
    const struct kmsd_config *config;
    struct kmsd_datadir *datadir; /* open */
    struct kmsd_iam *iam;         /* open */
    struct kmsd_auth *auth;       /* loaded */
    const struct kms_str *regions;
    size_t region_count;      /* 0: any */
    const char *admin_socket; /* path; NULL: none */
    bool virtual_clock;       /* the hour may be set through the admin socket */
    const char *audit_folder; /* path; NULL: the trail is in memory, the newest records alone */

    /* Called once when requests are being served: endpoint is the first address. */
    void (*announce)(void *context, const char *endpoint);
    void *context;
};

/* Opens the identities of a data directory, the first thing that a service needs. Their ARNs are in
 * the partition of the first region. */
KMS_MUST_USE enum kms_err kmsd_service_open_iam(
    struct kmsd_datadir *datadir, struct kmsd_iam **out, struct kmsd_detail *detail);

/* Blocks the signals that end the daemon, so that threads inherit that and kmsd_service_run
 * receives them. Before any thread starts. */
void kmsd_service_block_signals(void);

/* Serves until SIGTERM or SIGINT, then drains. KMS_OK: it ran and ended as it was asked to. */
KMS_MUST_USE enum kms_err kmsd_service_run(
    const struct kmsd_service *service, struct kmsd_detail *detail);

#endif

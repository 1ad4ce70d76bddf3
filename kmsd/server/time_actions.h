/* The administration of a virtual clock: time.show, time.set, time.advance. */
#ifndef KMSD_SERVER_TIME_ACTIONS_H
#define KMSD_SERVER_TIME_ACTIONS_H

#include "kmsd/admin/admin.h"

struct kmsd_jobs;

/* What was due before the new hour has been done when an action answers. jobs is borrowed. */
struct kmsd_admin_table kmsd_time_actions(struct kmsd_jobs *jobs);

#endif

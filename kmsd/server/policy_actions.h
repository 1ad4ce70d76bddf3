/* policy.explain: why a principal may, or may not, do something to a key. */
#ifndef KMSD_SERVER_POLICY_ACTIONS_H
#define KMSD_SERVER_POLICY_ACTIONS_H

#include "kmsd/admin/admin.h"
#include "kmsd/server/admin_actions.h"

/* The state must outlive the socket. */
struct kmsd_admin_table kmsd_policy_actions(struct kmsd_admin_state *state);

#endif

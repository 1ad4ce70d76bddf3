/* The room's own: handlers of identity providers, for the table. */
#ifndef KMSD_QUERY_PROVIDERS_H
#define KMSD_QUERY_PROVIDERS_H

#include "kmsd/query/handlers.h"

KMSD_HANDLER(op_create_provider);
KMSD_HANDLER(op_get_provider);
KMSD_HANDLER(op_list_providers);
KMSD_HANDLER(op_delete_provider);

enum kms_err kmsd_sts_assume_role_with_web_identity(struct kmsd_query_call *call);

#endif

/* Who asks: what authentication hands to everything after it. */
#ifndef KMSD_AUTH_PRINCIPAL_H
#define KMSD_AUTH_PRINCIPAL_H

#include "kmsd/iam/identity.h"

struct kmsd_session;

/* Longest ARN of a principal: a user's with its path and name. */
#define KMSD_PRINCIPAL_ARN_MAX 640

struct kmsd_principal {
    char account[13];                     /* 12 digits; of a service "" */
    char arn[KMSD_PRINCIPAL_ARN_MAX + 1]; /* of root, a user or session; a service's name */
    char access_key_id[129];
    bool is_account_root;
    /* Of others than root. NULL: nothing is known but the ARN, and no policy allows anything. */
    const struct kmsd_identity *identity;
    /* The temporary credentials that signed; NULL: long-lived ones did. */
    const struct kmsd_session *session;
};

/* Gives back what a verified principal holds; a zeroed one holds nothing. */
void kmsd_principal_clean_up(struct kmsd_principal *principal);

#endif

/* Addresses of sockets in the file system, also where the path is longer than such an address. */
#ifndef KMSD_ADMIN_ADDRESS_H
#define KMSD_ADMIN_ADDRESS_H

#include "kmsd/detail.h"

#include <kms/error.h>
#include <sys/socket.h>
#include <sys/un.h>

struct kmsd_admin_address {
    struct sockaddr_un at;
    int folder; /* open as long as the address is used; -1: none */
};

/* A path of more than sockaddr_un's 107 bytes is named through /proc by its folder, which is opened
 * for it. KMS_ERR_CONFIG, KMS_ERR_IO. */
KMS_MUST_USE enum kms_err kmsd_admin_address_init(
    struct kmsd_admin_address *address, const char *path, struct kmsd_detail *detail);

void kmsd_admin_address_clean_up(struct kmsd_admin_address *address);

#endif

/* Folders: making what happened in them survive power loss. */
#ifndef KMS_BASE_FOLDER_H
#define KMS_BASE_FOLDER_H

#include <kms/error.h>
#include <stdbool.h>

/* Syncs the folder that the name at the end of path lives in ("." when path is a name alone), so
 * that the name itself, made or removed, is on the medium. False: errno says why. */
KMS_MUST_USE bool kms_folder_sync_of(const char *path);

#endif

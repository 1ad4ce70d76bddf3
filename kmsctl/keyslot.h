/* kmsctl key-slot ...: who can open files that were encrypted with --key-slots. */
#ifndef KMSCTL_KEYSLOT_H
#define KMSCTL_KEYSLOT_H

#include "kmsctl/output.h"

#include <kms/key_slots.h>

/* An array of the slots, each with its file's name unless that is NULL. NULL when memory is out. */
json_t *kmsctl_key_slots_describe(const struct kms_key_slots *slots, const char *file);

#endif

/* What the rest of the envelope needs of the reader's stream beyond <kms/envelope.h>. */
#ifndef KMS_ENVELOPE_DECRYPTOR_H
#define KMS_ENVELOPE_DECRYPTOR_H

#include "libkms/envelope/message.h"

/* Streams the rest of a message whose header was read and opened elsewhere; takes it over on
 * success. limits has no zeros. */
KMS_MUST_USE enum kms_err kms_decryptor_from_message(struct kms_message *message,
    const struct kms_envelope_limits *limits, struct kms_envelope_decryptor **out);

/* Nobody looks at the room before the step that filled it has returned: whole frames are then opened
 * straight into it, which saves two copies. */
void kms_decryptor_trust_room(struct kms_envelope_decryptor *decryptor);

/* Gives the header away at the end; the stream may then only be freed. */
struct kms_envelope_info *kms_decryptor_take_info(struct kms_envelope_decryptor *decryptor);

#endif

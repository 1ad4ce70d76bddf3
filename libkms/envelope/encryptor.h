/* What the rest of the envelope needs of the writer's stream beyond <kms/envelope.h>. */
#ifndef KMS_ENVELOPE_ENCRYPTOR_H
#define KMS_ENVELOPE_ENCRYPTOR_H

#include "libkms/envelope/message.h"

/* Streams a message that was begun; takes it over on success. */
KMS_MUST_USE enum kms_err kms_encryptor_from_message(
    struct kms_message *message, struct kms_envelope_encryptor **out);

/* Gives the header away at the end; the stream may then only be freed. */
struct kms_envelope_info *kms_encryptor_take_info(struct kms_envelope_encryptor *encryptor);

#endif

/* What libkms.so exports, and what callers must not ignore. */
#ifndef KMS_EXPORT_H
#define KMS_EXPORT_H

#define KMS_PUBLIC   __attribute__((visibility("default")))
#define KMS_MUST_USE __attribute__((warn_unused_result))

#endif

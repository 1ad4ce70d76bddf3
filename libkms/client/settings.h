/*
 * What the environment and the shared files say: one snapshot, read when a client is made.
 *
 * Source: AWS CLI User Guide, "Configuring settings for the AWS CLI" (order: option, environment
 * variable, profile); AWS SDKs and Tools Reference Guide, "Service-specific endpoints".
 */
#ifndef KMS_CLIENT_SETTINGS_H
#define KMS_CLIENT_SETTINGS_H

#include "libkms/client/endpoint.h"
#include "libkms/client/profile.h"

struct kms_settings {
    struct kms_profile_file config;
    struct kms_profile_file credentials;
    bool profile_chosen;         /* by the caller: its credentials go before the environment's */
    struct kms_str profile_name; /* in the arena of config */
    const struct kms_profile_section *in_config;      /* NULL: not there */
    const struct kms_profile_section *in_credentials; /* NULL: not there */
};

/* The value of an environment variable; NULL when it is not set or empty. */
const char *kms_env(const char *name);

/* Reads both files. profile is what the caller asked for, absent when nothing. A profile that was
 * named but does not exist is KMS_ERR_CONFIG; so are unreadable and malformed files. On failure
 * there is nothing to clean up. */
KMS_MUST_USE enum kms_err kms_settings_load(
    struct kms_str profile, struct kms_settings *settings, struct kms_detail *detail);
void kms_settings_clean_up(struct kms_settings *settings);

/* A setting of the profile, from the credentials file, else from the config file; absent if it is
 * in neither or empty. Lives as long as the settings. */
struct kms_str kms_settings_get(const struct kms_settings *settings, const char *name);

/* The region by option, environment, profile. KMS_ERR_CONFIG: none, or no valid name. */
KMS_MUST_USE enum kms_err kms_settings_region(const struct kms_settings *settings,
    struct kms_str option, struct kms_str *region, struct kms_detail *detail);

/* The endpoint by option, environment, profile, region. Its strings live in the arena. */
KMS_MUST_USE enum kms_err kms_settings_endpoint(const struct kms_settings *settings,
    struct kms_str option, struct kms_str region, struct kms_arena *arena, struct kms_endpoint *out,
    struct kms_detail *detail);

/* The wire form by option, KMS_PROTOCOL, endpoint. *protocol is not KMS_PROTOCOL_AUTO. */
KMS_MUST_USE enum kms_err kms_settings_protocol(enum kms_protocol option,
    const struct kms_endpoint *endpoint, enum kms_protocol *protocol, struct kms_detail *detail);

/* Attempts per call: option, AWS_MAX_ATTEMPTS, max_attempts, KMS_DEFAULT_MAX_ATTEMPTS. */
KMS_MUST_USE enum kms_err kms_settings_max_attempts(const struct kms_settings *settings,
    uint32_t option, uint32_t *attempts, struct kms_detail *detail);

/* The file of trusted authorities: option, AWS_CA_BUNDLE, ca_bundle; absent: the system's. */
struct kms_str kms_settings_ca_file(const struct kms_settings *settings, struct kms_str option);

#endif

/*
 * A client of the KMS API: where the service is, who calls it, and how. The operations themselves
 * are in <kms/api.h>.
 *
 * Region, endpoint and credentials come from the same environment variables and ~/.aws files as
 * those of the AWS command line interface (AWS CLI User Guide, "Configuration and credential file
 * settings", "Environment variables"); whatever is set in struct kms_client_options comes first.
 * Where the AWS CLI may choose otherwise: "[profile default]" goes before "[default]" wherever they
 * stand, AWS_SESSION_TOKEN before its old name AWS_SECURITY_TOKEN, and one profile under two headers
 * ("[profile x]" and "[profile "x"]") is refused.
 */
#ifndef KMS_CLIENT_H
#define KMS_CLIENT_H

#include <kms/bytes.h>
#include <kms/error.h>

struct kms_client;

/* What is wrong, as an English sentence for a person; NUL-terminated, cut to fit, never a secret.
 */
#define KMS_DETAIL_SIZE 512
struct kms_detail {
    char text[KMS_DETAIL_SIZE];
};

enum kms_protocol {
    KMS_PROTOCOL_AUTO, /* JSON for hosts below amazonaws.com and amazonaws.com.cn, else CBOR */
    KMS_PROTOCOL_CBOR, /* Smithy RPC v2 CBOR */
    KMS_PROTOCOL_JSON, /* AWS JSON 1.1 */
};

struct kms_credentials {
    struct kms_str access_key_id;
    struct kms_str secret_access_key;
    struct kms_str session_token; /* absent or empty: long-term credentials */
    int64_t expires_ms;           /* since the epoch; 0: never. Renewed some minutes before that */
};

/*
 * Gives the credentials to sign with. The client calls it when it has none yet and when those that
 * it has are about to expire: from any thread that makes a call, but one at a time. The views need
 * to stay valid until the function is called again or the client is freed; the client copies them
 * as soon as it returns. Any error is passed on to the caller of the operation, KMS_ERR_UNSUPPORTED
 * and KMS_ERR_NO_CREDENTIALS being the obvious ones; detail may be filled then.
 */
typedef enum kms_err kms_credentials_provider(
    void *context, struct kms_credentials *out, struct kms_detail *detail);

enum kms_log_level {
    KMS_LOG_DEBUG, /* one line per attempt */
    KMS_LOG_WARN,  /* retries, a corrected clock, credentials that could not be renewed */
};

/* Told what happens inside of calls, from any thread. message has no secret in it and is valid
 * only during the call. The function must not use the client. */
typedef void kms_log_function(void *context, enum kms_log_level level, const char *message);

#define KMS_DEFAULT_CONNECT_TIMEOUT_MS 10000
#define KMS_DEFAULT_ATTEMPT_TIMEOUT_MS 30000
#define KMS_DEFAULT_MAX_ATTEMPTS       3
#define KMS_DEFAULT_IDLE_CONNECTIONS   32
#define KMS_MAX_ATTEMPTS               100

/* Zeroed, everything has its default. Views are copied by kms_client_new. */
struct kms_client_options {
    /* Else AWS_REGION, AWS_DEFAULT_REGION, the profile's region; there is no default. */
    struct kms_str region;
    /* "http://" or "https://", host, perhaps port and path prefix. Else AWS_ENDPOINT_URL_KMS,
     * AWS_ENDPOINT_URL, the profile's services section and endpoint_url (none of these when
     * AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is true), else https://kms.REGION.amazonaws.com. */
    struct kms_str endpoint_url;
    /* Else AWS_PROFILE, AWS_DEFAULT_PROFILE, "default". A profile named here must exist, and its
     * credentials are used even if the environment holds others. */
    struct kms_str profile;
    /* KMS_PROTOCOL_AUTO: KMS_PROTOCOL=json|cbor in the environment, else by host. */
    enum kms_protocol protocol;

    /* Credentials given outright; used before all others when both ids are set. expires_ms is
     * ignored. */
    struct kms_credentials credentials;
    /* Asked next. NULL: the AWS CLI's chain: environment, the profile's keys in the shared files,
     * its credential_process. */
    kms_credentials_provider *credentials_provider;
    void *credentials_context;

    uint32_t connect_timeout_ms; /* 0: KMS_DEFAULT_CONNECT_TIMEOUT_MS */
    uint32_t attempt_timeout_ms; /* one attempt, all in all; 0: KMS_DEFAULT_ATTEMPT_TIMEOUT_MS */
    uint32_t call_timeout_ms;    /* all attempts and the pauses between them; 0: no limit */
    /* 0: AWS_MAX_ATTEMPTS, the profile's max_attempts, else KMS_DEFAULT_MAX_ATTEMPTS. */
    uint32_t max_attempts;
    /* Connections kept open when no call uses them; 0: KMS_DEFAULT_IDLE_CONNECTIONS. As many calls
     * as there are threads run at once in any case. */
    uint32_t idle_connections;
    /* PEM file (or hashed directory) of trusted authorities. Else AWS_CA_BUNDLE, the profile's
     * ca_bundle, the system's. A relative path counts from the working directory that
     * kms_client_new is called in.
     */
    struct kms_str ca_file;
    struct kms_str user_agent_suffix; /* such as "kmsctl/1.0"; printable ASCII */

    kms_log_function *log; /* NULL: silence */
    void *log_context;
};

/*
 * A client; the caller frees it. options may be NULL. Reads the environment and the shared files,
 * and finds credentials (running the profile's credential_process if it has one), but does not talk
 * to the service. A credentials_provider is first asked when the first call is made.
 *
 *   KMS_ERR_CONFIG            no region, a malformed endpoint, an unreadable or malformed file, an
 *                             unknown profile
 *   KMS_ERR_NO_CREDENTIALS    the chain came up empty, or credential_process failed
 *   KMS_ERR_UNSUPPORTED       the profile asks for what this version does not do (role_arn, single
 *                             sign-on, web identity); it is never passed over silently
 *   KMS_ERR_INVALID_ARGUMENT  an option is out of range
 *   KMS_ERR_NO_MEMORY, KMS_ERR_INTERNAL
 *
 * detail may be NULL; it is emptied on success, and tells what to do about it on failure.
 *
 * A client may be used by any number of threads at once. The first client initialises libcurl
 * (curl_global_init, once, never undone). The environment is read with getenv: nobody may change it
 * at the same time. After fork, the child makes its own client.
 */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_client_new(
    const struct kms_client_options *options, struct kms_client **out, struct kms_detail *detail);

/*
 * A client like origin, but in another region: at the same endpoint if one was configured, else at
 * AWS's of that region. It uses the credentials and connections of origin, which must outlive it. The
 * caller frees it. detail may be NULL. KMS_ERR_CONFIG: not a region's name; KMS_ERR_NO_MEMORY.
 */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_client_new_in_region(const struct kms_client *origin,
    struct kms_str region, struct kms_client **out, struct kms_detail *detail);

/* Closes the connections, wipes and frees. No call may be under way. NULL is allowed. */
KMS_PUBLIC void kms_client_free(struct kms_client *client);
KMS_PUBLIC void kms_client_free_at(struct kms_client **client); /* for KMS_CLIENT_AUTO */
#define KMS_CLIENT_AUTO __attribute__((cleanup(kms_client_free_at))) struct kms_client *

/* What was decided; the strings live as long as the client. */
KMS_PUBLIC const char *kms_client_region(const struct kms_client *client);
KMS_PUBLIC const char *kms_client_endpoint(const struct kms_client *client);
KMS_PUBLIC enum kms_protocol kms_client_protocol(const struct kms_client *client); /* never AUTO */

/* Who the credentials are, in the service's words; NUL-terminated. */
struct kms_caller {
    char account[16];
    char arn[2048];
    char user_id[256];
};

struct kms_fault; /* <kms/api.h> */

/* Asks the Security Token Service (GetCallerIdentity): with AWS the region's, otherwise at the
 * client's own endpoint. One attempt. *out is untouched on failure; fault may be NULL. Errors as
 * those of <kms/api.h>. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_caller_identity(
    struct kms_client *client, struct kms_caller *out, struct kms_fault *fault);

#endif

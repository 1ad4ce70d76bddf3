/* Where the service is: configured URLs taken apart, and the addresses of AWS's own regions. */
#ifndef KMS_CLIENT_ENDPOINT_H
#define KMS_CLIENT_ENDPOINT_H

#include "libkms/base/arena.h"

#include <kms/client.h>

#define KMS_ENDPOINT_URL_MAX 2048
#define KMS_REGION_MAX       63 /* it becomes a label of a host name: RFC 1035 section 2.3.4 */

/* Views into the arena that was given, NUL-terminated. */
struct kms_endpoint {
    bool tls;
    struct kms_str url;         /* "https://host:8443/prefix", without a slash at the end */
    struct kms_str host;        /* lower case, without port; an IPv6 address keeps its brackets */
    struct kms_str host_header; /* with the port, unless it is the scheme's own */
    struct kms_str path_prefix; /* "/prefix" or "" */
    bool of_region;             /* AWS's own for a region; then these say which of them */
    bool fips;
    bool dual_stack;
};

/*
 * Takes a URL apart: http or https, a host name, IPv4 or bracketed IPv6 address, perhaps a port and
 * a path of unreserved characters. User names, queries and fragments are refused. KMS_ERR_CONFIG
 * with detail, KMS_ERR_NO_MEMORY.
 */
KMS_MUST_USE enum kms_err kms_endpoint_parse(struct kms_str url, struct kms_arena *arena,
    struct kms_endpoint *out, struct kms_detail *detail);

/* A letter or digit, then letters, digits and hyphens: what is safe in a host name and a scope. */
KMS_MUST_USE bool kms_region_valid(struct kms_str region);

/* AWS's endpoint of a valid region, by the rules of its partition (aws, aws-cn, ...).
 * KMS_ERR_CONFIG, KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kms_endpoint_of_region(struct kms_str region, bool fips, bool dual_stack,
    struct kms_arena *arena, struct kms_endpoint *out, struct kms_detail *detail);

/* A host of AWS itself, which speaks AWS JSON 1.1 only. */
KMS_MUST_USE bool kms_endpoint_is_aws(const struct kms_endpoint *endpoint);

/* A host of AWS's for keys, and for nothing beside: not a load balancer before a daemon of ours. */
KMS_MUST_USE bool kms_endpoint_is_aws_kms(const struct kms_endpoint *endpoint);

/*
 * The host of AWS's STS beside one of its hosts for keys: of the same region, FIPS if that is, dual
 * stack if that is. KMS_ERR_UNSUPPORTED with detail: it has none (PrivateLink); KMS_ERR_NO_MEMORY.
 *
 * Source: botocore, data/sts/2011-06-15/endpoint-rule-set-1.json.
 */
KMS_MUST_USE enum kms_err kms_endpoint_of_sts(const struct kms_endpoint *keys,
    struct kms_arena *arena, struct kms_endpoint *out, struct kms_detail *detail);

#endif

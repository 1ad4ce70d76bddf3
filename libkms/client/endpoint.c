#include "libkms/client/endpoint.h"

#include "libkms/client/detail.h"

#include <string.h>
#include <strings.h>

/* Partitions by the beginning of their regions' names; the first match counts.
 * Source: botocore, data/partitions.json. */
static const struct partition {
    const char *region_prefix;
    const char *suffix;
    const char *dual_stack_suffix;
} partitions[] = {
    {"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
    {"eusc-", "amazonaws.eu", "api.amazonwebservices.eu"},
    {"us-iso-", "c2s.ic.gov", "api.aws.ic.gov"},
    {"us-isob-", "sc2s.sgov.gov", "api.aws.scloud"},
    {"eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
    {"us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
    {"", "amazonaws.com", "api.aws"},
};

#define PARTITION_COUNT (sizeof(partitions) / sizeof(partitions[0]))

static bool is_alphanumeric(char letter)
{
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9');
}

static bool is_one_of(char letter, const char *set)
{
    return letter != '\0' && strchr(set, letter) != NULL;
}

static bool has_prefix(struct kms_str text, const char *prefix)
{
    size_t len = strlen(prefix);
    return text.len >= len && memcmp(text.data, prefix, len) == 0;
}

static bool has_scheme(struct kms_str *url, const char *scheme)
{
    size_t len = strlen(scheme);
    if (url->len < len || strncasecmp(url->data, scheme, len) != 0)
        return false;
    url->data += len;
    url->len -= len;
    return true;
}

/* Splits off the host; what remains of *rest begins with ':' or '/' or is empty. */
static bool take_host(struct kms_str *rest, struct kms_str *host)
{
    size_t len = 0;
    if (rest->len > 0 && rest->data[0] == '[') {
        len = 1;
        while (len < rest->len && (is_one_of(rest->data[len], "0123456789abcdefABCDEF:.")))
            len++;
        if (len < 4 || len == rest->len || rest->data[len] != ']')
            return false;
        len++;
    } else {
        while (len < rest->len &&
               (is_alphanumeric(rest->data[len]) || is_one_of(rest->data[len], "-._")))
            len++;
        if (len == 0 || len > 253)
            return false;
    }
    *host = (struct kms_str){rest->data, len};
    rest->data += len;
    rest->len -= len;
    return rest->len == 0 || rest->data[0] == ':' || rest->data[0] == '/';
}

static bool take_port(struct kms_str *rest, uint32_t *port)
{
    if (rest->len == 0 || rest->data[0] != ':')
        return true;
    uint32_t value = 0;
    size_t i = 1;
    for (; i < rest->len && rest->data[i] >= '0' && rest->data[i] <= '9' && value <= 65535; i++)
        value = value * 10 + (uint32_t)(rest->data[i] - '0');
    if (i == 1 || value == 0 || value > 65535)
        return false;
    *port = value;
    rest->data += i;
    rest->len -= i;
    return rest->len == 0 || rest->data[0] == '/';
}

/* Unreserved characters (RFC 3986 section 2.3) and no dot segments: what goes over the wire is then
 * what was signed, whatever a proxy or a server normalises. */
static bool valid_prefix(struct kms_str path)
{
    for (size_t i = 0; i < path.len; i++) {
        if (!is_alphanumeric(path.data[i]) && !is_one_of(path.data[i], "-._~/"))
            return false;
        if (path.data[i] == '/' && i + 1 < path.len && is_one_of(path.data[i + 1], "./"))
            return false;
    }
    return true;
}

static struct kms_str lower_case(struct kms_arena *arena, struct kms_str text)
{
    struct kms_str copy = kms_arena_str(arena, text);
    char *letters = (char *)copy.data; /* the arena's, just made */
    for (size_t i = 0; letters != NULL && i < copy.len; i++) {
        if (letters[i] >= 'A' && letters[i] <= 'Z')
            letters[i] = (char)(letters[i] - 'A' + 'a');
    }
    return copy;
}

static enum kms_err assemble(struct kms_arena *arena, bool tls, struct kms_str host, uint32_t port,
    struct kms_str prefix, struct kms_endpoint *out)
{
    struct kms_endpoint endpoint = {.tls = tls};
    endpoint.host = lower_case(arena, host);
    endpoint.path_prefix = kms_arena_str(arena, prefix);
    if (endpoint.host.data == NULL || endpoint.path_prefix.data == NULL)
        return KMS_ERR_NO_MEMORY;
    if (port == 0 || port == (tls ? 443 : 80))
        endpoint.host_header = endpoint.host;
    else
        endpoint.host_header = kms_arena_printf(arena, "%s:%u", endpoint.host.data, port);
    if (endpoint.host_header.data == NULL)
        return KMS_ERR_NO_MEMORY;
    endpoint.url = kms_arena_printf(arena, "%s://%s%s", tls ? "https" : "http",
        endpoint.host_header.data, endpoint.path_prefix.data);
    if (endpoint.url.data == NULL)
        return KMS_ERR_NO_MEMORY;
    *out = endpoint;
    return KMS_OK;
}

enum kms_err kms_endpoint_parse(struct kms_str url, struct kms_arena *arena,
    struct kms_endpoint *out, struct kms_detail *detail)
{
    struct kms_str rest = url;
    struct kms_str host = {NULL, 0};
    uint32_t port = 0;
    bool tls = has_scheme(&rest, "https://");
    if (url.len > KMS_ENDPOINT_URL_MAX || (!tls && !has_scheme(&rest, "http://")) ||
        !take_host(&rest, &host) || !take_port(&rest, &port)) {
        /* Not shown in full: somebody may have put a password into it. */
        kms_detail_set(detail, "the endpoint is not a URL such as https://host:port");
        return KMS_ERR_CONFIG;
    }
    while (rest.len > 0 && rest.data[rest.len - 1] == '/')
        rest.len--;
    if (!valid_prefix(rest)) {
        kms_detail_set(detail,
            "the endpoint of host %.*s has characters in its path that are not allowed there",
            KMS_DETAIL_ARG(host));
        return KMS_ERR_CONFIG;
    }
    return assemble(arena, tls, host, port, rest, out);
}

bool kms_region_valid(struct kms_str region)
{
    if (region.len == 0 || region.len > KMS_REGION_MAX || !is_alphanumeric(region.data[0]) ||
        region.data[region.len - 1] == '-')
        return false;
    for (size_t i = 0; i < region.len; i++) {
        if (!is_alphanumeric(region.data[i]) && region.data[i] != '-')
            return false;
    }
    return true;
}

enum kms_err kms_endpoint_of_region(struct kms_str region, bool fips, bool dual_stack,
    struct kms_arena *arena, struct kms_endpoint *out, struct kms_detail *detail)
{
    if (!kms_region_valid(region)) {
        kms_detail_set(detail, "\"%.*s\" is not a region's name", KMS_DETAIL_ARG(region));
        return KMS_ERR_CONFIG;
    }
    const struct partition *partition = partitions;
    while (!has_prefix(region, partition->region_prefix))
        partition++;
    struct kms_str host =
        kms_arena_printf(arena, "kms%s.%.*s.%s", fips ? "-fips" : "", (int)region.len, region.data,
            dual_stack ? partition->dual_stack_suffix : partition->suffix);
    if (host.data == NULL)
        return KMS_ERR_NO_MEMORY;
    enum kms_err err = assemble(arena, true, host, 0, kms_str(""), out);
    if (err != KMS_OK)
        return err;
    out->of_region = true;
    out->fips = fips;
    out->dual_stack = dual_stack;
    return KMS_OK;
}

static bool below(struct kms_str host, const char *domain)
{
    size_t len = strlen(domain);
    return host.len > len && host.data[host.len - len - 1] == '.' &&
           memcmp(host.data + host.len - len, domain, len) == 0;
}

bool kms_endpoint_is_aws(const struct kms_endpoint *endpoint)
{
    for (size_t i = 0; i < PARTITION_COUNT; i++) {
        if (below(endpoint->host, partitions[i].suffix) ||
            below(endpoint->host, partitions[i].dual_stack_suffix))
            return true;
    }
    return false;
}

/* The first label of a host that names the service of keys. */
static bool find_kms_label(struct kms_str host, struct kms_str *label)
{
    for (size_t at = 0; at < host.len; at += label->len + 1) {
        const char *begin = host.data + at;
        const char *dot = memchr(begin, '.', host.len - at);
        *label = (struct kms_str){begin, dot == NULL ? host.len - at : (size_t)(dot - begin)};
        if (kms_str_is(*label, "kms") || kms_str_is(*label, "kms-fips"))
            return true;
    }
    return false;
}

bool kms_endpoint_is_aws_kms(const struct kms_endpoint *endpoint)
{
    struct kms_str label;
    return kms_endpoint_is_aws(endpoint) && find_kms_label(endpoint->host, &label);
}

enum kms_err kms_endpoint_of_sts(const struct kms_endpoint *keys, struct kms_arena *arena,
    struct kms_endpoint *out, struct kms_detail *detail)
{
    struct kms_str label;
    if (!find_kms_label(keys->host, &label) || label.data != keys->host.data) {
        kms_detail_set(detail,
            "the host %.*s answers for keys only; give a region, or its endpoint",
            KMS_DETAIL_ARG(keys->host));
        return KMS_ERR_UNSUPPORTED;
    }
    struct kms_str rest = {label.data + label.len, keys->host.len - label.len};
    bool fips = kms_str_is(label, "kms-fips");
    /* There the usual host is the FIPS one, and has no other name but in dual stack. */
    if (has_prefix(rest, ".us-gov-") && below(rest, "amazonaws.com"))
        fips = false;
    struct kms_str host =
        kms_arena_printf(arena, "sts%s%.*s", fips ? "-fips" : "", (int)rest.len, rest.data);
    return host.data == NULL ? KMS_ERR_NO_MEMORY : assemble(arena, true, host, 0, kms_str(""), out);
}

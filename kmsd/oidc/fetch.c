#include "kmsd/oidc/fetch.h"

#include "kmsd/oidc/address.h"
#include "libkms/base/clock.h"

#include <curl/curl.h>
#include <unistd.h>

enum { CONNECT_MS = 3000, URL_MAX = 2048 };

struct fetch {
    struct kms_buf *out;
    bool takes_any_address;
    bool is_refused; /* there was an address, but not a public one */
    char error[CURL_ERROR_SIZE];
};

static size_t take(char *data, size_t size, size_t count, void *context)
{
    struct fetch *fetch = context;
    kms_buf_append(fetch->out, data, size * count);
    return fetch->out->err == KMS_OK ? size * count : 0;
}

/* Asked about the very address that is connected to: what a name resolves to a moment later does
 * not matter. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct fetch *fetch = context;
    if (purpose != CURLSOCKTYPE_IPCXN)
        return CURL_SOCKET_BAD;
    if (!fetch->takes_any_address && !kmsd_address_is_public(&address->addr)) {
        fetch->is_refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static bool set_up(CURL *curl, const struct kmsd_oidc_options *options, const char *url,
    int64_t left_ms, struct curl_slist *headers, struct fetch *fetch)
{
    bool ok =
        curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK && /* nor the environment's */
        curl_easy_setopt(curl, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)left_ms) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "kmsd") == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, fetch->error) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, fetch) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, fetch) == CURLE_OK;
    if (ok && options->ca_file != NULL)
        ok = curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca_file) == CURLE_OK;
    return ok;
}

static enum kms_err explain(
    struct fetch *fetch, const char *url, CURLcode code, long status, struct kmsd_detail *detail)
{
    if (fetch->out->err != KMS_OK) {
        kmsd_detail_set(detail, "%s: %s", url, kms_err_text(fetch->out->err));
        return fetch->out->err;
    }
    if (fetch->is_refused)
        kmsd_detail_set(detail,
            "%s: its address is not a public one, and web_identity.fetch is "
            "not \"any\"",
            url);
    else if (code != CURLE_OK)
        kmsd_detail_set(detail, "%s: %s", url,
            fetch->error[0] != '\0' ? fetch->error : curl_easy_strerror(code));
    else
        kmsd_detail_set(detail, "%s: status %ld", url, status);
    return KMS_ERR_TRANSPORT;
}

static enum kms_err perform(CURL *curl, const struct kmsd_oidc_options *options, const char *url,
    int64_t left_ms, struct curl_slist *headers, struct fetch *fetch, struct kmsd_detail *detail)
{
    long status = 0;
    if (!set_up(curl, options, url, left_ms, headers, fetch))
        return KMS_ERR_NO_MEMORY;
    CURLcode code = curl_easy_perform(curl);
    if (code == CURLE_OK)
        code = curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    return code == CURLE_OK && status == 200 ? KMS_OK : explain(fetch, url, code, status, detail);
}

enum kms_err kmsd_fetch(const struct kmsd_oidc_options *options, struct kms_str url,
    int64_t until_ms, struct kms_buf *out, struct kmsd_detail *detail)
{
    char text[URL_MAX + 1];
    struct fetch fetch = {.out = out, .takes_any_address = options->takes_any_address};
    int64_t left_ms = until_ms - kms_clock_monotonic_ms();
    if (url.len > URL_MAX || left_ms <= 0) {
        kmsd_detail_set(detail, "%s", url.len > URL_MAX ? "a URL is too long" : "it took too long");
        return KMS_ERR_TRANSPORT;
    }
    memcpy(text, url.data, url.len);
    text[url.len] = '\0';
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Accept: application/json");
    enum kms_err err = curl == NULL || headers == NULL
                           ? KMS_ERR_NO_MEMORY
                           : perform(curl, options, text, left_ms, headers, &fetch, detail);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return err;
}

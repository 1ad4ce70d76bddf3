/* One request to the socket, by libcurl. */
#include "kmsd/admin/address.h"
#include "kmsd/admin/admin.h"
#include "libkms/base/buf.h"

#include <curl/curl.h>
#include <string.h>

enum { TIMEOUT_S = 120 };

static int append_json(const char *text, size_t len, void *at)
{
    struct kms_buf *out = at;
    kms_buf_append(out, text, len);
    return out->err == KMS_OK ? 0 : -1;
}

static size_t take_body(char *data, size_t size, size_t count, void *at)
{
    struct kms_buf *out = at;
    kms_buf_append(out, data, size * count);
    return out->err == KMS_OK ? count : 0;
}

/* libcurl would name the host and the port of the URL, which mean nothing on a socket. */
static enum kms_err fail_exchange(
    CURL *curl, CURLcode code, const char *path, const char *reason, struct kmsd_detail *detail)
{
    long error = 0;
    if (code != CURLE_COULDNT_CONNECT)
        kmsd_detail_set(
            detail, "%s: %s", path, reason[0] != '\0' ? reason : curl_easy_strerror(code));
    else if (curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error) == CURLE_OK && error != 0)
        kmsd_detail_set(detail, "no daemon answers at %s: %s", path, strerror((int)error));
    else
        kmsd_detail_set(detail, "no daemon answers at %s", path);
    return KMS_ERR_TRANSPORT;
}

/* path is what the user calls the socket. */
static enum kms_err perform(CURL *curl, const char *path, const char *socket_path, const char *url,
    const struct kms_buf *request, struct kms_buf *answer, struct kmsd_detail *detail)
{
    char reason[CURL_ERROR_SIZE] = "";
    CURLcode code = curl_easy_setopt(curl, CURLOPT_URL, url);
    if (code == CURLE_OK)
        code = curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_path);
    if (code == CURLE_OK)
        code = curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->len);
    if (code == CURLE_OK)
        code = curl_easy_setopt(curl, CURLOPT_POSTFIELDS, kms_buf_str(request).data);
    if (code == CURLE_OK)
        code = curl_easy_setopt(curl, CURLOPT_PROXY, "");
    if (code == CURLE_OK)
        code = curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
    if (code == CURLE_OK)
        code = curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    if (code == CURLE_OK)
        code = curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
    if (code == CURLE_OK)
        code = curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    if (code == CURLE_OK)
        code = curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    if (code == CURLE_OK)
        code = curl_easy_perform(curl);
    if (code == CURLE_OK)
        return KMS_OK;
    return fail_exchange(curl, code, path, reason, detail);
}

/* What the daemon said, as an object, or the reason that it gave. */
static enum kms_err read_answer(
    CURL *curl, const struct kms_buf *answer, json_t **output, struct kmsd_detail *detail)
{
    long status = 0;
    json_error_t error;
    struct kms_str text = kms_buf_str(answer);
    if (curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK)
        return KMS_ERR_INTERNAL;
    json_t *json = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &error);
    if (status == 200 && json_is_object(json)) {
        *output = json;
        return KMS_OK;
    }
    const char *message = json_string_value(json_object_get(json, "message"));
    kmsd_detail_set(detail, "%s", message != NULL ? message : "the answer makes no sense");
    enum kms_err err = message != NULL ? KMS_ERR_FAULT : KMS_ERR_PROTOCOL;
    json_decref(json);
    return err;
}

enum kms_err kmsd_admin_send(const char *path, const char *action, const json_t *input,
    json_t **output, struct kmsd_detail *detail)
{
    struct kmsd_admin_address address;
    enum kms_err err = kmsd_admin_address_init(&address, path, detail);
    if (err != KMS_OK)
        return err;
    KMS_BUF_AUTO request;
    KMS_BUF_AUTO answer;
    KMS_BUF_AUTO url;
    kms_buf_init(&request, KMSD_ADMIN_BODY_MAX);
    kms_buf_init(&answer, KMSD_ADMIN_BODY_MAX);
    kms_buf_init(&url, 512);
    kms_buf_printf(&url, "http://kmsd/%s", action);
    kms_buf_append_u8(&url, '\0');
    CURL *curl = curl_easy_init();
    if (curl == NULL || url.err != KMS_OK ||
        json_dump_callback(input, append_json, &request, JSON_COMPACT) != 0)
        err = KMS_ERR_NO_MEMORY;
    if (err == KMS_OK)
        err = perform(
            curl, path, address.at.sun_path, (const char *)url.data, &request, &answer, detail);
    if (err == KMS_OK)
        err = read_answer(curl, &answer, output, detail);
    curl_easy_cleanup(curl);
    kmsd_admin_address_clean_up(&address);
    return err;
}

#include "libkms/client/transport.h"

#include "libkms/base/arena.h"
#include "libkms/client/detail.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

struct kms_transport {
    uint32_t connect_timeout_ms;
    char *ca_file; /* NULL: the system's */
    bool ca_is_directory;

    pthread_mutex_t lock; /* guards what follows */
    size_t idle_count;
    size_t idle_max;
    CURL *idle[]; /* last in, first out: the warmest connection is used next */
};

/* --- SIGPIPE ---------------------------------------------------------------------------------- */

/*
 * With CURLOPT_NOSIGNAL libcurl leaves SIGPIPE alone; that it never raises it is "an effort", not a
 * promise (CURLOPT_NOSIGNAL(3)). Around whatever writes (closing a TLS connection does, too) it is
 * held back for this thread, and taken away afterwards unless it was pending before.
 */
struct pipe_guard {
    sigset_t before;
    bool was_pending;
};

static void hold_pipe_signal(struct pipe_guard *guard)
{
    sigset_t pipe_signal;
    sigset_t pending;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigemptyset(&pending);
    (void)sigpending(&pending);
    guard->was_pending = sigismember(&pending, SIGPIPE) == 1;
    (void)pthread_sigmask(SIG_BLOCK, &pipe_signal, &guard->before);
}

static void release_pipe_signal(const struct pipe_guard *guard)
{
    if (!guard->was_pending) {
        sigset_t pipe_signal;
        struct timespec none = {0};
        sigemptyset(&pipe_signal);
        sigaddset(&pipe_signal, SIGPIPE);
        (void)sigtimedwait(&pipe_signal, NULL, &none);
    }
    (void)pthread_sigmask(SIG_SETMASK, &guard->before, NULL);
}

static void close_handle(CURL *curl)
{
    struct pipe_guard guard;
    hold_pipe_signal(&guard);
    curl_easy_cleanup(curl);
    release_pipe_signal(&guard);
}

/* --- handles ---------------------------------------------------------------------------------- */

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_state;

static void initialise_curl(void)
{
    /* Thread-safe with regard to the host program's own call since libcurl 7.84. */
    curl_state = curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* libcurl opens the file for each connection, from whatever is the working directory by then. */
static char *absolute_path(struct kms_str path)
{
    char directory[PATH_MAX] = "";
    if (path.data[0] != '/' && getcwd(directory, sizeof(directory)) == NULL)
        directory[0] = '\0'; /* then it stays as it is */
    size_t size = strlen(directory) + 1 + path.len + 1;
    char *result = OPENSSL_malloc(size);
    if (result != NULL)
        (void)snprintf(result, size, "%s%s%.*s", directory, directory[0] == '\0' ? "" : "/",
            (int)path.len, path.data);
    return result;
}

static enum kms_err take_authorities(
    struct kms_transport *transport, struct kms_str path, struct kms_detail *detail)
{
    if (path.len == 0)
        return KMS_OK;
    transport->ca_file = absolute_path(path);
    if (transport->ca_file == NULL)
        return KMS_ERR_NO_MEMORY;
    struct stat info;
    if (stat(transport->ca_file, &info) != 0 || access(transport->ca_file, R_OK) != 0) {
        kms_detail_set(detail, "cannot read the certificate authorities in %s: %s",
            transport->ca_file, strerrordesc_np(errno));
        return KMS_ERR_CONFIG;
    }
    transport->ca_is_directory = S_ISDIR(info.st_mode);
    return KMS_OK;
}

enum kms_err kms_transport_new(const struct kms_transport_options *options,
    struct kms_transport **out, struct kms_detail *detail)
{
    if (pthread_once(&curl_once, initialise_curl) != 0 || curl_state != CURLE_OK) {
        kms_detail_set(detail, "libcurl could not be initialised");
        return KMS_ERR_INTERNAL;
    }
    size_t slots = options->idle_connections;
    struct kms_transport *transport = OPENSSL_zalloc(sizeof(*transport) + slots * sizeof(CURL *));
    if (transport == NULL)
        return KMS_ERR_NO_MEMORY;
    (void)pthread_mutex_init(&transport->lock, NULL); /* cannot fail on Linux */
    transport->connect_timeout_ms = options->connect_timeout_ms;
    transport->idle_max = slots;
    enum kms_err err = take_authorities(transport, options->ca_file, detail);
    if (err != KMS_OK) {
        kms_transport_free(transport);
        return err;
    }
    *out = transport;
    return KMS_OK;
}

void kms_transport_free(struct kms_transport *transport)
{
    if (transport == NULL)
        return;
    for (size_t i = 0; i < transport->idle_count; i++)
        close_handle(transport->idle[i]);
    (void)pthread_mutex_destroy(&transport->lock);
    OPENSSL_free(transport->ca_file);
    OPENSSL_free(transport);
}

/* The given authorities and no others: a directory must not come on top of the system's file. */
static CURLcode authorities(CURL *curl, const struct kms_transport *transport)
{
    const char *file = transport->ca_is_directory ? NULL : transport->ca_file;
    const char *directory = transport->ca_is_directory ? transport->ca_file : NULL;
    CURLcode code = curl_easy_setopt(curl, CURLOPT_CAINFO, file);
    return code == CURLE_OK ? curl_easy_setopt(curl, CURLOPT_CAPATH, directory) : code;
}

/* What holds for every request of a handle. */
static CURLcode configure(CURL *curl, const struct kms_transport *transport)
{
    /* Signals are the host program's. SIGPIPE is seen to above. */
    CURLcode code = curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    code |= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    code |= curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    code |= curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    code |= curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    code |= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    code |= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    if (transport->ca_file != NULL)
        code |= authorities(curl, transport);
    code |= curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
    code |= curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    code |= curl_easy_setopt(curl, CURLOPT_MAXCONNECTS, 2L);
    code |= curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)transport->connect_timeout_ms);
    code |= curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    code |= curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    code |= curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L); /* sent as signed */
    code |= curl_easy_setopt(curl, CURLOPT_POST, 1L);
    code |= curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 1L);
    return code;
}

static enum kms_err borrow_handle(struct kms_transport *transport, CURL **out)
{
    CURL *curl = NULL;
    (void)pthread_mutex_lock(&transport->lock);
    if (transport->idle_count > 0)
        curl = transport->idle[--transport->idle_count];
    (void)pthread_mutex_unlock(&transport->lock);
    if (curl == NULL) {
        curl = curl_easy_init();
        if (curl == NULL)
            return KMS_ERR_NO_MEMORY;
        if (configure(curl, transport) != CURLE_OK) {
            curl_easy_cleanup(curl);
            return KMS_ERR_INTERNAL;
        }
    }
    *out = curl;
    return KMS_OK;
}

static void return_handle(struct kms_transport *transport, CURL *curl)
{
    (void)pthread_mutex_lock(&transport->lock);
    if (transport->idle_count < transport->idle_max) {
        transport->idle[transport->idle_count++] = curl;
        curl = NULL; /* now the pool's */
    }
    (void)pthread_mutex_unlock(&transport->lock);
    if (curl != NULL)
        close_handle(curl);
}

/* --- the answer ------------------------------------------------------------------------------- */

struct receiver {
    struct kms_transport_answer *answer;
    size_t header_bytes;
    bool too_long;
    char date[KMS_TRANSPORT_VALUE_SIZE];
    char retry_after[KMS_TRANSPORT_VALUE_SIZE];
};

static size_t receive_body(char *data, size_t size, size_t count, void *context)
{
    struct receiver *receiver = context;
    size_t len = size * count;
    kms_buf_append(receiver->answer->body, data, len);
    receiver->too_long = receiver->answer->body->err == KMS_ERR_LIMIT;
    return receiver->answer->body->err == KMS_OK ? len : 0;
}

static bool is_header(struct kms_str line, const char *name, char value[KMS_TRANSPORT_VALUE_SIZE])
{
    size_t len = strlen(name);
    if (line.len <= len || line.data[len] != ':' || strncasecmp(line.data, name, len) != 0)
        return false;
    struct kms_str text = {line.data + len + 1, line.len - len - 1};
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && (unsigned char)text.data[text.len - 1] <= ' ')
        text.len--;
    value[0] = '\0';
    if (text.len >= KMS_TRANSPORT_VALUE_SIZE)
        return true;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < ' ' || text.data[i] > '~')
            return true; /* no header of ours has anything else than ASCII in it */
    }
    memcpy(value, text.data, text.len);
    value[text.len] = '\0';
    return true;
}

static void forget_headers(struct receiver *receiver)
{
    receiver->answer->content_type[0] = '\0';
    receiver->answer->request_id[0] = '\0';
    receiver->answer->error_type[0] = '\0';
    receiver->answer->smithy_protocol[0] = '\0';
    receiver->date[0] = '\0';
    receiver->retry_after[0] = '\0';
}

static size_t receive_header(char *data, size_t size, size_t count, void *context)
{
    struct receiver *receiver = context;
    struct kms_transport_answer *answer = receiver->answer;
    size_t len = size * count;
    receiver->header_bytes += len;
    if (receiver->header_bytes > KMS_TRANSPORT_HEADER_MAX) {
        receiver->too_long = true;
        return 0;
    }
    struct kms_str line = {data, len};
    if (len >= 5 && memcmp(data, "HTTP/", 5) == 0)
        forget_headers(receiver); /* what came before belongs to a proxy's or an interim answer */
    (void)(is_header(line, "content-type", answer->content_type) ||
           is_header(line, "x-amzn-requestid", answer->request_id) ||
           is_header(line, "x-amzn-errortype", answer->error_type) ||
           is_header(line, "smithy-protocol", answer->smithy_protocol) ||
           is_header(line, "date", receiver->date) ||
           is_header(line, "x-amz-retry-after", receiver->retry_after));
    return len;
}

/* Milliseconds in decimal digits, as X-Amz-Retry-After has them; -1 for anything else. */
static int64_t parse_milliseconds(const char *text)
{
    int64_t value = 0;
    size_t i = 0;
    for (; text[i] >= '0' && text[i] <= '9' && i < 10; i++)
        value = value * 10 + (text[i] - '0');
    return i == 0 || text[i] != '\0' ? -1 : value;
}

static void take_times(const struct receiver *receiver)
{
    time_t date = receiver->date[0] == '\0' ? -1 : curl_getdate(receiver->date, NULL);
    receiver->answer->date_ms = date < 0 ? -1 : (int64_t)date * 1000;
    receiver->answer->retry_after_ms = parse_milliseconds(receiver->retry_after);
}

/* --- the request ------------------------------------------------------------------------------ */

/* libcurl's list, but from the arena: it may hold a session token, which curl_slist_append would
 * leave behind in freed memory. An empty value takes libcurl's own header of that name away. */
static enum kms_err list_headers(
    const struct kms_transport_request *request, struct kms_arena *arena, struct curl_slist **out)
{
    static const char *const unwanted[] = {"Expect:", "Accept-Encoding:"};
    struct curl_slist *list = NULL;
    for (size_t i = 0; i < sizeof(unwanted) / sizeof(unwanted[0]); i++) {
        struct curl_slist *node = kms_arena_alloc(arena, sizeof(*node));
        struct kms_str line = kms_arena_str(arena, kms_str(unwanted[i]));
        if (node == NULL || line.data == NULL)
            return KMS_ERR_NO_MEMORY;
        node->data = (char *)line.data; /* the arena's, just made */
        node->next = list;
        list = node;
    }
    for (size_t i = request->header_count; i > 0; i--) {
        const struct kms_header *header = &request->headers[i - 1];
        struct curl_slist *node = kms_arena_alloc(arena, sizeof(*node));
        struct kms_str line = kms_arena_printf(arena, "%.*s: %.*s", (int)header->name.len,
            header->name.data, (int)header->value.len, header->value.data);
        if (node == NULL || line.data == NULL)
            return KMS_ERR_NO_MEMORY;
        node->data = (char *)line.data;
        node->next = list;
        list = node;
    }
    *out = list;
    return KMS_OK;
}

static CURLcode perform(CURL *curl)
{
    struct pipe_guard guard;
    hold_pipe_signal(&guard);
    CURLcode code = curl_easy_perform(curl);
    release_pipe_signal(&guard);
    return code;
}

static enum kms_err judge(
    CURLcode code, const struct receiver *receiver, const char *text, struct kms_detail *detail)
{
    receiver->answer->permanent = false;
    switch (code) {
    case CURLE_OK:
        return KMS_OK;
    case CURLE_OUT_OF_MEMORY:
        return KMS_ERR_NO_MEMORY;
    case CURLE_WRITE_ERROR:
        if (!receiver->too_long)
            return receiver->answer->body->err == KMS_OK ? KMS_ERR_INTERNAL
                                                         : receiver->answer->body->err;
        kms_detail_set(detail, "the answer is too long");
        return KMS_ERR_PROTOCOL;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
        kms_detail_set(detail, "%s", text);
        return KMS_ERR_PROTOCOL;
    case CURLE_OPERATION_TIMEDOUT:
        kms_detail_set(detail, "%s", text);
        return KMS_ERR_TIMEOUT;
    case CURLE_URL_MALFORMAT:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_ENGINE_NOTFOUND:
        receiver->answer->permanent = true;
        kms_detail_set(detail, "%s", text);
        return KMS_ERR_TRANSPORT;
    default:
        kms_detail_set(detail, "%s", text);
        return KMS_ERR_TRANSPORT;
    }
}

/* Takes the pointers of one request out of the handle again before what they point to goes away. */
static void forget_request(CURL *curl)
{
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, NULL);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, NULL);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
}

static enum kms_err exchange(CURL *curl, const struct kms_transport_request *request,
    struct curl_slist *headers, struct kms_transport_answer *answer, struct kms_detail *detail)
{
    struct receiver receiver = {.answer = answer};
    char error_text[CURL_ERROR_SIZE] = "";
    CURLcode code = curl_easy_setopt(curl, CURLOPT_URL, request->url);
    code |= curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    code |= curl_easy_setopt(curl, CURLOPT_POSTFIELDS, (const char *)request->body.data);
    code |= curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
    code |= curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    code |= curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive_body);
    code |= curl_easy_setopt(curl, CURLOPT_WRITEDATA, &receiver);
    code |= curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, receive_header);
    code |= curl_easy_setopt(curl, CURLOPT_HEADERDATA, &receiver);
    code |= curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error_text);
    if (code != CURLE_OK) {
        forget_request(curl);
        return KMS_ERR_INTERNAL;
    }
    code = perform(curl);
    forget_request(curl);
    const char *text = error_text[0] != '\0' ? error_text : curl_easy_strerror(code);
    enum kms_err err = judge(code, &receiver, text, detail);
    if (err != KMS_OK)
        return err;
    long status = 0;
    if (curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK)
        return KMS_ERR_INTERNAL;
    answer->status = (int)status;
    take_times(&receiver);
    return KMS_OK;
}

enum kms_err kms_transport_post(struct kms_transport *transport,
    const struct kms_transport_request *request, struct kms_transport_answer *answer,
    struct kms_detail *detail)
{
    struct kms_buf *body = answer->body;
    memset(answer, 0, sizeof(*answer));
    answer->body = body;
    answer->date_ms = -1;
    answer->retry_after_ms = -1;
    if (request->header_count > KMS_SIGV4_MAX_HEADERS)
        return KMS_ERR_LIMIT;
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, (size_t)256 * 1024);
    struct curl_slist *headers = NULL;
    enum kms_err err = list_headers(request, &arena, &headers);
    if (err != KMS_OK)
        return err;
    CURL *curl = NULL;
    err = borrow_handle(transport, &curl);
    if (err != KMS_OK)
        return err;
    err = exchange(curl, request, headers, answer, detail);
    /* After a failed send libcurl (7.88) keeps the broken connection and uses it again, and it
     * counts such failures over a handle's whole life: a handle that failed is not used again. */
    if (err == KMS_OK)
        return_handle(transport, curl);
    else
        close_handle(curl);
    return err;
}

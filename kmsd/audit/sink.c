#include "kmsd/audit/sink.h"

#include "libkms/base/clock.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum {
    POST_MAX = 1 << 20, /* of one request to a web hook */
    POST_TIMEOUT_MS = 10000,
    RETRY_FIRST_MS = 250,
    RETRY_MAX_MS = 30000,
    LOG_TIMEOUT_S = 2,
    LOG_MESSAGE_MAX = 512 * 1024, /* a line and its head; the kernel may allow less */
    CLOSE_MS = 2000,              /* for what still waits when kmsd stops */
};

struct kmsd_sink {
    struct kmsd_sink_options options;
    char *url;
    CURL *curl;
    struct curl_slist *headers;
    int log_fd; /* the thread's; -1: not connected */

    pthread_mutex_t lock; /* guards all that follows */
    pthread_cond_t changed;
    struct kms_buf queue;
    uint64_t sent;
    uint64_t lost;
    bool is_losing;
    bool is_stopping;
    int64_t stop_at_ms; /* monotonic */
    pthread_t thread;
    bool has_thread;
};

static uint64_t count_lines(struct kms_str lines)
{
    uint64_t count = 0;
    for (size_t i = 0; i < lines.len; i++)
        count += lines.data[i] == '\n';
    return count;
}

/* Whole lines from the beginning, up to about that many bytes. */
static struct kms_str take_lines(struct kms_str lines, size_t max)
{
    if (lines.len <= max)
        return lines;
    const char *end = memrchr(lines.data, '\n', max);
    if (end == NULL)
        end = memchr(lines.data, '\n', lines.len); /* one long line */
    return (struct kms_str){lines.data, end == NULL ? lines.len : (size_t)(end - lines.data) + 1};
}

/* With the lock held. */
static bool is_time_up(const struct kmsd_sink *sink)
{
    return sink->is_stopping && kms_clock_monotonic_ms() >= sink->stop_at_ms;
}

/* --- where they go ---------------------------------------------------------------------------- */

/* The socket that syslog(3) writes to, and with systemd the journal reads. syslog(3) itself does not tell
 * whether anybody listens. */
static int connect_to_log(const char *path)
{
    const struct timeval timeout = {.tv_sec = LOG_TIMEOUT_S};
    const int room = LOG_MESSAGE_MAX;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len >= sizeof(address.sun_path))
        return -1;
    memcpy(address.sun_path, path, len);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

/* RFC 3164: "<PRI>Mmm dd hh:mm:ss TAG[PID]: MESSAGE". Takes the lines off that were sent; those that are too
 * long for the socket are taken off and counted. */
static bool send_to_log(struct kmsd_sink *sink, struct kms_str *lines, uint64_t *too_long)
{
    char head[64];
    char date[32];
    struct tm when;
    time_t now = time(NULL);
    if (sink->log_fd < 0)
        sink->log_fd = connect_to_log(sink->options.log_path);
    if (sink->log_fd < 0 || localtime_r(&now, &when) == NULL ||
        strftime(date, sizeof(date), "%b %e %T", &when) == 0)
        return false;
    int len = snprintf(head, sizeof(head), "<%d>%s kmsd-audit[%d]: ", LOG_AUTHPRIV | LOG_INFO, date,
        (int)getpid());
    while (lines->len != 0) {
        struct kms_str line = take_lines(*lines, 1);
        struct iovec parts[] = {{head, (size_t)len}, {(void *)(uintptr_t)line.data, line.len - 1}};
        const struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
        if (sendmsg(sink->log_fd, &message, MSG_NOSIGNAL) < 0) {
            if (errno != EMSGSIZE) {
                (void)close(sink->log_fd);
                sink->log_fd = -1;
                return false;
            }
            ++*too_long;
        }
        lines->data += line.len;
        lines->len -= line.len;
    }
    return true;
}

static size_t drop_answer(char *data, size_t size, size_t count, void *context)
{
    (void)data;
    (void)context;
    return size * count;
}

/* libcurl asks often, about once a second while nothing moves: other than 0 ends the request. */
static int ends_request(
    void *context, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up)
{
    struct kmsd_sink *sink = context;
    (void)down_all;
    (void)down;
    (void)up_all;
    (void)up;
    (void)pthread_mutex_lock(&sink->lock);
    bool is_over = is_time_up(sink);
    (void)pthread_mutex_unlock(&sink->lock);
    return is_over;
}

/* All of the lines or none: it takes them off. */
static bool send_to_hook(struct kmsd_sink *sink, struct kms_str *lines)
{
    long status = 0;
    CURL *curl = sink->curl;
    bool ok =
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, lines->data) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)lines->len) == CURLE_OK &&
        curl_easy_perform(curl) == CURLE_OK &&
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK;
    ok = ok && status >= 200 && status < 300;
    if (ok)
        lines->len = 0;
    return ok;
}

static enum kms_err set_up_hook(struct kmsd_sink *sink, const char *url)
{
    sink->url = strdup(url);
    sink->curl = curl_easy_init();
    sink->headers = curl_slist_append(NULL, "Content-Type: application/x-ndjson");
    if (sink->url == NULL || sink->curl == NULL || sink->headers == NULL)
        return KMS_ERR_NO_MEMORY;
    bool ok = curl_easy_setopt(sink->curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
              curl_easy_setopt(sink->curl, CURLOPT_URL, sink->url) == CURLE_OK &&
              curl_easy_setopt(sink->curl, CURLOPT_HTTPHEADER, sink->headers) == CURLE_OK &&
              curl_easy_setopt(sink->curl, CURLOPT_USERAGENT, "kmsd") == CURLE_OK &&
              curl_easy_setopt(sink->curl, CURLOPT_WRITEFUNCTION, drop_answer) == CURLE_OK &&
              curl_easy_setopt(sink->curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
              curl_easy_setopt(sink->curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
              curl_easy_setopt(sink->curl, CURLOPT_XFERINFOFUNCTION, ends_request) == CURLE_OK &&
              curl_easy_setopt(sink->curl, CURLOPT_XFERINFODATA, sink) == CURLE_OK &&
              curl_easy_setopt(sink->curl, CURLOPT_TIMEOUT_MS, (long)POST_TIMEOUT_MS) == CURLE_OK;
    bool is_web = strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
    return ok && is_web ? KMS_OK : KMS_ERR_CONFIG;
}

/* --- the thread ------------------------------------------------------------------------------- */

/* With the lock held. */
static void wait_ms(struct kmsd_sink *sink, int64_t ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_cond_timedwait(&sink->changed, &sink->lock, &until);
}

/* Takes some lines off the queue to a place of their own. With the lock held. */
static void take_from_queue(struct kmsd_sink *sink, struct kms_buf *out)
{
    struct kms_str lines = take_lines(kms_buf_str(&sink->queue), POST_MAX);
    kms_buf_reset(out);
    kms_buf_append_str(out, lines);
    if (out->err != KMS_OK)
        return;
    memmove(sink->queue.data, sink->queue.data + lines.len, sink->queue.len - lines.len);
    kms_buf_truncate(&sink->queue, sink->queue.len - lines.len);
}

/* Until the next try; a stop cuts it short. With the lock held. */
static void pause_for(struct kmsd_sink *sink, int64_t ms)
{
    int64_t until_ms = kms_clock_monotonic_ms() + ms;
    for (;;) {
        int64_t left_ms = until_ms - kms_clock_monotonic_ms();
        if (sink->is_stopping && sink->stop_at_ms - kms_clock_monotonic_ms() < left_ms)
            left_ms = sink->stop_at_ms - kms_clock_monotonic_ms();
        if (left_ms <= 0)
            return;
        wait_ms(sink, left_ms); /* what is put wakes it as well */
    }
}

/* With the lock held, which it leaves while it sends. How many lines are left because time is up. */
static uint64_t send_some(struct kmsd_sink *sink, struct kms_buf *batch)
{
    int64_t pause_ms = RETRY_FIRST_MS;
    uint64_t too_long = 0;
    take_from_queue(sink, batch);
    struct kms_str lines = kms_buf_str(batch);
    uint64_t count = count_lines(lines);
    while (lines.len != 0 && batch->err == KMS_OK && !is_time_up(sink)) {
        (void)pthread_mutex_unlock(&sink->lock);
        bool done =
            sink->curl == NULL ? send_to_log(sink, &lines, &too_long) : send_to_hook(sink, &lines);
        (void)pthread_mutex_lock(&sink->lock);
        if (!done) {
            pause_for(sink, pause_ms);
            pause_ms = pause_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : pause_ms * 2;
        }
    }
    uint64_t unsent = count_lines(lines);
    sink->sent += count - unsent - too_long;
    sink->lost += unsent + too_long;
    return unsent;
}

static const char *name_of(const struct kmsd_sink *sink)
{
    return sink->url == NULL ? "syslog" : "webhook";
}

/* What time did not suffice for is lost: what waits, and what was being sent. With the lock held, which it
 * leaves to tell. */
static void give_up(struct kmsd_sink *sink, uint64_t unsent)
{
    uint64_t waiting = count_lines(kms_buf_str(&sink->queue));
    sink->lost += waiting;
    kms_buf_reset(&sink->queue);
    if (unsent + waiting == 0)
        return;
    char text[160];
    (void)snprintf(text, sizeof(text),
        "the audit sink %s is closed: %llu records that waited are lost to it", name_of(sink),
        (unsigned long long)(unsent + waiting));
    (void)pthread_mutex_unlock(&sink->lock);
    sink->options.say(sink->options.context, true, text);
    (void)pthread_mutex_lock(&sink->lock);
}

static void *run(void *arg)
{
    struct kmsd_sink *sink = arg;
    struct kms_buf batch;
    uint64_t unsent = 0;
    kms_buf_init(&batch, POST_MAX + (1 << 20));
    (void)pthread_mutex_lock(&sink->lock);
    while (!is_time_up(sink)) {
        if (sink->queue.len != 0)
            unsent += send_some(sink, &batch);
        else if (sink->is_stopping)
            break;
        else
            (void)pthread_cond_wait(&sink->changed, &sink->lock);
    }
    give_up(sink, unsent);
    (void)pthread_mutex_unlock(&sink->lock);
    kms_buf_clean_up(&batch);
    return NULL;
}

void kmsd_sink_put(struct kmsd_sink *sink, struct kms_str lines)
{
    if (sink == NULL || lines.len == 0)
        return;
    (void)pthread_mutex_lock(&sink->lock);
    bool fits = sink->queue.max - sink->queue.len >= lines.len;
    if (fits)
        kms_buf_append_str(&sink->queue, lines);
    fits = fits && sink->queue.err == KMS_OK;
    if (!fits)
        sink->lost += count_lines(lines);
    bool has_changed = sink->is_losing == fits;
    sink->is_losing = !fits;
    (void)pthread_cond_signal(&sink->changed);
    uint64_t lost = sink->lost;
    (void)pthread_mutex_unlock(&sink->lock);
    if (has_changed) {
        char text[160];
        (void)snprintf(text, sizeof(text), "the audit sink %s %s: %llu records lost to it so far",
            name_of(sink), fits ? "keeps up again" : "does not keep up", (unsigned long long)lost);
        sink->options.say(sink->options.context, !fits, text);
    }
}

struct kmsd_sink_status kmsd_sink_status(struct kmsd_sink *sink)
{
    (void)pthread_mutex_lock(&sink->lock);
    struct kmsd_sink_status status = {.sent = sink->sent, .lost = sink->lost};
    (void)pthread_mutex_unlock(&sink->lock);
    return status;
}

/* --- life ------------------------------------------------------------------------------------- */

static enum kms_err start(struct kmsd_sink *sink)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return KMS_ERR_NO_MEMORY;
    bool ok = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
              pthread_mutex_init(&sink->lock, NULL) == 0 &&
              pthread_cond_init(&sink->changed, &attributes) == 0;
    (void)pthread_condattr_destroy(&attributes);
    if (!ok || pthread_create(&sink->thread, NULL, run, sink) != 0)
        return KMS_ERR_NO_MEMORY;
    sink->has_thread = true;
    return KMS_OK;
}

enum kms_err kmsd_sink_open(const struct kmsd_sink_options *options, struct kmsd_sink **out)
{
    struct kmsd_sink *sink = calloc(1, sizeof(*sink));
    if (sink == NULL)
        return KMS_ERR_NO_MEMORY;
    sink->options = *options;
    sink->log_fd = -1;
    kms_buf_init(&sink->queue, options->queue_bytes);
    enum kms_err err = options->webhook == NULL ? KMS_OK : set_up_hook(sink, options->webhook);
    if (err == KMS_OK)
        err = start(sink);
    if (err != KMS_OK) {
        kmsd_sink_close(sink);
        return err;
    }
    *out = sink;
    return KMS_OK;
}

void kmsd_sink_close(struct kmsd_sink *sink)
{
    if (sink == NULL)
        return;
    if (sink->has_thread) {
        (void)pthread_mutex_lock(&sink->lock);
        sink->is_stopping = true;
        sink->stop_at_ms = kms_clock_monotonic_ms() + CLOSE_MS;
        (void)pthread_cond_signal(&sink->changed);
        (void)pthread_mutex_unlock(&sink->lock);
        (void)pthread_join(sink->thread, NULL);
        (void)pthread_cond_destroy(&sink->changed);
        (void)pthread_mutex_destroy(&sink->lock);
    }
    if (sink->log_fd >= 0)
        (void)close(sink->log_fd);
    curl_easy_cleanup(sink->curl);
    curl_slist_free_all(sink->headers);
    kms_buf_clean_up(&sink->queue);
    free(sink->url);
    free(sink);
}

/* The socket: who may talk to it, requests in, answers out. */
#include "kmsd/admin/address.h"
#include "kmsd/admin/admin.h"
#include "libkms/base/buf.h"

#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 16, CONNECTIONS = 16, CONNECTION_MEMORY = 16384, TIMEOUT_S = 30 };

struct kmsd_admin {
    struct kmsd_admin_table tables[KMSD_ADMIN_TABLES_MAX];
    size_t table_count;
    struct MHD_Daemon *daemon;
    char path[PATH_MAX];
};

/* One request on its way in. */
struct request {
    bool is_refused; /* not by one who may */
    int64_t peer_uid;
    struct kms_buf body;
};

/* --- the socket ------------------------------------------------------------------------------- */

static enum kms_err system_failed(
    const char *path, const char *doing, enum kms_err err, struct kmsd_detail *detail)
{
    kmsd_detail_set(detail, "admin socket %s: %s: %s", path, doing, strerror(errno));
    return err;
}

/* A daemon that was killed leaves its socket behind; one that lives answers on it. */
static enum kms_err clear_path(
    const char *path, const struct kmsd_admin_address *address, struct kmsd_detail *detail)
{
    struct stat status;
    if (lstat(path, &status) != 0)
        return errno == ENOENT ? KMS_OK : system_failed(path, "looking", KMS_ERR_IO, detail);
    if (!S_ISSOCK(status.st_mode)) {
        kmsd_detail_set(detail, "admin socket %s: something else is there", path);
        return KMS_ERR_EXISTS;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return system_failed(path, "making a socket", KMS_ERR_IO, detail);
    bool answers = connect(fd, (const struct sockaddr *)&address->at, sizeof(address->at)) == 0;
    (void)close(fd);
    if (answers) {
        kmsd_detail_set(detail, "admin socket %s: another kmsd answers there", path);
        return KMS_ERR_BUSY;
    }
    if (unlink(path) != 0)
        return system_failed(path, "removing a dead one", KMS_ERR_IO, detail);
    return KMS_OK;
}

static enum kms_err listen_at(const char *path, const struct kmsd_admin_address *address, int *out,
    struct kmsd_detail *detail)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return system_failed(path, "making a socket", KMS_ERR_IO, detail);
    /* the mode comes before the first one who could connect: there is no listening yet */
    if (bind(fd, (const struct sockaddr *)&address->at, sizeof(address->at)) != 0 ||
        chmod(path, S_IRUSR | S_IWUSR) != 0 || listen(fd, BACKLOG) != 0) {
        enum kms_err err = system_failed(path, "listening", KMS_ERR_IO, detail);
        (void)close(fd);
        return err;
    }
    *out = fd;
    return KMS_OK;
}

static enum kms_err open_socket(const char *path, int *out, struct kmsd_detail *detail)
{
    struct kmsd_admin_address address;
    enum kms_err err = kmsd_admin_address_init(&address, path, detail);
    if (err != KMS_OK)
        return err;
    err = clear_path(path, &address, detail);
    if (err == KMS_OK)
        err = listen_at(path, &address, out, detail);
    kmsd_admin_address_clean_up(&address);
    return err;
}

/* --- requests --------------------------------------------------------------------------------- */

/* The mode keeps others out where the file system honours modes of sockets; the kernel's word on
 * who connected holds everywhere. */
static bool may_talk(struct MHD_Connection *mhd, int64_t *peer_uid)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct ucred peer;
    socklen_t len = sizeof(peer);
    if (info == NULL || getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 ||
        len != sizeof(peer))
        return false;
    *peer_uid = (int64_t)peer.uid;
    return peer.uid == 0 || peer.uid == geteuid();
}

static void free_body(void *at)
{
    struct kms_buf *body = at;
    kms_buf_clean_up(body); /* wiped: a new secret access key may be in it */
    free(body);
}

static int append_json(const char *text, size_t len, void *at)
{
    struct kms_buf *out = at;
    kms_buf_append(out, text, len);
    return out->err == KMS_OK ? 0 : -1;
}

static enum MHD_Result answer(struct MHD_Connection *mhd, unsigned status, const json_t *json)
{
    struct kms_buf *body = calloc(1, sizeof(*body));
    if (body == NULL)
        return MHD_NO;
    kms_buf_init(body, KMSD_ADMIN_BODY_MAX);
    if (json == NULL || json_dump_callback(json, append_json, body, JSON_COMPACT) != 0) {
        free_body(body);
        return MHD_NO;
    }
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
        body->len, body->data, free_body, body);
    if (response == NULL) {
        free_body(body);
        return MHD_NO;
    }
    enum MHD_Result result =
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    if (result == MHD_YES)
        result = MHD_queue_response(mhd, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_error(struct MHD_Connection *mhd, unsigned status, const char *text)
{
    json_t *json = json_pack("{s:s}", "message", text);
    enum MHD_Result result = answer(mhd, status, json);
    json_decref(json);
    return result;
}

static unsigned status_of(enum kms_err err)
{
    switch (err) {
    case KMS_ERR_INVALID_ARGUMENT:
    case KMS_ERR_VALIDATION:
    case KMS_ERR_SYNTAX:
    case KMS_ERR_LIMIT:
        return MHD_HTTP_BAD_REQUEST;
    case KMS_ERR_NOT_FOUND:
    case KMS_ERR_UNSUPPORTED:
        return MHD_HTTP_NOT_FOUND;
    case KMS_ERR_EXISTS:
        return MHD_HTTP_CONFLICT;
    default:
        return MHD_HTTP_INTERNAL_SERVER_ERROR;
    }
}

static enum MHD_Result run(struct kmsd_admin *admin, struct MHD_Connection *mhd,
    const struct request *request, const char *url, const char *method)
{
    struct kmsd_detail detail = {.text = ""};
    if (request->is_refused)
        return answer_error(mhd, MHD_HTTP_FORBIDDEN, "only kmsd's own user and root may do this");
    if (strcmp(method, MHD_HTTP_METHOD_POST) != 0 || url[0] != '/')
        return answer_error(mhd, MHD_HTTP_METHOD_NOT_ALLOWED, "POST /ACTION is what is served");
    if (request->body.err != KMS_OK)
        return answer_error(mhd, MHD_HTTP_CONTENT_TOO_LARGE, "the request is too large");
    json_error_t error;
    struct kms_str text = kms_buf_str(&request->body);
    json_t *input = text.len == 0 ? json_object()
                                  : json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &error);
    if (input == NULL)
        return answer_error(mhd, MHD_HTTP_BAD_REQUEST, "the request's body is not JSON");
    json_t *output = NULL;
    enum kms_err err = kmsd_admin_run(admin->tables, admin->table_count, request->peer_uid,
        kms_str(url + 1), input, &output, &detail);
    json_decref(input);
    if (err != KMS_OK)
        return answer_error(
            mhd, status_of(err), detail.text[0] == '\0' ? kms_err_text(err) : detail.text);
    enum MHD_Result result = answer(mhd, MHD_HTTP_OK, output);
    json_decref(output);
    return result;
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *mhd, const char *url,
    const char *method, const char *version, const char *upload_data, size_t *upload_data_size,
    void **con_cls)
{
    struct request *request = *con_cls;
    (void)version;
    if (request == NULL) {
        request = calloc(1, sizeof(*request));
        if (request == NULL)
            return MHD_NO;
        kms_buf_init(&request->body, KMSD_ADMIN_BODY_MAX);
        request->is_refused = !may_talk(mhd, &request->peer_uid);
        *con_cls = request;
        return MHD_YES;
    }
    if (*upload_data_size != 0) {
        if (!request->is_refused)
            kms_buf_append(&request->body, upload_data, *upload_data_size);
        *upload_data_size = 0;
        return MHD_YES;
    }
    return run(cls, mhd, request, url, method);
}

static void completed(
    void *cls, struct MHD_Connection *mhd, void **con_cls, enum MHD_RequestTerminationCode code)
{
    struct request *request = *con_cls;
    (void)cls;
    (void)mhd;
    (void)code;
    *con_cls = NULL;
    if (request == NULL)
        return;
    kms_buf_clean_up(&request->body);
    free(request);
}

/* --- life ------------------------------------------------------------------------------------- */

static enum kms_err start(
    struct kmsd_admin *admin, const struct kmsd_admin_options *options, struct kmsd_detail *detail)
{
    int fd = -1;
    size_t len = strlen(options->path);
    if (len >= sizeof(admin->path) || options->table_count > KMSD_ADMIN_TABLES_MAX) {
        kmsd_detail_set(detail, "the path of the admin socket is too long");
        return KMS_ERR_LIMIT;
    }
    for (size_t i = 0; i < options->table_count; i++)
        admin->tables[i] = options->tables[i];
    admin->table_count = options->table_count;
    enum kms_err err = open_socket(options->path, &fd, detail);
    if (err != KMS_OK)
        return err;
    memcpy(admin->path, options->path, len + 1);
    /* clang-format off */
    admin->daemon = MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL,
        handle, admin,
        MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S,
        MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_END);
    /* clang-format on */
    if (admin->daemon != NULL)
        return KMS_OK;
    kmsd_detail_set(detail, "admin socket %s: libmicrohttpd does not serve it", options->path);
    return KMS_ERR_IO; /* whether the socket is closed by now depends on the reason: leave it */
}

enum kms_err kmsd_admin_start(
    const struct kmsd_admin_options *options, struct kmsd_admin **out, struct kmsd_detail *detail)
{
    struct kmsd_admin *admin = calloc(1, sizeof(*admin));
    if (admin == NULL)
        return KMS_ERR_NO_MEMORY;
    enum kms_err err = start(admin, options, detail);
    if (err != KMS_OK) {
        kmsd_admin_stop(admin);
        return err;
    }
    *out = admin;
    return KMS_OK;
}

void kmsd_admin_stop(struct kmsd_admin *admin)
{
    if (admin == NULL)
        return;
    if (admin->daemon != NULL)
        MHD_stop_daemon(admin->daemon);
    if (admin->path[0] != '\0')
        (void)unlink(admin->path);
    free(admin);
}

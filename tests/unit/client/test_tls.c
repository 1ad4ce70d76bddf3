/* That TLS peers are verified, against a server with certificates made on the spot. */
#include <kms/kms.h>

#include "tests/unit/client/sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- the server ------------------------------------------------------------------------------- */

struct tls_server {
    SSL_CTX *context;
    int listener;
    unsigned port;
    bool resets; /* breaks connections as soon as they are made */
    atomic_bool stopping;
    atomic_uint connections;
    atomic_uint requests;
    pthread_t thread;
};

/* Answers one request of a connection and then breaks it, without TLS's good-bye. */
static void serve(struct tls_server *server, int fd)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/cbor\r\n"
                                 "Smithy-Protocol: rpc-v2-cbor\r\nContent-Length: 1\r\n\r\n\xa0";
    SSL *ssl = SSL_new(server->context);
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1)
        abort();
    char request[8192];
    bool open = SSL_accept(ssl) == 1;
    if (open && server->resets) {
        struct linger at_once = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    } else if (open && SSL_read(ssl, request, sizeof(request)) > 0) {
        (void)atomic_fetch_add(&server->requests, 1);
        (void)SSL_write(ssl, answer, sizeof(answer) - 1);
    }
    SSL_free(ssl);
    (void)close(fd);
}

static void *accept_all(void *context)
{
    struct tls_server *server = context;
    sigset_t pipe_signal; /* of this thread alone: the client has to see to its own */
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    (void)pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);
    while (!atomic_load(&server->stopping)) {
        struct pollfd wait = {.fd = server->listener, .events = POLLIN};
        if (poll(&wait, 1, 20) <= 0)
            continue;
        int fd = accept(server->listener, NULL, NULL);
        if (fd < 0)
            continue;
        (void)atomic_fetch_add(&server->connections, 1);
        serve(server, fd);
    }
    return NULL;
}

/* A self-signed certificate for name ("IP:..." or "DNS:..."), written to home/ca.pem, too. */
static void make_certificate(SSL_CTX *context, const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    assert_non_null(key);
    assert_non_null(certificate);
    assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), -3600));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 3600));
    X509_NAME *subject = X509_get_subject_name(certificate);
    assert_int_equal(X509_NAME_add_entry_by_txt(
                         subject, "CN", MBSTRING_ASC, (const unsigned char *)"kms test", -1, -1, 0),
        1);
    assert_int_equal(X509_set_issuer_name(certificate, subject), 1);
    assert_int_equal(X509_set_pubkey(certificate, key), 1);
    const int kinds[] = {NID_subject_alt_name, NID_basic_constraints};
    const char *const values[] = {name, "critical,CA:TRUE"};
    for (int i = 0; i < 2; i++) {
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kinds[i], values[i]);
        assert_non_null(extension);
        assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
        X509_EXTENSION_free(extension);
    }
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    assert_int_equal(SSL_CTX_use_certificate(context, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(context, key), 1);
    FILE *file = fopen(sandbox_path("ca.pem"), "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    assert_int_equal(fclose(file), 0);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void start(struct tls_server *server, const char *name, int highest_version)
{
    server->context = SSL_CTX_new(TLS_server_method());
    assert_non_null(server->context);
    if (highest_version != 0) {
        SSL_CTX_set_security_level(server->context, 0);
        assert_int_equal(SSL_CTX_set_min_proto_version(server->context, TLS1_VERSION), 1);
        assert_int_equal(SSL_CTX_set_max_proto_version(server->context, highest_version), 1);
    }
    make_certificate(server->context, name);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(server->listener, 16), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &len), 0);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&server->thread, NULL, accept_all, server), 0);
}

static void stop(struct tls_server *server)
{
    atomic_store(&server->stopping, true);
    assert_int_equal(pthread_join(server->thread, NULL), 0);
    (void)close(server->listener);
    SSL_CTX_free(server->context);
}

/* --- the client ------------------------------------------------------------------------------- */

static enum kms_err call(
    const struct tls_server *server, const char *ca_file, int calls, struct kms_fault *fault)
{
    char url[64];
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u", server->port);
    struct kms_client_options options = {.region = kms_str("r"),
        .endpoint_url = kms_str(url),
        .credentials = {.access_key_id = kms_str("a"), .secret_access_key = kms_str("b")},
        .ca_file = kms_str(ca_file)};
    KMS_CLIENT_AUTO client = NULL;
    assert_int_equal(kms_client_new(&options, &client, NULL), KMS_OK);
    struct kms_list_keys_request request = {.limit = {true, 1}};
    enum kms_err err = KMS_OK;
    for (int i = 0; i < calls && err == KMS_OK; i++) {
        const struct kms_list_keys_response *response = NULL;
        err = kms_list_keys(client, &request, &response, fault);
        kms_response_free(response);
    }
    return err;
}

static void test_trusts_whom_it_is_told_to(void **state)
{
    (void)state;
    struct tls_server server = {.port = 0};
    start(&server, "IP:127.0.0.1", 0);
    struct kms_fault fault;
    /* Each call after the first finds a broken TLS connection: writing there must not raise
     * SIGPIPE, and the call must succeed on a new one. */
    enum kms_err err = call(&server, sandbox_path("ca.pem"), 5, &fault);
    if (err != KMS_OK)
        fail_msg("%s: %s", kms_err_text(err), fault.message);
    assert_int_equal(server.requests, 5);
    stop(&server);
}

static void test_trusts_nobody_else(void **state)
{
    (void)state;
    struct tls_server server = {.port = 0};
    start(&server, "IP:127.0.0.1", 0);
    struct kms_fault fault;
    assert_int_equal(call(&server, NULL, 1, &fault), KMS_ERR_TRANSPORT);
    assert_non_null(strstr(fault.message, "certificate"));
    assert_int_equal(server.requests, 0);
    assert_int_equal(server.connections, 1); /* trying again would not help */
    stop(&server);
}

static void test_checks_the_name(void **state)
{
    (void)state;
    struct tls_server server = {.port = 0};
    start(&server, "DNS:kms.example.org", 0);
    struct kms_fault fault;
    assert_int_equal(call(&server, sandbox_path("ca.pem"), 1, &fault), KMS_ERR_TRANSPORT);
    assert_int_equal(server.requests, 0);
    assert_int_equal(server.connections, 1);
    stop(&server);
}

static void test_wants_tls_1_2(void **state)
{
    (void)state;
    struct tls_server server = {.port = 0};
    start(&server, "IP:127.0.0.1", TLS1_1_VERSION);
    struct kms_fault fault;
    assert_int_equal(call(&server, sandbox_path("ca.pem"), 1, &fault), KMS_ERR_TRANSPORT);
    assert_int_equal(server.requests, 0);
    stop(&server);
    server = (struct tls_server){.port = 0};
    start(&server, "IP:127.0.0.1", TLS1_2_VERSION);
    assert_int_equal(call(&server, sandbox_path("ca.pem"), 1, &fault), KMS_OK);
    stop(&server);
}

static void test_survives_broken_connections(void **state)
{
    (void)state;
    assert_ptr_equal(signal(SIGPIPE, SIG_DFL), SIG_DFL); /* it would end this process */
    struct tls_server server = {.resets = true};
    start(&server, "IP:127.0.0.1", 0);
    char url[64];
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u", server.port);
    struct kms_client_options options = {.region = kms_str("r"),
        .endpoint_url = kms_str(url),
        .credentials = {.access_key_id = kms_str("a"), .secret_access_key = kms_str("b")},
        .max_attempts = 8,
        .ca_file = kms_str(sandbox_path("ca.pem"))};
    KMS_CLIENT_AUTO client = NULL;
    assert_int_equal(kms_client_new(&options, &client, NULL), KMS_OK);
    size_t size = 1000 * 1000; /* long enough to be written in many pieces */
    char *marker = malloc(size);
    assert_non_null(marker);
    memset(marker, 'm', size);
    struct kms_list_keys_request request = {.marker = {marker, size}};
    const struct kms_list_keys_response *response = NULL;
    struct kms_fault fault;
    assert_int_equal(kms_list_keys(client, &request, &response, &fault), KMS_ERR_TRANSPORT);
    free(marker);
    stop(&server);
    assert_int_equal(server.connections, 8);
    sigset_t pending;
    assert_int_equal(sigpending(&pending), 0);
    assert_int_equal(sigismember(&pending, SIGPIPE), 0); /* nothing is left behind */
}

static void test_finds_authorities_from_anywhere(void **state)
{
    (void)state;
    struct tls_server server = {.port = 0};
    start(&server, "IP:127.0.0.1", 0);
    char url[64];
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u", server.port);
    struct kms_client_options options = {.region = kms_str("r"),
        .endpoint_url = kms_str(url),
        .credentials = {.access_key_id = kms_str("a"), .secret_access_key = kms_str("b")},
        .ca_file = kms_str("ca.pem")};
    int before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(before >= 0);
    assert_int_equal(chdir(sandbox_path("")), 0);
    KMS_CLIENT_AUTO client = NULL;
    enum kms_err made = kms_client_new(&options, &client, NULL);
    assert_int_equal(fchdir(before), 0);
    assert_int_equal(close(before), 0);
    assert_int_equal(made, KMS_OK);
    struct kms_list_keys_request request = {.limit = {true, 1}};
    const struct kms_list_keys_response *response = NULL;
    struct kms_fault fault;
    assert_int_equal(kms_list_keys(client, &request, &response, &fault), KMS_OK);
    kms_response_free(response);
    stop(&server);
}

static void test_misses_authorities_early(void **state)
{
    (void)state;
    struct kms_client_options options = {.region = kms_str("r"),
        .credentials = {.access_key_id = kms_str("a"), .secret_access_key = kms_str("b")},
        .ca_file = kms_str("/nonexistent/ca.pem")};
    struct kms_client *client = NULL;
    struct kms_detail detail;
    assert_int_equal(kms_client_new(&options, &client, &detail), KMS_ERR_CONFIG);
    assert_non_null(strstr(detail.text, "/nonexistent/ca.pem"));
    assert_null(client);
}

#define SANDBOXED(test) cmocka_unit_test_setup_teardown(test, sandbox_enter, sandbox_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SANDBOXED(test_trusts_whom_it_is_told_to),
        SANDBOXED(test_trusts_nobody_else),
        SANDBOXED(test_checks_the_name),
        SANDBOXED(test_wants_tls_1_2),
        SANDBOXED(test_survives_broken_connections),
        SANDBOXED(test_finds_authorities_from_anywhere),
        SANDBOXED(test_misses_authorities_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

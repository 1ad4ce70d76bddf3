/* GetCallerIdentity: what is sent, and what answers are taken for. */
#include "tests/unit/client/loopback.h"
#include "tests/unit/client/sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <kms/kms.h>

#define FORM "Action=GetCallerIdentity&Version=2011-06-15"
#define ANSWER(inside)                                                                \
    "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">" \
    "<GetCallerIdentityResult>" inside "</GetCallerIdentityResult><ResponseMetadata>" \
    "<RequestId>r-1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
#define WHO "<UserId>AIDA</UserId><Account>111122223333</Account>"

struct reply {
    int status;
    const char *body;
    atomic_int mistakes;
};

static bool has(struct kms_str text, const char *part)
{
    return text.data != NULL && memmem(text.data, text.len, part, strlen(part)) != NULL;
}

static void handle(
    void *context, const struct loopback_request *request, struct loopback_reply *reply)
{
    struct reply *wanted = context;
    struct kms_str authorization = loopback_header(request, "authorization");
    struct kms_str body = {(const char *)request->view.body.data, request->view.body.len};
    bool is_good =
        kms_str_is(request->view.method, "POST") && kms_str_is(request->view.path, "/prefix/") &&
        kms_str_is(body, FORM) &&
        kms_str_is(loopback_header(request, "content-type"), "application/x-www-form-urlencoded") &&
        kms_str_is(loopback_header(request, "x-amz-security-token"), "token") &&
        has(authorization, "/eu-west-1/sts/aws4_request") &&
        has(authorization, "x-amz-security-token");
    if (!is_good)
        (void)atomic_fetch_add(&wanted->mistakes, 1);
    reply->status = wanted->status;
    reply->headers = "Content-Type: text/xml\r\n";
    kms_buf_append_text(&reply->body, wanted->body);
}

static enum kms_err ask(
    int status, const char *body, struct kms_caller *out, struct kms_fault *fault)
{
    char url[64];
    struct reply reply = {.status = status, .body = body};
    struct loopback *server = loopback_start(handle, &reply);
    assert_non_null(server);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/prefix", loopback_port(server));
    const struct kms_client_options options = {.region = kms_str("eu-west-1"),
        .endpoint_url = kms_str(url),
        .credentials = {kms_str("AKID"), kms_str("secret"), kms_str("token"), 0}};
    KMS_CLIENT_AUTO client = NULL;
    assert_int_equal(kms_client_new(&options, &client, NULL), KMS_OK);
    enum kms_err err = kms_caller_identity(client, out, fault);
    kms_client_free(client);
    client = NULL;
    loopback_stop(server);
    assert_int_equal(reply.mistakes, 0);
    return err;
}

static void test_answer(void **state)
{
    (void)state;
    struct kms_caller caller;
    struct kms_fault fault;
    assert_int_equal(
        ask(200, ANSWER("<Arn>arn:aws:iam::111122223333:user/a&amp;b</Arn>" WHO), &caller, &fault),
        KMS_OK);
    assert_string_equal(caller.arn, "arn:aws:iam::111122223333:user/a&b");
    assert_string_equal(caller.user_id, "AIDA");
    assert_string_equal(caller.account, "111122223333");
    assert_string_equal(fault.code, "");
}

static void test_refusal(void **state)
{
    (void)state;
    struct kms_caller caller = {.account = "untouched"};
    struct kms_fault fault;
    assert_int_equal(
        ask(403,
            "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code>"
            "<Message>The security token\nis &lt;invalid&gt;.</Message></Error>"
            "<RequestId>r-2</RequestId></ErrorResponse>",
            &caller, &fault),
        KMS_ERR_FAULT);
    assert_string_equal(fault.code, "InvalidClientTokenId");
    assert_string_equal(fault.message, "The security token?is <invalid>.");
    assert_string_equal(fault.request_id, "r-2");
    assert_int_equal(fault.http_status, 403);
    assert_string_equal(caller.account, "untouched");
}

static void test_nonsense(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
    } cases[] = {
        {200, ""},
        {200, ANSWER(WHO)},
        {200, ANSWER("<Arn>x" WHO)},
        {200, ANSWER("<Arn><b>x</b></Arn>" WHO)},
        {200, ANSWER("<Arn>x</Arn><UserId>AIDA</UserId><Account>1111222233334444</Account>")},
        {400, "{\"__type\":\"UnknownOperationException\"}"},
        {404, "<html>"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct kms_caller caller;
        struct kms_fault fault;
        assert_int_equal(ask(cases[i].status, cases[i].body, &caller, &fault), KMS_ERR_PROTOCOL);
        assert_string_equal(fault.code, "");
        assert_true(fault.message[0] != '\0');
    }
}

/* An address inside a network that knows keys only: nothing is sent there. */
static void test_private_link(void **state)
{
    (void)state;
    const struct kms_client_options options = {.region = kms_str("us-east-1"),
        .endpoint_url = kms_str("https://vpce-1.kms.us-east-1.vpce.amazonaws.com"),
        .credentials = {kms_str("AKID"), kms_str("secret"), kms_str("token"), 0}};
    KMS_CLIENT_AUTO client = NULL;
    struct kms_caller caller;
    struct kms_fault fault;
    assert_int_equal(kms_client_new(&options, &client, NULL), KMS_OK);
    assert_int_equal(kms_caller_identity(client, &caller, &fault), KMS_ERR_UNSUPPORTED);
    assert_true(has(kms_str(fault.message), "vpce-1"));
}

#define SANDBOXED(test) cmocka_unit_test_setup_teardown(test, sandbox_enter, sandbox_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SANDBOXED(test_answer),
        SANDBOXED(test_refusal),
        SANDBOXED(test_nonsense),
        SANDBOXED(test_private_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

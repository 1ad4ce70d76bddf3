#include "kmsd/iam/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const uint8_t key[32] = {1, 2, 3};
static struct kms_str arns[] = {KMS_STR_LITERAL("arn:aws:iam::aws:policy/ReadOnlyAccess")};
static struct kms_str_pair tags[] = {
    {KMS_STR_LITERAL("team"), KMS_STR_LITERAL("blue")}, {KMS_STR_LITERAL("a"), {"", 0}}};

static struct kmsd_session_keys *open_keys(const uint8_t bytes[32])
{
    struct kmsd_session_keys *keys = NULL;
    assert_int_equal(kmsd_session_keys_new(kms_bytes(bytes, 32), &keys), KMS_OK);
    return keys;
}

static struct kmsd_session_content a_session(void)
{
    return (struct kmsd_session_content){
        .kind = KMSD_SESSION_ROLE,
        .account = kms_str("111122223333"),
        .name = kms_str("app"),
        .entity_id = kms_str("AROAEXAMPLE"),
        .session_name = kms_str("batch"),
        .access_key_id = kms_str("ASIAEXAMPLE"),
        .secret = kms_bytes("secret-secret", 13),
        .parent_key_id = kms_str("AKIAPARENT"),
        .policy = kms_str("{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\","
                          "\"Action\":\"kms:Decrypt\",\"Resource\":\"*\"}}"),
        .policy_arns = arns,
        .policy_arn_count = 1,
        .tags = {tags, 2},
        .issued_ms = 1795392000000,
        .expires_ms = 1795395600000,
    };
}

static void says_again_what_was_sealed(void **state)
{
    struct kmsd_session_keys *keys = open_keys(key);
    struct kmsd_session_content content = a_session();
    const struct kmsd_session *session = NULL;
    (void)state;
    KMS_BUF_AUTO token;
    kms_buf_init(&token, KMSD_SESSION_TOKEN_MAX);
    assert_int_equal(kmsd_session_seal(keys, &content, &token), KMS_OK);
    assert_int_equal(
        kmsd_session_open(keys, kms_buf_str(&token), kms_str("aws"), &session), KMS_OK);
    assert_int_equal(session->content.kind, KMSD_SESSION_ROLE);
    assert_true(kms_str_is(session->arn, "arn:aws:sts::111122223333:assumed-role/app/batch"));
    assert_true(kms_str_is(session->user_id, "AROAEXAMPLE:batch"));
    assert_true(kms_str_is(session->content.access_key_id, "ASIAEXAMPLE"));
    assert_int_equal(session->content.secret.len, 13);
    assert_memory_equal(session->content.secret.data, "secret-secret", 13);
    assert_true(kms_str_is(session->content.parent_key_id, "AKIAPARENT"));
    assert_non_null(session->policy);
    assert_int_equal(session->content.policy_arn_count, 1);
    assert_int_equal(session->content.tags.count, 2);
    assert_true(kms_str_is(session->content.tags.items[0].value, "blue"));
    assert_true(session->content.expires_ms == 1795395600000);
    assert_null(session->content.provider.data);
    kmsd_session_release(kmsd_session_hold(session));
    kmsd_session_release(session);
    kmsd_session_keys_free(keys);
}

static void refuses_every_altered_token(void **state)
{
    struct kmsd_session_keys *keys = open_keys(key);
    struct kmsd_session_content content = a_session();
    const struct kmsd_session *session = NULL;
    (void)state;
    KMS_BUF_AUTO token;
    kms_buf_init(&token, KMSD_SESSION_TOKEN_MAX);
    assert_int_equal(kmsd_session_seal(keys, &content, &token), KMS_OK);
    for (size_t i = 0; i < token.len; i++) {
        uint8_t was = token.data[i];
        token.data[i] = was == 'A' ? 'B' : 'A';
        assert_int_equal(kmsd_session_open(keys, kms_buf_str(&token), kms_str("aws"), &session),
            KMS_ERR_AUTHENTICATION);
        token.data[i] = was;
    }
    for (size_t len = 0; len < token.len; len += 7)
        assert_int_equal(kmsd_session_open(keys, (struct kms_str){(const char *)token.data, len},
                             kms_str("aws"), &session),
            KMS_ERR_AUTHENTICATION);
    static const uint8_t other[32] = {3, 2, 1};
    struct kmsd_session_keys *other_keys = open_keys(other);
    assert_int_equal(kmsd_session_open(other_keys, kms_buf_str(&token), kms_str("aws"), &session),
        KMS_ERR_AUTHENTICATION);
    kmsd_session_keys_free(other_keys);
    kmsd_session_keys_free(keys);
}

static void bounds_what_goes_into_a_token(void **state)
{
    struct kmsd_session_keys *keys = open_keys(key);
    struct kmsd_session_content content = a_session();
    char text[KMSD_SESSION_CONTENT_MAX];
    (void)state;
    memset(text, ' ', sizeof(text));
    content.policy = (struct kms_str){text, sizeof(text)};
    KMS_BUF_AUTO token;
    kms_buf_init(&token, KMSD_SESSION_TOKEN_MAX);
    assert_int_equal(kmsd_session_seal(keys, &content, &token), KMS_ERR_LIMIT);
    assert_int_equal(token.len, 0);
    kmsd_session_keys_free(keys);
}

static void tokens_that_contradict_themselves_are_refused(void **state)
{
    struct kmsd_session_keys *keys = open_keys(key);
    const struct kmsd_session *session = NULL;
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct kmsd_session_content content = a_session();
        if (i == 0)
            content.kind = KMSD_SESSION_ROOT; /* with a role's name */
        else if (i == 1)
            content.session_name = kms_str(NULL);
        else if (i == 2)
            content.entity_id = kms_str(NULL);
        else
            content.kind = (enum kmsd_session_kind)9;
        KMS_BUF_AUTO token;
        kms_buf_init(&token, KMSD_SESSION_TOKEN_MAX);
        assert_int_equal(kmsd_session_seal(keys, &content, &token), KMS_OK);
        assert_int_equal(kmsd_session_open(keys, kms_buf_str(&token), kms_str("aws"), &session),
            KMS_ERR_AUTHENTICATION);
    }
    kmsd_session_keys_free(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_again_what_was_sealed),
        cmocka_unit_test(refuses_every_altered_token),
        cmocka_unit_test(bounds_what_goes_into_a_token),
        cmocka_unit_test(tokens_that_contradict_themselves_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

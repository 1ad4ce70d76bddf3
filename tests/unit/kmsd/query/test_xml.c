#include "kmsd/query/xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NS "https://iam.amazonaws.com/doc/2010-05-08/"

static void assert_text(struct kms_buf *out, const char *expected)
{
    kms_buf_append_u8(out, '\0');
    assert_int_equal(out->err, KMS_OK);
    assert_string_equal((const char *)out->data, expected);
    kms_buf_reset(out);
}

static void writes_answers(void **state)
{
    (void)state;
    KMS_BUF_AUTO out;
    kms_buf_init(&out, 4096);
    json_t *tree = json_pack("{s:{s:s,s:i,s:b,s:[{s:s},s],s:[]}}", "User", "Name", "a<b>&\"c\"",
        "Count", 3, "IsIt", 1, "Tags", "Key", "k", "plain", "Nothing");
    assert_int_equal(kmsd_xml_answer("GetUser", NS, tree, "id-1", &out), KMS_OK);
    assert_text(&out, "<GetUserResponse xmlns=\"" NS "\"><GetUserResult><User>"
                      "<Name>a&lt;b&gt;&amp;&quot;c&quot;</Name><Count>3</Count><IsIt>true</IsIt>"
                      "<Tags><member><Key>k</Key></member><member>plain</member></Tags>"
                      "<Nothing></Nothing></User></GetUserResult><ResponseMetadata>"
                      "<RequestId>id-1</RequestId></ResponseMetadata></GetUserResponse>");
    json_decref(tree);
    assert_int_equal(kmsd_xml_answer("DeleteUser", NS, NULL, "id-2", &out), KMS_OK);
    assert_text(&out, "<DeleteUserResponse xmlns=\"" NS "\"><ResponseMetadata><RequestId>id-2"
                      "</RequestId></ResponseMetadata></DeleteUserResponse>");
}

static void writes_errors(void **state)
{
    (void)state;
    KMS_BUF_AUTO out;
    kms_buf_init(&out, 4096);
    assert_int_equal(kmsd_xml_error(NS, true, "NoSuchEntity",
                         kms_str("no \x01<x>\xef\xbf\xbe\xef\xbf\xbf"), "id", &out),
        KMS_OK);
    assert_text(&out, "<ErrorResponse xmlns=\"" NS "\"><Error><Type>Sender</Type><Code>NoSuchEntity"
                      "</Code><Message>no &lt;x&gt;</Message></Error><RequestId>id</RequestId>"
                      "</ErrorResponse>");
}

static void bounds_answers_and_depth(void **state)
{
    (void)state;
    KMS_BUF_AUTO out;
    kms_buf_init(&out, 64);
    assert_int_equal(kmsd_xml_answer("DeleteUser", NS, NULL, "id", &out), KMS_ERR_LIMIT);
    KMS_BUF_AUTO roomy;
    kms_buf_init(&roomy, 65536);
    json_t *tree = json_object();
    for (int i = 0; i < 100; i++)
        tree = json_pack("{s:o}", "A", tree);
    assert_int_not_equal(kmsd_xml_answer("GetUser", NS, tree, "id", &roomy), KMS_OK);
    json_decref(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_answers),
        cmocka_unit_test(writes_errors),
        cmocka_unit_test(bounds_answers_and_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

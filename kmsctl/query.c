#include "kmsctl/query.h"

#include "kmsctl/output.h"
#include "kmsctl/policy_verbs.h"
#include "libkms/client/query.h"

#include <libxml/parser.h>
#include <stdio.h>
#include <string.h>

enum { FORM_MAX = 1 << 20, ANSWER_MAX = 8 << 20, FILE_MAX_ = 131072, DEPTH_MAX = 16 };

/* --- forms ------------------------------------------------------------------------------------ */

static void append_encoded(struct kms_buf *out, struct kms_str text)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                        (c >= 'A' && c <= 'Z') || (c != 0 && strchr("-_.~", c) != NULL);
        if (is_plain) {
            kms_buf_append_u8(out, c);
        } else {
            const char escape[3] = {'%', hex[c >> 4], hex[c & 15]};
            kms_buf_append(out, escape, sizeof(escape));
        }
    }
}

void kmsctl_query_begin(
    struct kmsctl_query_form *form, enum kmsctl_query_service service, const char *action)
{
    form->service = service;
    kms_buf_init(&form->text, FORM_MAX);
    kms_buf_printf(&form->text, "Action=%s&Version=%s", action,
        service == KMSCTL_QUERY_IAM ? "2010-05-08" : "2011-06-15");
}

void kmsctl_query_clean_up(struct kmsctl_query_form *form)
{
    kms_buf_clean_up(&form->text);
}

void kmsctl_query_add(struct kmsctl_query_form *form, const char *name, struct kms_str value)
{
    if (value.data == NULL)
        return;
    kms_buf_printf(&form->text, "&%s=", name);
    append_encoded(&form->text, value);
}

enum kmsctl_exit kmsctl_query_add_tags(struct kmsctl_app *app, struct kmsctl_query_form *form)
{
    struct kms_str_map tags;
    char name[64];

    enum kmsctl_exit status = kmsctl_app_pairs(app, KMSCTL_OPT_TAG, NULL, &tags);
    for (size_t i = 0; status == KMSCTL_OK && i < tags.count; i++) {
        (void)snprintf(name, sizeof(name), "Tags.member.%zu.Key", i + 1);
        kmsctl_query_add(form, name, tags.items[i].key);
        (void)snprintf(name, sizeof(name), "Tags.member.%zu.Value", i + 1);
        kmsctl_query_add(form, name, tags.items[i].value);
    }
    return status;
}

enum kmsctl_exit kmsctl_query_add_file(
    struct kmsctl_app *app, struct kmsctl_query_form *form, const char *name, const char *path)
{
    struct kms_str text = {NULL, 0};

    enum kmsctl_exit status = kmsctl_policy_read(app, path, FILE_MAX_, KMSCTL_USAGE, &text);
    if (status == KMSCTL_OK)
        kmsctl_query_add(form, name, text);
    return status;
}

/* --- answers ---------------------------------------------------------------------------------- */

static bool is_element(const xmlNode *node)
{
    return node->type == XML_ELEMENT_NODE;
}

static const xmlNode *first_element(const xmlNode *parent)
{
    const xmlNode *node = parent == NULL ? NULL : parent->children;
    while (node != NULL && !is_element(node))
        node = node->next;
    return node;
}

static json_t *text_of(const xmlNode *node)
{
    xmlChar *text = xmlNodeGetContent(node);
    json_t *value = json_string(text == NULL ? "" : (const char *)text);
    xmlFree(text);
    return value;
}

static json_t *value_of(const xmlNode *node, unsigned depth);

static json_t *list_of(const xmlNode *node, unsigned depth)
{
    json_t *list = json_array();
    for (; list != NULL && node != NULL; node = node->next) {
        if (is_element(node) && json_array_append_new(list, value_of(node, depth + 1)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *value_of(const xmlNode *parent, unsigned depth)
{
    const xmlNode *node = first_element(parent);
    if (depth > DEPTH_MAX)
        return json_null();
    if (node == NULL)
        return text_of(parent);
    if (strcmp((const char *)node->name, "member") == 0)
        return list_of(node, depth);
    json_t *object = json_object();
    for (; object != NULL && node != NULL; node = node->next) {
        if (is_element(node) &&
            json_object_set_new(object, (const char *)node->name, value_of(node, depth + 1)) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

/* The element "...Result" of an answer; an action may have none. */
static const xmlNode *find_result(const xmlNode *root)
{
    static const char suffix[] = "Result";
    for (const xmlNode *node = first_element(root); node != NULL; node = node->next) {
        size_t len = is_element(node) ? strlen((const char *)node->name) : 0;
        if (len >= sizeof(suffix) &&
            strcmp((const char *)node->name + len - (sizeof(suffix) - 1), suffix) == 0)
            return node;
    }
    return NULL;
}

/* No entities of the document's own, no network. */
static enum kmsctl_exit read_answer(
    struct kmsctl_app *app, struct kms_str xml, const char *what, json_t **out)
{
    xmlDoc *document = xmlReadMemory(xml.data, (int)xml.len, NULL, NULL,
        XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    const xmlNode *root = document == NULL ? NULL : xmlDocGetRootElement(document);
    const xmlNode *result = find_result(root);
    *out = first_element(result) == NULL ? json_object() : value_of(result, 0);
    xmlFreeDoc(document);
    if (root == NULL) {
        json_decref(*out);
        return kmsctl_fail(&app->failure, KMSCTL_UNAVAILABLE, "%s: the answer is not XML", what);
    }
    return *out == NULL ? kmsctl_fail_memory(&app->failure) : KMSCTL_OK;
}

enum kmsctl_exit kmsctl_query(
    struct kmsctl_app *app, const struct kmsctl_query_form *form, const char *what, json_t **out)
{
    bool is_unsigned = form->service == KMSCTL_QUERY_STS_UNSIGNED;
    struct kms_fault fault;
    KMS_BUF_AUTO xml;
    const struct kms_query query = {
        .service = kms_str(form->service == KMSCTL_QUERY_IAM ? "iam" : "sts"),
        .form = kms_buf_str(&form->text),
        .is_unsigned = is_unsigned,
    };

    kms_buf_init(&xml, ANSWER_MAX);
    if (form->text.err != KMS_OK)
        return kmsctl_fail_memory(&app->failure);
    enum kmsctl_exit status =
        is_unsigned ? kmsctl_app_connect_unsigned(app) : kmsctl_app_connect(app);
    if (status != KMSCTL_OK)
        return status;
    enum kms_err err = kms_query_call(app->client, &query, &xml, &fault);
    if (err != KMS_OK)
        return kmsctl_fail_call(&app->failure, err, &fault, what);
    return read_answer(app, kms_buf_str(&xml), what, out);
}

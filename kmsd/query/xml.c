#include "kmsd/query/xml.h"

#include <libxml/xmlwriter.h>

enum { DEPTH_MAX = 32, NAME_MAX_ = 128 };

static int write_out(void *context, const char *data, int len)
{
    struct kms_buf *out = context;
    kms_buf_append(out, data, len < 0 ? 0 : (size_t)len);
    return out->err == KMS_OK ? len : -1;
}

static int close_out(void *context)
{
    (void)context;
    return 0;
}

static xmlTextWriterPtr open_writer(struct kms_buf *out)
{
    xmlOutputBufferPtr buffer = xmlOutputBufferCreateIO(write_out, close_out, out, NULL);
    if (buffer == NULL)
        return NULL;
    xmlTextWriterPtr writer = xmlNewTextWriter(buffer); /* takes the buffer */
    if (writer == NULL)
        (void)xmlOutputBufferClose(buffer);
    return writer;
}

/* Whether the character at p is U+FFFE or U+FFFF. */
static bool is_noncharacter(const char *p, size_t len)
{
    return len >= 3 && memcmp(p, "\xef\xbf", 2) == 0 && (p[2] == '\xbe' || p[2] == '\xbf');
}

/* XML 1.0 has no way to write most control characters and two others: they are left out, or no
 * client could read the answer. */
static bool write_text(xmlTextWriterPtr writer, const json_t *value)
{
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    KMS_BUF_AUTO clean;
    kms_buf_init(&clean, len + 1);
    for (size_t i = 0; i < len; i++) {
        uint8_t letter = (uint8_t)text[i];
        if (is_noncharacter(text + i, len - i))
            i += 2;
        else if (letter >= ' ' || letter == '\t' || letter == '\n' || letter == '\r')
            kms_buf_append_u8(&clean, letter);
    }
    kms_buf_append_u8(&clean, '\0');
    return clean.err == KMS_OK && xmlTextWriterWriteString(writer, clean.data) >= 0;
}

static bool write_value(xmlTextWriterPtr writer, const json_t *value, unsigned depth);

static bool write_element(
    xmlTextWriterPtr writer, const char *name, const json_t *value, unsigned depth)
{
    return xmlTextWriterStartElement(writer, BAD_CAST name) >= 0 &&
           write_value(writer, value, depth) && xmlTextWriterFullEndElement(writer) >= 0;
}

/* The tree is the daemon's own: its depth is bounded all the same. */
static bool write_value(xmlTextWriterPtr writer, const json_t *value, unsigned depth)
{
    if (depth == DEPTH_MAX)
        return false;
    if (json_is_object(value)) {
        const char *name = NULL;
        json_t *member = NULL;
        json_t *walked = (json_t *)(uintptr_t)value; /* jansson's iteration has no const */
        json_object_foreach(walked, name, member)
        {
            if (!write_element(writer, name, member, depth + 1))
                return false;
        }
        return true;
    }
    if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++) {
            if (!write_element(writer, "member", json_array_get(value, i), depth + 1))
                return false;
        }
        return true;
    }
    if (json_is_boolean(value))
        return xmlTextWriterWriteString(writer, BAD_CAST(json_is_true(value) ? "true" : "false")) >=
               0;
    if (json_is_integer(value))
        return xmlTextWriterWriteFormatString(
                   writer, "%lld", (long long)json_integer_value(value)) >= 0;
    return json_is_string(value) && write_text(writer, value);
}

static bool write_plain(xmlTextWriterPtr writer, const char *name, const char *text)
{
    return xmlTextWriterWriteElement(writer, BAD_CAST name, BAD_CAST text) >= 0;
}

static bool start_root(xmlTextWriterPtr writer, const char *name, const char *xmlns)
{
    return xmlTextWriterStartElementNS(writer, NULL, BAD_CAST name, BAD_CAST xmlns) >= 0;
}

static enum kms_err finish(xmlTextWriterPtr writer, bool is_whole, struct kms_buf *out)
{
    if (is_whole)
        is_whole = xmlTextWriterEndElement(writer) >= 0 && xmlTextWriterFlush(writer) >= 0;
    xmlFreeTextWriter(writer);
    if (out->err != KMS_OK)
        return out->err;
    return is_whole ? KMS_OK : KMS_ERR_NO_MEMORY;
}

enum kms_err kmsd_xml_answer(const char *action, const char *xmlns, const json_t *result,
    const char *request_id, struct kms_buf *out)
{
    char response[NAME_MAX_];
    char inner[NAME_MAX_];
    (void)snprintf(response, sizeof(response), "%sResponse", action);
    (void)snprintf(inner, sizeof(inner), "%sResult", action);
    xmlTextWriterPtr writer = open_writer(out);
    if (writer == NULL)
        return KMS_ERR_NO_MEMORY;
    bool is_whole = start_root(writer, response, xmlns) &&
                    (result == NULL || write_element(writer, inner, result, 0)) &&
                    xmlTextWriterStartElement(writer, BAD_CAST "ResponseMetadata") >= 0 &&
                    write_plain(writer, "RequestId", request_id) &&
                    xmlTextWriterEndElement(writer) >= 0;
    return finish(writer, is_whole, out);
}

enum kms_err kmsd_xml_error(const char *xmlns, bool sender, const char *code,
    struct kms_str message, const char *request_id, struct kms_buf *out)
{
    json_t *text = json_stringn(message.data == NULL ? "" : message.data, message.len);
    xmlTextWriterPtr writer = text == NULL ? NULL : open_writer(out);
    if (writer == NULL) {
        json_decref(text);
        return KMS_ERR_NO_MEMORY;
    }
    bool is_whole =
        start_root(writer, "ErrorResponse", xmlns) &&
        xmlTextWriterStartElement(writer, BAD_CAST "Error") >= 0 &&
        write_plain(writer, "Type", sender ? "Sender" : "Receiver") &&
        write_plain(writer, "Code", code) && write_element(writer, "Message", text, 0) &&
        xmlTextWriterEndElement(writer) >= 0 && write_plain(writer, "RequestId", request_id);
    json_decref(text);
    return finish(writer, is_whole, out);
}

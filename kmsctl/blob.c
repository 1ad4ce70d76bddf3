#include "kmsctl/blob.h"

#include "kmsctl/output.h"
#include "libkms/base/encoding.h"

#include <cbor.h>

/* RFC 9052 sections 2 and 3.1; the label of the material is kmsd's own. */
#define COSE_TAG_ENCRYPT0 0xd0 /* tag 16 in its one-byte form */
#define COSE_HEADER_KID   4
#define MATERIAL_ID       65537 /* as CBOR's negative integer -1 - 65536 */
#define GCM_TAG_SIZE      16

/* An initialization vector, an octet and a tag: no service's ciphertext is shorter. */
#define BLOB_MIN (12 + 1 + GCM_TAG_SIZE)

static void release_item(cbor_item_t **item)
{
    if (*item != NULL)
        cbor_decref(item);
}
#define ITEM_AUTO __attribute__((cleanup(release_item))) cbor_item_t *

static struct kms_bytes bytes_of(const cbor_item_t *item)
{
    if (item == NULL || !cbor_isa_bytestring(item) || !cbor_bytestring_is_definite(item))
        return kms_bytes(NULL, 0);
    return kms_bytes(cbor_bytestring_handle(item), cbor_bytestring_length(item));
}

/* The byte string under an integer label of a map; absent when it isn't there. */
static struct kms_bytes labelled(const cbor_item_t *map, bool negative, uint64_t magnitude)
{
    struct cbor_pair *pairs = cbor_map_handle(map);

    for (size_t i = 0; i < cbor_map_size(map); i++) {
        const cbor_item_t *label = pairs[i].key;

        if (cbor_is_int(label) && cbor_isa_negint(label) == negative &&
            cbor_get_int(label) == magnitude)
            return bytes_of(pairs[i].value);
    }
    return kms_bytes(NULL, 0);
}

/* One whole item, with nothing after it. */
static cbor_item_t *load(struct kms_bytes bytes)
{
    struct cbor_load_result result;

    if (bytes.data == NULL || bytes.len == 0)
        return NULL;
    cbor_item_t *item = cbor_load(bytes.data, bytes.len, &result);
    if (item != NULL && result.read != bytes.len)
        cbor_decref(&item); /* sets item to NULL */
    return item;
}

static bool add_optional(json_t *object, const char *name, bool present, json_t *value)
{
    if (present)
        return kmsctl_json_add(object, name, value);
    json_decref(value);
    return true;
}

/* The array of a COSE_Encrypt0, or NULL. Its tag is taken off by hand: libcbor 0.8 refuses tags
 * that were unassigned when it was written, 16 among them. */
static cbor_item_t *load_encrypt0(struct kms_bytes blob)
{
    if (blob.len == 0 || blob.data[0] != COSE_TAG_ENCRYPT0)
        return NULL;
    cbor_item_t *item = load(kms_bytes(blob.data + 1, blob.len - 1));
    if (item != NULL && (!cbor_isa_array(item) || cbor_array_size(item) != 3))
        cbor_decref(&item);
    return item;
}

static bool add_cose(json_t *object, const cbor_item_t *array)
{
    cbor_item_t **parts = cbor_array_handle(array);
    ITEM_AUTO header = load(bytes_of(parts[0]));
    struct kms_bytes sealed = bytes_of(parts[2]);
    struct kms_bytes kid = {NULL, 0};
    struct kms_bytes material = {NULL, 0};

    if (header != NULL && cbor_isa_map(header)) {
        kid = labelled(header, false, COSE_HEADER_KID);
        material = labelled(header, true, MATERIAL_ID - 1);
    }
    struct kms_str key_id = {(const char *)kid.data, kid.len};
    return kmsctl_json_add(object, "Format", json_string("COSE_Encrypt0")) &&
           add_optional(object, "KeyId", kid.data != NULL, kmsctl_json_str(key_id)) &&
           add_optional(
               object, "KeyMaterialId", material.data != NULL, kmsctl_json_hex(material)) &&
           add_optional(object, "PlaintextLength", sealed.len >= GCM_TAG_SIZE,
               json_integer((json_int_t)sealed.len - GCM_TAG_SIZE));
}

/* "AQICA..." in base64, and "AQIDA...", "AQECA...", "AQEDA...", which are of the same kind. */
static bool is_aws(struct kms_bytes blob)
{
    const uint8_t *octets = blob.data;

    return blob.len > 4 && octets[0] == 1 && (octets[1] == 1 || octets[1] == 2) &&
           (octets[2] == 2 || octets[2] == 3) && octets[3] == 0;
}

static bool is_text(struct kms_bytes blob)
{
    for (size_t i = 0; i < blob.len; i++) {
        uint8_t octet = blob.data[i];

        if ((octet < ' ' && !(octet >= '\t' && octet <= '\r')) || octet == 0x7f)
            return false;
    }
    return kms_utf8_valid((struct kms_str){(const char *)blob.data, blob.len});
}

const char *kmsctl_blob_refusal(struct kms_bytes blob)
{
    if (is_aws(blob))
        return NULL;
    if (is_text(blob))
        return "it is text";
    if (blob.len < BLOB_MIN)
        return "it is too short";
    return NULL;
}

json_t *kmsctl_blob_describe(struct kms_bytes blob)
{
    ITEM_AUTO array = load_encrypt0(blob);
    bool known = array != NULL || is_aws(blob);
    json_t *object = json_pack("{s:s}", "Type", known ? "CiphertextBlob" : "Unknown");
    bool complete = object != NULL;

    if (complete && array != NULL)
        complete = add_cose(object, array);
    else if (complete)
        complete = kmsctl_json_add(object, "Format", json_string(known ? "AWS KMS" : "Unknown"));
    if (!complete || !kmsctl_json_add(object, "Length", json_integer((json_int_t)blob.len))) {
        json_decref(object);
        return NULL;
    }
    return object;
}

#include "kmsd/crypto/ec_point.h"

/*
 * Nothing in such a SubjectPublicKeyInfo varies but the point, so it is not parsed: what must stand
 * before a point of that length is written out and compared. Hence no second encoding, no curve
 * parameters of the peer's choice, and no ASN.1 parser that could be wrong about them.
 *
 *     SEQUENCE { SEQUENCE { OID id-ecPublicKey, OID curve }, BIT STRING { 0 unused bits, point } }
 */
enum { ALGORITHM_MAX = 24, HEAD_MAX = 40 };

static const struct curve {
    const char *group;
    size_t field_size;
    size_t algorithm_size;
    uint8_t algorithm[ALGORITHM_MAX]; /* AlgorithmIdentifier */
} curves[] = {
    {"prime256v1", 32, 21,
        {0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
            0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}},
    {"secp384r1", 48, 18,
        {0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
            0x04, 0x00, 0x22}},
    {"secp521r1", 66, 18,
        {0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
            0x04, 0x00, 0x23}},
    {"SM2", 32, 21,
        {0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x81,
            0x1c, 0xcf, 0x55, 0x01, 0x82, 0x2d}},
};

static const struct curve *find(const char *group)
{
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        if (strcmp(curves[i].group, group) == 0)
            return &curves[i];
    }
    return NULL;
}

size_t kmsd_ec_field_size(const char *group)
{
    const struct curve *curve = find(group);
    return curve == NULL ? 0 : curve->field_size;
}

/* Bytes that the length of a value takes in DER; nothing here is as long as 256 bytes. */
static size_t length_size(size_t len)
{
    return len < 128 ? 1 : 2;
}

static uint8_t *put_length(uint8_t *at, size_t len)
{
    if (len >= 128)
        *at++ = 0x81;
    *at++ = (uint8_t)len;
    return at;
}

/* Writes everything before a point of that length and returns how much that is. */
static size_t write_head(const struct curve *curve, size_t point_len, uint8_t head[HEAD_MAX])
{
    size_t bits_len = 1 + point_len;
    size_t all_len = curve->algorithm_size + 1 + length_size(bits_len) + bits_len;
    uint8_t *at = head;
    *at++ = 0x30;
    at = put_length(at, all_len);
    memcpy(at, curve->algorithm, curve->algorithm_size);
    at += curve->algorithm_size;
    *at++ = 0x03;
    at = put_length(at, bits_len);
    *at++ = 0x00;
    return (size_t)(at - head);
}

static bool read_point(
    const struct curve *curve, struct kms_bytes spki, size_t point_len, struct kms_bytes *point)
{
    uint8_t head[HEAD_MAX];
    size_t head_len = write_head(curve, point_len, head);
    if (spki.len != head_len + point_len || memcmp(spki.data, head, head_len) != 0)
        return false;
    *point = kms_bytes(spki.data + head_len, point_len);
    return true;
}

enum kms_err kmsd_ec_point_read(const char *group, struct kms_bytes spki, struct kms_bytes *point)
{
    const struct curve *curve = find(group);
    struct kms_bytes found = {NULL, 0};
    if (curve == NULL)
        return KMS_ERR_UNSUPPORTED;
    bool whole = read_point(curve, spki, 1 + 2 * curve->field_size, &found);
    if (!whole && !read_point(curve, spki, 1 + curve->field_size, &found))
        return KMS_ERR_VALIDATION;
    uint8_t form = found.data[0];
    if (whole ? form != 0x04 : form != 0x02 && form != 0x03) /* no hybrid form, 0x06 and 0x07 */
        return KMS_ERR_VALIDATION;
    *point = found;
    return KMS_OK;
}

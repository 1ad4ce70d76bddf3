#include "kmsd/crypto/ciphertext.h"

#include "kmsd/crypto/cbor_out.h"
#include "kmsd/crypto/context.h"
#include "kmsd/crypto/kdf.h"

/*
 * What stands between the values of a ciphertext, for writing and for reading alike: nothing here
 * has a second encoding. Labels and numbers are those of RFC 9052 section 2, table 1 (tag), section
 * 3.1, table 3 (header parameters) and RFC 9053 section 4.1 (A256GCM).
 */
static const uint8_t before_header[] = {
    0xd0, /* tag 16, COSE_Encrypt0 */
    0x83, /* array of 3: the protected header as a byte string */
};
static const uint8_t before_key_id[] = {
    0xa6,                         /* map of 6 */
    0x01, 0x03,                   /* alg: A256GCM */
    0x02, 0x82,                   /* crit: array of 2 */
    0x3a, 0x00, 0x01, 0x00, 0x00, /*   KMSD_COSE_MATERIAL_ID */
    0x3a, 0x00, 0x01, 0x00, 0x01, /*   KMSD_COSE_NONCE */
    0x04,                         /* kid: a byte string of 1 to 128 bytes */
};
static const uint8_t before_iv[] = {0x05, 0x4c}; /* IV: byte string of 12 */
static const uint8_t before_material_id[] = {
    0x3a, 0x00, 0x01, 0x00, 0x00, 0x58, 0x20}; /* KMSD_COSE_MATERIAL_ID: byte string of 32 */
static const uint8_t before_nonce[] = {
    0x3a, 0x00, 0x01, 0x00, 0x01, 0x50};       /* KMSD_COSE_NONCE: byte string of 16 */
static const uint8_t before_sealed[] = {0xa0}; /* the unprotected header: map of 0 */

/* Letters, digits, '-' and '_': a bit for each character of ASCII. */
static const uint64_t allowed[2] = {UINT64_C(0x03ff200000000000), UINT64_C(0x07fffffe87fffffe)};

bool kmsd_ciphertext_key_id_valid(struct kms_str key_id)
{
    if (key_id.len < 1 || key_id.len > KMSD_KEY_ID_MAX)
        return false;
    for (size_t i = 0; i < key_id.len; i++) {
        unsigned char c = (unsigned char)key_id.data[i];
        if (c > 0x7f || (allowed[c / 64] >> c % 64 & 1) == 0)
            return false;
    }
    return true;
}

/* --- writing ---------------------------------------------------------------------------------- */

void kmsd_ciphertext_append_header(struct kms_buf *out, struct kms_str key_id,
    const uint8_t material_id[KMSD_MATERIAL_ID_SIZE], const uint8_t nonce[KMSD_NONCE_SIZE],
    const uint8_t iv[KMSD_AEAD_IV_SIZE])
{
    kms_buf_append(out, before_key_id, sizeof(before_key_id));
    kmsd_cbor_append_bytes(out, kms_bytes(key_id.data, key_id.len));
    kms_buf_append(out, before_iv, sizeof(before_iv));
    kms_buf_append(out, iv, KMSD_AEAD_IV_SIZE);
    kms_buf_append(out, before_material_id, sizeof(before_material_id));
    kms_buf_append(out, material_id, KMSD_MATERIAL_ID_SIZE);
    kms_buf_append(out, before_nonce, sizeof(before_nonce));
    kms_buf_append(out, nonce, KMSD_NONCE_SIZE);
}

void kmsd_ciphertext_append_enc_structure(
    struct kms_buf *aad, struct kms_bytes protected_header, size_t external_len)
{
    kmsd_cbor_append_array(aad, 3);
    kmsd_cbor_append_text(aad, kms_str("Encrypt0"));
    kmsd_cbor_append_bytes(aad, protected_header);
    kmsd_cbor_append_bytes_head(aad, external_len);
}

static enum kms_err make_aad(struct kms_buf *aad, struct kms_bytes protected_header,
    const struct kms_str_map *encryption_context)
{
    struct kmsd_context context;
    enum kms_err err = kmsd_context_init(&context, encryption_context);
    if (err == KMS_OK && context.encoded_len > KMSD_CONTEXT_MAX)
        err = KMS_ERR_LIMIT;
    if (err == KMS_OK) {
        kms_buf_reset(aad);
        kmsd_ciphertext_append_enc_structure(aad, protected_header, context.encoded_len);
        kmsd_context_append(&context, aad);
        err = aad->err;
    }
    kmsd_context_clean_up(&context);
    return err;
}

static enum kms_err derive_message_key(const struct kmsd_ciphertext_tools *tools,
    const uint8_t *material, const uint8_t *material_id, const uint8_t *nonce)
{
    uint8_t context[KMSD_MATERIAL_ID_SIZE + KMSD_NONCE_SIZE];
    memcpy(context, material_id, KMSD_MATERIAL_ID_SIZE);
    memcpy(context + KMSD_MATERIAL_ID_SIZE, nonce, KMSD_NONCE_SIZE);
    return kmsd_kdf_derive(kms_bytes(material, KMSD_KDF_KEY_SIZE), KMSD_LABEL_MESSAGE,
        kms_bytes(context, sizeof(context)), tools->message_key);
}

static size_t header_size(struct kms_str key_id)
{
    return sizeof(before_key_id) + kmsd_cbor_head_size(key_id.len) + key_id.len +
           sizeof(before_iv) + KMSD_AEAD_IV_SIZE + sizeof(before_material_id) +
           KMSD_MATERIAL_ID_SIZE + sizeof(before_nonce) + KMSD_NONCE_SIZE;
}

/* Appends everything but the last byte string's contents; *aad is then that of the message. */
static enum kms_err append_front(const struct kmsd_ciphertext_tools *tools, struct kms_str key_id,
    const uint8_t *material_id, const uint8_t *nonce, const uint8_t *iv,
    const struct kms_str_map *encryption_context, size_t plaintext_len, struct kms_buf *out)
{
    kms_buf_append(out, before_header, sizeof(before_header));
    kmsd_cbor_append_bytes_head(out, header_size(key_id));
    size_t header_at = out->len;
    kmsd_ciphertext_append_header(out, key_id, material_id, nonce, iv);
    size_t header_len = out->len - header_at;
    kms_buf_append(out, before_sealed, sizeof(before_sealed));
    kmsd_cbor_append_bytes_head(out, plaintext_len + KMSD_AEAD_TAG_SIZE);
    if (out->err != KMS_OK)
        return out->err;
    if (header_len != header_size(key_id))
        return KMS_ERR_INTERNAL;
    return make_aad(tools->aad, kms_bytes(out->data + header_at, header_len), encryption_context);
}

enum kms_err kmsd_ciphertext_seal(const struct kmsd_ciphertext_tools *tools,
    const uint8_t *material, struct kms_str key_id,
    const uint8_t material_id[KMSD_MATERIAL_ID_SIZE], const uint8_t nonce[KMSD_NONCE_SIZE],
    const uint8_t iv[KMSD_AEAD_IV_SIZE], const struct kms_str_map *encryption_context,
    struct kms_bytes plaintext, struct kms_buf *out)
{
    if (!kmsd_ciphertext_key_id_valid(key_id))
        return KMS_ERR_INVALID_ARGUMENT;
    if (plaintext.len > KMSD_PLAINTEXT_MAX)
        return KMS_ERR_LIMIT;
    size_t before = out->len;
    enum kms_err err =
        append_front(tools, key_id, material_id, nonce, iv, encryption_context, plaintext.len, out);
    uint8_t *at = NULL;
    if (err == KMS_OK) {
        at = kms_buf_extend(out, plaintext.len + KMSD_AEAD_TAG_SIZE);
        err = out->err;
    }
    if (err == KMS_OK)
        err = derive_message_key(tools, material, material_id, nonce);
    if (err == KMS_OK)
        err = kmsd_aead_seal(
            tools->gcm, tools->message_key, iv, kms_buf_bytes(tools->aad), plaintext, at);
    kms_wipe(tools->message_key, KMSD_AEAD_KEY_SIZE);
    if (err != KMS_OK)
        kms_buf_truncate(out, before);
    return err;
}

/* --- reading ---------------------------------------------------------------------------------- */

struct cursor {
    const uint8_t *at;
    size_t left;
};

static bool skip(struct cursor *cursor, const uint8_t *expected, size_t len)
{
    if (cursor->left < len || memcmp(cursor->at, expected, len) != 0)
        return false;
    cursor->at += len;
    cursor->left -= len;
    return true;
}

/* The head of a byte string in its shortest form (RFC 8949 section 4.2.1), up to 65535 bytes. */
static bool take_bytes_head(struct cursor *cursor, size_t *len)
{
    if (cursor->left < 3) /* no string here is so short that it could end within this */
        return false;
    const uint8_t *at = cursor->at;
    size_t head = 1;
    if (at[0] >= 0x40 && at[0] < 0x58) {
        *len = at[0] - 0x40U;
    } else if (at[0] == 0x58) {
        *len = at[1];
        head = 2;
    } else if (at[0] == 0x59) {
        *len = (size_t)at[1] << 8 | at[2];
        head = 3;
    } else {
        return false;
    }
    cursor->at += head;
    cursor->left -= head;
    return head == kmsd_cbor_head_size(*len);
}

static bool take(struct cursor *cursor, size_t len, struct kms_bytes *out)
{
    if (cursor->left < len)
        return false;
    *out = kms_bytes(cursor->at, len);
    cursor->at += len;
    cursor->left -= len;
    return true;
}

static bool take_bytes(struct cursor *cursor, struct kms_bytes *out)
{
    size_t len = 0;
    return take_bytes_head(cursor, &len) && take(cursor, len, out);
}

static bool parse_header(struct kms_bytes header, struct kmsd_ciphertext *out)
{
    struct cursor cursor = {header.data, header.len};
    struct kms_bytes key_id = {NULL, 0};
    if (!skip(&cursor, before_key_id, sizeof(before_key_id)) || !take_bytes(&cursor, &key_id) ||
        !skip(&cursor, before_iv, sizeof(before_iv)) ||
        !take(&cursor, KMSD_AEAD_IV_SIZE, &out->iv) ||
        !skip(&cursor, before_material_id, sizeof(before_material_id)) ||
        !take(&cursor, KMSD_MATERIAL_ID_SIZE, &out->material_id) ||
        !skip(&cursor, before_nonce, sizeof(before_nonce)) ||
        !take(&cursor, KMSD_NONCE_SIZE, &out->nonce) || cursor.left != 0)
        return false;
    out->key_id = (struct kms_str){(const char *)key_id.data, key_id.len};
    return kmsd_ciphertext_key_id_valid(out->key_id);
}

/*
 * Reads the one form that kmsd_ciphertext_seal writes and not CBOR at large, so that no two byte
 * strings are the same ciphertext: all that varies are the values, and no value has two encodings.
 */
enum kms_err kmsd_ciphertext_parse(struct kms_bytes blob, struct kmsd_ciphertext *out)
{
    struct cursor cursor = {blob.data, blob.len};
    struct kmsd_ciphertext parsed = {.sealed = {NULL, 0}};
    if (!skip(&cursor, before_header, sizeof(before_header)) ||
        !take_bytes(&cursor, &parsed.protected_header) ||
        !skip(&cursor, before_sealed, sizeof(before_sealed)) ||
        !take_bytes(&cursor, &parsed.sealed) || cursor.left != 0)
        return KMS_ERR_SYNTAX;
    if (parsed.sealed.len < KMSD_AEAD_TAG_SIZE ||
        parsed.sealed.len > KMSD_PLAINTEXT_MAX + KMSD_AEAD_TAG_SIZE ||
        !parse_header(parsed.protected_header, &parsed))
        return KMS_ERR_SYNTAX;
    *out = parsed;
    return KMS_OK;
}

enum kms_err kmsd_ciphertext_open(const struct kmsd_ciphertext_tools *tools,
    const uint8_t *material, const struct kmsd_ciphertext *ciphertext,
    const struct kms_str_map *encryption_context, struct kms_buf *out)
{
    enum kms_err err = make_aad(tools->aad, ciphertext->protected_header, encryption_context);
    if (err != KMS_OK)
        return err;
    size_t before = out->len;
    uint8_t *at = kms_buf_extend(out, ciphertext->sealed.len - KMSD_AEAD_TAG_SIZE);
    if (at == NULL)
        return out->err;
    err = derive_message_key(tools, material, ciphertext->material_id.data, ciphertext->nonce.data);
    if (err == KMS_OK)
        err = kmsd_aead_open(tools->gcm, tools->message_key, ciphertext->iv.data,
            kms_buf_bytes(tools->aad), ciphertext->sealed, at);
    kms_wipe(tools->message_key, KMSD_AEAD_KEY_SIZE);
    if (err != KMS_OK)
        kms_buf_truncate(out, before);
    return err;
}

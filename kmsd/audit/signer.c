#include "kmsd/audit/signer.h"

#include "kmsd/crypto/custody.h"
#include "libkms/base/encoding.h"

#include <stdlib.h>
#include <sys/stat.h>

#define SECRET_NAME "signing-key"
#define PUBLIC_NAME "public-key.pem"
#define SECRET_HEAD "kmsd-audit-signing-key 1\n"

/* What the wrapped key is bound to, in place of a KMS key's ARN. */
#define KEY_NAME "urn:kmsd:audit-signing-key"

enum { FILE_MAX = 4096, WRAPPED_MAX = 1024 };

struct kmsd_signer {
    struct kmsd_custody *custody;
    struct kms_trail_key *public_key;
    uint8_t id[KMSD_MATERIAL_ID_SIZE];
    struct kms_buf wrapped;
    struct kms_buf sealed_public;
};

static struct kmsd_material material_of(const struct kmsd_signer *signer)
{
    struct kmsd_material material = {
        .key_arn = KMS_STR_LITERAL(KEY_NAME),
        .record_version = KMSD_MATERIAL_VERSION,
        .wrapped = kms_buf_bytes(&signer->wrapped),
        .spec = KMS_KEY_SPEC_ECC_NIST_EDWARDS25519,
        .usage = KMS_KEY_USAGE_SIGN_VERIFY,
        .public_key = kms_buf_bytes(&signer->sealed_public),
        .as_of = kmsd_custody_forgets(signer->custody), /* it is never forgotten */
    };
    memcpy(material.id, signer->id, sizeof(material.id));
    return material;
}

/* --- the file: a head line, then id, wrapped key and sealed public key in hexadecimal ---------- */

static void append_line(struct kms_buf *out, struct kms_bytes bytes)
{
    kms_hex_append(out, bytes);
    kms_buf_append_u8(out, '\n');
}

static bool take_line(struct kms_str *text, struct kms_buf *out)
{
    const char *end = text->len == 0 ? NULL : memchr(text->data, '\n', text->len);
    if (end == NULL)
        return false;
    struct kms_str line = {text->data, (size_t)(end - text->data)};
    uint8_t *at = kms_buf_extend(out, line.len / 2);
    text->data = end + 1;
    text->len -= line.len + 1;
    return at != NULL && kms_hex_decode(line, at) == KMS_OK;
}

static enum kms_err parse(struct kmsd_signer *signer, struct kms_str text)
{
    static const size_t head_len = sizeof(SECRET_HEAD) - 1;
    KMS_BUF_AUTO id;
    kms_buf_init(&id, KMSD_MATERIAL_ID_SIZE);
    if (text.len < head_len || memcmp(text.data, SECRET_HEAD, head_len) != 0)
        return KMS_ERR_CORRUPT;
    text.data += head_len;
    text.len -= head_len;
    if (!take_line(&text, &id) || id.len != sizeof(signer->id) ||
        !take_line(&text, &signer->wrapped) || !take_line(&text, &signer->sealed_public) ||
        text.len != 0)
        return KMS_ERR_CORRUPT;
    memcpy(signer->id, id.data, sizeof(signer->id));
    return KMS_OK;
}

static enum kms_err make(struct kmsd_signer *signer, struct kmsd_folder *folder)
{
    const struct kmsd_new_material wanted = {
        .key_arn = KMS_STR_LITERAL(KEY_NAME),
        .spec = KMS_KEY_SPEC_ECC_NIST_EDWARDS25519,
        .usage = KMS_KEY_USAGE_SIGN_VERIFY,
    };
    KMS_BUF_AUTO text;
    kms_buf_init(&text, FILE_MAX);
    enum kms_err err = kmsd_custody_generate(
        signer->custody, &wanted, signer->id, &signer->wrapped, &signer->sealed_public);
    if (err != KMS_OK)
        return err;
    kms_buf_append_text(&text, SECRET_HEAD);
    append_line(&text, kms_bytes(signer->id, sizeof(signer->id)));
    append_line(&text, kms_buf_bytes(&signer->wrapped));
    append_line(&text, kms_buf_bytes(&signer->sealed_public));
    return text.err != KMS_OK
               ? text.err
               : kmsd_folder_write(folder, SECRET_NAME, kms_buf_bytes(&text), S_IRUSR | S_IWUSR);
}

/* Written again at each start: it is for others to copy, not to be trusted here. */
static enum kms_err publish(struct kmsd_signer *signer, struct kmsd_folder *folder)
{
    KMS_BUF_AUTO der;
    KMS_BUF_AUTO pem;
    kms_buf_init(&der, KMSD_PUBLIC_KEY_MAX);
    kms_buf_init(&pem, FILE_MAX);
    const struct kmsd_material material = material_of(signer);
    enum kms_err err = kmsd_custody_public_key(signer->custody, &material, &der);
    if (err == KMS_OK)
        err = kms_trail_key_read(kms_buf_bytes(&der), &signer->public_key);
    if (err == KMS_OK)
        err = kms_trail_key_pem(signer->public_key, &pem);
    if (err == KMS_OK)
        err = kmsd_folder_write(
            folder, PUBLIC_NAME, kms_buf_bytes(&pem), S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);
    return err;
}

static enum kms_err read_or_make(
    struct kmsd_signer *signer, struct kmsd_folder *folder, bool may_make)
{
    KMS_BUF_AUTO text;
    kms_buf_init(&text, FILE_MAX);
    enum kms_err err = kmsd_folder_read(folder, SECRET_NAME, &text);
    if (err == KMS_ERR_NOT_FOUND && may_make)
        err = make(signer, folder);
    else if (err == KMS_OK)
        err = parse(signer, kms_buf_str(&text));
    return err == KMS_OK ? publish(signer, folder) : err;
}

enum kms_err kmsd_signer_open(struct kmsd_folder *folder, struct kmsd_custody *custody,
    bool may_make, struct kmsd_signer **out, struct kmsd_detail *detail)
{
    struct kmsd_signer *signer = calloc(1, sizeof(*signer));
    if (signer == NULL)
        return KMS_ERR_NO_MEMORY;
    signer->custody = custody;
    kms_buf_init(&signer->wrapped, WRAPPED_MAX);
    kms_buf_init(&signer->sealed_public, WRAPPED_MAX);
    enum kms_err err = read_or_make(signer, folder, may_make);
    if (err == KMS_ERR_CORRUPT)
        err = KMS_ERR_AUTHENTICATION;
    if (err != KMS_OK) {
        kmsd_detail_set(detail, "the audit trail's " SECRET_NAME ": %s",
            err == KMS_ERR_AUTHENTICATION ? "it was altered, or belongs to another root key"
                                          : kms_err_text(err));
        kmsd_signer_free(signer);
        return err;
    }
    *out = signer;
    return KMS_OK;
}

void kmsd_signer_free(struct kmsd_signer *signer)
{
    if (signer == NULL)
        return;
    kms_trail_key_free(signer->public_key);
    kms_buf_clean_up(&signer->wrapped);
    kms_buf_clean_up(&signer->sealed_public);
    free(signer);
}

const char *kmsd_signer_key_id(const struct kmsd_signer *signer)
{
    return kms_trail_key_id(signer->public_key);
}

enum kms_err kmsd_signer_sign(struct kmsd_signer *signer, const struct kms_trail_digest *digest,
    struct kms_buf *line, struct kms_trail_hash *hash)
{
    KMS_BUF_AUTO text;
    KMS_BUF_AUTO signature;
    kms_buf_init(&text, KMS_TRAIL_DIGEST_MAX);
    kms_buf_init(&signature, KMS_TRAIL_SIGNATURE_MAX);
    kms_trail_digest_signed_part(&text, digest);
    if (text.err != KMS_OK)
        return text.err;
    const struct kmsd_material material = material_of(signer);
    const struct kmsd_message message = {
        .algorithm = KMS_SIGNING_ALGORITHM_ED25519_SHA_512,
        .type = KMS_MESSAGE_TYPE_RAW,
        .bytes = kms_buf_bytes(&text),
    };
    enum kms_err err = kmsd_custody_sign(signer->custody, &material, &message, &signature);
    return err != KMS_OK ? err
                         : kms_trail_digest_append(line, digest, kms_buf_bytes(&signature), hash);
}

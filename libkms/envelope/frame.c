#include "libkms/envelope/frame.h"

#include "libkms/envelope/algorithm.h"
#include "libkms/envelope/wire.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define FINAL_MARK UINT32_C(0xffffffff)

struct kms_frame_cipher {
    EVP_CIPHER_CTX *ctx; /* key and direction set; each use sets the IV */
    uint8_t message_id[KMS_MESSAGE_ID_MAX];
    size_t message_id_len;
};

/* --- layout ----------------------------------------------------------------------------------- */

size_t kms_frame_content_at(enum kms_frame_kind kind)
{
    switch (kind) {
    case KMS_FRAME_REGULAR:
        return KMS_FRAME_HEAD_LEN;
    case KMS_FRAME_FINAL:
        return KMS_FRAME_FINAL_HEAD_LEN;
    case KMS_FRAME_SINGLE:
        break;
    }
    return KMS_FRAME_SINGLE_HEAD_LEN;
}

size_t kms_frame_overhead(enum kms_frame_kind kind)
{
    return kms_frame_content_at(kind) + KMS_GCM_TAG_LEN;
}

static bool is_final(struct kms_bytes in)
{
    return kms_load_u32(in.data) == FINAL_MARK;
}

size_t kms_frame_head_len(const struct kms_frame_expect *expect, struct kms_bytes in)
{
    if (!expect->framed)
        return KMS_FRAME_SINGLE_HEAD_LEN;
    if (in.len < 4)
        return 4;
    return is_final(in) ? KMS_FRAME_FINAL_HEAD_LEN : KMS_FRAME_HEAD_LEN;
}

static enum kms_err parse_single(
    const struct kms_frame_expect *expect, struct kms_bytes in, struct kms_frame_head *out)
{
    uint64_t content_len = kms_load_u64(in.data + KMS_GCM_IV_LEN);
    if (content_len > expect->max_content)
        return KMS_ERR_LIMIT;
    *out = (struct kms_frame_head){.kind = KMS_FRAME_SINGLE,
        .sequence = 1,
        .content_len = (size_t)content_len,
        .head_len = KMS_FRAME_SINGLE_HEAD_LEN};
    memcpy(out->iv, in.data, KMS_GCM_IV_LEN);
    return KMS_OK;
}

enum kms_err kms_frame_head_parse(
    const struct kms_frame_expect *expect, struct kms_bytes in, struct kms_frame_head *out)
{
    if (in.len < kms_frame_head_len(expect, in))
        return KMS_ERR_TRUNCATED;
    if (!expect->framed)
        return parse_single(expect, in, out);
    struct kms_frame_head head = {.kind = KMS_FRAME_REGULAR,
        .sequence = kms_load_u32(in.data),
        .content_len = expect->frame_length,
        .head_len = KMS_FRAME_HEAD_LEN};
    const uint8_t *iv = in.data + 4;
    if (is_final(in)) {
        head = (struct kms_frame_head){.kind = KMS_FRAME_FINAL,
            .sequence = kms_load_u32(in.data + 4),
            .content_len = kms_load_u32(in.data + 8 + KMS_GCM_IV_LEN),
            .head_len = KMS_FRAME_FINAL_HEAD_LEN};
        iv = in.data + 8;
    }
    if (head.sequence != expect->sequence || head.content_len > expect->frame_length)
        return KMS_ERR_SYNTAX;
    /* The IV is taken as it stands: not every writer makes it from the sequence number. */
    memcpy(head.iv, iv, KMS_GCM_IV_LEN);
    *out = head;
    return KMS_OK;
}

/* --- the cipher ------------------------------------------------------------------------------- */

enum kms_err kms_frame_cipher_new(const struct kms_suite *suite, const struct kms_secret *key,
    struct kms_bytes message_id, enum kms_frame_direction direction, struct kms_frame_cipher **out)
{
    if (message_id.len > KMS_MESSAGE_ID_MAX || kms_secret_len(key) != suite->key_len)
        return KMS_ERR_INVALID_ARGUMENT;
    KMS_FRAME_CIPHER_AUTO cipher = OPENSSL_zalloc(sizeof(*cipher));
    if (cipher == NULL)
        return KMS_ERR_NO_MEMORY;
    memcpy(cipher->message_id, message_id.data, message_id.len);
    cipher->message_id_len = message_id.len;
    cipher->ctx = EVP_CIPHER_CTX_new();
    if (cipher->ctx == NULL)
        return KMS_ERR_NO_MEMORY;
    const EVP_CIPHER *algorithm = kms_algorithm_cipher(suite->cipher);
    int ok = algorithm != NULL && EVP_CipherInit_ex2(cipher->ctx, algorithm,
                                      kms_secret_bytes(key).data, NULL, (int)direction, NULL) == 1;
    if (!ok)
        return KMS_ERR_CRYPTO;
    *out = cipher;
    cipher = NULL; /* now the caller's */
    return KMS_OK;
}

void kms_frame_cipher_free(struct kms_frame_cipher *cipher)
{
    if (cipher == NULL)
        return;
    EVP_CIPHER_CTX_free(cipher->ctx); /* wipes the key schedule */
    OPENSSL_free(cipher);
}

void kms_frame_cipher_free_at(struct kms_frame_cipher **cipher)
{
    kms_frame_cipher_free(*cipher);
    *cipher = NULL;
}

static bool begin(struct kms_frame_cipher *cipher, const uint8_t *iv)
{
    return EVP_CipherInit_ex2(cipher->ctx, NULL, NULL, iv, -1, NULL) == 1;
}

static bool add_aad(struct kms_frame_cipher *cipher, const uint8_t *data, size_t len)
{
    int written = 0;
    return len == 0 || EVP_CipherUpdate(cipher->ctx, NULL, &written, data, (int)len) == 1;
}

/* In place or from in to out, in pieces that libcrypto's int can count. */
static bool run(struct kms_frame_cipher *cipher, const uint8_t *in, uint8_t *out, size_t len)
{
    const size_t piece_max = (size_t)1 << 30;
    while (len > 0) {
        size_t piece = len < piece_max ? len : piece_max;
        int written = 0;
        if (EVP_CipherUpdate(cipher->ctx, out, &written, in, (int)piece) != 1)
            return false;
        in += piece;
        out += piece;
        len -= piece;
    }
    return true;
}

static bool finish(struct kms_frame_cipher *cipher)
{
    uint8_t nothing[KMS_GCM_TAG_LEN];
    int written = 0;
    return EVP_CipherFinal_ex(cipher->ctx, nothing, &written) == 1;
}

static bool get_tag(struct kms_frame_cipher *cipher, uint8_t *tag)
{
    return EVP_CIPHER_CTX_ctrl(cipher->ctx, EVP_CTRL_AEAD_GET_TAG, KMS_GCM_TAG_LEN, tag) == 1;
}

static bool set_tag(struct kms_frame_cipher *cipher, const uint8_t *tag)
{
    return EVP_CIPHER_CTX_ctrl(cipher->ctx, EVP_CTRL_AEAD_SET_TAG, KMS_GCM_TAG_LEN, (void *)tag) ==
           1;
}

/* "message ID || body AAD content || sequence number || content length" */
static bool add_frame_aad(struct kms_frame_cipher *cipher, enum kms_frame_kind kind,
    uint32_t sequence, size_t content_len)
{
    static const struct kms_str labels[] = {
        [KMS_FRAME_REGULAR] = KMS_STR_LITERAL("AWSKMSEncryptionClient Frame"),
        [KMS_FRAME_FINAL] = KMS_STR_LITERAL("AWSKMSEncryptionClient Final Frame"),
        [KMS_FRAME_SINGLE] = KMS_STR_LITERAL("AWSKMSEncryptionClient Single Block"),
    };
    enum { LABEL_MAX = 35 };
    uint8_t aad[KMS_MESSAGE_ID_MAX + LABEL_MAX + 4 + 8];
    size_t len = cipher->message_id_len;
    memcpy(aad, cipher->message_id, len);
    memcpy(aad + len, labels[kind].data, labels[kind].len);
    len += labels[kind].len;
    kms_store_u32(aad + len, sequence);
    kms_store_u64(aad + len + 4, content_len);
    return add_aad(cipher, aad, len + 12);
}

/* --- frames ----------------------------------------------------------------------------------- */

static void put_head(
    enum kms_frame_kind kind, uint32_t sequence, const uint8_t *iv, size_t len, uint8_t *out)
{
    if (kind == KMS_FRAME_FINAL) {
        kms_store_u32(out, FINAL_MARK);
        out += 4;
    }
    kms_store_u32(out, sequence);
    memcpy(out + 4, iv, KMS_GCM_IV_LEN);
    if (kind == KMS_FRAME_FINAL)
        kms_store_u32(out + 4 + KMS_GCM_IV_LEN, (uint32_t)len);
}

enum kms_err kms_frame_seal(struct kms_frame_cipher *cipher, enum kms_frame_kind kind,
    uint32_t sequence, uint8_t *frame, size_t content_len)
{
    uint8_t *content = frame + kms_frame_content_at(kind);
    return kms_frame_seal_parted(
        cipher, kind, sequence, content, content_len, frame, content_len, content + content_len);
}

enum kms_err kms_frame_seal_parted(struct kms_frame_cipher *cipher, enum kms_frame_kind kind,
    uint32_t sequence, const uint8_t *plaintext, size_t content_len, uint8_t *frame, size_t part,
    uint8_t *rest)
{
    size_t rest_len = content_len - part;
    if (kind == KMS_FRAME_SINGLE || sequence == 0 || content_len > UINT32_MAX ||
        (kind == KMS_FRAME_REGULAR && sequence == FINAL_MARK))
        return KMS_ERR_INVALID_ARGUMENT;
    uint8_t iv[KMS_GCM_IV_LEN] = {0}; /* never twice under a key: the sequence never repeats */
    kms_store_u32(iv + KMS_GCM_IV_LEN - 4, sequence);
    put_head(kind, sequence, iv, content_len, frame);
    bool ok = begin(cipher, iv) && add_frame_aad(cipher, kind, sequence, content_len) &&
              run(cipher, plaintext, frame + kms_frame_content_at(kind), part) &&
              (rest_len == 0 || run(cipher, plaintext + part, rest, rest_len)) && finish(cipher) &&
              get_tag(cipher, rest + rest_len);
    return ok ? KMS_OK : KMS_ERR_CRYPTO;
}

enum kms_err kms_frame_open(
    struct kms_frame_cipher *cipher, const struct kms_frame_head *head, uint8_t *content)
{
    return kms_frame_open_to(cipher, head, content, content);
}

enum kms_err kms_frame_open_to(struct kms_frame_cipher *cipher, const struct kms_frame_head *head,
    const uint8_t *content, uint8_t *out)
{
    bool ok = begin(cipher, head->iv) && set_tag(cipher, content + head->content_len) &&
              add_frame_aad(cipher, head->kind, head->sequence, head->content_len) &&
              run(cipher, content, out, head->content_len) && finish(cipher);
    if (ok)
        return KMS_OK;
    kms_wipe(out, head->content_len);
    return KMS_ERR_AUTHENTICATION;
}

/* --- the header ------------------------------------------------------------------------------- */

enum kms_err kms_header_tag_make(struct kms_frame_cipher *cipher, struct kms_bytes body,
    struct kms_bytes unstored, uint8_t tag[KMS_GCM_TAG_LEN])
{
    const uint8_t iv[KMS_GCM_IV_LEN] = {0};
    bool ok = begin(cipher, iv) && add_aad(cipher, body.data, body.len) &&
              add_aad(cipher, unstored.data, unstored.len) && finish(cipher) &&
              get_tag(cipher, tag);
    return ok ? KMS_OK : KMS_ERR_CRYPTO;
}

enum kms_err kms_header_tag_check(struct kms_frame_cipher *cipher, const uint8_t iv[KMS_GCM_IV_LEN],
    struct kms_bytes body, struct kms_bytes unstored, const uint8_t tag[KMS_GCM_TAG_LEN])
{
    bool ok = begin(cipher, iv) && set_tag(cipher, tag) && add_aad(cipher, body.data, body.len) &&
              add_aad(cipher, unstored.data, unstored.len) && finish(cipher);
    return ok ? KMS_OK : KMS_ERR_AUTHENTICATION;
}

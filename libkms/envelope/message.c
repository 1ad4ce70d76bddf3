#include "libkms/envelope/message.h"

#include "libkms/envelope/context.h"
#include "libkms/envelope/derive.h"
#include "libkms/envelope/failure.h"
#include "libkms/envelope/key_section.h"
#include "libkms/envelope/keyring.h"

#include <openssl/rand.h>

/* Pairs, sorted and merged, of one context: at most 16,383 fit on the wire. */
enum { SCRATCH_MAX = 8 << 20 };

void kms_message_clean_up(struct kms_message *message)
{
    kms_header_free(message->header);
    kms_secret_free(message->key);
    kms_signature_free(message->signature);
    *message = (struct kms_message){0};
}

enum kms_err kms_message_cipher(const struct kms_message *message,
    enum kms_frame_direction direction, struct kms_frame_cipher **out)
{
    return kms_frame_cipher_new(
        message->header->suite, message->key, message->header->info.message_id, direction, out);
}

uint64_t kms_message_frame_offset(const struct kms_header *header, uint32_t sequence)
{
    uint64_t before = sequence == 0 ? 0 : sequence - 1;
    return header->body_at + before * ((uint64_t)header->info.frame_length + KMS_FRAME_OVERHEAD);
}

void kms_header_set_counts(
    struct kms_header *header, uint64_t frames, uint64_t plaintext_len, uint64_t message_len)
{
    header->info.frames = frames;
    header->info.plaintext_len = plaintext_len;
    header->info.message_len = message_len;
    header->info.counted = true;
}

enum kms_err kms_context_copy(
    struct kms_str_map from, struct kms_arena *arena, struct kms_str_map *out)
{
    if (from.items == NULL)
        return KMS_OK;
    struct kms_str_pair *items = kms_arena_calloc(arena, from.count, sizeof(*items));
    if (items == NULL)
        return KMS_ERR_NO_MEMORY;
    for (size_t i = 0; i < from.count; i++) {
        if (from.items[i].key.data == NULL || from.items[i].value.data == NULL)
            return KMS_ERR_INVALID_ARGUMENT;
        items[i].key = kms_arena_str(arena, from.items[i].key);
        items[i].value = kms_arena_str(arena, from.items[i].value);
        if (items[i].key.data == NULL || items[i].value.data == NULL)
            return KMS_ERR_NO_MEMORY;
    }
    *out = (struct kms_str_map){.items = items, .count = from.count};
    return KMS_OK;
}

/* The three views of a message's context. */
struct contexts {
    struct kms_str_map full;     /* what the keyrings bind */
    struct kms_str_map stored;   /* what the header holds */
    struct kms_str_map unstored; /* what only its tag covers */
};

static bool list_has(struct kms_str_list list, struct kms_str text)
{
    for (size_t i = 0; i < list.count; i++) {
        if (kms_str_eq(list.items[i], text))
            return true;
    }
    return false;
}

/* Divides the full context by the keys that are not stored. */
static enum kms_err divide(
    struct contexts *contexts, struct kms_str_list unstored_keys, struct kms_arena *arena)
{
    size_t count = contexts->full.count;
    struct kms_str_pair *stored = kms_arena_calloc(arena, count, sizeof(*stored));
    struct kms_str_pair *unstored = kms_arena_calloc(arena, count, sizeof(*unstored));
    if (stored == NULL || unstored == NULL)
        return KMS_ERR_NO_MEMORY;
    contexts->stored = (struct kms_str_map){.items = stored};
    contexts->unstored = (struct kms_str_map){.items = unstored};
    for (size_t i = 0; i < count; i++) {
        const struct kms_str_pair *pair = &contexts->full.items[i];
        if (list_has(unstored_keys, pair->key))
            unstored[contexts->unstored.count++] = *pair;
        else
            stored[contexts->stored.count++] = *pair;
    }
    return KMS_OK;
}

/* The caller's pairs, and the signature key's (NULL: unsigned). */
static enum kms_err compose_contexts(const struct kms_envelope_encrypt_options *options,
    const char *public_key, struct kms_arena *arena, struct contexts *out,
    struct kms_envelope_failure *failure)
{
    struct kms_str_map given = options->context;
    struct kms_str_pair *pairs = kms_arena_calloc(arena, given.count + 1, sizeof(*pairs));
    if (pairs == NULL)
        return kms_failure_plain(failure, KMS_ERR_NO_MEMORY);
    for (size_t i = 0; i < given.count; i++) {
        pairs[i] = given.items[i];
        if (pairs[i].key.data != NULL && kms_context_is_reserved(pairs[i].key))
            return kms_failure_set(failure, KMS_ERR_INVALID_ARGUMENT,
                "encryption context keys beginning \"aws-crypto-\" are reserved");
    }
    struct kms_str_map all = {.items = pairs, .count = given.count};
    if (public_key != NULL)
        pairs[all.count++] =
            (struct kms_str_pair){kms_str(KMS_CONTEXT_PUBLIC_KEY), kms_str(public_key)};
    enum kms_err err = kms_context_canonical(all, arena, &out->full);
    if (err != KMS_OK)
        return kms_failure_set(
            failure, err, "the encryption context has a repeated key or text that is not UTF-8");
    for (size_t i = 0; i < options->unstored_keys.count; i++) {
        struct kms_str key = options->unstored_keys.items[i];
        if (kms_context_is_reserved(key) || kms_context_find(out->full, key) == NULL)
            return kms_failure_set(failure, KMS_ERR_INVALID_ARGUMENT,
                "a key that shall not be stored is not in the encryption context");
    }
    err = divide(out, options->unstored_keys, arena);
    return err == KMS_OK ? KMS_OK : kms_failure_plain(failure, err);
}

/* Serialises to an empty buffer of the format's maximum. */
static enum kms_err encode_context(
    struct kms_str_map context, struct kms_buf *out, struct kms_envelope_failure *failure)
{
    kms_buf_init(out, KMS_CONTEXT_ENCODED_MAX);
    enum kms_err err = kms_context_encode(context, out);
    if (err == KMS_ERR_LIMIT)
        return kms_failure_set(failure, err, "the encryption context takes more than 65,535 bytes");
    return err == KMS_OK ? KMS_OK : kms_failure_plain(failure, err);
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Everything that a new header is made of, while it is being made. */
struct draft {
    const struct kms_envelope_encrypt_options *options;
    struct kms_envelope_limits limits;
    struct kms_arena *arena;
    struct contexts contexts;
    uint8_t message_id[KMS_MESSAGE_ID_MAX];
    uint8_t commitment[KMS_COMMITMENT_LEN];
    struct kms_header_parts parts;
    struct kms_key_section *section; /* owned; NULL: no key slots */
    struct kms_buf start;            /* the section, then the header */
};

/* Makes the key slots: a file key that the caller's keyring wraps, and a keyring of it, which shall
 * wrap the data key. */
static enum kms_err draft_section(
    struct draft *draft, struct kms_keyring **out, struct kms_envelope_failure *failure)
{
    KMS_SECRET_AUTO file_key = NULL;
    const struct kms_envelope_encrypt_options *options = draft->options;
    enum kms_err err = kms_key_section_new(&draft->section);
    if (err != KMS_OK)
        return kms_failure_plain(failure, err);
    err = kms_key_section_add(
        draft->section, options->keyring, draft->contexts.full, &file_key, failure);
    if (err == KMS_OK)
        err = kms_key_section_create(
            draft->section, file_key, options->key_slots_room, &draft->start, failure);
    if (err != KMS_OK)
        return err;
    err = kms_key_section_keyring(draft->section, file_key, out);
    return err == KMS_OK ? KMS_OK : kms_failure_plain(failure, err);
}

/* Asks the keyring and derives the message key. */
static enum kms_err draft_keys(
    struct draft *draft, struct kms_message *message, struct kms_envelope_failure *failure)
{
    KMS_KEYRING_AUTO of_section = NULL;
    KMS_BUF_AUTO aad;
    kms_buf_init(&aad, 0);
    if (draft->options->key_slots) {
        enum kms_err made = draft_section(draft, &of_section, failure);
        if (made != KMS_OK)
            return made;
    }
    enum kms_err err = encode_context(draft->contexts.full, &aad, failure);
    if (err != KMS_OK)
        return err;
    struct kms_wrap wrap = {
        .suite = draft->parts.suite,
        .context = draft->contexts.full,
        .aad = kms_buf_bytes(&aad),
        .arena = draft->arena,
        .failure = failure,
        .plaintext_bound = draft->options->plaintext_bound,
        .edks =
            kms_arena_calloc(draft->arena, draft->limits.max_edks, sizeof(struct kms_envelope_edk)),
        .edk_max = draft->limits.max_edks,
    };
    if (wrap.edks == NULL)
        return kms_failure_plain(failure, KMS_ERR_NO_MEMORY);
    err = kms_keyring_wrap(of_section != NULL ? of_section : draft->options->keyring, &wrap);
    KMS_SECRET_AUTO data_key = wrap.data_key;
    if (err != KMS_OK)
        return err;
    draft->parts.edks = wrap.edks;
    draft->parts.edk_count = wrap.edk_count;
    err = kms_derive(draft->parts.suite, kms_secret_bytes(data_key), draft->parts.message_id,
        &message->key, draft->commitment);
    return err == KMS_OK ? KMS_OK : kms_failure_plain(failure, err);
}

/* What the message begins with, when that is not its header. The section goes over to the header. */
static enum kms_err draft_start(struct draft *draft, struct kms_header *header)
{
    draft->start.max += header->raw.len;
    kms_buf_append(&draft->start, header->raw.data, header->raw.len);
    if (draft->start.err != KMS_OK)
        return draft->start.err;
    kms_header_set_section(header, draft->section);
    draft->section = NULL; /* now the header's */
    header->start_storage = draft->start;
    header->start = kms_buf_bytes(&header->start_storage);
    kms_buf_init(&draft->start, 0); /* now the header's */
    return KMS_OK;
}

/* Writes the header, and reads it back as what callers get to see. */
static enum kms_err draft_header(
    struct draft *draft, struct kms_message *message, struct kms_envelope_failure *failure)
{
    const struct kms_suite *suite = draft->parts.suite;
    KMS_BUF_AUTO unstored;
    KMS_BUF_AUTO raw;
    KMS_FRAME_CIPHER_AUTO cipher = NULL;
    kms_buf_init(&raw, draft->limits.max_header_bytes);
    enum kms_err err = encode_context(draft->contexts.unstored, &unstored, failure);
    if (err != KMS_OK)
        return err;
    uint8_t tag[KMS_GCM_TAG_LEN];
    err = kms_header_body_write(&draft->parts, &raw);
    if (err == KMS_OK)
        err = kms_frame_cipher_new(
            suite, message->key, draft->parts.message_id, KMS_FRAME_SEAL, &cipher);
    if (err == KMS_OK)
        err = kms_header_tag_make(cipher, kms_buf_bytes(&raw), kms_buf_bytes(&unstored), tag);
    if (err == KMS_OK)
        err = kms_header_authentication_write(suite, tag, &raw);
    if (err != KMS_OK)
        return kms_failure_set(failure, err, "making the header: %s", kms_err_text(err));
    size_t needed = 0;
    err = kms_header_parse(kms_buf_bytes(&raw), &draft->limits, &message->header, &needed, failure);
    if (err != KMS_OK)
        return err;
    message->header->info.authenticated = true;
    if (draft->section != NULL)
        err = draft_start(draft, message->header);
    if (err == KMS_OK && message->signature != NULL)
        err = kms_signature_update(message->signature, message->header->raw);
    return err == KMS_OK ? KMS_OK : kms_failure_plain(failure, err);
}

static enum kms_err draft_begin(struct draft *draft, struct kms_bytes message_id,
    struct kms_message *message, struct kms_envelope_failure *failure)
{
    const struct kms_envelope_encrypt_options *options = draft->options;
    struct kms_header_parts *parts = &draft->parts;
    if (options->keyring == NULL)
        return kms_failure_set(failure, KMS_ERR_INVALID_ARGUMENT, "no keyring");
    enum kms_err err = kms_suite_choose(options->suite, options->policy, &parts->suite);
    if (err != KMS_OK)
        return kms_failure_set(failure, err, "suite %04x: %s", (unsigned)options->suite,
            err == KMS_ERR_POLICY ? "the commitment policy does not let it be written"
                                  : "no such suite");
    parts->frame_length =
        options->frame_length != 0 ? options->frame_length : KMS_ENVELOPE_FRAME_LENGTH_DEFAULT;
    if (parts->frame_length > draft->limits.max_frame_bytes)
        return kms_failure_set(failure, KMS_ERR_LIMIT, "the frame length exceeds the limit");
    size_t id_len = kms_suite_message_id_len(parts->suite);
    if (message_id.data == NULL) {
        if (RAND_bytes(draft->message_id, (int)id_len) != 1)
            return kms_failure_plain(failure, KMS_ERR_CRYPTO);
        message_id = kms_bytes(draft->message_id, id_len);
    }
    parts->message_id = message_id;
    parts->commitment = draft->commitment;
    char public_key[KMS_PUBLIC_KEY_TEXT_MAX];
    bool is_signed = parts->suite->signature != NULL;
    if (is_signed)
        err = kms_signature_new_signer(parts->suite, public_key, &message->signature);
    if (err != KMS_OK)
        return kms_failure_plain(failure, err);
    struct kms_str kept = kms_arena_str(draft->arena, kms_str(is_signed ? public_key : ""));
    if (kept.data == NULL)
        return kms_failure_plain(failure, KMS_ERR_NO_MEMORY);
    err = compose_contexts(
        options, is_signed ? kept.data : NULL, draft->arena, &draft->contexts, failure);
    parts->context = draft->contexts.stored;
    return err;
}

enum kms_err kms_message_create(const struct kms_envelope_encrypt_options *options,
    struct kms_bytes message_id, struct kms_message *out, struct kms_envelope_failure *failure)
{
    KMS_ARENA_AUTO arena;
    KMS_MESSAGE_AUTO message = {0};
    kms_arena_init(&arena, SCRATCH_MAX);
    kms_failure_clear(failure);
    struct draft draft = {
        .options = options,
        .limits = kms_limits_or_defaults(&options->limits),
        .arena = &arena,
    };
    enum kms_err err = draft_begin(&draft, message_id, &message, failure);
    if (err == KMS_OK)
        err = draft_keys(&draft, &message, failure);
    if (err == KMS_OK)
        err = draft_header(&draft, &message, failure);
    kms_key_section_free(draft.section);
    kms_buf_clean_up(&draft.start);
    if (err != KMS_OK)
        return err;
    message.plaintext_bound = options->plaintext_bound;
    *out = message;
    message = (struct kms_message){0}; /* now the caller's */
    return KMS_OK;
}

enum kms_err kms_message_check_bound(
    const struct kms_message *message, uint64_t plaintext_len, struct kms_envelope_failure *failure)
{
    if (message->plaintext_bound == 0 || plaintext_len <= message->plaintext_bound)
        return KMS_OK;
    return kms_failure_set(failure, KMS_ERR_LIMIT, "there is more plaintext than was announced");
}

/* --- reading ---------------------------------------------------------------------------------- */

static enum kms_err check_policy(const struct kms_envelope_decrypt_options *options,
    const struct kms_suite *suite, struct kms_envelope_failure *failure)
{
    if (!kms_suite_may_read(suite, options->policy))
        return kms_failure_set(failure, KMS_ERR_POLICY,
            "the commitment policy does not let suite %04x be read", (unsigned)suite->id);
    if (options->refuse_signed && suite->signature != NULL)
        return kms_failure_set(failure, KMS_ERR_POLICY,
            "the message is signed (suite %04x), which the caller refuses", (unsigned)suite->id);
    return KMS_OK;
}

static enum kms_err wrong_context(
    struct kms_envelope_failure *failure, struct kms_str key, const char *how)
{
    return kms_failure_set(failure, KMS_ERR_CONTEXT, "encryption context: \"%.*s\" %s",
        (int)(key.len < 100 ? key.len : 100), key.data, how);
}

/* What the caller insists on being in the header. */
static enum kms_err check_context(
    struct kms_str_map wanted, struct kms_str_map stored, struct kms_envelope_failure *failure)
{
    for (size_t i = 0; i < wanted.count; i++) {
        const struct kms_str *value = kms_context_find(stored, wanted.items[i].key);
        if (value == NULL)
            return wrong_context(failure, wanted.items[i].key, "is missing from the message");
        if (!kms_str_eq(*value, wanted.items[i].value))
            return wrong_context(failure, wanted.items[i].key, "has another value in the message");
    }
    return KMS_OK;
}

/* Joins what the header holds with what the caller brings. */
static enum kms_err join_contexts(struct kms_str_map stored, struct kms_str_map brought,
    struct kms_arena *arena, struct contexts *out, struct kms_envelope_failure *failure)
{
    struct kms_str_pair *full =
        kms_arena_calloc(arena, stored.count + brought.count, sizeof(*full));
    struct kms_str_pair *unstored = kms_arena_calloc(arena, brought.count, sizeof(*unstored));
    if (full == NULL || unstored == NULL)
        return kms_failure_plain(failure, KMS_ERR_NO_MEMORY);
    if (stored.count > 0)
        memcpy(full, stored.items, stored.count * sizeof(*full));
    size_t missing = 0;
    for (size_t i = 0; i < brought.count; i++) {
        const struct kms_str_pair *pair = &brought.items[i];
        const struct kms_str *value = kms_context_find(stored, pair->key);
        if (value != NULL && !kms_str_eq(*value, pair->value))
            return wrong_context(failure, pair->key, "has another value in the message");
        if (value != NULL)
            continue;
        full[stored.count + missing] = *pair;
        unstored[missing++] = *pair;
    }
    const struct kms_str_map all = {.items = full, .count = stored.count + missing};
    const struct kms_str_map rest = {.items = unstored, .count = missing};
    out->stored = stored;
    enum kms_err err = kms_context_canonical(all, arena, &out->full);
    if (err == KMS_OK)
        err = kms_context_canonical(rest, arena, &out->unstored);
    return err == KMS_OK ? KMS_OK
                         : kms_failure_set(failure, err,
                               "the caller's encryption context has a repeated key or text that "
                               "is not UTF-8");
}

enum kms_err kms_message_context(const struct kms_header *header, struct kms_str_map brought,
    struct kms_arena *arena, struct kms_str_map *out, struct kms_envelope_failure *failure)
{
    struct contexts contexts;
    enum kms_err err = join_contexts(header->info.context, brought, arena, &contexts, failure);
    if (err == KMS_OK)
        *out = contexts.full;
    return err;
}

/* Has the keyring open a key slot; the keyring that this gives opens the data key. */
static enum kms_err open_section(const struct kms_keyring *keyring, const struct kms_header *header,
    const struct contexts *contexts, struct kms_keyring **out, struct kms_envelope_failure *failure)
{
    KMS_SECRET_AUTO file_key = NULL;
    enum kms_err err =
        kms_key_section_open(header->section, keyring, contexts->full, &file_key, failure);
    if (err != KMS_OK)
        return err;
    err = kms_key_section_keyring(header->section, file_key, out);
    return err == KMS_OK ? KMS_OK : kms_failure_plain(failure, err);
}

/* Commitment, then the header's tag. Sets message->key. */
static enum kms_err authenticate(const struct kms_header *header, const struct kms_secret *data_key,
    struct kms_str_map unstored, struct kms_message *message, struct kms_envelope_failure *failure)
{
    uint8_t commitment[KMS_COMMITMENT_LEN];
    enum kms_err err = kms_derive(header->suite, kms_secret_bytes(data_key),
        header->info.message_id, &message->key, commitment);
    if (err != KMS_OK)
        return kms_failure_plain(failure, err);
    if (header->commitment != NULL &&
        !kms_bytes_eq_ct(commitment, header->commitment, sizeof(commitment)))
        return kms_failure_set(failure, KMS_ERR_AUTHENTICATION,
            "the data key is not the one that the message commits to");
    KMS_BUF_AUTO encoded;
    err = encode_context(unstored, &encoded, failure);
    if (err != KMS_OK)
        return err;
    KMS_FRAME_CIPHER_AUTO cipher = NULL;
    err = kms_frame_cipher_new(
        header->suite, message->key, header->info.message_id, KMS_FRAME_OPEN, &cipher);
    if (err != KMS_OK)
        return kms_failure_plain(failure, err);
    err = kms_header_tag_check(
        cipher, header->iv, header->body, kms_buf_bytes(&encoded), header->tag);
    return err == KMS_OK ? KMS_OK
                         : kms_failure_set(failure, err, "the header's tag does not verify");
}

/* Has the keyring open the data key, and authenticates the header with it. Sets message->key. */
static enum kms_err open_header(const struct kms_keyring *keyring, const struct kms_header *header,
    const struct contexts *contexts, struct kms_message *message,
    struct kms_envelope_failure *failure)
{
    KMS_KEYRING_AUTO of_section = NULL;
    if (header->section != NULL) {
        enum kms_err opened = open_section(keyring, header, contexts, &of_section, failure);
        if (opened != KMS_OK)
            return opened;
        keyring = of_section;
    }
    KMS_BUF_AUTO aad;
    enum kms_err err = encode_context(contexts->full, &aad, failure);
    if (err != KMS_OK)
        return err;
    struct kms_unwrap unwrap = {
        .suite = header->suite,
        .context = contexts->full,
        .aad = kms_buf_bytes(&aad),
        .edks = header->info.edks,
        .edk_count = header->info.edk_count,
        .failure = failure,
    };
    err = kms_keyring_unwrap(keyring, &unwrap);
    KMS_SECRET_AUTO data_key = unwrap.data_key;
    if (err == KMS_OK && kms_secret_len(data_key) != header->suite->key_len)
        err = kms_failure_set(
            failure, KMS_ERR_AUTHENTICATION, "the data key has the wrong length for the suite");
    if (err == KMS_OK)
        err = authenticate(header, data_key, contexts->unstored, message, failure);
    kms_unwrap_settle(&unwrap, err == KMS_OK);
    return err;
}

/* The verifier for a signed message, fed with the header. */
static enum kms_err begin_verifying(const struct kms_header *header, struct kms_signature **out,
    struct kms_envelope_failure *failure)
{
    const struct kms_str *public_key =
        kms_context_find(header->info.context, kms_str(KMS_CONTEXT_PUBLIC_KEY));
    if (header->suite->signature == NULL || public_key == NULL)
        return KMS_OK; /* parsing made sure that there are both or neither */
    enum kms_err err = kms_signature_new_verifier(header->suite, *public_key, out);
    if (err != KMS_OK)
        return kms_failure_set(failure, err, "aws-crypto-public-key is no key of the suite");
    err = kms_signature_update(*out, header->raw);
    return err == KMS_OK ? KMS_OK : kms_failure_plain(failure, err);
}

enum kms_err kms_message_open(const struct kms_envelope_decrypt_options *options,
    struct kms_header **header, struct kms_message *out, struct kms_envelope_failure *failure)
{
    KMS_ARENA_AUTO arena;
    KMS_MESSAGE_AUTO message = {0};
    struct contexts contexts;
    kms_arena_init(&arena, SCRATCH_MAX);
    kms_failure_clear(failure);
    const struct kms_header *read = *header;
    if (options->keyring == NULL)
        return kms_failure_set(failure, KMS_ERR_INVALID_ARGUMENT, "no keyring");
    enum kms_err err = check_policy(options, read->suite, failure);
    if (err == KMS_OK)
        err = check_context(options->context, read->info.context, failure);
    if (err == KMS_OK)
        err = join_contexts(
            read->info.context, options->unstored_context, &arena, &contexts, failure);
    if (err == KMS_OK)
        err = begin_verifying(read, &message.signature, failure);
    if (err == KMS_OK)
        err = open_header(options->keyring, read, &contexts, &message, failure);
    if (err != KMS_OK)
        return err;
    message.header = *header;
    message.header->info.authenticated = true;
    *header = NULL; /* now the message's */
    *out = message;
    message = (struct kms_message){0}; /* now the caller's */
    return KMS_OK;
}

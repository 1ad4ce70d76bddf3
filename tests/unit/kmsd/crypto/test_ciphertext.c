/* The ciphertext's bytes: known answers, COSE's examples, and that each has one encoding. */
#include "crypto_fixture.h"

#include "kmsd/crypto/cbor_out.h"

#include <cbor.h>
#include <openssl/rand.h>

struct tools {
    struct kmsd_ciphertext_tools tools;
    uint8_t message_key[KMSD_AEAD_KEY_SIZE];
    struct kms_buf aad;
};

static int set_up(void **state)
{
    struct tools *tools = calloc(1, sizeof(*tools));
    assert_non_null(tools);
    kms_buf_init(&tools->aad, KMSD_CONTEXT_MAX + 4096);
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    assert_int_equal(kmsd_aead_new(cipher, NULL, &tools->tools.gcm), KMS_OK);
    EVP_CIPHER_free(cipher);
    tools->tools.message_key = tools->message_key;
    tools->tools.aad = &tools->aad;
    *state = tools;
    return 0;
}

static int tear_down(void **state)
{
    struct tools *tools = *state;
    EVP_CIPHER_CTX_free(tools->tools.gcm);
    kms_buf_clean_up(&tools->aad);
    free(tools);
    return 0;
}

/* --- known answers ---------------------------------------------------------------------------- */

static enum kms_err seal_example(const struct tools *tools, const char *key_id,
    const struct kms_str_map *context, struct kms_bytes plaintext, struct kms_buf *out)
{
    struct kms_bytes material = unhex(EXAMPLE_MATERIAL);
    struct kms_bytes id = unhex(EXAMPLE_MATERIAL_ID);
    struct kms_bytes nonce = unhex(EXAMPLE_NONCE);
    struct kms_bytes iv = unhex(EXAMPLE_IV);
    enum kms_err err = kmsd_ciphertext_seal(&tools->tools, material.data, kms_str(key_id), id.data,
        nonce.data, iv.data, context, plaintext, out);
    free_bytes(material);
    free_bytes(id);
    free_bytes(nonce);
    free_bytes(iv);
    return err;
}

static enum kms_err open_example(const struct tools *tools, const struct kmsd_ciphertext *parsed,
    const struct kms_str_map *context, struct kms_buf *out)
{
    struct kms_bytes material = unhex(EXAMPLE_MATERIAL);
    enum kms_err err = kmsd_ciphertext_open(&tools->tools, material.data, parsed, context, out);
    free_bytes(material);
    return err;
}

static void ciphertexts_are_as_documented(void **state)
{
    static const uint8_t zero[KMSD_AEAD_KEY_SIZE] = {0};
    const struct tools *tools = *state;
    KMS_BUF_AUTO out;
    kms_buf_init(&out, KMSD_CIPHERTEXT_MAX);
    struct kms_bytes plaintext = kms_bytes(EXAMPLE_PLAINTEXT, strlen(EXAMPLE_PLAINTEXT));
    assert_int_equal(
        seal_example(tools, EXAMPLE_KEY_ID, &example_context, plaintext, &out), KMS_OK);
    assert_bytes(kms_buf_bytes(&out), EXAMPLE_BLOB);
    assert_bytes(kms_buf_bytes(&tools->aad), "8368456e63727970743058"
                                             "81" EXAMPLE_HEADER "54" EXAMPLE_EXTERNAL);
    assert_memory_equal(tools->message_key, zero, sizeof(zero));

    kms_buf_reset(&out);
    assert_int_equal(seal_example(tools, EXAMPLE_KEY_ID, NULL, kms_bytes(NULL, 0), &out), KMS_OK);
    assert_bytes(kms_buf_bytes(&out), EXAMPLE_EMPTY_BLOB);
    assert_bytes(kms_buf_bytes(&tools->aad), "8368456e63727970743058"
                                             "81" EXAMPLE_HEADER "41a0");
}

static void the_example_reads_back(void **state)
{
    const struct tools *tools = *state;
    struct kms_bytes blob = unhex(EXAMPLE_BLOB);
    struct kmsd_ciphertext parsed;
    assert_int_equal(kmsd_ciphertext_parse(blob, &parsed), KMS_OK);
    assert_true(kms_str_is(parsed.key_id, EXAMPLE_KEY_ID));
    assert_bytes(parsed.material_id, EXAMPLE_MATERIAL_ID);
    assert_bytes(parsed.nonce, EXAMPLE_NONCE);
    assert_bytes(parsed.iv, EXAMPLE_IV);
    assert_bytes(parsed.protected_header, EXAMPLE_HEADER);
    assert_int_equal(parsed.sealed.len, strlen(EXAMPLE_PLAINTEXT) + KMSD_AEAD_TAG_SIZE);
    assert_ptr_equal(parsed.sealed.data + parsed.sealed.len, blob.data + blob.len);

    KMS_BUF_AUTO out;
    kms_buf_init(&out, KMSD_PLAINTEXT_MAX);
    kms_buf_append_text(&out, "before ");
    assert_int_equal(open_example(tools, &parsed, &example_context, &out), KMS_OK);
    assert_true(kms_str_is(kms_buf_str(&out), "before " EXAMPLE_PLAINTEXT));
    assert_int_equal(open_example(tools, &parsed, NULL, &out), KMS_ERR_AUTHENTICATION);
    assert_true(kms_str_is(kms_buf_str(&out), "before " EXAMPLE_PLAINTEXT));
    free_bytes(blob);
}

/* The documentation has the example's values, broken into lines as they may be. */
static void the_documentation_has_the_example(void **state)
{
    (void)state;
    static const char *const values[] = {EXAMPLE_ROOT_KEY, EXAMPLE_WRAPPING_KEY,
        EXAMPLE_SEALING_KEY, EXAMPLE_ROOT_CHECK, EXAMPLE_MATERIAL, EXAMPLE_MATERIAL_ID,
        EXAMPLE_MATERIAL_AAD, EXAMPLE_WRAPPED, EXAMPLE_SECRET_AAD, EXAMPLE_SEALED, EXAMPLE_NONCE,
        EXAMPLE_IV, EXAMPLE_MESSAGE_KEY, EXAMPLE_EXTERNAL, EXAMPLE_BLOB, EXAMPLE_EMPTY_BLOB};
    static char text[1 << 17];
    FILE *file = fopen(KMS_TEST_VECTORS "/../../docs/STORAGE-FORMAT.md", "r");
    assert_non_null(file);
    size_t len = 0;
    for (int c = fgetc(file); c != EOF; c = fgetc(file)) {
        assert_in_range(len, 0, sizeof(text) - 2);
        if (c != ' ' && c != '\n')
            text[len++] = (char)c;
    }
    text[len] = '\0';
    assert_int_equal(fclose(file), 0);
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        if (strstr(text, values[i]) == NULL)
            fail_msg("docs/STORAGE-FORMAT.md lacks %s", values[i]);
    }
}

/* --- what COSE says --------------------------------------------------------------------------- */

/* libcbor, which had no part in writing it, reads the header's constants as what they stand for. */
static void libcbor_reads_what_is_meant(void **state)
{
    (void)state;
    struct kms_bytes blob = unhex(EXAMPLE_BLOB);
    struct cbor_load_result result;
    /* Tag 16 in one byte: libcbor 0.8 reads none of the tags that RFC 7049 left free. */
    assert_int_equal(blob.data[0], 0xc0 | 16);
    cbor_item_t *message = cbor_load(blob.data + 1, blob.len - 1, &result);
    assert_non_null(message);
    assert_int_equal(result.read, blob.len - 1);
    assert_true(cbor_isa_array(message) && cbor_array_is_definite(message));
    assert_int_equal(cbor_array_size(message), 3);
    cbor_item_t **parts = cbor_array_handle(message);
    assert_true(cbor_isa_bytestring(parts[0]) && cbor_isa_map(parts[1]));
    assert_int_equal(cbor_map_size(parts[1]), 0);
    assert_true(cbor_isa_bytestring(parts[2]));

    cbor_item_t *header =
        cbor_load(cbor_bytestring_handle(parts[0]), cbor_bytestring_length(parts[0]), &result);
    assert_non_null(header);
    assert_int_equal(result.read, cbor_bytestring_length(parts[0]));
    assert_int_equal(cbor_map_size(header), 6);
    const struct cbor_pair *pairs = cbor_map_handle(header);
    static const int64_t labels[] = {1, 2, 4, 5, KMSD_COSE_MATERIAL_ID, KMSD_COSE_NONCE};
    for (size_t i = 0; i < COUNT_OF(labels); i++) {
        int64_t label = cbor_isa_uint(pairs[i].key) ? (int64_t)cbor_get_int(pairs[i].key)
                                                    : -1 - (int64_t)cbor_get_int(pairs[i].key);
        assert_int_equal(label, labels[i]);
        assert_true(i < 2 || cbor_isa_bytestring(pairs[i].value));
    }
    assert_int_equal(cbor_get_int(pairs[0].value), 3); /* A256GCM */
    assert_int_equal(cbor_array_size(pairs[1].value), 2);
    for (size_t i = 0; i < 2; i++) {
        const cbor_item_t *critical = cbor_array_handle(pairs[1].value)[i];
        assert_true(cbor_isa_negint(critical));
        assert_int_equal(-1 - (int64_t)cbor_get_int(critical), labels[4 + i]);
    }
    assert_int_equal(cbor_bytestring_length(pairs[2].value), strlen(EXAMPLE_KEY_ID));
    assert_int_equal(cbor_bytestring_length(pairs[3].value), KMSD_AEAD_IV_SIZE);
    assert_int_equal(cbor_bytestring_length(pairs[4].value), KMSD_MATERIAL_ID_SIZE);
    assert_int_equal(cbor_bytestring_length(pairs[5].value), KMSD_NONCE_SIZE);
    cbor_decref(&header);
    cbor_decref(&message);
    free_bytes(blob);
}

/* An example of COSE's: the AAD from the Enc_structure here, the tag from the AES-GCM core here. */
static void check_cose(const char *name, const char *cipher_name, const char *header_hex,
    const char *external_hex, bool opens)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "cose/%s.json", name);
    json_t *root = load_vectors(path);
    const json_t *between = json_object_get(root, "intermediates");
    struct kms_bytes header = unhex(header_hex);
    struct kms_bytes external = unhex(external_hex);
    struct kms_bytes expected_aad = hex_at(between, "AAD_hex");
    struct kms_bytes key = hex_at(between, "CEK_hex");
    struct kms_bytes whole = hex_at(json_object_get(root, "output"), "cbor");
    struct kms_bytes iv = unhex(json_string_value(
        json_array_get(json_object_get(json_object_get(root, "input"), "rng_stream"), 0)));
    struct kms_str plaintext = kms_str(text_at(json_object_get(root, "input"), "plaintext"));

    KMS_BUF_AUTO aad;
    kms_buf_init(&aad, 256);
    kmsd_ciphertext_append_enc_structure(&aad, header, external.len);
    kms_buf_append(&aad, external.data, external.len);
    assert_int_equal(aad.len, expected_aad.len);
    assert_memory_equal(aad.data, expected_aad.data, aad.len);

    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, cipher_name, NULL);
    EVP_CIPHER_CTX *context = NULL;
    assert_int_equal(kmsd_aead_new(cipher, key.data, &context), KMS_OK);
    EVP_CIPHER_free(cipher);
    uint8_t sealed[64];
    size_t sealed_len = plaintext.len + KMSD_AEAD_TAG_SIZE;
    assert_in_range(sealed_len, KMSD_AEAD_TAG_SIZE, sizeof(sealed));
    struct kms_bytes there = kms_bytes(whole.data + whole.len - sealed_len, sealed_len);
    if (opens) {
        assert_int_equal(kmsd_aead_seal(context, NULL, iv.data, kms_buf_bytes(&aad),
                             kms_bytes(plaintext.data, plaintext.len), sealed),
            KMS_OK);
        assert_memory_equal(sealed, there.data, sealed_len);
    }
    uint8_t opened[64];
    assert_int_equal(kmsd_aead_open(context, NULL, iv.data, kms_buf_bytes(&aad), there, opened),
        opens ? KMS_OK : KMS_ERR_AUTHENTICATION);
    if (opens)
        assert_memory_equal(opened, plaintext.data, plaintext.len);

    /* None of them is a ciphertext of this service. */
    struct kmsd_ciphertext parsed;
    assert_int_equal(kmsd_ciphertext_parse(whole, &parsed), KMS_ERR_SYNTAX);

    EVP_CIPHER_CTX_free(context);
    free_bytes(header);
    free_bytes(external);
    free_bytes(expected_aad);
    free_bytes(key);
    free_bytes(whole);
    free_bytes(iv);
    json_decref(root);
}

static void cose_examples_hold(void **state)
{
    (void)state;
    check_cose("aes-gcm-01", "AES-128-GCM", "a10101", "", true);
    check_cose("aes-gcm-enc-01", "AES-128-GCM", "a10101", "", true);
    check_cose("aes-gcm-enc-02", "AES-192-GCM", "a10102", "", true);
    check_cose("aes-gcm-enc-03", "AES-256-GCM", "a10103", "", true);
    check_cose("enc-pass-02", "AES-128-GCM", "a10101", "0011bbcc22dd4455dd220099", true);
    check_cose("enc-pass-03", "AES-128-GCM", "", "", true);
    check_cose("enc-fail-02", "AES-128-GCM", "a10101", "", false);
}

/* --- one encoding ----------------------------------------------------------------------------- */

static bool parses(struct kms_bytes blob)
{
    /* A copy of its own size: AddressSanitizer sees what is read past the end. */
    uint8_t *copy = malloc(blob.len == 0 ? 1 : blob.len);
    assert_non_null(copy);
    if (blob.len != 0)
        memcpy(copy, blob.data, blob.len);
    struct kmsd_ciphertext parsed;
    struct kmsd_ciphertext untouched;
    memset(&parsed, 0x5a, sizeof(parsed));
    memset(&untouched, 0x5a, sizeof(untouched));
    enum kms_err err = kmsd_ciphertext_parse(kms_bytes(copy, blob.len), &parsed);
    if (err != KMS_OK) {
        assert_int_equal(err, KMS_ERR_SYNTAX);
        assert_memory_equal(&parsed, &untouched, sizeof(parsed));
    }
    free(copy);
    return err == KMS_OK;
}

static void no_part_and_no_more_parses(void **state)
{
    (void)state;
    struct kms_bytes blob = unhex(EXAMPLE_BLOB);
    for (size_t len = 0; len < blob.len; len++)
        assert_false(parses(kms_bytes(blob.data, len)));
    uint8_t longer[512];
    memcpy(longer, blob.data, blob.len);
    for (unsigned more = 0; more < 256; more++) {
        longer[blob.len] = (uint8_t)more;
        assert_false(parses(kms_bytes(longer, blob.len + 1)));
    }
    assert_false(parses(kms_bytes(NULL, 0)));
    free_bytes(blob);
}

/* The same message in other words of CBOR: all equal in meaning, none accepted. */
static void other_encodings_are_refused(void **state)
{
    (void)state;
    static const char sealed[] = "00112233445566778899aabbccddeeff";
#define MAP(start) \
    start "04"     \
          "43"     \
          "616263" \
          "054c" EXAMPLE_IV "3a000100005820" EXAMPLE_MATERIAL_ID "3a0001000150" EXAMPLE_NONCE
#define ALG_CRIT \
    "0103"       \
    "02823a000100003a00010001"
    static const struct {
        const char *front, *header, *back;
        bool ok;
    } cases[] = {
        {"d083", MAP("a6" ALG_CRIT), "a050", true},
        {"83", MAP("a6" ALG_CRIT), "a050", false}, /* without the tag */
        {"d1"
         "83",
            MAP("a6" ALG_CRIT), "a050", false}, /* another tag */
        {"d810"
         "83",
            MAP("a6" ALG_CRIT), "a050", false},        /* a longer tag */
        {"d0d083", MAP("a6" ALG_CRIT), "a050", false}, /* tagged twice */
        {"d09803", MAP("a6" ALG_CRIT), "a050", false}, /* a longer array head */
        {"d084", MAP("a6" ALG_CRIT), "a050", false},   /* an array of 4 */
        {"d083", MAP("b806" ALG_CRIT), "a050", false}, /* a longer map head */
        {"d083",
            MAP("a6"
                "180103"
                "02823a000100003a00010001"),
            "a050", false},
        {"d083",
            MAP("a6"
                "011803"
                "02823a000100003a00010001"),
            "a050", false},
        {"d083",
            MAP("a6"
                "0101"
                "02823a000100003a00010001"),
            "a050", false}, /* A128GCM */
        {"d083",
            MAP("a6"
                "0103"
                "02823a000100013a00010000"),
            "a050", false}, /* crit swapped */
        {"d083",
            MAP("a6"
                "0103"
                "02813a00010000"),
            "a050", false},
        {"d083",
            MAP("a6"
                "02823a000100003a00010001"
                "0103"),
            "a050", false}, /* other order */
        {"d083",
            MAP("a5"
                "0103"),
            "a050", false},                            /* no crit */
        {"d083", MAP("a6" ALG_CRIT), "a05810", false}, /* longer string heads */
        {"d083", MAP("a6" ALG_CRIT), "a0590010", false},
        {"d083", MAP("a6" ALG_CRIT), "a05a00000010", false},
        {"d083", MAP("a6" ALG_CRIT), "a05b0000000000000010", false},
        {"d083", MAP("a6" ALG_CRIT), "a070", false}, /* text */
        {"d083", MAP("a6" ALG_CRIT), "b80050", false},
        {"d083", MAP("a6" ALG_CRIT), "a1010350", false}, /* something unprotected */
        {"d083", MAP("a6" ALG_CRIT), "bfff50", false},
        {"d083", MAP("a6" ALG_CRIT), "a0f6", false}, /* detached */
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        KMS_BUF_AUTO blob;
        kms_buf_init(&blob, 1024);
        struct kms_bytes front = unhex(cases[i].front);
        struct kms_bytes header = unhex(cases[i].header);
        struct kms_bytes back = unhex(cases[i].back);
        struct kms_bytes text = unhex(sealed);
        kms_buf_append(&blob, front.data, front.len);
        kmsd_cbor_append_bytes(&blob, header);
        kms_buf_append(&blob, back.data, back.len);
        kms_buf_append(&blob, text.data, text.len);
        if (parses(kms_buf_bytes(&blob)) != cases[i].ok)
            fail_msg("case %zu", i);
        free_bytes(front);
        free_bytes(header);
        free_bytes(back);
        free_bytes(text);
    }
}

/* Whatever parses is what the writer would have written for the values that were read. */
static void assert_only_encoding(struct kms_bytes blob)
{
    struct kmsd_ciphertext parsed;
    if (kmsd_ciphertext_parse(blob, &parsed) != KMS_OK)
        return;
    KMS_BUF_AUTO header;
    KMS_BUF_AUTO again;
    kms_buf_init(&header, 512);
    kms_buf_init(&again, 8192);
    kmsd_ciphertext_append_header(
        &header, parsed.key_id, parsed.material_id.data, parsed.nonce.data, parsed.iv.data);
    kms_buf_append(&again, "\xd0\x83", 2);
    kmsd_cbor_append_bytes(&again, kms_buf_bytes(&header));
    kmsd_cbor_append_map(&again, 0);
    kmsd_cbor_append_bytes(&again, parsed.sealed);
    assert_int_equal(again.len, blob.len);
    assert_memory_equal(again.data, blob.data, blob.len);
}

static void every_bit_matters(void **state)
{
    const struct tools *tools = *state;
    struct kms_bytes blob = unhex(EXAMPLE_BLOB);
    uint8_t *octets = (uint8_t *)blob.data;
    size_t parsed_count = 0;
    for (size_t bit = 0; bit < blob.len * 8; bit++) {
        octets[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_only_encoding(blob);
        struct kmsd_ciphertext parsed;
        if (kmsd_ciphertext_parse(blob, &parsed) == KMS_OK) {
            KMS_BUF_AUTO out;
            kms_buf_init(&out, KMSD_PLAINTEXT_MAX);
            assert_int_equal(
                open_example(tools, &parsed, &example_context, &out), KMS_ERR_AUTHENTICATION);
            assert_int_equal(out.len, 0);
            parsed_count++;
        }
        octets[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_true(parsed_count > (59 + 12 + 32 + 16) * 8); /* the values at least */
    free_bytes(blob);
}

/* --- limits ----------------------------------------------------------------------------------- */

static void sizes_are_bounded(void **state)
{
    const struct tools *tools = *state;
    static uint8_t plaintext[KMSD_PLAINTEXT_MAX + 1];
    KMS_BUF_AUTO out;
    kms_buf_init(&out, KMSD_CIPHERTEXT_MAX);
    char key_id[KMSD_KEY_ID_MAX + 2];
    memset(key_id, 'k', sizeof(key_id));
    key_id[KMSD_KEY_ID_MAX] = '\0';
    assert_int_equal(
        seal_example(tools, key_id, NULL, kms_bytes(plaintext, KMSD_PLAINTEXT_MAX), &out), KMS_OK);
    assert_int_equal(out.len, 2 + 2 + 91 + 2 + KMSD_KEY_ID_MAX + 1 + 3 + KMSD_PLAINTEXT_MAX + 16);
    assert_true(parses(kms_buf_bytes(&out)));
    assert_only_encoding(kms_buf_bytes(&out));

    size_t before = out.len;
    assert_int_equal(
        seal_example(tools, "k", NULL, kms_bytes(plaintext, KMSD_PLAINTEXT_MAX + 1), &out),
        KMS_ERR_LIMIT);
    key_id[KMSD_KEY_ID_MAX] = 'k';
    key_id[KMSD_KEY_ID_MAX + 1] = '\0';
    static const char *const bad[] = {"", "a b", "a/b", "\xc3\xa4", "a\n"};
    assert_int_equal(
        seal_example(tools, key_id, NULL, kms_bytes(NULL, 0), &out), KMS_ERR_INVALID_ARGUMENT);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(
            seal_example(tools, bad[i], NULL, kms_bytes(NULL, 0), &out), KMS_ERR_INVALID_ARGUMENT);
    struct kms_str_pair twice[] = {example_pairs[0], example_pairs[0]};
    struct kms_str_map context = {twice, 2};
    assert_int_equal(
        seal_example(tools, "k", &context, kms_bytes(NULL, 0), &out), KMS_ERR_INVALID_ARGUMENT);
    assert_int_equal(out.len, before);
    assert_int_equal(out.err, KMS_OK);
    assert_int_equal(seal_example(tools, "k", NULL, kms_bytes(plaintext, KMSD_PLAINTEXT_MAX), &out),
        KMS_ERR_LIMIT); /* the buffer's own */
    assert_int_equal(out.len, before);
}

static void contexts_are_bounded(void **state)
{
    const struct tools *tools = *state;
    KMS_BUF_AUTO out;
    kms_buf_init(&out, KMSD_CIPHERTEXT_MAX);
    size_t most = KMSD_CONTEXT_MAX - 1 - 2 - 5; /* less the heads and the key */
    char *text = calloc(1, most + 1);
    assert_non_null(text);
    struct kms_str_pair pair = {KMS_STR_LITERAL("k"), {text, most}};
    struct kms_str_map context = {&pair, 1};
    assert_int_equal(seal_example(tools, "k", &context, kms_bytes(NULL, 0), &out), KMS_OK);
    pair.value.len++;
    assert_int_equal(seal_example(tools, "k", &context, kms_bytes(NULL, 0), &out), KMS_ERR_LIMIT);
    free(text);
}

static void random_bytes_do_not_parse(void **state)
{
    (void)state;
    struct kms_bytes blob = unhex(EXAMPLE_BLOB);
    for (int i = 0; i < 20000; i++) {
        uint8_t octets[256];
        uint8_t where[4];
        assert_int_equal(RAND_bytes(octets, sizeof(octets)), 1);
        assert_int_equal(RAND_bytes(where, sizeof(where)), 1);
        assert_false(parses(kms_bytes(octets, where[0])));
        /* And near misses: a few bytes of the example changed. */
        memcpy(octets, blob.data, blob.len);
        for (size_t j = 1; j < 4; j++)
            octets[where[j] % blob.len] = where[(j + 1) % 4];
        assert_only_encoding(kms_bytes(octets, blob.len));
    }
    free_bytes(blob);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ciphertexts_are_as_documented),
        cmocka_unit_test(the_example_reads_back),
        cmocka_unit_test(the_documentation_has_the_example),
        cmocka_unit_test(libcbor_reads_what_is_meant),
        cmocka_unit_test(cose_examples_hold),
        cmocka_unit_test(no_part_and_no_more_parses),
        cmocka_unit_test(other_encodings_are_refused),
        cmocka_unit_test(every_bit_matters),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(contexts_are_bounded),
        cmocka_unit_test(random_bytes_do_not_parse),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

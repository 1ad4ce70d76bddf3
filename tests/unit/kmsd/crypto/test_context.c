/* The encryption context: one encoding whatever the order of its pairs. */
#include "crypto_fixture.h"

#include "kmsd/crypto/context.h"

static void encode(const struct kms_str_map *map, struct kms_buf *out)
{
    KMSD_CONTEXT_AUTO context;
    assert_int_equal(kmsd_context_init(&context, map), KMS_OK);
    size_t before = out->len;
    kmsd_context_append(&context, out);
    assert_int_equal(out->err, KMS_OK);
    assert_int_equal(out->len - before, context.encoded_len);
}

static void absent_and_empty_are_the_empty_map(void **state)
{
    (void)state;
    struct kms_str_map empty = {NULL, 0};
    KMS_BUF_AUTO out;
    kms_buf_init(&out, 64);
    encode(NULL, &out);
    encode(&empty, &out);
    assert_bytes(kms_buf_bytes(&out), "a0a0");
}

static void shorter_keys_come_first_then_bytewise(void **state)
{
    (void)state;
    static const struct kms_str_pair sorted[] = {
        {KMS_STR_LITERAL(""), KMS_STR_LITERAL("empty")},
        {KMS_STR_LITERAL("B"), KMS_STR_LITERAL("")},
        {KMS_STR_LITERAL("a"), KMS_STR_LITERAL("1")},
        {KMS_STR_LITERAL("b"), KMS_STR_LITERAL("2")},
        {KMS_STR_LITERAL("Az"), KMS_STR_LITERAL("3")},
        {KMS_STR_LITERAL("aa"), KMS_STR_LITERAL("4")},
        {KMS_STR_LITERAL("\xc3\xa4"), KMS_STR_LITERAL("5")},
    };
    static const char expected[] = "a7"
                                   "6065656d707479"
                                   "614260"
                                   "61616131"
                                   "61626132"
                                   "62417a6133"
                                   "6261616134"
                                   "62c3a46135";
    enum { PAIRS = COUNT_OF(sorted) };
    struct kms_str_pair pairs[PAIRS];
    for (size_t first = 0; first < PAIRS; first++) {
        for (size_t step = 1; step < PAIRS; step++) { /* PAIRS is prime: each order has them all */
            for (size_t i = 0; i < PAIRS; i++)
                pairs[i] = sorted[(first + i * step) % PAIRS];
            struct kms_str_map map = {pairs, PAIRS};
            KMS_BUF_AUTO out;
            kms_buf_init(&out, 256);
            encode(&map, &out);
            assert_bytes(kms_buf_bytes(&out), expected);
        }
    }
}

static void many_pairs_and_long_texts(void **state)
{
    (void)state;
    enum { PAIRS = 1000 };
    static char keys[PAIRS][16];
    static struct kms_str_pair forward[PAIRS];
    static struct kms_str_pair backward[PAIRS];
    char *text = malloc(70000);
    assert_non_null(text);
    memset(text, 'x', 70000);
    for (size_t i = 0; i < PAIRS; i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), "key-%zu", i * i);
        forward[i].key = kms_str(keys[i]);
        forward[i].value = (struct kms_str){text, i == 7 ? 70000 : i == 8 ? 300 : i % 40};
        backward[PAIRS - 1 - i] = forward[i];
    }
    KMS_BUF_AUTO one;
    KMS_BUF_AUTO other;
    kms_buf_init(&one, 1 << 20);
    kms_buf_init(&other, 1 << 20);
    for (size_t count = 15; count <= PAIRS; count = count < 20 ? count + 1 : count * 2) {
        struct kms_str_map map = {forward, count};
        struct kms_str_map reversed = {backward + PAIRS - count, count};
        kms_buf_reset(&one);
        kms_buf_reset(&other);
        encode(&map, &one);
        encode(&reversed, &other);
        assert_int_equal(one.len, other.len);
        assert_memory_equal(one.data, other.data, one.len);
    }
    free(text);
}

static void one_key_twice_is_refused(void **state)
{
    (void)state;
    for (size_t count = 2; count < 40; count++) {
        struct kms_str_pair pairs[40];
        char keys[40][8];
        for (size_t i = 0; i < count; i++) {
            (void)snprintf(keys[i], sizeof(keys[i]), "k%zu", i);
            pairs[i].key = kms_str(keys[i]);
            pairs[i].value = kms_str("v");
        }
        pairs[count - 1].key = kms_str("k0");
        struct kms_str_map map = {pairs, count};
        KMSD_CONTEXT_AUTO context;
        assert_int_equal(kmsd_context_init(&context, &map), KMS_ERR_INVALID_ARGUMENT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_and_empty_are_the_empty_map),
        cmocka_unit_test(shorter_keys_come_first_then_bytewise),
        cmocka_unit_test(many_pairs_and_long_texts),
        cmocka_unit_test(one_key_twice_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

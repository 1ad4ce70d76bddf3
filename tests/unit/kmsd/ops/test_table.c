/* The rows hold together: what the pipeline relies on is there in each of them. */
#include "kmsd/ops/ops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_every_operation_has_its_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < KMS_OPERATION_COUNT; i++) {
        const struct kmsd_op *op = &kmsd_ops[i];
        assert_int_equal(op->id, i);
        assert_non_null(op->action);
        /* IAM names the action after the operation, ReEncrypt apart, which has two */
        const char *name = i == KMS_OP_RE_ENCRYPT ? "ReEncryptFrom" : kms_operations[i].name;
        assert_memory_equal(op->action, "kms:", 4);
        assert_string_equal(op->action + 4, name);
        /* whoever runs names what it runs on, so that policy is asked */
        assert_int_equal(op->run == NULL, op->resource == NULL);
        assert_false((op->flags & KMSD_OP_WRITES) != 0 && (op->flags & KMSD_OP_SLOW) != 0);
    }
}

/* key_id_at is where the input has its KeyId, by the same table that decodes it. */
static void test_key_id_offsets(void **state)
{
    (void)state;
    for (size_t i = 0; i < KMS_OPERATION_COUNT; i++) {
        const struct kmsd_op *op = &kmsd_ops[i];
        if (op->resource != kmsd_resource_key && (op->flags & KMSD_OP_KEY_ONLY) == 0)
            continue;
        const struct kms_shape *shape = kms_operations[i].input;
        size_t k = 0;
        while (k < shape->member_count && strcmp(shape->members[k].name, "KeyId") != 0)
            k++;
        assert_true(k < shape->member_count);
        assert_int_equal(shape->members[k].offset, op->key_id_at);
        if (op->resource == kmsd_resource_key)
            assert_true(shape->members[k].required);
    }
}

/* What changes nothing must not ask to be the only writer, and the other way round. */
static void test_writers(void **state)
{
    static const char *const reading[] = {"Describe", "Get", "List", "Encrypt", "Decrypt",
        "ReEncrypt", "Generate", "Sign", "Verify", "Derive", "Encapsulate", "Decapsulate"};
    (void)state;
    for (size_t i = 0; i < KMS_OPERATION_COUNT; i++) {
        const struct kmsd_op *op = &kmsd_ops[i];
        bool reads = false;
        for (size_t k = 0; k < sizeof(reading) / sizeof(reading[0]); k++)
            reads = reads || strncmp(kms_operations[i].name, reading[k], strlen(reading[k])) == 0;
        if (op->run != NULL)
            assert_int_equal(!reads, (op->flags & (KMSD_OP_WRITES | KMSD_OP_SLOW)) != 0);
    }
}

/* What changes anything of a key, grants apart, is its own account's business alone. */
static void test_foreign(void **state)
{
    static const enum kms_op foreign[] = {KMS_OP_CREATE_GRANT, KMS_OP_DECAPSULATE, KMS_OP_DECRYPT,
        KMS_OP_DERIVE_SHARED_SECRET, KMS_OP_DESCRIBE_KEY, KMS_OP_ENCAPSULATE, KMS_OP_ENCRYPT,
        KMS_OP_GENERATE_DATA_KEY, KMS_OP_GENERATE_DATA_KEY_PAIR,
        KMS_OP_GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT, KMS_OP_GENERATE_DATA_KEY_WITHOUT_PLAINTEXT,
        KMS_OP_GENERATE_MAC, KMS_OP_GET_KEY_ROTATION_STATUS, KMS_OP_GET_PUBLIC_KEY,
        KMS_OP_LIST_GRANTS, KMS_OP_RE_ENCRYPT, KMS_OP_RETIRE_GRANT, KMS_OP_REVOKE_GRANT,
        KMS_OP_SIGN, KMS_OP_VERIFY, KMS_OP_VERIFY_MAC};
    size_t found = 0;
    (void)state;
    for (size_t i = 0; i < KMS_OPERATION_COUNT; i++) {
        if ((kmsd_ops[i].flags & KMSD_OP_FOREIGN) == 0)
            continue;
        if (strstr(kmsd_ops[i].action, "Grant") == NULL)
            assert_int_equal(kmsd_ops[i].flags & KMSD_OP_WRITES, 0);
        assert_true(found < sizeof(foreign) / sizeof(foreign[0]));
        assert_int_equal(kmsd_ops[i].id, foreign[found++]);
    }
    assert_int_equal(found, sizeof(foreign) / sizeof(foreign[0]));
}

/* What counts as a use is what GetKeyLastUsage has a name for. */
static void test_uses(void **state)
{
    const struct kms_type *tracked = kms_type_find("KeyLastUsageTrackingOperation");
    size_t uses = 0;
    (void)state;
    for (size_t i = 0; i < KMS_OPERATION_COUNT; i++) {
        bool found = false;
        for (size_t k = 1; k <= tracked->value_count; k++)
            found = found || strcmp(kms_enum_text(tracked, (int)k), kms_operations[i].name) == 0;
        assert_int_equal((kmsd_ops[i].flags & KMSD_OP_USES) != 0, found);
        uses += found;
    }
    assert_int_equal(uses, tracked->value_count);
}

static void test_specs(void **state)
{
    (void)state;
    const struct kms_type *specs = kms_type_find("KeySpec");
    for (size_t i = 1; i <= specs->value_count; i++)
        assert_true(kmsd_spec_usages((enum kms_key_spec)i) != 0);
    assert_int_equal(kmsd_spec_usages(KMS_KEY_SPEC_UNSET), 0);
    assert_int_equal(kmsd_spec_usages(KMS_KEY_SPEC_UNRECOGNIZED), 0);
    assert_int_equal(kmsd_spec_usages((enum kms_key_spec)1000), 0);
    assert_int_equal(kmsd_spec_to_master(KMS_KEY_SPEC_SYMMETRIC_DEFAULT),
        KMS_CUSTOMER_MASTER_KEY_SPEC_SYMMETRIC_DEFAULT);
    assert_int_equal(
        kmsd_spec_to_master(KMS_KEY_SPEC_ML_DSA_44), KMS_CUSTOMER_MASTER_KEY_SPEC_UNSET);
    assert_int_equal(kmsd_spec_from_master(KMS_CUSTOMER_MASTER_KEY_SPEC_SM2), KMS_KEY_SPEC_SM2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_operation_has_its_row),
        cmocka_unit_test(test_key_id_offsets),
        cmocka_unit_test(test_writers),
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_uses),
        cmocka_unit_test(test_specs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

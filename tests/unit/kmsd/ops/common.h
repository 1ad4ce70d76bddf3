/* What the tests of operations include. */
#ifndef KMSD_TEST_OPS_COMMON_H
#define KMSD_TEST_OPS_COMMON_H

#include "tests/unit/kmsd/pipeline/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DAY_MS       ((int64_t)24 * 60 * 60 * 1000)

/* An id that no key has. */
#define NOBODY "12345678-1234-1234-1234-123456789abc"

static int set_up(void **state)
{
    struct rig *rig = rig_open(false);
    rig_key(rig, "K");
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    rig_close(*state);
    return 0;
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static inline const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    if (text == NULL)
        fail_msg("no text %s", member);
    return text;
}

/* Times are seconds with a fraction of milliseconds. */
static inline void assert_time(const json_t *object, const char *member, int64_t ms)
{
    double seconds = json_number_value(json_object_get(object, member));
    int64_t answered = (int64_t)(seconds * 1000 + 0.5);
    if (answered != ms)
        fail_msg("%s is %lld, not %lld", member, (long long)answered, (long long)ms);
}

/* Exactly these members, NULL-terminated. */
static inline void assert_members(const json_t *object, const char *const *names)
{
    size_t count = 0;
    for (; names[count] != NULL; count++) {
        if (json_object_get(object, names[count]) == NULL)
            fail_msg("%s is missing", names[count]);
    }
    assert_int_equal(json_object_size(object), count);
}

#define ASSERT_MEMBERS(object, ...) \
    assert_members((object), (const char *const[]){__VA_ARGS__, NULL})

#endif

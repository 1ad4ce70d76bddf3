/*
 * The shared configuration files. The first byte chooses the kind of file. Whatever is accepted
 * must be consistent: every setting found again under its own name, nothing outside of the arena's
 * bound.
 */
#include "libkms/client/profile.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_section(
    const struct kms_profile_file *file, const struct kms_profile_section *section)
{
    const struct kms_profile_section *found = kms_profile_find(file, section->kind, section->name);
    if (found == NULL || !kms_str_eq(found->name, section->name))
        abort();
    for (const struct kms_profile_property *property = section->properties; property != NULL;
         property = property->next) {
        struct kms_str value = kms_profile_get(section, property->name.data);
        if (value.data != property->value.data) /* names are unique within a section */
            abort();
        if (value.len > 0 && property->nested != NULL)
            abort();
        for (const struct kms_profile_property *nested = property->nested; nested != NULL;
             nested = nested->next) {
            value = kms_profile_get_nested(section, property->name.data, nested->name.data);
            if (value.data == NULL || nested->name.len == 0)
                abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    enum kms_profile_file_kind kind =
        data[0] % 2 == 0 ? KMS_PROFILE_CONFIG : KMS_PROFILE_CREDENTIALS;
    struct kms_str text = {(const char *)data + 1, size - 1};
    struct kms_profile_file file;
    kms_profile_file_init(&file);
    size_t line = 0;
    enum kms_err err = kms_profile_parse(kind, text, &file, &line);
    if (err != KMS_OK && file.sections != NULL)
        abort();
    if (err == KMS_ERR_SYNTAX && line == 0)
        abort();
    for (const struct kms_profile_section *section = file.sections; section != NULL;
         section = section->next)
        check_section(&file, section);
    kms_profile_file_clean_up(&file);
    return 0;
}

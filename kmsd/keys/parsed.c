/* Parsed key policies, counted. */
#include "kmsd/keys/index.h"

#include <stdatomic.h>
#include <stdlib.h>

struct kmsd_parsed_policy {
    atomic_size_t references;
    struct kmsd_policy_document *document; /* NULL: the text is no policy */
};

enum kms_err kmsd_parsed_policy_new(struct kms_str text, const struct kmsd_parsed_policy **out)
{
    struct kmsd_parsed_policy *parsed = calloc(1, sizeof(*parsed));
    if (parsed == NULL)
        return KMS_ERR_NO_MEMORY;
    struct kmsd_policy_problem problem;
    enum kms_err err = kmsd_policy_parse(text, KMSD_POLICY_KIND_KEY, &parsed->document, &problem);
    if (err == KMS_ERR_NO_MEMORY) {
        free(parsed);
        return err;
    }
    atomic_init(&parsed->references, 1);
    *out = parsed;
    return KMS_OK;
}

/* Counting is no change that a holder could see. */
static struct kmsd_parsed_policy *counted(const struct kmsd_parsed_policy *parsed)
{
    return (struct kmsd_parsed_policy *)parsed;
}

const struct kmsd_parsed_policy *kmsd_parsed_policy_hold(const struct kmsd_parsed_policy *parsed)
{
    atomic_fetch_add_explicit(&counted(parsed)->references, 1, memory_order_relaxed);
    return parsed;
}

void kmsd_parsed_policy_release(const struct kmsd_parsed_policy *parsed)
{
    if (parsed == NULL)
        return;
    if (atomic_fetch_sub_explicit(&counted(parsed)->references, 1, memory_order_acq_rel) != 1)
        return;
    kmsd_policy_document_free(parsed->document);
    free(counted(parsed));
}

const struct kmsd_policy_document *kmsd_parsed_policy_document(
    const struct kmsd_parsed_policy *parsed)
{
    return parsed->document;
}

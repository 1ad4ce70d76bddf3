#include "kmsd/json_memory.h"

#include <jansson.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>

/* Jansson doesn't say how long a block is that it frees; malloc knows. */
static void give_back(void *data)
{
    if (data != NULL)
        OPENSSL_cleanse(data, malloc_usable_size(data));
    free(data);
}

void kmsd_json_memory_install(void)
{
    json_set_alloc_funcs(malloc, give_back);
}

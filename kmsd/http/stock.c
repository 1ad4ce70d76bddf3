#include "kmsd/http/connection.h"

#include <stdlib.h>

enum {
    KEPT_STORAGE = 32768, /* requests with larger buffers are not kept */
    KEPT_REQUESTS = 64,   /* by each thread: as many as it puts off */
};

struct kmsd_stock {
    struct kmsd_request *first; /* given back last, borrowed first: still in the cache */
    size_t count;
};

static void free_request(struct kmsd_request *request)
{
    kms_buf_clean_up(&request->target);
    kms_buf_clean_up(&request->body);
    kmsd_exchange_clean_up(&request->exchange);
    free(request);
}

static void free_stock(void *at)
{
    struct kmsd_stock *stock = at;
    while (stock->first != NULL) {
        struct kmsd_request *request = stock->first;
        stock->first = request->next;
        free_request(request);
    }
    free(stock);
}

enum kms_err kmsd_stock_init(struct kmsd_http *http)
{
    if (pthread_key_create(&http->stock, free_stock) != 0)
        return KMS_ERR_NO_MEMORY;
    http->has_stock = true;
    return KMS_OK;
}

void kmsd_stock_clean_up(struct kmsd_http *http)
{
    if (http->has_stock)
        (void)pthread_key_delete(http->stock);
    http->has_stock = false;
}

/* NULL: memory is out, which is no reason not to go on without. */
static struct kmsd_stock *stock_of_thread(struct kmsd_http *http)
{
    struct kmsd_stock *stock = pthread_getspecific(http->stock);
    if (stock != NULL)
        return stock;
    stock = calloc(1, sizeof(*stock));
    if (stock != NULL && pthread_setspecific(http->stock, stock) != 0) {
        free(stock);
        stock = NULL;
    }
    return stock;
}

struct kmsd_request *kmsd_stock_borrow(struct kmsd_http *http)
{
    struct kmsd_stock *stock = stock_of_thread(http);
    if (stock != NULL && stock->first != NULL) {
        struct kmsd_request *request = stock->first;
        stock->first = request->next;
        stock->count--;
        return request;
    }
    struct kmsd_request *request = calloc(1, sizeof(*request));
    if (request == NULL)
        return NULL;
    kms_buf_init(&request->target, http->limits.connection_memory);
    kms_buf_init(&request->body, http->limits.max_body);
    kmsd_exchange_init(&request->exchange);
    return request;
}

void kmsd_stock_give_back(struct kmsd_http *http, struct kmsd_request *request)
{
    if (request == NULL)
        return;
    struct kmsd_stock *stock = stock_of_thread(http);
    if (stock == NULL || stock->count >= KEPT_REQUESTS || request->body.capacity > KEPT_STORAGE ||
        request->exchange.response.body.capacity > KEPT_STORAGE) {
        free_request(request);
        return;
    }
    kms_buf_reset(&request->target);
    kms_buf_reset(&request->body);
    kmsd_exchange_reset(&request->exchange);
    request->header_count = 0;
    request->is_too_large = false;
    request->is_one_too_many = false;
    request->discarded = 0;
    request->must_close = false;
    request->is_told = false;
    request->next = stock->first;
    stock->first = request;
    stock->count++;
}

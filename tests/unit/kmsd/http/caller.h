/* The other side: sockets of clients and what they hear. */
#ifndef KMS_TESTS_HTTP_CALLER_H
#define KMS_TESTS_HTTP_CALLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CALLER_SOON_MS = 20000, /* what must happen has this long on a busy machine */
    CALLER_WHILE_MS = 150,  /* what must not happen is waited for so long */
};

/* A TCP socket whose own address is that one; NULL: any. */
int caller_socket(const char *own_address);
void caller_connect(int fd, uint16_t port); /* to 127.0.0.1 */

/* Both of them. */
int caller_open(uint16_t port);

/* Closes with a reset. */
void caller_reset(int fd);

/* A whole POST with that body. */
void caller_send(int fd, const char *body);

/* The body of the answer that comes soon; fails the test unless a whole one does. */
void caller_read_answer(int fd, char *out, size_t size);

/* Whether something can be read, if only the end. */
bool caller_hears(int fd, int within_ms);

/* Whether the other side closes (or resets) soon without having said a word. */
bool caller_is_turned_away(int fd);

/* Whether the other side closes (or resets) soon. */
bool caller_is_closed(int fd);

int64_t caller_now_ms(void);
void caller_nap(void);

#endif

/*
 * Makes a decision case (a row as the tables have it, complete in itself) out of bytes: each byte
 * makes a choice; what is missing chooses the first. Most documents parse; what does not is no case.
 */
#ifndef DECISION_MAKER_H
#define DECISION_MAKER_H

#include <jansson.h>
#include <stdint.h>

/* A new reference; NULL when memory is out. */
json_t *decision_make(const uint8_t *data, size_t size);

#endif

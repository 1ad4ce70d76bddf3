/*
 * All of libkms.
 *
 * Memory: all of it comes from libcrypto's allocator. A program that has its own gives it to both with
 * CRYPTO_set_mem_functions(3), before it calls anything of either; libcurl's is set with
 * curl_global_init_mem(3). Two kinds of memory are no allocator's: secrets, which have locked pages of
 * their own (or come from libcrypto's secure heap where the program has set one up), and the stacks of
 * the threads that the descriptor helpers start. Memory that runs out is KMS_ERR_NO_MEMORY.
 *
 * State: all of it is in the handles, but for what libcurl and libcrypto keep for a process and a thread.
 * Logging: struct kms_client_options has the function to call.
 */
#ifndef KMS_KMS_H
#define KMS_KMS_H

#include <kms/api.h>
#include <kms/bytes.h>
#include <kms/client.h>
#include <kms/envelope.h>
#include <kms/envelope_range.h>
#include <kms/error.h>
#include <kms/key_slots.h>
#include <kms/types.h>

#endif

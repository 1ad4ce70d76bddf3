/*
 * Where the trail's files are: a folder, or memory (`kmsd dev` without a data directory), where only
 * the newest file and the one before are kept.
 */
#ifndef KMSD_AUDIT_FOLDER_H
#define KMSD_AUDIT_FOLDER_H

#include "kmsd/detail.h"
#include "libkms/trail/trail.h"

#include <pthread.h>

enum { KMSD_FOLDER_MEMORY_FILES = 12 };

struct kmsd_folder {
    int fd; /* -1: in memory */
    pthread_mutex_t lock;
    struct {
        enum kms_trail_file_kind kind;
        uint32_t file; /* 0: free */
        int fd;
    } memory[KMSD_FOLDER_MEMORY_FILES];
};

/* path NULL: in memory. KMS_ERR_IO, KMS_ERR_POLICY: others may write to it. */
KMS_MUST_USE enum kms_err kmsd_folder_open(
    const char *path, struct kmsd_folder *out, struct kmsd_detail *detail);
void kmsd_folder_close(struct kmsd_folder *folder);

/* The lowest and highest number of a file of records; 0 and 0: there is none. KMS_ERR_IO. */
KMS_MUST_USE enum kms_err kmsd_folder_range(
    struct kmsd_folder *folder, uint32_t *lowest, uint32_t *highest);

/* A descriptor of one's own, for reading and writing. KMS_ERR_NOT_FOUND, KMS_ERR_IO. */
KMS_MUST_USE enum kms_err kmsd_folder_file(
    struct kmsd_folder *folder, enum kms_trail_file_kind kind, uint32_t file, int *out);

/* Makes a file, empty, and syncs its name. KMS_ERR_EXISTS, KMS_ERR_IO. */
KMS_MUST_USE enum kms_err kmsd_folder_create(
    struct kmsd_folder *folder, enum kms_trail_file_kind kind, uint32_t file, int *out);

/* Removes one file. KMS_ERR_IO; it is no error that it is not there. */
KMS_MUST_USE enum kms_err kmsd_folder_remove_one(
    struct kmsd_folder *folder, enum kms_trail_file_kind kind, uint32_t file);

/* The same for all files of that number. */
KMS_MUST_USE enum kms_err kmsd_folder_remove(struct kmsd_folder *folder, uint32_t file);

/* A small file beside them; in memory there are none. KMS_ERR_NOT_FOUND, KMS_ERR_LIMIT, KMS_ERR_IO. */
KMS_MUST_USE enum kms_err kmsd_folder_read(
    struct kmsd_folder *folder, const char *name, struct kms_buf *out);
/* Writes it whole or not at all, and syncs. */
KMS_MUST_USE enum kms_err kmsd_folder_write(
    struct kmsd_folder *folder, const char *name, struct kms_bytes bytes, unsigned mode);

/* All of it at that place, whatever write(2) thinks of its length. KMS_ERR_IO. */
KMS_MUST_USE enum kms_err kmsd_write_at(int fd, struct kms_bytes bytes, uint64_t at);
/* Up to that much from that place; *len is less at the end of the file only. KMS_ERR_IO. */
KMS_MUST_USE enum kms_err kmsd_read_at(int fd, uint8_t *out, size_t size, uint64_t at, size_t *len);

#endif

/*
 * --tar: a directory tree as one archive (pax) within one message. The archive is made and unpacked by
 * libarchive in a thread, at the other end of a pipe; it never touches the disk as such.
 *
 * What is unpacked comes into being under its final name only when all of the message has verified:
 * until then it is in a directory with a temporary name beside it.
 */
#ifndef KMSCTL_TAR_H
#define KMSCTL_TAR_H

#include "kmsctl/crypt.h"

/* Encrypts the directory of the first argument, or decrypts into that of -o. */
KMS_MUST_USE enum kmsctl_exit kmsctl_tar_run(
    struct kmsctl_app *app, struct kmsctl_crypt_plan *plan);

/* The two ends' work, each in a thread of its own, whose working directory they change. */
struct kmsctl_tar {
    int pipe_fd;      /* of the pipe; closed at the end */
    int root_fd;      /* the directory, which stays the caller's */
    const char *root; /* packing: its name, for messages */
    bool preserve;    /* unpacking: all of modes, times, owners, attributes */
    bool sparse;      /* unpacking: zeros become holes */

    /* valid when the thread has ended */
    bool failed;
    bool malformed; /* unpacking: what came is no archive, or a damaged one */
    int error;      /* errno, if that was the cause; EPIPE: the other end has gone */
    struct archive_entry *root_entry; /* unpacking: what the archive tells of the directory itself;
                                         NULL: nothing; the caller's */
    uint64_t entries;                 /* that went through */
    uint64_t left_out;                /* sockets; unpacking without preserve, devices and pipes */
    uint64_t incomplete; /* entries of which something, such as an owner, could not be restored */
    char text[512];      /* what failed; or the first that was incomplete */
};

void *kmsctl_tar_pack(void *tar);
void *kmsctl_tar_unpack(void *tar);

/* Gives the directory itself what the archive tells of it, when all has verified; what can't be is
 * counted as incomplete. Changes the working directory. False: failed, as above. */
KMS_MUST_USE bool kmsctl_tar_restore_root(struct kmsctl_tar *tar);

#endif

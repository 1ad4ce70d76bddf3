#include "kmsd/server/harden.h"

#include "kmsd/crypto/init.h"
#include "kmsd/json_memory.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void warn(struct kmsd_harden_report *report, const char *text)
{
    if (report->count < KMSD_HARDEN_MAX_WARNINGS)
        report->warnings[report->count++] = text;
}

/* --- locked memory ---------------------------------------------------------------------------- */

/* Locking is all or nothing: under a limit, threads could no longer be started once it is reached.
 * Pages are locked as they come into use, so that thread stacks don't cost their full size. */
static void lock_memory(struct kmsd_harden_report *report)
{
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0) {
        struct rlimit limit;
        if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY)
            return;
        /* it worked because of CAP_IPC_LOCK, or only because little is in use yet: try what a
         * thread pool will need */
        const size_t probe_size = (size_t)256 << 20;
        void *probe = mmap(NULL, probe_size, PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (probe != MAP_FAILED) {
            (void)munmap(probe, probe_size);
            return;
        }
        (void)munlockall();
    }
    warn(report, "memory is not locked (the limit on locked memory is too low): what is no secret "
                 "in itself, such as requests, could be swapped out; raise LimitMEMLOCK or use "
                 "encrypted swap");
}

enum kms_err kmsd_harden_process(struct kmsd_harden_report *report)
{
    static const struct rlimit no_core = {.rlim_cur = 0, .rlim_max = 0};
    *report = (struct kmsd_harden_report){.count = 0};
    (void)umask(S_IRWXG | S_IRWXO);
    if (setrlimit(RLIMIT_CORE, &no_core) != 0)
        warn(report, "core files could not be switched off");
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        warn(report, "the process could not be closed to debuggers");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        warn(report, "new privileges could not be given up");
    (void)signal(SIGPIPE, SIG_IGN);
    kmsd_json_memory_install();
    enum kms_err err = kmsd_crypto_init(&report->heap);
    if (report->heap.text[0] != '\0')
        warn(report, report->heap.text);
    lock_memory(report);
    return err;
}

#include "kmsd/server/log.h"

#include "libkms/base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_MAX_SIZE = 1024 };

static const struct {
    const char *name;
    const char *label;
    int priority; /* syslog's */
} levels[] = {
    [KMSD_LOG_ERROR] = {"error", "ERROR", 3},
    [KMSD_LOG_WARNING] = {"warning", "WARN ", 4},
    [KMSD_LOG_INFO] = {"info", "INFO ", 6},
    [KMSD_LOG_DEBUG] = {"debug", "DEBUG", 7},
};

/* Set before threads start, read-only then. */
static enum kmsd_log_level threshold = KMSD_LOG_INFO;
static bool to_journal;

bool kmsd_log_level_parse(const char *text, enum kmsd_log_level *out)
{
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (strcmp(levels[i].name, text) == 0) {
            *out = (enum kmsd_log_level)i;
            return true;
        }
    }
    return false;
}

const char *kmsd_log_level_name(enum kmsd_log_level level)
{
    return levels[level].name;
}

/* systemd.exec(5): $JOURNAL_STREAM is device and inode of the stream to the journal. */
void kmsd_log_init(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device = 0;
    unsigned long long inode = 0;
    struct stat status;
    to_journal = stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
                 fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device &&
                 status.st_ino == inode;
}

void kmsd_log_set_level(enum kmsd_log_level level)
{
    threshold = level;
}

void kmsd_log_format(enum kmsd_log_level level, bool for_journal, long long now_ms,
    const char *message, char *out, unsigned long size)
{
    size_t used = 0;
    if (for_journal) {
        used = (size_t)snprintf(out, size, "<%d>", levels[level].priority);
    } else {
        char time[KMS_TIME_RFC3339_SIZE];
        kms_time_format_rfc3339(now_ms, time);
        used = (size_t)snprintf(out, size, "%s %s ", time, levels[level].label);
    }
    /* an escape takes four characters; a newline and a NUL end the line */
    for (; *message != '\0' && used + 4 + 2 <= size; message++) {
        unsigned char letter = (unsigned char)*message;
        if (letter < 0x20 || letter == 0x7f || letter == '\\')
            used += (size_t)snprintf(out + used, size - used, "\\x%02x", letter);
        else
            out[used++] = (char)letter;
    }
    out[used++] = '\n';
    out[used] = '\0';
}

void kmsd_log(enum kmsd_log_level level, const char *format, ...)
{
    char message[LINE_MAX_SIZE];
    char line[LINE_MAX_SIZE];
    if (level > threshold)
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    kmsd_log_format(level, to_journal, kms_clock_now_ms(), message, line, sizeof(line));
    /* one write, so that lines of several threads don't mix */
    ssize_t ignored = write(STDERR_FILENO, line, strlen(line));
    (void)ignored;
}

#include "kmsctl/progress.h"

#include "libkms/base/clock.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SILENT_MS  500
#define REDRAW_MS  100
#define TEXT_SIZE  160 /* of the numbers */
#define LINE_SIZE  512
#define CLEAR_LINE "\r\033[K"

static void format_bytes(char *out, size_t size, uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 1000 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(out, size, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

static void format_seconds(char *out, size_t size, uint64_t seconds)
{
    unsigned long long hours = seconds / 3600;

    if (hours > 999)
        (void)snprintf(out, size, "-");
    else if (hours > 0)
        (void)snprintf(out, size, "%llu:%02u:%02u", hours, (unsigned)(seconds / 60 % 60),
            (unsigned)(seconds % 60));
    else
        (void)snprintf(out, size, "%u:%02u", (unsigned)(seconds / 60), (unsigned)(seconds % 60));
}

void kmsctl_progress_line(const struct kmsctl_progress *progress, int64_t elapsed_ms,
    size_t columns, char *out, size_t size)
{
    uint64_t elapsed = elapsed_ms < 1 ? 1 : (uint64_t)elapsed_ms;
    uint64_t rate = (uint64_t)((double)progress->done * 1000 / (double)elapsed);
    char done[24];
    char per_second[24];
    char numbers[TEXT_SIZE];

    format_bytes(done, sizeof(done), progress->done);
    format_bytes(per_second, sizeof(per_second), rate);
    if (progress->total > 0 && progress->done <= progress->total) {
        uint64_t left = progress->total - progress->done;
        unsigned percent = (unsigned)((double)progress->done * 100 / (double)progress->total);
        char eta[24] = "-";

        if (rate > 0)
            format_seconds(eta, sizeof(eta), (left + rate - 1) / rate);
        (void)snprintf(
            numbers, sizeof(numbers), "%3u%%  %s  %s/s  ETA %s", percent, done, per_second, eta);
    } else {
        (void)snprintf(numbers, sizeof(numbers), "%s  %s/s", done, per_second);
    }
    if (columns < 20)
        columns = 20;
    /* the label gives way to the numbers; its end says more than its beginning */
    size_t room = columns > strlen(numbers) + 2 ? columns - strlen(numbers) - 2 : 0;
    size_t len = strlen(progress->label);
    if (room < 8)
        (void)snprintf(out, size, "%.*s", (int)columns, numbers);
    else if (len > room)
        (void)snprintf(out, size, "...%s  %s", progress->label + len - (room - 3), numbers);
    else
        (void)snprintf(out, size, "%s  %s", progress->label, numbers);
}

static void draw(struct kmsctl_progress *progress, int64_t now_ms)
{
    struct winsize window = {0};
    char line[LINE_SIZE];

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0)
        window.ws_col = 80;
    kmsctl_progress_line(
        progress, now_ms - progress->started_ms, window.ws_col - 1u, line, sizeof(line));
    for (char *at = line; *at != '\0'; at++) { /* the label may be any file name */
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    }
    (void)fprintf(stderr, CLEAR_LINE "%s", line);
    (void)fflush(stderr);
    progress->shown_ms = now_ms;
}

void kmsctl_progress_begin(
    struct kmsctl_progress *progress, bool enabled, const char *label, uint64_t total)
{
    memset(progress, 0, sizeof(*progress));
    progress->enabled = enabled;
    progress->label = label;
    progress->total = total;
    progress->started_ms = kms_clock_monotonic_ms();
}

bool kmsctl_progress_step(void *argument, uint64_t done)
{
    struct kmsctl_progress *progress = argument;
    int64_t now_ms = kms_clock_monotonic_ms();

    progress->done = done;
    if (progress->enabled && now_ms - progress->started_ms >= SILENT_MS &&
        now_ms - progress->shown_ms >= REDRAW_MS)
        draw(progress, now_ms);
    return true;
}

void kmsctl_progress_clear(struct kmsctl_progress *progress)
{
    if (progress->shown_ms == 0)
        return;
    (void)fputs(CLEAR_LINE, stderr);
    (void)fflush(stderr);
    progress->shown_ms = 0;
}

void kmsctl_progress_end(struct kmsctl_progress *progress, bool success)
{
    if (progress->shown_ms == 0)
        return;
    if (success) {
        draw(progress, kms_clock_monotonic_ms());
        (void)fputs("\n", stderr);
    } else {
        (void)fputs(CLEAR_LINE, stderr);
    }
    (void)fflush(stderr);
}

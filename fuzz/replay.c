/*
 * Replays a corpus through a fuzz target with any compiler: each file given, and each file in each
 * folder given, once whole, then with every single-bit flip of a sample of its bytes and with every
 * truncation of a sample of its lengths, so that near misses are always exercised. Fails when there
 * was nothing to replay.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LARGEST_INPUT = 1 << 20, MUTATED_POSITIONS = 64, PATH_SIZE = 4096 };

static size_t replayed;

/* A copy of its own, so that AddressSanitizer sees every read past the end. */
static void run_once(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    if (copy == NULL)
        abort();
    memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    replayed++;
}

static void run_with_mutations(uint8_t *data, size_t size)
{
    run_once(data, size);
    size_t step = size / MUTATED_POSITIONS + 1;
    for (size_t at = 0; at < size; at += step) {
        run_once(data, at);
        for (unsigned bit = 0; bit < 8; bit++) {
            data[at] ^= (uint8_t)(1U << bit);
            run_once(data, size);
            data[at] ^= (uint8_t)(1U << bit);
        }
    }
}

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(LARGEST_INPUT);
    if (file == NULL || data == NULL) {
        perror(path);
        free(data);
        if (file != NULL)
            (void)fclose(file);
        return 1;
    }
    size_t size = fread(data, 1, LARGEST_INPUT, file);
    (void)fclose(file);
    run_with_mutations(data, size);
    free(data);
    return 0;
}

static int replay_folder(const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        perror(path);
        return 1;
    }
    int failed = 0;
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char child[PATH_SIZE];
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(child, sizeof(child), "%s/%s", path, entry->d_name);
        failed |= replay_file(child);
    }
    (void)closedir(folder);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        struct stat info;
        if (stat(argv[i], &info) != 0) {
            perror(argv[i]);
            failed = 1;
        } else {
            failed |= S_ISDIR(info.st_mode) ? replay_folder(argv[i]) : replay_file(argv[i]);
        }
    }
    (void)printf("%zu inputs replayed\n", replayed);
    return failed != 0 || replayed == 0;
}

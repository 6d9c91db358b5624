/*
 * Runs a fuzzer over files, without libFuzzer: replay PATH... where a PATH is a
 * file or a folder of files. A finding ends it by SIGABRT, naming the file; so does
 * a sanitizer's with abort_on_error=1 in ASAN_OPTIONS and UBSAN_OPTIONS.
 */
#include "tests/fuzz/fuzz.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned replayed;
static const char *current;

static void name_finding(int signal_number)
{
    ssize_t written = write(STDERR_FILENO, current, strlen(current));

    (void)written;
    (void)signal_number; /* its handler was for once: it kills now */
    raise(SIGABRT);
}

static int replay(const char *path, const struct stat *about, int type, struct FTW *place)
{
    size_t size = (size_t)about->st_size;
    uint8_t *data = NULL;

    (void)place;
    if (type != FTW_F)
        return 0;
    FILE *file = fopen(path, "rb");
    data = malloc(size + 1);
    if (file == NULL || data == NULL || fread(data, 1, size, file) != size) {
        perror(path);
        return 1;
    }
    fclose(file);
    current = path;
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    replayed++;
    return 0;
}

int main(int argc, char **argv)
{
    struct sigaction once = {.sa_handler = name_finding, .sa_flags = (int)SA_RESETHAND};

    sigaction(SIGABRT, &once, NULL);
    sigaction(SIGSEGV, &once, NULL);
    for (int i = 1; i < argc; i++)
        if (nftw(argv[i], replay, 8, FTW_PHYS) != 0) {
            perror(argv[i]);
            return 1;
        }
    printf("%s: %u inputs replayed\n", argv[0], replayed);
    return replayed == 0;
}

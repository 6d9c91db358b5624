#include "worker/usage.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "worker/clock.h"

static int64_t ms_of(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t us_of(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

static void release_file(FILE **file)
{
    if (*file != NULL)
        fclose(*file);
}

/* proc_pid_stat(5): behind the name, which is field 2 and may hold anything, 22 is when it started, in ticks since the boot. */
static void read_stat(struct usage *out)
{
    ON_EXIT(release_file) FILE *file = fopen("/proc/self/stat", "re");
    char line[1024] = "", *at;
    long long started;

    if (file == NULL || fgets(line, sizeof(line), file) == NULL || (at = strrchr(line, ')')) == NULL)
        return;
    for (int field = 2; field < 22; field++)
        if ((at = strchr(at + 1, ' ')) == NULL)
            return;
    started = strtoll(at, &at, 10);
    out->started_ms = clock_now_ms() - ms_of(CLOCK_BOOTTIME) + started * 1000 / sysconf(_SC_CLK_TCK);
    out->virtual_bytes = strtoll(at, &at, 10);
    out->resident_bytes = strtoll(at, &at, 10) * sysconf(_SC_PAGESIZE);
}

static int64_t count_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int64_t count = -3; /* ".", ".." and this very one */

    if (folder == NULL)
        return -1;
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

void usage_read(struct usage *out)
{
    struct rusage used;
    struct rlimit files;

    *out = (struct usage){-1, -1, -1, -1, -1, -1};
    read_stat(out);
    out->open_fds = count_files();
    if (getrusage(RUSAGE_SELF, &used) == 0)
        out->cpu_us = us_of(used.ru_utime) + us_of(used.ru_stime);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY)
        out->max_fds = (int64_t)files.rlim_cur;
}

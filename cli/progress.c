#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_MS = 1000, AGAIN_MS = 200, BAR_CHARS = 30 };

int64_t progress_clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void progress_draw(struct progress *p, const char *what, size_t done, size_t total)
{
    int64_t now = progress_clock_ms();
    char bar[BAR_CHARS + 1] = "";

    if (p->begun_ms == 0)
        p->begun_ms = now;
    if (now - p->begun_ms < FIRST_MS || now - p->drawn_ms < AGAIN_MS || total == 0 || !isatty(STDERR_FILENO))
        return;
    memset(bar, '.', BAR_CHARS);
    memset(bar, '#', done < total ? done * BAR_CHARS / total : BAR_CHARS);
    fprintf(stderr, "\r%s [%s] %zu of %zu\033[K", what, bar, done, total);
    p->drawn_ms = now;
    p->is_drawn = true;
}

void progress_clear(struct progress *p)
{
    if (p->is_drawn)
        fputs("\r\033[K", stderr);
    p->is_drawn = false;
}

#include "worker/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "worker/log_line.h"
#include "worker/log_repeats.h"

static atomic_int threshold = LOG_LEVEL_INFO, form = LOG_FORMAT_LOGFMT;
static atomic_bool is_journal;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct repeats repeats; /* under the mutex */

void log_set_level(enum log_level level)
{
    atomic_store(&threshold, (int)level);
}

bool log_is_on(enum log_level level)
{
    return (int)level <= atomic_load(&threshold);
}

void log_set_format(enum log_format format)
{
    atomic_store(&form, (int)format);
}

/* systemd.exec(5), $JOURNAL_STREAM is "<device>:<inode>". It may be inherited, and stderr be another file since. */
static bool stderr_is(const char *stream)
{
    char own[64];
    struct stat st;

    if (stream == NULL || fstat(STDERR_FILENO, &st) != 0)
        return false;
    snprintf(own, sizeof(own), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    return strcmp(stream, own) == 0;
}

void log_open(void)
{
    atomic_store(&is_journal, stderr_is(getenv("JOURNAL_STREAM")));
}

static void begin(struct log_line *line, enum log_level level, const char *event)
{
    static const char *const names[] = {"error", "warn", "info", "debug"}, *const priorities[] = {"<3>", "<4>", "<6>",
                                                                                                  "<7>"};
    char text[64], whole[32];
    struct timespec now;
    struct tm utc;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(whole, sizeof(whole), "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, sizeof(text), "%s.%03ldZ", whole, now.tv_nsec / 1000000 % 1000);
    log_line_begin(line, (enum log_format)atomic_load(&form), atomic_load(&is_journal) ? priorities[level] : "");
    log_line_pair(line, "ts", text);
    log_line_pair(line, "level", names[level]);
    log_line_pair(line, "event", event);
}

static void finish(struct log_line *line)
{
    log_line_end(line);
    (void)!write(STDERR_FILENO, line->text, line->len);
}

static void tell(const struct repeated *told)
{
    struct log_line line;
    char count[16];

    snprintf(count, sizeof(count), "%u", told->left_out);
    begin(&line, told->level, "left-out");
    log_line_pair(&line, "of", told->event);
    log_line_pair(&line, "count", count);
    log_line_pair(&line, "details", "lines that said the same, but for ids");
    finish(&line);
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */
static uint64_t mix(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

/* What makes two lines differ that say the same. */
static bool is_id(const char *key)
{
    static const char *const ids[] = {"id", "call", "trace"};

    for (size_t i = 0; i < COUNT(ids); i++)
        if (strcmp(key, ids[i]) == 0)
            return true;
    return false;
}

static bool is_to_be_written(uint64_t kind, const char *event, enum log_level level)
{
    struct repeated told;
    bool ok;

    if (strcmp(event, "request") == 0)
        return true;
    pthread_mutex_lock(&mutex);
    ok = repeats_note(&repeats, kind == 0 ? 1 : kind, event, level, now_ms(), &told);
    pthread_mutex_unlock(&mutex);
    if (told.left_out > 0)
        tell(&told);
    return ok;
}

void log_event(enum log_level level, const char *event, ...)
{
    uint64_t kind = mix(UINT64_C(0xcbf29ce484222325), event);
    struct log_line line;
    const char *key, *value;
    va_list args;

    if (!log_is_on(level))
        return;
    begin(&line, level, event);
    va_start(args, event);
    while ((key = va_arg(args, const char *)) != NULL) {
        value = va_arg(args, const char *);
        if (value == NULL || value[0] == '\0')
            continue;
        log_line_pair(&line, key, value);
        kind = is_id(key) ? kind : mix(mix(kind, key), value);
    }
    va_end(args);
    if (is_to_be_written(kind, event, level))
        finish(&line);
}

void log_tell_left_out(bool all)
{
    struct repeated told;
    bool is_there;

    do {
        pthread_mutex_lock(&mutex);
        is_there = repeats_next(&repeats, now_ms(), all, &told);
        pthread_mutex_unlock(&mutex);
        if (is_there)
            tell(&told);
    } while (is_there);
}

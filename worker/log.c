#include "worker/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 4096 };

struct line {
    char text[LINE_BYTES];
    size_t len;
};

static enum log_level threshold = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
    threshold = level;
}

static void put(struct line *line, char c)
{
    if (line->len < LINE_BYTES - 1) /* one is kept for the newline */
        line->text[line->len++] = c;
}

static void put_text(struct line *line, const char *text)
{
    for (; *text != '\0'; text++)
        put(line, *text);
}

static void put_escaped(struct line *line, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";

    if (c == '"' || c == '\\')
        put(line, '\\');
    if (c >= 0x20 && c != 0x7f) {
        put(line, (char)c);
        return;
    }
    put_text(line, "\\x");
    put(line, hex[c >> 4]);
    put(line, hex[c & 15]);
}

static bool is_plain(const char *value)
{
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;
        if (c <= 0x20 || c == 0x7f || c == '"' || c == '=' || c == '\\')
            return false;
    }
    return true;
}

static void put_value(struct line *line, const char *value)
{
    if (is_plain(value)) {
        put_text(line, value);
        return;
    }
    put(line, '"');
    for (; *value != '\0'; value++)
        put_escaped(line, (unsigned char)*value);
    put(line, '"');
}

static void put_time(struct line *line)
{
    char text[64], whole[32];
    struct timespec now;
    struct tm utc;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(whole, sizeof(whole), "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, sizeof(text), "%s.%03ldZ", whole, now.tv_nsec / 1000000 % 1000);
    put_text(line, "ts=");
    put_text(line, text);
}

void log_event(enum log_level level, const char *event, ...)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    struct line line = {.len = 0};
    const char *key, *value;
    va_list args;

    if (level > threshold)
        return;
    put_time(&line);
    put_text(&line, " level=");
    put_text(&line, names[level]);
    put_text(&line, " event=");
    put_text(&line, event);
    va_start(args, event);
    while ((key = va_arg(args, const char *)) != NULL) {
        value = va_arg(args, const char *);
        if (value == NULL || value[0] == '\0')
            continue;
        put(&line, ' ');
        put_text(&line, key);
        put(&line, '=');
        put_value(&line, value);
    }
    va_end(args);
    line.text[line.len++] = '\n';
    (void)!write(STDERR_FILENO, line.text, line.len);
}

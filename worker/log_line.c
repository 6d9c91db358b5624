#include "worker/log_line.h"

#include <string.h>

#include "schemas/text.h"

/* What is kept for the end of a line that is cut: "\",\"cut\":\"yes\"}\n" is the longest. */
enum { END_BYTES = 16, ROOM = LOG_LINE_BYTES - END_BYTES };

static void put_raw(struct log_line *line, const char *text, size_t len)
{
    memcpy(line->text + line->len, text, len);
    line->len += len;
}

/* All of it, or the line is cut here. */
static bool put(struct log_line *line, const char *text, size_t len)
{
    if (line->is_cut || line->len + len > ROOM) {
        line->is_cut = true;
        return false;
    }
    put_raw(line, text, len);
    return true;
}

static bool put_text(struct log_line *line, const char *text)
{
    return put(line, text, strlen(text));
}

/* How many bytes the character at `s` has; 0: it is not UTF-8. */
static size_t character_bytes(const char *s)
{
    unsigned char c = (unsigned char)*s;
    size_t want = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

    return strnlen(s, want) == want && text_is_utf8(s, want) ? want : 0;
}

/* Control characters, U+0080 to U+009F among them, which some terminals obey. */
static bool put_control(struct log_line *line, unsigned char code)
{
    static const char hex[] = "0123456789abcdef";
    const char escaped[] = {'\\', 'u', '0', '0', hex[code >> 4], hex[code & 15]};

    return put(line, escaped, sizeof(escaped));
}

static bool put_character(struct log_line *line, const char *s, size_t bytes)
{
    unsigned char first = (unsigned char)s[0], second = bytes == 2 ? (unsigned char)s[1] : 0;

    if (bytes == 0)
        return put(line, "?", 1);
    if (first < 0x20 || first == 0x7f)
        return put_control(line, first);
    if (first == 0xc2 && second < 0xa0)
        return put_control(line, second);
    if (first == '"' || first == '\\')
        return put(line, (const char[]){'\\', (char)first}, 2);
    return put(line, s, bytes);
}

static bool is_plain(const char *value)
{
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '=' || c == '\\')
            return false;
    }
    return true;
}

static void put_quoted(struct log_line *line, const char *value)
{
    if (!put(line, "\"", 1))
        return;
    for (size_t bytes; *value != '\0'; value += bytes > 0 ? bytes : 1) {
        bytes = character_bytes(value);
        if (!put_character(line, value, bytes))
            break;
    }
    put_raw(line, "\"", 1); /* there is room for it: END_BYTES */
}

static void put_plain(struct log_line *line, const char *value)
{
    size_t len = strlen(value), room = ROOM - line->len;

    (void)put(line, value, len < room ? len : room);
    line->is_cut = len > room;
}

static bool is_number(const char *key, const char *value)
{
    size_t len = strlen(key), digits = strspn(value, "0123456789");

    return len > 3 && strcmp(key + len - 3, "_ms") == 0 && digits > 0 && value[digits] == '\0' &&
           (value[0] != '0' || digits == 1);
}

void log_line_begin(struct log_line *line, enum log_format format, const char *prefix)
{
    line->format = format;
    line->is_begun = line->is_cut = false;
    line->len = 0;
    (void)put_text(line, prefix);
    if (format == LOG_FORMAT_JSON)
        (void)put(line, "{", 1);
}

/* A key that no value would fit behind is not begun. */
void log_line_pair(struct log_line *line, const char *key, const char *value)
{
    enum { AROUND = 8 };
    bool is_json = line->format == LOG_FORMAT_JSON;

    if (line->is_cut || line->len + strlen(key) + AROUND > ROOM) {
        line->is_cut = true;
        return;
    }
    if (line->is_begun)
        (void)put_text(line, is_json ? "," : " ");
    line->is_begun = true;
    if (is_json)
        (void)put_text(line, "\"");
    (void)put_text(line, key);
    (void)put_text(line, is_json ? "\":" : "=");
    if (is_json ? is_number(key, value) : is_plain(value))
        put_plain(line, value);
    else
        put_quoted(line, value);
}

void log_line_end(struct log_line *line)
{
    const char *cut = line->format == LOG_FORMAT_JSON ? ",\"cut\":\"yes\"" : " cut=yes";

    if (line->is_cut)
        put_raw(line, cut, strlen(cut));
    if (line->format == LOG_FORMAT_JSON)
        put_raw(line, "}", 1);
    put_raw(line, "\n", 1);
}

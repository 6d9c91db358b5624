#include "schemas/text.h"

#include <string.h>

static bool is_tail(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

/* Bytes of the character that starts at `s`, or 0 where none does. `left` is at least 1. */
static size_t char_bytes(const unsigned char *s, size_t left)
{
    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        return left >= 2 && is_tail(s[1]) ? 2 : 0;
    if (left < 3 || !is_tail(s[1]) || !is_tail(s[2]))
        return 0;
    if (s[0] >= 0xe0 && s[0] <= 0xef) /* no overlong form, no surrogate */
        return (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) ? 0 : 3;
    if (left < 4 || !is_tail(s[3]) || s[0] < 0xf0 || s[0] > 0xf4)
        return 0;
    return (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90) ? 0 : 4;
}

/*
 * How many bytes at the beginning are printable ASCII: some of them, eight at a time, since nearly all that we read is
 * nothing else.
 */
static size_t ascii_bytes(const unsigned char *s, size_t len)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    size_t at = 0;

    for (uint64_t eight; len - at >= sizeof(eight); at += sizeof(eight)) {
        memcpy(&eight, s + at, sizeof(eight));
        if (((eight | (eight + ones) | (eight - ' ' * ones)) & 0x80 * ones) != 0) /* above, DEL, below a space */
            break;
    }
    return at;
}

static bool is_control(const unsigned char *s, size_t bytes)
{
    return (bytes == 1 && (s[0] < 0x20 || s[0] == 0x7f)) || (bytes == 2 && s[0] == 0xc2 && s[1] < 0xa0);
}

bool text_is_utf8(const char *text, size_t len)
{
    const unsigned char *s = (const unsigned char *)text;

    for (size_t at = ascii_bytes(s, len), bytes; at < len; at += bytes) {
        bytes = char_bytes(s + at, len - at);
        if (bytes == 0)
            return false;
    }
    return true;
}

bool text_is_plain(const char *text, size_t len)
{
    const unsigned char *s = (const unsigned char *)text;

    for (size_t at = ascii_bytes(s, len), bytes; at < len; at += bytes) {
        bytes = char_bytes(s + at, len - at);
        if (bytes == 0 || is_control(s + at, bytes))
            return false;
    }
    return true;
}

bool text_is_blank(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] == '\0' || strchr(" \t\n\v\f\r", text[i]) == NULL)
            return false;
    return true;
}

void text_clean(char *text, size_t len)
{
    for (size_t at = ascii_bytes((const unsigned char *)text, len); at < len;) {
        const unsigned char *s = (const unsigned char *)text + at;
        size_t bytes = char_bytes(s, len - at);

        if (bytes == 0)
            text[at++] = '?';
        else if (is_control(s, bytes))
            memset(text + at, ' ', bytes), at += bytes;
        else
            at += bytes;
    }
}

void text_copy(char *out, size_t room, const char *text)
{
    size_t len = strnlen(text, room - 1);

    memcpy(out, text, len);
    out[len] = '\0';
}

void text_copy_clean(char *out, size_t room, const char *text, size_t len)
{
    size_t kept = len < room ? len : room - 1;

    /* Cut between characters, not within one. */
    while (kept < len && kept > 0 && is_tail((unsigned char)text[kept]))
        kept--;
    if (kept != 0)
        memcpy(out, text, kept);
    out[kept] = '\0';
    text_clean(out, kept);
}

#include "schemas/uuid.h"

#include <string.h>

static const char hex_digits[] = "0123456789abcdef";

static bool is_dash_place(size_t at)
{
    return at == 8 || at == 13 || at == 18 || at == 23;
}

/* The digit in lowercase, or NUL where `c` is none. */
static char hex_digit(char c)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))
        return c;
    if (c >= 'A' && c <= 'F')
        return hex_digits[c - 'A' + 10];
    return '\0';
}

bool uuid_parse(const char *text, size_t len, struct uuid *out)
{
    struct uuid uuid = {0};
    bool dashed = len == UUID_CHARS, is_nil = true;

    if (!dashed && len != UUID_HEX_CHARS)
        return false;
    for (size_t to = 0; to < UUID_CHARS; to++) {
        if (is_dash_place(to)) {
            if (dashed && *text++ != '-')
                return false;
            uuid.text[to] = '-';
            continue;
        }
        uuid.text[to] = hex_digit(*text++);
        if (uuid.text[to] == '\0')
            return false;
        is_nil = is_nil && uuid.text[to] == '0';
    }
    if (is_nil)
        return false;
    *out = uuid;
    return true;
}

void uuid_hex(const struct uuid *uuid, char out[UUID_HEX_CHARS + 1])
{
    for (const char *from = uuid->text; *from != '\0'; from++)
        if (*from != '-')
            *out++ = *from;
    *out = '\0';
}

void uuid_from_random(const uint8_t random[16], struct uuid *out)
{
    uint8_t raw[16];
    char *to = out->text;

    memcpy(raw, random, sizeof(raw));
    raw[6] = (uint8_t)(0x40 | (raw[6] & 0x0f)); /* version 4 */
    raw[8] = (uint8_t)(0x80 | (raw[8] & 0x3f)); /* the variant of RFC 9562, 4.1 */
    for (size_t i = 0; i < sizeof(raw); i++) {
        if (is_dash_place((size_t)(to - out->text)))
            *to++ = '-';
        *to++ = hex_digits[raw[i] >> 4];
        *to++ = hex_digits[raw[i] & 0x0f];
    }
    *to = '\0';
}

bool uuid_is_set(const struct uuid *uuid)
{
    return uuid->text[0] != '\0';
}

bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
    return strcmp(a->text, b->text) == 0;
}

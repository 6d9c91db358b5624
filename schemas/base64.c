#include "schemas/base64.h"

#include <sodium.h>

size_t base64_room(size_t len)
{
    return sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL);
}

void base64_write(const uint8_t *data, size_t len, char *out, size_t room)
{
    sodium_bin2base64(out, room, data, len, sodium_base64_VARIANT_ORIGINAL);
}

/* libsodium 1.0.18 takes bytes from 0x80 on for '+' and '/': its comparisons do not expect them. */
static bool is_ascii(const char *text, size_t len)
{
    unsigned char all = 0;

    for (size_t i = 0; i < len; i++)
        all |= (unsigned char)text[i];
    return all < 0x80;
}

bool base64_read(const char *text, size_t text_len, uint8_t *out, size_t room, size_t *len)
{
    return is_ascii(text, text_len) &&
           sodium_base642bin(out, room, text, text_len, NULL, len, NULL, sodium_base64_VARIANT_ORIGINAL) == 0;
}

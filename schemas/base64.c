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

bool base64_read(const char *text, size_t text_len, uint8_t *out, size_t room, size_t *len)
{
    return sodium_base642bin(out, room, text, text_len, NULL, len, NULL, sodium_base64_VARIANT_ORIGINAL) == 0;
}

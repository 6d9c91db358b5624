/* Strict base64 (RFC 4648, 4): padded, canonical, without line breaks. */
#ifndef SCHEMAS_BASE64_H
#define SCHEMAS_BASE64_H

#include "schemas/base.h"

/* Bytes that base64_write() needs for `len` bytes, NUL included. */
size_t base64_room(size_t len);
void base64_write(const uint8_t *data, size_t len, char *out, size_t room);

/* *len is set only where all of `text` was read and fits `room`. */
MUST_CHECK bool base64_read(const char *text, size_t text_len, uint8_t *out, size_t room, size_t *len);

#endif

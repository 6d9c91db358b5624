/* UUIDs as text: accepted with or without dashes in either case, kept in one form. */
#ifndef SCHEMAS_UUID_H
#define SCHEMAS_UUID_H

#include "schemas/base.h"
#include "schemas/limits.h"

/* libvirt's form: lowercase with dashes, NUL at the end. "" means none. */
struct uuid {
    char text[UUID_CHARS + 1];
};

/*
 * Read `len` bytes: 32 hex digits, or 36 with dashes in the places of RFC 9562, 4.
 * The nil UUID is refused: libvirt takes it, and then nobody can tell it from
 * "none". *out is untouched on failure.
 */
MUST_CHECK bool uuid_parse(const char *text, size_t len, struct uuid *out);

/* Without dashes, as names on the broker have it. */
void uuid_hex(const struct uuid *uuid, char out[UUID_HEX_CHARS + 1]);

/* From 16 random bytes, which the caller hands in (RFC 9562, 5.4: version 4). */
void uuid_from_random(const uint8_t random[16], struct uuid *out);

bool uuid_is_set(const struct uuid *uuid);
bool uuid_equal(const struct uuid *a, const struct uuid *b);

#endif

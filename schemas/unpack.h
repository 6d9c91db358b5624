/* Looks at msgpack from outside before msgpack-c does, which believes every count it is told. */
#ifndef SCHEMAS_UNPACK_H
#define SCHEMAS_UNPACK_H

#include "schemas/base.h"

/*
 * NULL where `bytes` is exactly one msgpack value whose containers are nested at
 * most BODY_MAX_DEPTH deep, claim no more than there are bytes to hold, and hold
 * no extension types; else what is wrong, as a static text. Allocates nothing.
 */
const char *unpack_complaint(const uint8_t *bytes, size_t len);

#endif

/* One field, read and written. What schema.c and envelope.c share; of no concern to the other rooms. */
#ifndef SCHEMAS_FIELD_H
#define SCHEMAS_FIELD_H

#include <msgpack/object.h>

#include "schemas/schema.h"

/* The field of this name, or NULL. A key that is not text names none. */
const struct field *field_find(const struct schema *schema, const msgpack_object *key);

/* The value of this key in what may be a map, or NULL. */
const msgpack_object *map_value(const msgpack_object *map, const char *key);

/* Empty text or bytes, or nothing but white space. */
bool value_is_blank(const msgpack_object *value);

/* Write the value into its member of `out`, which is zero and stays so on failure: ERR_INVALID. */
MUST_CHECK bool field_decode(const struct field *field, const msgpack_object *value, void *out, struct err *e);

/* "'<key>' <complaint>" about a key that came from outside. Returns false. */
bool key_refuse(const msgpack_object *key, const char *complaint, const char *whose, struct err *e);

/* True where the member is not zero. */
bool field_is_set(const struct field *field, const void *message);

/* Key and value. */
void field_encode(const struct field *field, const void *message, struct writer *w);

/* schema_decode(), for a map in which unknown keys are passed over. */
MUST_CHECK bool schema_decode_known(const struct schema *schema, const msgpack_object *map, void *out, struct err *e);

#endif

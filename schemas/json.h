/* JSON into the same tree that msgpack-c makes, so that there is one decoder for both. */
#ifndef SCHEMAS_JSON_H
#define SCHEMAS_JSON_H

#include <msgpack/object.h>
#include <msgpack/zone.h>

#include "schemas/err.h"

struct json_t;

/* The first key that stands twice in one map: for an answer, where jansson only knows a syntax error. */
struct twice {
    bool is_found;
    char key[64]; /* fit to print; may be cut off */
};

/*
 * Read one JSON value, an object or an array. The tree's texts are those of *owner,
 * its containers are in `zone`: both must outlive it. A key given twice does not
 * fail here: *twice, zero before, names it, and the tree has the last of its values.
 * A number out of every range becomes 0.5, which is no whole number either.
 * Fails with ERR_MALFORMED and ERR_LOCAL. *owner is the caller's, also on failure:
 * json_release().
 */
MUST_CHECK bool json_read(const char *text, size_t len, msgpack_zone *zone, struct json_t **owner, msgpack_object *tree,
                          struct twice *twice, struct err *e);
void json_release(struct json_t *owner); /* wiped by free(): schemas/harden.h; NULL is fine */

#endif

/* What a body is made of. For envelope.c and reply.c; of no concern to the other rooms. */
#ifndef SCHEMAS_BODY_H
#define SCHEMAS_BODY_H

#include <msgpack.h>

#include "schemas/envelope.h"
#include "schemas/json.h"

struct body {
    enum encoding encoding;
    msgpack_unpacked tree;
    struct json_t *json;       /* owns the tree's texts, where it was JSON */
    struct twice twice;        /* likewise; msgpack's tree shows it by itself */
    const char *prefix, *name; /* within the tree, no NUL at the end */
    size_t prefix_len, name_len;
    const msgpack_object *fields; /* a map */
    size_t copied;
    uint8_t copy[]; /* owns the tree's texts, where it was msgpack */
};

/* False, naming the key, where JSON gave one twice. */
MUST_CHECK bool body_has_no_key_twice(const struct body *body, struct err *e);

#endif

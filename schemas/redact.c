#include "schemas/redact.h"

#include <stdio.h>
#include <string.h>

#include "schemas/body.h"
#include "schemas/field.h"
#include "schemas/messages.h"
#include "schemas/text.h"
#include "schemas/vault.h"

enum { KEY_SHOWN_BYTES = 64, MARK_CHARS = 96 };

const struct message *redact_message(const struct body *body)
{
    const struct message *m;

    for (size_t i = 0; (m = message_at(i)) != NULL; i++)
        if (strlen(m->name) == body->name_len && memcmp(m->name, body->name, body->name_len) == 0)
            return m;
    return NULL;
}

/* "text of 44 bytes": the type and the size of a value, and nothing of what it says. */
static void describe(const msgpack_object *v, char out[MARK_CHARS])
{
    switch (v->type) {
    case MSGPACK_OBJECT_NIL:
        strcpy(out, "null");
        return;
    case MSGPACK_OBJECT_BOOLEAN:
        strcpy(out, "true or false");
        return;
    case MSGPACK_OBJECT_STR:
        snprintf(out, MARK_CHARS, "text of %u bytes", v->via.str.size);
        return;
    case MSGPACK_OBJECT_BIN:
        snprintf(out, MARK_CHARS, "%u bytes", v->via.bin.size);
        return;
    case MSGPACK_OBJECT_ARRAY:
        snprintf(out, MARK_CHARS, "a list of %u", v->via.array.size);
        return;
    case MSGPACK_OBJECT_MAP:
        snprintf(out, MARK_CHARS, "a map of %u", v->via.map.size);
        return;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
    case MSGPACK_OBJECT_EXT:
        strcpy(out, "a number");
        return;
    }
}

static void mark_write(struct writer *w, const char *why, const msgpack_object *v)
{
    char what[MARK_CHARS], mark[MARK_CHARS + 32];

    describe(v, what);
    snprintf(mark, sizeof(mark), "<%s: %s>", why, what);
    writer_text(w, mark);
}

static void key_write(struct writer *w, const msgpack_object *key)
{
    char name[KEY_SHOWN_BYTES + 1] = "?";

    if (key->type == MSGPACK_OBJECT_STR && key->via.str.size > 0)
        text_copy_clean(name, sizeof(name), key->via.str.ptr, key->via.str.size);
    writer_key(w, name);
}

/* Key and value of a field that is known: the value as its type has it, if it is acceptable and no secret. */
static void field_show(const struct field *f, const msgpack_object_kv *pair, struct writer *w)
{
    const char *why = f->secret ? "secret" : f->sealed ? "sealed" : NULL;
    _Alignas(max_align_t) uint8_t message[VAULT_SLOT_BYTES] = {0};
    struct err e;

    if (why == NULL && f->size != 0 && !value_is_blank(&pair->val) && field_decode(f, &pair->val, message, &e)) {
        field_encode(f, message, w);
        return;
    }
    key_write(w, &pair->key);
    mark_write(w, why != NULL ? why : f->size == 0 ? "not shown" : "not acceptable", &pair->val);
}

static void pair_show(const struct schema *schema, const msgpack_object_kv *pair, struct writer *w)
{
    const struct field *f = schema != NULL ? field_find(schema, &pair->key) : NULL;

    if (f == NULL)
        f = field_find(&envelope_schema, &pair->key);
    if (f != NULL) {
        field_show(f, pair, w);
        return;
    }
    key_write(w, &pair->key);
    mark_write(w, "unknown field", &pair->val);
}

void redact_write(const struct body *body, struct writer *w)
{
    const struct message *message = redact_message(body);
    const msgpack_object_map *map = &body->fields->via.map;

    writer_map(w, 1);
    writer_key(w, message != NULL ? message->name : "<unknown message>");
    writer_map(w, map->size);
    for (uint32_t i = 0; i < map->size; i++)
        pair_show(message != NULL ? message->request : NULL, &map->ptr[i], w);
}

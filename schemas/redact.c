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

/* What is shown of a message. */
struct showing {
    const struct schema *schema; /* NULL: of no message that is known */
    bool is_good;                /* all of it is acceptable: each value is in its field */
    struct writer *w;
};

/* Free text may be anything where a sender has mixed up his fields. */
static bool may_show(const struct showing *s, const struct field *f, const msgpack_object *value)
{
    bool is_free = f->type == FIELD_TEXT && f->accept == NULL;

    return !f->secret && !f->sealed && f->size != 0 && !value_is_blank(value) && (s->is_good || !is_free);
}

/* Key and value of a field that is known: the value as its type has it, if it is acceptable. */
static void field_show(const struct showing *s, const struct field *f, const msgpack_object_kv *pair)
{
    _Alignas(max_align_t) uint8_t message[VAULT_SLOT_BYTES] = {0};
    bool may = may_show(s, f, &pair->val);
    struct err e;

    if (may && field_decode(f, &pair->val, message, &e)) {
        field_encode(f, message, s->w);
        return;
    }
    key_write(s->w, &pair->key);
    mark_write(s->w, f->secret ? "secret" : f->sealed ? "sealed" : may ? "not acceptable" : "not shown", &pair->val);
}

static void pair_show(const struct showing *s, const msgpack_object_kv *pair)
{
    const struct field *f = s->schema != NULL ? field_find(s->schema, &pair->key) : NULL;

    if (f == NULL)
        f = field_find(&envelope_schema, &pair->key);
    if (f != NULL) {
        field_show(s, f, pair);
        return;
    }
    key_write(s->w, &pair->key);
    mark_write(s->w, "unknown field", &pair->val);
}

static bool is_good(const struct body *body, const struct message *message)
{
    _Alignas(max_align_t) uint8_t typed[VAULT_SLOT_BYTES];
    struct envelope envelope;
    struct err e;
    bool ok = message != NULL && envelope_read(body, &envelope, &e) && message_read(body, message->request, typed, &e);

    wipe(typed, sizeof(typed));
    return ok;
}

void redact_write(const struct body *body, struct writer *w)
{
    const struct message *message = redact_message(body);
    const msgpack_object_map *map = &body->fields->via.map;
    struct showing s = {message != NULL ? message->request : NULL, is_good(body, message), w};

    writer_map(w, 1);
    writer_key(w, message != NULL ? message->name : "<unknown message>");
    writer_map(w, map->size);
    for (uint32_t i = 0; i < map->size; i++)
        pair_show(&s, &map->ptr[i]);
}

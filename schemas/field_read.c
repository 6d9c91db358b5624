#include "schemas/field.h"

#include <inttypes.h>
#include <string.h>

#include "schemas/base64.h"
#include "schemas/text.h"

const struct field *field_find(const struct schema *schema, const msgpack_object *key)
{
    const struct field *end = schema->fields + schema->count;
    const msgpack_object_str *name = &key->via.str;

    if (key->type != MSGPACK_OBJECT_STR || name->size == 0) /* msgpack-c has NULL for an empty text */
        return NULL;
    for (const struct field *f = schema->fields; f < end; f++)
        if (f->name[0] == name->ptr[0] && strncmp(f->name, name->ptr, name->size) == 0 && strlen(f->name) == name->size)
            return f;
    return NULL;
}

const msgpack_object *map_value(const msgpack_object *map, const char *key)
{
    size_t len = strlen(key);

    if (map == NULL || map->type != MSGPACK_OBJECT_MAP)
        return NULL;
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        const msgpack_object *at = &map->via.map.ptr[i].key;

        if (at->type == MSGPACK_OBJECT_STR && at->via.str.size == len && memcmp(at->via.str.ptr, key, len) == 0)
            return &map->via.map.ptr[i].val;
    }
    return NULL;
}

static bool keys_are_equal(const msgpack_object *a, const msgpack_object *b)
{
    if (a->type != MSGPACK_OBJECT_STR || b->type != MSGPACK_OBJECT_STR || a->via.str.size != b->via.str.size)
        return false;
    return a->via.str.size == 0 || memcmp(a->via.str.ptr, b->via.str.ptr, a->via.str.size) == 0;
}

bool key_refuse(const msgpack_object *key, const char *complaint, const char *whose, struct err *e)
{
    char name[sizeof(e->field)];

    if (key->type != MSGPACK_OBJECT_STR)
        return err_set(e, ERR_INVALID, "a key that is not text %s%s", complaint, whose);
    text_copy_clean(name, sizeof(name), key->via.str.ptr, key->via.str.size);
    return err_field(e, ERR_INVALID, name, "'%s' %s%s", name, complaint, whose);
}

bool value_is_blank(const msgpack_object *v)
{
    return (v->type == MSGPACK_OBJECT_STR && text_is_blank(v->via.str.ptr, v->via.str.size)) ||
           (v->type == MSGPACK_OBJECT_BIN && v->via.bin.size == 0);
}

static bool decode_text(const struct field *f, const msgpack_object *v, void *out)
{
    const msgpack_object_str *text = &v->via.str;
    char *to = out;

    if (v->type != MSGPACK_OBJECT_STR || text->size < f->min || text->size > f->max)
        return false;
    if (!text_is_plain(text->ptr, text->size))
        return false;
    if (f->size == 0)
        return true;

    memcpy(to, text->ptr, text->size);
    to[text->size] = '\0';
    if (f->accept == NULL || f->accept(to))
        return true;
    memset(to, 0, text->size);
    return false;
}

static bool decode_uuid(const struct field *f, const msgpack_object *v, void *out)
{
    (void)f;
    return v->type == MSGPACK_OBJECT_STR && uuid_parse(v->via.str.ptr, v->via.str.size, out);
}

static bool decode_whole(const struct field *f, const msgpack_object *v, void *out)
{
    if (v->type != MSGPACK_OBJECT_POSITIVE_INTEGER && v->type != MSGPACK_OBJECT_NEGATIVE_INTEGER)
        return false;
    if (v->type == MSGPACK_OBJECT_POSITIVE_INTEGER && v->via.u64 > INT64_MAX)
        return false;
    if (v->via.i64 < f->min || v->via.i64 > f->max)
        return false;
    *(int64_t *)out = v->via.i64;
    return true;
}

static bool decode_bool(const struct field *f, const msgpack_object *v, void *out)
{
    (void)f;
    if (v->type != MSGPACK_OBJECT_BOOLEAN)
        return false;
    *(bool *)out = v->via.boolean;
    return true;
}

static bool decode_choice(const struct field *f, const msgpack_object *v, void *out)
{
    (void)f;
    if (v->type != MSGPACK_OBJECT_BOOLEAN)
        return false;
    *(enum choice *)out = v->via.boolean ? YES : NO;
    return true;
}

/* Straight into the message: a DEK is in no buffer of ours that would have to be wiped. */
static bool decode_bytes(const struct field *f, const msgpack_object *v, void *out)
{
    uint8_t *data = (uint8_t *)out + offsetof(struct dek, data);
    size_t len = 0, room = (size_t)f->max;
    bool ok = false;

    if (v->type == MSGPACK_OBJECT_STR) {
        ok = base64_read(v->via.str.ptr, v->via.str.size, data, room, &len);
    } else if (v->type == MSGPACK_OBJECT_BIN && v->via.bin.size <= room) {
        ok = true;
        len = v->via.bin.size;
        memcpy(data, v->via.bin.ptr, len);
    }
    if (!ok || len < (size_t)f->min) {
        wipe(data, room);
        return false;
    }
    *(uint16_t *)out = (uint16_t)len;
    return true;
}

static bool decode_texts(const struct field *f, const msgpack_object *v, void *out)
{
    (void)out;
    if (v->type != MSGPACK_OBJECT_ARRAY || v->via.array.size > f->max)
        return false;
    for (uint32_t i = 0; i < v->via.array.size; i++)
        if (v->via.array.ptr[i].type != MSGPACK_OBJECT_STR)
            return false;
    return true;
}

static bool decode_finding(const msgpack_object *v, struct finding *out)
{
    static const struct field what = {.min = 1, .max = FINDING_MAX_CHARS, .size = FINDING_MAX_CHARS + 1};
    static const struct field since = {.min = 0, .max = WHOLE_MAX};
    const msgpack_object *words = map_value(v, "what"), *uuid = map_value(v, "secretUuid"), *ms = map_value(v, "since");

    return words != NULL && uuid != NULL && ms != NULL && decode_text(&what, words, out->what) &&
           decode_uuid(NULL, uuid, &out->secret_uuid) && decode_whole(&since, ms, &out->since_ms);
}

static bool decode_findings(const struct field *f, const msgpack_object *v, void *out)
{
    struct finding_list *list = out;

    if (v->type != MSGPACK_OBJECT_ARRAY || v->via.array.size > f->max)
        return false;
    for (; list->count < v->via.array.size; list->count++)
        if (!decode_finding(&v->via.array.ptr[list->count], &list->at[list->count]))
            break;
    if (list->count == v->via.array.size)
        return true;
    memset(list, 0, sizeof(*list));
    return false;
}

/* NOLINTBEGIN(misc-no-recursion): a body is at most BODY_MAX_DEPTH deep */
static bool tree_is_fine(const msgpack_object *v);

static bool map_is_fine(const msgpack_object_map *map)
{
    if (map->size > MAP_MAX_PAIRS)
        return false;
    for (uint32_t i = 0; i < map->size; i++) {
        if (!tree_is_fine(&map->ptr[i].key) || !tree_is_fine(&map->ptr[i].val))
            return false;
        for (uint32_t j = 0; j < i; j++)
            if (keys_are_equal(&map->ptr[i].key, &map->ptr[j].key))
                return false;
    }
    return true;
}

static bool tree_is_fine(const msgpack_object *v)
{
    if (v->type == MSGPACK_OBJECT_MAP)
        return map_is_fine(&v->via.map);
    if (v->type == MSGPACK_OBJECT_ARRAY)
        for (uint32_t i = 0; i < v->via.array.size; i++)
            if (!tree_is_fine(&v->via.array.ptr[i]))
                return false;
    return true;
}
/* NOLINTEND(misc-no-recursion) */

static bool decode_map(const struct field *f, const msgpack_object *v, void *out)
{
    (void)out;
    return v->type == MSGPACK_OBJECT_MAP && v->via.map.size <= f->max && map_is_fine(&v->via.map);
}

static const struct {
    bool (*decode)(const struct field *f, const msgpack_object *v, void *member);
    const char *wants, *of_what; /* "<wants> min to max<of_what>", for a field that does not say it better */
} types[] = {
    /* clang-format off */
    [FIELD_TEXT]   = {decode_text,   "text of", " bytes without control characters"},
    [FIELD_UUID]   = {decode_uuid,   NULL, NULL},
    [FIELD_WHOLE]  = {decode_whole,  "a whole number from", ""},
    [FIELD_BOOL]   = {decode_bool,   NULL, NULL},
    [FIELD_CHOICE] = {decode_choice, NULL, NULL},
    [FIELD_BYTES]  = {decode_bytes,  "bytes, or strict base64, of", " bytes"},
    [FIELD_TEXTS]  = {decode_texts,  "a list of", " texts"},
    [FIELD_FINDINGS] = {decode_findings, "a list of", " maps of what, secretUuid and since"},
    [FIELD_MAP]    = {decode_map,    "a map of", " keys, none given twice"},
    /* clang-format on */
};

static bool value_refuse(const struct field *f, struct err *e)
{
    if (f->wants != NULL)
        return err_field(e, ERR_INVALID, f->name, "%s must be %s", f->name, f->wants);
    return err_field(e, ERR_INVALID, f->name, "%s must be %s %" PRId64 " to %" PRId64 "%s", f->name,
                     types[f->type].wants, f->min, f->max, types[f->type].of_what);
}

bool field_decode(const struct field *f, const msgpack_object *v, void *out, struct err *e)
{
    return types[f->type].decode(f, v, (char *)out + f->offset) || value_refuse(f, e);
}

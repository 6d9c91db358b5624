#include "schemas/schema.h"

#include <stdio.h>
#include <string.h>

#include "schemas/field.h"
#include "schemas/version.h"

/* What field_read.c and field_write.c take for granted of every run of bytes. */
#define IS_LIKE_DEK(T) (offsetof(T, len) == 0 && offsetof(T, data) == offsetof(struct dek, data))
_Static_assert(IS_LIKE_DEK(struct dek) && IS_LIKE_DEK(struct sealed_dek) && IS_LIKE_DEK(struct public_key), "one form");

/* One decoding: what to make of keys that are not the schema's, and, a bit for each field, how far it has come. */
struct decoding {
    const struct schema *schema;
    const struct schema *beside; /* NULL: none */
    bool passes_unknown;
    uint64_t seen, blank, decoded;
};

static bool stranger_decode(const struct decoding *d, const msgpack_object *key, struct err *e)
{
    char whose[160];

    if (d->passes_unknown || (d->beside != NULL && field_find(d->beside, key) != NULL))
        return true;
    snprintf(whose, sizeof(whose), "%s" NOT_KNOWN_HERE, d->schema->name);
    return key_refuse(key, "is not a field of ", whose, e);
}

static bool pair_decode(struct decoding *d, const msgpack_object_kv *pair, void *out, struct err *e)
{
    const struct field *f = field_find(d->schema, &pair->key);

    if (f == NULL)
        return stranger_decode(d, &pair->key, e);

    uint64_t bit = UINT64_C(1) << (f - d->schema->fields);
    if ((d->seen & bit) != 0)
        return key_refuse(&pair->key, "is given twice", "", e);
    d->seen |= bit;
    if (pair->val.type == MSGPACK_OBJECT_NIL)
        return true;
    if (value_is_blank(&pair->val)) {
        d->blank |= bit;
        return true;
    }
    d->decoded |= bit;
    return field_decode(f, &pair->val, out, e);
}

/* "<the schema's sentence>: usageInstance is blank" where it names the field, else "dekBase64 is required: it is ...". */
static bool field_require(const struct schema *schema, const struct field *f, bool is_blank, struct err *e)
{
    const char *how = is_blank ? "blank" : "missing";

    if (schema->required != NULL && strstr(schema->required, f->name) != NULL)
        return err_field(e, ERR_REQUIRED, f->name, "%s: %s is %s", schema->required, f->name, how);
    return err_field(e, ERR_REQUIRED, f->name, "%s is required: it is %s", f->name, how);
}

static bool required_are_there(const struct decoding *d, struct err *e)
{
    for (size_t i = 0; i < d->schema->count; i++) {
        const struct field *f = &d->schema->fields[i];

        if (f->presence == REQUIRED && (d->decoded >> i & 1) == 0)
            return field_require(d->schema, f, (d->blank >> i & 1) != 0, e);
    }
    return true;
}

static bool map_decode(struct decoding *d, const msgpack_object *map, void *out, struct err *e)
{
    if (map->type != MSGPACK_OBJECT_MAP)
        return err_set(e, ERR_INVALID, "the fields of %s must be a map", d->schema->name);
    for (uint32_t i = 0; i < map->via.map.size; i++)
        if (!pair_decode(d, &map->via.map.ptr[i], out, e))
            return false;
    return required_are_there(d, e) && (d->schema->check == NULL || d->schema->check(out, e));
}

static bool decode(struct decoding *d, const msgpack_object *map, void *out, struct err *e)
{
    memset(out, 0, d->schema->size);
    if (map_decode(d, map, out, e))
        return true;
    wipe(out, d->schema->size);
    return false;
}

bool schema_decode(const struct schema *schema, const struct schema *beside, const msgpack_object *map, void *out,
                   struct err *e)
{
    return decode(&(struct decoding){.schema = schema, .beside = beside}, map, out, e);
}

bool schema_decode_known(const struct schema *schema, const msgpack_object *map, void *out, struct err *e)
{
    return decode(&(struct decoding){.schema = schema, .passes_unknown = true}, map, out, e);
}

bool field_is_written(const struct field *f, const void *message)
{
    return f->presence == REQUIRED || field_is_set(f, message);
}

void schema_encode(const struct schema *schema, const void *message, struct writer *w)
{
    for (size_t i = 0; i < schema->count; i++)
        if (field_is_written(&schema->fields[i], message))
            field_encode(&schema->fields[i], message, w);
}

size_t schema_present(const struct schema *schema, const void *message)
{
    size_t present = 0;

    for (size_t i = 0; i < schema->count; i++)
        present += field_is_written(&schema->fields[i], message);
    return present;
}

bool schema_has_secret(const struct schema *schema, const void *message, const char **name)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct field *f = &schema->fields[i];

        if (f->secret && field_is_set(f, message)) {
            *name = f->name;
            return true;
        }
    }
    return false;
}

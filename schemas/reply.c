#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "schemas/body.h"
#include "schemas/field.h"
#include "schemas/text.h"

/* ---- writing ---- */

/* "SecretHostDefineMsg" is answered by "SecretHostDefineReply"; what does not end in Msg gets Reply all the same. */
static void reply_name(const struct reply_head *head, char *out, size_t room)
{
    size_t len = strlen(head->name);

    if (len >= 3 && strcmp(head->name + len - 3, "Msg") == 0)
        len -= 3;
    snprintf(out, room, "%s%.*sReply", head->prefix, (int)len, head->name);
}

static void text_put(struct writer *w, const char *key, const char *text)
{
    writer_key(w, key);
    writer_text(w, text);
}

static void whole_put(struct writer *w, const char *key, int64_t value)
{
    writer_key(w, key);
    writer_whole(w, value);
}

static void bool_put(struct writer *w, const char *key, bool value)
{
    writer_key(w, key);
    writer_bool(w, value);
}

static void opaque_put(struct writer *w, const struct err *failure)
{
    bool is_libvirts = failure->libvirt_code != 0 || failure->libvirt_domain != 0;
    bool has_field = failure->field[0] != '\0', is_counted = failure->attempt != 0;

    writer_key(w, "opaque");
    writer_map(w, 2 + (size_t)has_field + 2 * (size_t)is_libvirts + is_counted);
    text_put(w, "effect", effect_name(failure->effect));
    bool_put(w, "retryable", failure->retryable);
    if (has_field)
        text_put(w, "field", failure->field);
    if (is_libvirts) {
        whole_put(w, "libvirtCode", failure->libvirt_code);
        whole_put(w, "libvirtDomain", failure->libvirt_domain);
    }
    if (is_counted)
        whole_put(w, "attempt", failure->attempt);
}

static void failure_put(struct writer *w, const struct err *failure)
{
    writer_key(w, "error");
    writer_map(w, 4);
    text_put(w, "code", failure->code);
    text_put(w, "description", err_meaning(failure));
    text_put(w, "details", failure->text);
    opaque_put(w, failure);
}

bool reply_write(const struct reply_head *head, const struct schema *schema, const void *message,
                 const struct err *failure, struct bytes *out, struct err *e)
{
    char name[PREFIX_MAX_CHARS + NAME_MAX_CHARS + sizeof("Reply")];
    struct writer *w = writer_new(head->encoding);

    if (w == NULL)
        return err_set(e, ERR_LOCAL, "out of memory for a reply");
    reply_name(head, name, sizeof(name));
    writer_map(w, 1);
    writer_key(w, name);
    writer_map(w, 4 + (failure != NULL ? 1 : schema_present(schema, message)));
    writer_key(w, "headers");
    writer_map(w, 2);
    text_put(w, "correlationId", head->correlation_id);
    text_put(w, "isReply", "true");
    text_put(w, "id", head->id);
    whole_put(w, "createdTime", head->created_ms);
    bool_put(w, "success", failure == NULL);
    if (failure != NULL)
        failure_put(w, failure);
    else
        schema_encode(schema, message, w);
    return writer_finish(w, out, e);
}

/* ---- reading ---- */

struct outcome {
    bool success;
};

static const struct field outcome_fields[] = {
    BOOL(struct outcome, success, "success", REQUIRED),
};

static const struct schema outcome_schema = SCHEMA("a reply", NULL, struct outcome, outcome_fields, NULL);

/* An error is read leniently: what a service of another kind wrote for people may be long, or have line breaks. */
static void text_take(const msgpack_object *map, const char *key, char *out, size_t room)
{
    const msgpack_object *v = map_value(map, key);

    if (v != NULL && v->type == MSGPACK_OBJECT_STR)
        text_copy_clean(out, room, v->via.str.ptr, v->via.str.size);
    else
        out[0] = '\0';
}

/* 0 where there is no such number, or none in int's range. */
static int whole_take(const msgpack_object *map, const char *key)
{
    const msgpack_object *v = map_value(map, key);

    return v != NULL && v->type == MSGPACK_OBJECT_POSITIVE_INTEGER && v->via.u64 <= INT_MAX ? (int)v->via.u64 : 0;
}

static bool bool_take(const msgpack_object *map, const char *key)
{
    const msgpack_object *v = map_value(map, key);

    return v != NULL && v->type == MSGPACK_OBJECT_BOOLEAN && v->via.boolean;
}

/* Always false: *e is the peer's error. */
static bool failure_read(const msgpack_object *error, struct err *e)
{
    const msgpack_object *opaque = map_value(error, "opaque");
    char code[sizeof(e->code)], details[sizeof(e->text)], effect[16];

    text_take(error, "code", code, sizeof(code));
    text_take(error, "details", details, sizeof(details));
    if (code[0] == '\0')
        return err_set(e, ERR_FOREIGN, "the reply tells of a failure, but has no error code");
    err_from_wire(e, code, details, bool_take(opaque, "retryable"));
    text_take(opaque, "effect", effect, sizeof(effect));
    e->effect = effect_from_name(effect);
    text_take(opaque, "field", e->field, sizeof(e->field));
    e->libvirt_code = whole_take(opaque, "libvirtCode");
    e->libvirt_domain = whole_take(opaque, "libvirtDomain");
    e->attempt = (unsigned)whole_take(opaque, "attempt");
    return false;
}

/* Always false: what came is not a reply that we can use, but for our own lack of memory. */
static bool reply_refuse(const struct schema *schema, const struct err *why, struct err *e)
{
    const char *name = schema != NULL ? schema->name : outcome_schema.name;

    if (why->kind == ERR_LOCAL)
        *e = *why;
    else
        err_field(e, ERR_FOREIGN, why->field, "what came is not %s: %s", name, why->text);
    return false;
}

static bool is_called(const struct body *body, const char *name)
{
    return body->name_len == strlen(name) && memcmp(body->name, name, body->name_len) == 0;
}

bool reply_read(const uint8_t *bytes, size_t len, const char *content_type, const struct schema *schema, void *out,
                struct err *e)
{
    ON_EXIT(body_release) struct body *body = NULL;
    struct outcome outcome;
    struct err why;

    if (schema != NULL)
        memset(out, 0, schema->size);
    if (!body_read(bytes, len, content_type, &body, &why) || !body_has_no_key_twice(body, &why))
        return reply_refuse(schema, &why, e);
    if (schema != NULL && !is_called(body, schema->name))
        return err_set(e, ERR_FOREIGN, "what came is not %s but another message", schema->name);
    if (!schema_decode_known(&outcome_schema, body->fields, &outcome, &why))
        return reply_refuse(schema, &why, e);
    if (!outcome.success)
        return failure_read(map_value(body->fields, "error"), e);
    return schema == NULL || schema_decode_known(schema, body->fields, out, &why) || reply_refuse(schema, &why, e);
}

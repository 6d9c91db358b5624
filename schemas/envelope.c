#include "schemas/envelope.h"

#include <string.h>

#include "schemas/body.h"
#include "schemas/field.h"
#include "schemas/messages.h"

/* ---- the fields every request may carry ---- */

/* clang-format off */
static const struct field common_fields[] = {
    TEXT(struct envelope, id, "id", OPTIONAL, 1, ID_MAX_CHARS, id_is_acceptable, "1 to 128 of [A-Za-z0-9._:-]"),
    CHECKED("serviceId", FIELD_TEXT, 1, SHORTSTR_MAX_CHARS),
    WHOLE(struct envelope, created_ms,  "createdTime",     OPTIONAL,  0, WHOLE_MAX),
    WHOLE(struct envelope, timeout_ms,  "timeout",         OPTIONAL, -1, WHOLE_MAX),
    WHOLE(struct envelope, deadline_ms, "messageDeadline", OPTIONAL, -1, WHOLE_MAX),
    CHECKED("headers",    FIELD_MAP,   0, MAP_MAX_PAIRS),
    CHECKED("systemTags", FIELD_TEXTS, 0, TEXT_LIST_MAX),
    CHECKED("userTags",   FIELD_TEXTS, 0, TEXT_LIST_MAX),
};

/* What we know of the `headers` map; a sender's other keys are its own. */
static const struct field header_fields[] = {
    TEXT(struct envelope, correlation_id, "correlationId", OPTIONAL, 1, SHORTSTR_MAX_CHARS, NULL, NULL),
    TEXT(struct envelope, reply_to,       "replyTo",       OPTIONAL, 1, SHORTSTR_MAX_CHARS, NULL, NULL),
    BOOL(struct envelope, no_reply,       "noReply",       OPTIONAL),
};
/* clang-format on */

const struct schema envelope_schema = SCHEMA("the envelope", NULL, struct envelope, common_fields, NULL);
static const struct schema headers_schema = SCHEMA("headers", NULL, struct envelope, header_fields, NULL);

bool id_is_acceptable(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-");

    return len >= 1 && len <= ID_MAX_CHARS && text[len] == '\0';
}

/* ---- reading ---- */

/* ZStack writes noReply as text. */
static msgpack_object text_as_bool(const msgpack_object *v)
{
    static const struct {
        const char *text;
        size_t len;
        bool value;
    } known[] = {{"true", 4, true}, {"false", 5, false}};

    for (size_t i = 0; v->type == MSGPACK_OBJECT_STR && i < COUNT(known); i++)
        if (v->via.str.size == known[i].len && memcmp(v->via.str.ptr, known[i].text, known[i].len) == 0)
            return (msgpack_object){.type = MSGPACK_OBJECT_BOOLEAN, .via.boolean = known[i].value};
    return *v;
}

static bool known_field_read(const struct field *f, const msgpack_object *v, void *out, struct err *e)
{
    msgpack_object value = f->type == FIELD_BOOL ? text_as_bool(v) : *v;

    return value.type == MSGPACK_OBJECT_NIL || value_is_blank(&value) || field_decode(f, &value, out, e);
}

/* What `schema` knows of the map, past the fields that are not acceptable. False, with the first of these, if any. */
static bool known_fields_read(const struct schema *schema, const msgpack_object_map *map, struct envelope *out,
                              struct err *e)
{
    uint64_t seen = 0;
    struct err later;
    bool ok = true;

    for (uint32_t i = 0; i < map->size; i++) {
        const msgpack_object_kv *pair = &map->ptr[i];
        const struct field *f = field_find(schema, &pair->key);

        if (f == NULL)
            continue;
        uint64_t bit = UINT64_C(1) << (f - schema->fields);
        if ((seen & bit) != 0)
            ok = key_refuse(&pair->key, "is given twice", "", ok ? e : &later);
        else
            ok = known_field_read(f, &pair->val, out, ok ? e : &later) && ok;
        seen |= bit;
    }
    return ok;
}

bool envelope_read(const struct body *body, struct envelope *out, struct err *e)
{
    const msgpack_object *headers = map_value(body->fields, "headers");
    struct err later;

    *out = (struct envelope){.encoding = body->encoding};
    memcpy(out->prefix, body->prefix, body->prefix_len);
    memcpy(out->name, body->name, body->name_len);

    bool ok = body_has_no_key_twice(body, e);
    ok = known_fields_read(&envelope_schema, &body->fields->via.map, out, ok ? e : &later) && ok;
    if (headers != NULL && headers->type == MSGPACK_OBJECT_MAP)
        ok = known_fields_read(&headers_schema, &headers->via.map, out, ok ? e : &later) && ok;
    return ok;
}

bool message_read(const struct body *body, const struct schema *schema, void *out, struct err *e)
{
    memset(out, 0, schema->size);
    return body_has_no_key_twice(body, e) && schema_decode(schema, &envelope_schema, body->fields, out, e);
}

static const struct field host_fields[] = {
    UUID(struct addressed, host_uuid, "hostUuid", REQUIRED),
};

static const struct schema host_schema = SCHEMA("a request", NULL, struct addressed, host_fields, NULL);

bool body_host(const struct body *body, struct uuid *out, struct err *e)
{
    struct addressed to;

    if (!body_has_no_key_twice(body, e) || !schema_decode_known(&host_schema, body->fields, &to, e))
        return false;
    *out = to.host_uuid;
    return true;
}

int64_t envelope_deadline_ms(const struct envelope *envelope, int64_t arrived_ms)
{
    if (envelope->deadline_ms > 0)
        return envelope->deadline_ms;
    if (envelope->timeout_ms <= 0)
        return 0;
    return (envelope->created_ms > 0 ? envelope->created_ms : arrived_ms) + envelope->timeout_ms;
}

/* ---- writing ---- */

bool request_write(const struct request_head *head, const struct schema *schema, const void *message, struct bytes *out,
                   struct err *e)
{
    struct writer *w = writer_new(head->encoding);

    if (w == NULL)
        return err_set(e, ERR_LOCAL, "out of memory for a request");
    writer_map(w, 1);
    writer_key(w, head->name);
    writer_map(w, (head->deadline_ms > 0 ? 3 : 2) + schema_present(schema, message));
    writer_key(w, "id");
    writer_text(w, head->id);
    writer_key(w, "createdTime");
    writer_whole(w, head->created_ms);
    if (head->deadline_ms > 0) {
        writer_key(w, "messageDeadline");
        writer_whole(w, head->deadline_ms);
    }
    schema_encode(schema, message, w);
    return writer_finish(w, out, e);
}

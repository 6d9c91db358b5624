#include "schemas/body.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "schemas/text.h"
#include "schemas/unpack.h"

/* ---- which encoding ---- */

/* True where `content_type` is this one, whatever its parameters (RFC 9110, 8.3.1). */
static bool is_content_type(const char *content_type, const char *wanted)
{
    size_t len = strlen(wanted);

    content_type += strspn(content_type, " \t");
    return strncasecmp(content_type, wanted, len) == 0 && strchr("; \t", content_type[len]) != NULL;
}

enum encoding encoding_of(const uint8_t *bytes, size_t len, const char *content_type)
{
    static const enum encoding all[] = {ENCODING_MSGPACK, ENCODING_JSON};

    for (size_t i = 0; content_type != NULL && i < COUNT(all); i++)
        if (is_content_type(content_type, encoding_content_type(all[i])))
            return all[i];
    return len > 0 && bytes[0] == '{' ? ENCODING_JSON : ENCODING_MSGPACK;
}

/* ---- bytes to tree ---- */

/* Of a tree, at first: it is wiped when it is freed, and most have some twenty fields of 48 bytes at the most. */
enum { ZONE_BYTES = 1000 };

static bool msgpack_read(struct body *body, const uint8_t *bytes, size_t len, struct err *e)
{
    const char *complaint = unpack_complaint(bytes, len);

    if (complaint != NULL)
        return err_set(e, ERR_MALFORMED, "the body cannot be read as msgpack: %s", complaint);
    memcpy(body->copy, bytes, len);
    body->copied = len;
    switch (msgpack_unpack((const char *)body->copy, len, NULL, body->tree.zone, &body->tree.data)) {
    case MSGPACK_UNPACK_SUCCESS:
        return true;
    case MSGPACK_UNPACK_NOMEM_ERROR:
        return err_set(e, ERR_LOCAL, "out of memory for a msgpack body");
    case MSGPACK_UNPACK_EXTRA_BYTES:
    case MSGPACK_UNPACK_CONTINUE:
    case MSGPACK_UNPACK_PARSE_ERROR:
        break;
    }
    return err_set(e, ERR_MALFORMED, "the body cannot be read as msgpack");
}

static bool json_tree_read(struct body *body, const uint8_t *bytes, size_t len, struct err *e)
{
    return json_read((const char *)bytes, len, body->tree.zone, &body->json, &body->tree.data, &body->twice, e);
}

static bool tree_read(struct body *body, const uint8_t *bytes, size_t len, struct err *e)
{
    body->tree.zone = msgpack_zone_new(ZONE_BYTES);
    if (body->tree.zone == NULL)
        return err_set(e, ERR_LOCAL, "out of memory for the fields of a body");
    return body->encoding == ENCODING_JSON ? json_tree_read(body, bytes, len, e) : msgpack_read(body, bytes, len, e);
}

/* ---- tree to name and fields ---- */

static bool name_split(struct body *body, const msgpack_object_str *whole, struct err *e)
{
    const char *dot = memrchr(whole->ptr, '.', whole->size);

    body->prefix = whole->ptr;
    body->prefix_len = dot == NULL ? 0 : (size_t)(dot + 1 - whole->ptr);
    body->name = whole->ptr + body->prefix_len;
    body->name_len = whole->size - body->prefix_len;
    if (body->name_len == 0 || body->name_len > NAME_MAX_CHARS || body->prefix_len > PREFIX_MAX_CHARS)
        return err_set(e, ERR_MALFORMED, "a message's name must be 1 to %d characters, after a prefix of up to %d",
                       NAME_MAX_CHARS, PREFIX_MAX_CHARS);
    if (!text_is_plain(whole->ptr, whole->size))
        return err_set(e, ERR_MALFORMED, "a message's name must be text without control characters");
    return true;
}

static bool tree_split(struct body *body, struct err *e)
{
    const msgpack_object *root = &body->tree.data;

    if (root->type != MSGPACK_OBJECT_MAP || root->via.map.size != 1)
        return err_set(e, ERR_MALFORMED, "the body must be a map with one key, the message's name");

    const msgpack_object_kv *message = &root->via.map.ptr[0];
    if (message->key.type != MSGPACK_OBJECT_STR || message->key.via.str.size == 0)
        return err_set(e, ERR_MALFORMED, "a message's name must be text, and not empty");
    if (message->val.type != MSGPACK_OBJECT_MAP)
        return err_set(e, ERR_MALFORMED, "a message's fields must be a map");
    body->fields = &message->val;
    return name_split(body, &message->key.via.str, e);
}

bool body_read(const uint8_t *bytes, size_t len, const char *content_type, struct body **out, struct err *e)
{
    ON_EXIT(body_release) struct body *body = NULL;

    if (len == 0 || len > BODY_MAX_BYTES)
        return err_set(e, ERR_MALFORMED, "the body has %zu bytes; 1 to %d are accepted", len, BODY_MAX_BYTES);
    body = malloc(sizeof(*body) + len);
    if (body == NULL)
        return err_set(e, ERR_LOCAL, "out of memory for a body of %zu bytes", len);
    *body = (struct body){.encoding = encoding_of(bytes, len, content_type)};
    if (!tree_read(body, bytes, len, e) || !tree_split(body, e))
        return false;

    *out = TAKE(body);
    return true;
}

void body_free(struct body *body)
{
    if (body == NULL)
        return;
    msgpack_unpacked_destroy(&body->tree);
    json_release(body->json);
    wipe(body->copy, body->copied);
    free(body);
}

bool body_has_no_key_twice(const struct body *body, struct err *e)
{
    if (!body->twice.is_found)
        return true;
    return err_field(e, ERR_INVALID, body->twice.key, "'%s' is given twice", body->twice.key);
}

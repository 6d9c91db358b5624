#include "schemas/writer.h"

#include <assert.h>
#include <inttypes.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/base64.h"
#include "schemas/limits.h"
#include "schemas/text.h"

enum { FIRST_ROOM = 1024 };

/* A JSON map or list that is open: keys and values written, and to come. */
struct level {
    size_t done, total;
    bool is_map;
};

struct writer {
    const struct ops *ops;
    struct bytes out;
    size_t room;
    bool failed; /* out of memory: everything from here on is dropped */
    unsigned depth;
    struct level levels[BODY_MAX_DEPTH];
};

/* How an encoding says each thing. */
struct ops {
    void (*map)(struct writer *w, size_t pairs);
    void (*list)(struct writer *w, size_t count);
    void (*text)(struct writer *w, const char *text, size_t len);
    void (*whole)(struct writer *w, int64_t value);
    void (*boolean)(struct writer *w, bool value);
    void (*bytes)(struct writer *w, const uint8_t *data, size_t len);
};

/* Not realloc(): it would leave a copy behind that nobody wipes. */
static bool room_grow(struct writer *w, size_t wanted)
{
    size_t room = w->room * 2 > wanted ? w->room * 2 : wanted;
    uint8_t *data = malloc(room);

    if (data == NULL)
        return false;
    if (w->out.len != 0)
        memcpy(data, w->out.data, w->out.len);
    struct bytes old = w->out;
    w->out = (struct bytes){data, old.len};
    w->room = room;
    bytes_free(&old);
    return true;
}

/* Room for `len` more bytes, now part of the output; NULL when there is none. */
static void *room_take(struct writer *w, size_t len)
{
    if (!w->failed && w->room - w->out.len < len)
        w->failed = !room_grow(w, w->out.len + len);
    if (w->failed)
        return NULL;
    w->out.len += len;
    return w->out.data + w->out.len - len;
}

static void append(struct writer *w, const void *data, size_t len)
{
    void *to = room_take(w, len);

    if (to != NULL && len != 0)
        memcpy(to, data, len);
}

/* ---- msgpack ---- */

static int msgpack_append(void *w, const char *data, size_t len)
{
    append(w, data, len);
    return 0;
}

static msgpack_packer packer(struct writer *w)
{
    return (msgpack_packer){.data = w, .callback = msgpack_append};
}

static void msgpack_map(struct writer *w, size_t pairs)
{
    msgpack_packer to = packer(w);

    msgpack_pack_map(&to, pairs);
}

static void msgpack_list(struct writer *w, size_t count)
{
    msgpack_packer to = packer(w);

    msgpack_pack_array(&to, count);
}

static void msgpack_text(struct writer *w, const char *text, size_t len)
{
    msgpack_packer to = packer(w);

    msgpack_pack_str(&to, len);
    append(w, text, len);
}

static void msgpack_whole(struct writer *w, int64_t value)
{
    msgpack_packer to = packer(w);

    msgpack_pack_int64(&to, value);
}

static void msgpack_boolean(struct writer *w, bool value)
{
    append(w, value ? "\xc3" : "\xc2", 1);
}

static void msgpack_bytes(struct writer *w, const uint8_t *data, size_t len)
{
    msgpack_packer to = packer(w);

    msgpack_pack_bin(&to, len);
    append(w, data, len);
}

static const struct ops msgpack_ops = {
    msgpack_map, msgpack_list, msgpack_text, msgpack_whole, msgpack_boolean, msgpack_bytes,
};

/* ---- JSON (RFC 8259) ---- */

/* What must stand between the value before and the one that comes. */
static void json_begin(struct writer *w)
{
    if (w->depth == 0)
        return;

    const struct level *level = &w->levels[w->depth - 1];
    if (level->is_map && level->done % 2 == 1)
        append(w, ":", 1);
    else if (level->done > 0)
        append(w, ",", 1);
}

/* A value is complete: so is every map and list of which it was the last. */
static void json_end(struct writer *w)
{
    while (w->depth > 0) {
        struct level *level = &w->levels[w->depth - 1];

        if (++level->done < level->total)
            return;
        append(w, level->is_map ? "}" : "]", 1);
        w->depth--;
    }
}

static void json_open(struct writer *w, const char *brackets, struct level level)
{
    json_begin(w);
    if (level.total == 0) {
        append(w, brackets, 2);
        json_end(w);
        return;
    }
    append(w, brackets, 1);
    assert(w->depth < COUNT(w->levels));
    w->levels[w->depth++] = level;
}

static void json_map(struct writer *w, size_t pairs)
{
    json_open(w, "{}", (struct level){.total = 2 * pairs, .is_map = true});
}

static void json_list(struct writer *w, size_t count)
{
    json_open(w, "[]", (struct level){.total = count});
}

static void json_escape(struct writer *w, char c)
{
    char escape[7];

    if (c == '"' || c == '\\')
        snprintf(escape, sizeof(escape), "\\%c", c);
    else
        snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)c);
    append(w, escape, strlen(escape));
}

/* RFC 8259, 7: the quote, the backslash and what is below a space must be escaped. */
static void json_text(struct writer *w, const char *text, size_t len)
{
    size_t from = 0;

    json_begin(w);
    append(w, "\"", 1);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] >= ' ' && text[i] != '"' && text[i] != '\\')
            continue;
        append(w, text + from, i - from);
        json_escape(w, text[i]);
        from = i + 1;
    }
    append(w, text + from, len - from);
    append(w, "\"", 1);
    json_end(w);
}

static void json_whole(struct writer *w, int64_t value)
{
    char digits[24];

    json_begin(w);
    append(w, digits, (size_t)snprintf(digits, sizeof(digits), "%" PRId64, value));
    json_end(w);
}

static void json_boolean(struct writer *w, bool value)
{
    json_begin(w);
    append(w, value ? "true" : "false", value ? 4 : 5);
    json_end(w);
}

static void json_bytes(struct writer *w, const uint8_t *data, size_t len)
{
    size_t room = base64_room(len);

    json_begin(w);
    append(w, "\"", 1);
    char *to = room_take(w, room);
    if (to != NULL) {
        base64_write(data, len, to, room);
        to[room - 1] = '"'; /* in the place of the NUL */
    }
    json_end(w);
}

static const struct ops json_ops = {
    json_map, json_list, json_text, json_whole, json_boolean, json_bytes,
};

/* ---- both ---- */

static const struct {
    const char *content_type;
    const struct ops *ops;
} encodings[] = {
    [ENCODING_MSGPACK] = {"application/msgpack", &msgpack_ops},
    [ENCODING_JSON] = {"application/json", &json_ops},
};

const char *encoding_content_type(enum encoding encoding)
{
    return encodings[encoding].content_type;
}

struct writer *writer_new(enum encoding encoding)
{
    struct writer *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return NULL;
    w->ops = encodings[encoding].ops;
    w->failed = !room_grow(w, FIRST_ROOM);
    return w;
}

void writer_free(struct writer *w)
{
    if (w == NULL)
        return;
    bytes_free(&w->out);
    free(w);
}

void writer_map(struct writer *w, size_t pairs)
{
    w->ops->map(w, pairs);
}

void writer_list(struct writer *w, size_t count)
{
    w->ops->list(w, count);
}

void writer_key(struct writer *w, const char *key)
{
    w->ops->text(w, key, strlen(key));
}

void writer_text(struct writer *w, const char *text)
{
    size_t len = strlen(text);

    if (text_is_utf8(text, len)) {
        w->ops->text(w, text, len);
        return;
    }
    char *clean = strdup(text);
    if (clean == NULL) {
        w->failed = true;
        return;
    }
    text_clean(clean, len);
    w->ops->text(w, clean, len);
    wipe(clean, len);
    free(clean);
}

void writer_whole(struct writer *w, int64_t value)
{
    w->ops->whole(w, value);
}

void writer_bool(struct writer *w, bool value)
{
    w->ops->boolean(w, value);
}

void writer_bytes(struct writer *w, const uint8_t *data, size_t len)
{
    w->ops->bytes(w, data, len);
}

bool writer_finish(struct writer *w, struct bytes *out, struct err *e)
{
    bool ok = !w->failed;

    assert(w->depth == 0);
    if (ok) {
        *out = w->out;
        w->out = (struct bytes){0};
    }
    writer_free(w);
    return ok || err_set(e, ERR_LOCAL, "out of memory for a message");
}

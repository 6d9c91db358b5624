#include "bus/wire_decode.h"

#include <amqp_framing.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD_BYTES = 7, END_BYTES = 1, POOL_PAGE_BYTES = 4096, TLS_ALERT = 21 /* RFC 8446 5.1 */ };

struct wire_reader {
    uint8_t head[HEAD_BYTES];
    size_t head_used;
    uint8_t *gathered; /* of a method or header frame that comes in pieces: payload and end */
    size_t gathered_used, gathered_size;
    uint32_t body_left; /* of a body frame */
    uint32_t frame_max;
    amqp_pool_t pool; /* what the last frame was decoded into */
};

struct wire_reader *wire_reader_new(void)
{
    struct wire_reader *reader = calloc(1, sizeof(*reader));

    if (reader == NULL)
        return NULL;
    reader->frame_max = FRAME_MAX_BYTES;
    init_amqp_pool(&reader->pool, POOL_PAGE_BYTES);
    return reader;
}

void wire_reader_free(struct wire_reader *reader)
{
    if (reader == NULL)
        return;
    empty_amqp_pool(&reader->pool);
    free(reader->gathered);
    free(reader);
}

void wire_reader_limit(struct wire_reader *reader, uint32_t bytes)
{
    reader->frame_max = bytes;
}

static bool decode_heartbeat(amqp_pool_t *pool, amqp_bytes_t payload, struct wire_frame *out, struct err *e)
{
    (void)pool;
    if (payload.len != 0 || out->channel != 0)
        return err_set(e, ERR_BUS, "a malformed heartbeat");
    out->kind = WIRE_HEARTBEAT;
    return true;
}

/* What was gathered is whole: the payload of a frame other than a body, and its end. */
static bool read_gathered(struct wire_reader *reader, struct wire_frame *out, struct err *e)
{
    static bool (*const decoders[])(amqp_pool_t *, amqp_bytes_t, struct wire_frame *, struct err *) = {
        [AMQP_FRAME_METHOD] = wire_decode_method,
        [AMQP_FRAME_HEADER] = wire_decode_header,
        [AMQP_FRAME_HEARTBEAT] = decode_heartbeat,
    };
    amqp_bytes_t payload = {.len = reader->gathered_used - END_BYTES, .bytes = reader->gathered};

    reader->head_used = 0;
    reader->gathered_used = 0;
    if (reader->gathered[payload.len] != AMQP_FRAME_END)
        return err_set(e, ERR_BUS, "a frame that does not end where it should");
    recycle_amqp_pool(&reader->pool);
    return decoders[reader->head[0]](&reader->pool, payload, out, e);
}

static bool head_is_fine(const struct wire_reader *reader, struct err *e)
{
    uint8_t type = reader->head[0];
    uint32_t size = wire_get32(reader->head + 3);

    if (type == TLS_ALERT)
        return err_set(e, ERR_BUS, "what answers speaks TLS: is this the port of amqps://?");
    if (type != AMQP_FRAME_METHOD && type != AMQP_FRAME_HEADER && type != AMQP_FRAME_BODY &&
        type != AMQP_FRAME_HEARTBEAT)
        return err_set(e, ERR_BUS, "what answers does not speak AMQP 0-9-1");
    if (size > reader->frame_max - FRAME_FIXED_BYTES)
        return err_set(e, ERR_BUS, "a frame of %u bytes, and %u were agreed", size, reader->frame_max);
    return true;
}

/* Gather the seven bytes in front of a frame. Adds to *used what was taken. */
static bool take_head(struct wire_reader *reader, const uint8_t *bytes, size_t len, size_t *used, struct err *e)
{
    size_t want = HEAD_BYTES - reader->head_used;
    size_t got = len < want ? len : want;

    if (want == 0)
        return true;
    memcpy(reader->head + reader->head_used, bytes, got);
    reader->head_used += got;
    *used += got;
    if (reader->head_used < HEAD_BYTES)
        return true;
    reader->body_left = wire_get32(reader->head + 3);
    return head_is_fine(reader, e);
}

static bool take_body(struct wire_reader *reader, const uint8_t *bytes, size_t len, size_t *used,
                      struct wire_frame *out, struct err *e)
{
    size_t got = len < reader->body_left ? len : reader->body_left;

    if (got > 0) {
        out->kind = WIRE_BODY;
        out->piece = bytes;
        out->piece_bytes = got;
        reader->body_left -= (uint32_t)got;
        *used += got;
        return true;
    }
    if (len == 0)
        return true;
    reader->head_used = 0;
    *used += END_BYTES;
    return *bytes == AMQP_FRAME_END || err_set(e, ERR_BUS, "a body frame that does not end where it should");
}

static bool make_room(struct wire_reader *reader, size_t whole, struct err *e)
{
    if (reader->gathered_size >= whole)
        return true;
    uint8_t *room = realloc(reader->gathered, whole);
    if (room == NULL)
        return err_set(e, ERR_LOCAL, "no memory for a frame");
    reader->gathered = room;
    reader->gathered_size = whole;
    return true;
}

static bool take_whole(struct wire_reader *reader, const uint8_t *bytes, size_t len, size_t *used,
                       struct wire_frame *out, struct err *e)
{
    size_t whole = (size_t)wire_get32(reader->head + 3) + END_BYTES;
    size_t want = whole - reader->gathered_used;
    size_t got = len < want ? len : want;

    if (got == 0)
        return true;
    if (!make_room(reader, whole, e))
        return false;
    memcpy(reader->gathered + reader->gathered_used, bytes, got);
    reader->gathered_used += got;
    *used += got;
    return got < want || read_gathered(reader, out, e);
}

bool wire_read(struct wire_reader *reader, const uint8_t *bytes, size_t len, size_t *used, struct wire_frame *out,
               struct err *e)
{
    *used = 0;
    *out = (struct wire_frame){.kind = WIRE_NOTHING};

    while (out->kind == WIRE_NOTHING && *used < len) {
        if (!take_head(reader, bytes + *used, len - *used, used, e))
            return false;
        if (reader->head_used < HEAD_BYTES)
            return true;
        out->channel = wire_get16(reader->head + 1);
        bool is_body = reader->head[0] == AMQP_FRAME_BODY;
        if (!(is_body ? take_body : take_whole)(reader, bytes + *used, len - *used, used, out, e))
            return false;
    }
    return true;
}

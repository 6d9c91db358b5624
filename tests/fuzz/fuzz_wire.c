/*
 * Bytes from a broker, in pieces of the size that the first byte says, through all
 * that reads them before a socket is needed: frames, handshake, channel, content,
 * confirms and returns.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "bus/channel.h"
#include "bus/handshake.h"
#include "bus/headers.h"
#include "bus/pending.h"

struct client {
    struct outbox out;
    struct handshake handshake;
    struct channel channel;
    struct content content;
    struct tray tray;
    struct pending pending;
    struct returned returned;
};

static const struct url url = {.host = "h", .port = 5672, .user = "u", .password = "p", .vhost = "/"};
static const struct ask_values values = {
    .names = {"", "requests", "dead", "events", "replies", "queue", "key"},
    .consumer_tag = "tag",
    .prefetch = 1,
};

static void publish(struct client *c)
{
    struct publication publication = {.exchange = "x", .routing_key = "k", .message_id = "m", .mandatory = true};
    struct outgoing *outgoing;
    struct err e;

    if (outgoing_new(&publication, &outgoing, &e))
        pending_add(&c->pending, outgoing);
    while (pending_send(&c->pending) != NULL)
        ;
}

/* As many bytes are written as were announced, and they are whole entries. */
static void check_headers(const struct wire_frame *frame)
{
    size_t bytes = wire_headers_list(frame, NULL, 0);
    struct delivery *d = calloc(1, sizeof(*d) + bytes);
    const char *at = NULL;
    struct header header;

    MUST(d != NULL && bytes <= HEADERS_LISTED_BYTES);
    d->headers_bytes = bytes;
    MUST(wire_headers_list(frame, (char *)d->body, bytes) == bytes);
    while (header_next(d, &at, &header))
        ;
    MUST(at == (const char *)d->body + bytes);
    free(d);
}

static bool take_content(struct client *c, const struct wire_frame *frame, struct err *e)
{
    bool begins = frame->method == METHOD_DELIVER || frame->method == METHOD_RETURN;

    if (!content_note(&c->content, frame, begins, e))
        return false;
    if (frame->method == METHOD_RETURN) {
        wire_text_copy(frame->text, c->returned.text, sizeof(c->returned.text));
        wire_text_copy(frame->exchange, c->returned.exchange, sizeof(c->returned.exchange));
        wire_text_copy(frame->routing_key, c->returned.routing_key, sizeof(c->returned.routing_key));
    }
    if (frame->kind == WIRE_HEADER) {
        check_headers(frame);
        pending_return(&c->pending, &c->returned, frame);
    }
    if (frame->method == METHOD_ACK || frame->method == METHOD_NACK)
        pending_confirm(&c->pending, frame);
    return true;
}

static bool take_channel(struct client *c, const struct wire_frame *frame, struct err *e)
{
    struct ending ending = {frame->cause_id, frame->code, "words"};

    switch (channel_take(&c->channel, frame, &values, &c->out, e)) {
    case CHANNEL_FRAME:
        return take_content(c, frame, e);
    case CHANNEL_LOST:
    case CHANNEL_CLOSED:
        c->content = (struct content){0};
        pending_again(&c->pending, &ending);
        publish(c);
        channel_open(&c->channel, 1, topology_publisher, &values, &c->out);
        return true;
    case CHANNEL_NOTHING:
    case CHANNEL_OPENED:
        return true;
    case CHANNEL_BROKEN:
        return false;
    }
    return false;
}

static bool take(struct client *c, const struct wire_frame *frame, struct err *e)
{
    if (frame->kind == WIRE_HEARTBEAT)
        return true;
    if (frame->channel == 0)
        return handshake_take(&c->handshake, frame, e) != HANDSHAKE_BROKEN;
    return take_channel(c, frame, e);
}

static void feed(struct client *c, struct wire_reader *reader, const uint8_t *bytes, size_t len, size_t step)
{
    struct wire_frame frame;
    struct err e;
    size_t used;

    while (len > 0) {
        size_t piece = step < len ? step : len;
        uint8_t *copy = malloc(piece); /* of exactly this size, so that ASan sees a step too far */
        bool fine = copy != NULL;
        if (fine)
            memcpy(copy, bytes, piece);
        for (size_t at = 0; fine && at < piece; at += used)
            fine = wire_read(reader, copy + at, piece - at, &used, &frame, &e) &&
                   (frame.kind == WIRE_NOTHING || take(c, &frame, &e));
        free(copy);
        outbox_clear(&c->out);
        if (!fine)
            return;
        bytes += piece;
        len -= piece;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct wire_reader *reader = len == 0 ? NULL : wire_reader_new();
    struct client c = {.handshake = {.url = &url, .name = "fuzz", .terms = {65535, FRAME_MAX_BYTES, 15}}};
    struct bus_news news;

    if (reader == NULL)
        return 0;
    c.handshake.out = &c.out;
    pending_init(&c.pending, &c.tray);
    publish(&c);
    channel_open(&c.channel, 1, topology_publisher, &values, &c.out);
    feed(&c, reader, bytes + 1, len - 1, bytes[0] == 0 ? len : bytes[0]);

    while (tray_take(&c.tray, &news) != BUS_QUIET)
        ;
    pending_done(&c.pending);
    outbox_clear(&c.out);
    wire_reader_free(reader);
    return 0;
}

/*
 * Frames over a socket: what comes in is cut into frames, what goes out is
 * gathered for a turn of the loop. Knows no frame's meaning.
 */
#ifndef BUS_STREAM_H
#define BUS_STREAM_H

#include "bus/outbox.h"
#include "bus/wire.h"

struct bufferevent;
struct event_base;

/* In the loop. stream_cut() may be called from `ended` and `drained` only. */
struct stream_owner {
    bool (*frame)(void *arg, const struct wire_frame *frame, struct err *e); /* false: `ended` follows with *e */
    void (*ended)(void *arg, const char *why); /* the socket is gone, or what comes is no AMQP */
    void (*drained)(void *arg);                /* all that was in `out` has gone to the socket */
};

/* Zeroed: of no use until stream_init(). */
struct stream {
    struct outbox out;       /* frames may be put here at any time; without a socket they are dropped */
    struct evbuffer *staged; /* between `out` and the socket; empty but in a flush */
    struct event *flush;
    struct bufferevent *bev; /* NULL: no socket */
    bool tls;                /* it encrypts */
    struct wire_reader *reader;
    const struct stream_owner *owner;
    void *arg;
};

/* Fails with ERR_LOCAL. To be ended by stream_done() either way; a zeroed one may be. */
MUST_CHECK bool stream_init(struct stream *stream, struct event_base *base, const struct stream_owner *owner, void *arg,
                            struct err *e);
void stream_done(struct stream *stream);

/* Begin with a connected socket, which is the stream's from now on. Fails with ERR_LOCAL. */
MUST_CHECK bool stream_begin(struct stream *stream, struct bufferevent *bev, struct err *e);

/* Drop the socket and whatever is on its way. May be used again. */
void stream_cut(struct stream *stream);

#endif

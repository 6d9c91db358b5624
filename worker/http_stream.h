/*
 * Server-sent events (WHATWG HTML 9.2) that say only that something has changed:
 * whoever listens then asks for what he shows. So nothing can pile up for a slow
 * reader, and one that is skipped loses nothing.
 */
#ifndef WORKER_HTTP_STREAM_H
#define WORKER_HTTP_STREAM_H

#include "schemas/err.h"

struct event_base;
struct evhttp_request;
struct http_stream;

enum {
    STREAM_READERS_MAX = 16,
    STREAM_BUFFER_MAX = 4096,  /* bytes: who has more unread is told nothing more for now */
    STREAM_BEAT_MS = 5000,     /* without news something is said all the same: time passes, charts move */
    STREAM_STALLED_MS = 60000, /* who reads nothing for so long is let go */
};

/* News go out each `pause_ms` at most. Fails with ERR_LOCAL. */
MUST_CHECK bool http_stream_open(struct event_base *base, unsigned pause_ms, struct http_stream **out, struct err *e);

/* Before the server is freed, which then ends the connections. NULL is fine. */
void http_stream_close(struct http_stream *stream);

/* Answer a request with the stream, from now on. False: there are STREAM_READERS_MAX already, and it is not answered. */
MUST_CHECK bool http_stream_add(struct http_stream *stream, struct evhttp_request *request);

/* Something that is shown has changed. Cheap where nobody listens. NULL is fine. */
void http_stream_changed(struct http_stream *stream);

#endif

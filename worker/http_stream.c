#include "worker/http_stream.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "bus/timer.h"

enum {
    CONNECTION_S = 24 * 60 * 60
}; /* libevent's own idea of how long one may last; a browser comes again by itself */

struct reader {
    struct http_stream *stream;
    struct evhttp_request *request;
    uint64_t full_since_ms; /* 0: it reads */
    TAILQ_ENTRY(reader) all;
};

struct http_stream {
    struct event *timer;
    unsigned pause_ms;
    uint64_t told_ms, number;
    bool has_news;
    size_t count;
    TAILQ_HEAD(, reader) readers;
};

static void forget(struct reader *reader)
{
    TAILQ_REMOVE(&reader->stream->readers, reader, all);
    reader->stream->count--;
    free(reader);
}

/*
 * libevent frees a request with its connection, but not where the other side has hung up: then it takes them apart, and
 * leaves the request, which is being answered still, to whoever answers.
 */
static void on_hung_up(struct evhttp_connection *connection, void *arg)
{
    struct reader *reader = arg;
    struct evhttp_request *request = reader->request;

    (void)connection;
    forget(reader);
    if (evhttp_request_get_connection(request) == NULL)
        evhttp_send_reply_end(request);
}

static size_t unread(const struct reader *reader)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(reader->request);

    return evbuffer_get_length(bufferevent_get_output(evhttp_connection_get_bufferevent(connection)));
}

static void let_go(struct reader *reader)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(reader->request);

    evhttp_connection_free(connection); /* on_hung_up() */
}

static void tell(struct reader *reader, struct evbuffer *chunk, uint64_t now_ms)
{
    if (unread(reader) <= STREAM_BUFFER_MAX) {
        reader->full_since_ms = 0;
        evhttp_send_reply_chunk(reader->request, chunk);
    } else if (reader->full_since_ms == 0) {
        reader->full_since_ms = now_ms;
    } else if (now_ms - reader->full_since_ms > STREAM_STALLED_MS) {
        let_go(reader);
    }
}

static void tell_all(struct http_stream *stream)
{
    struct evbuffer *chunk = evbuffer_new();
    struct reader *reader, *next;

    stream->has_news = false;
    stream->told_ms = monotonic_ms();
    stream->number++;
    for (reader = TAILQ_FIRST(&stream->readers); chunk != NULL && reader != NULL; reader = next) {
        next = TAILQ_NEXT(reader, all);
        evbuffer_add_printf(chunk, "data: %" PRIu64 "\n\n", stream->number);
        tell(reader, chunk, stream->told_ms);
        evbuffer_drain(chunk, evbuffer_get_length(chunk));
    }
    if (chunk != NULL)
        evbuffer_free(chunk);
}

/* When the timer has to go off: soon, where there is news, and at the next beat else. */
static void wind(struct http_stream *stream)
{
    uint64_t passed_ms = monotonic_ms() - stream->told_ms;
    unsigned beat_ms = stream->pause_ms > STREAM_BEAT_MS ? stream->pause_ms : STREAM_BEAT_MS;
    unsigned pause_ms = stream->has_news ? stream->pause_ms : beat_ms;

    timer_set(stream->timer, passed_ms >= pause_ms ? 0 : pause_ms - (unsigned)passed_ms);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct http_stream *stream = arg;

    (void)fd, (void)what;
    if (stream->count == 0)
        return;
    tell_all(stream);
    wind(stream);
}

bool http_stream_open(struct event_base *base, unsigned pause_ms, struct http_stream **out, struct err *e)
{
    struct http_stream *stream = calloc(1, sizeof(*stream));

    if (stream == NULL || (stream->timer = evtimer_new(base, on_timer, stream)) == NULL) {
        free(stream);
        return err_set(e, ERR_LOCAL, "out of memory");
    }
    stream->pause_ms = pause_ms;
    TAILQ_INIT(&stream->readers);
    *out = stream;
    return true;
}

void http_stream_close(struct http_stream *stream)
{
    struct reader *reader;

    if (stream == NULL)
        return;
    while ((reader = TAILQ_FIRST(&stream->readers)) != NULL)
        let_go(reader);
    event_free(stream->timer);
    free(stream);
}

static void begin(struct reader *reader)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(reader->request);
    struct evkeyvalq *headers = evhttp_request_get_output_headers(reader->request);
    struct evbuffer *chunk = evbuffer_new();

    evhttp_add_header(headers, "Content-Type", "text/event-stream");
    evhttp_add_header(headers, "Cache-Control", "no-store");
    evhttp_connection_set_timeout(connection, CONNECTION_S);
    evhttp_connection_set_closecb(connection, on_hung_up, reader);
    evhttp_send_reply_start(reader->request, 200, "OK");
    if (chunk == NULL)
        return;
    evbuffer_add_printf(chunk, "retry: 2000\n\n");
    evhttp_send_reply_chunk(reader->request, chunk);
    evbuffer_free(chunk);
}

bool http_stream_add(struct http_stream *stream, struct evhttp_request *request)
{
    struct reader *reader = stream->count < STREAM_READERS_MAX ? calloc(1, sizeof(*reader)) : NULL;

    if (reader == NULL)
        return false;
    reader->stream = stream;
    reader->request = request;
    TAILQ_INSERT_TAIL(&stream->readers, reader, all);
    stream->count++;
    begin(reader);
    wind(stream);
    return true;
}

void http_stream_changed(struct http_stream *stream)
{
    if (stream == NULL || stream->count == 0 || stream->has_news)
        return;
    stream->has_news = true;
    wind(stream);
}

#include "bus/stream.h"

#include "bus/tls.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <string.h>

/*
 * What one turn of the loop has gathered goes out at once, if it can: to wait for
 * the socket to become writable, as libevent does, costs three system calls more.
 * With TLS only libevent may write there.
 */
static void on_flush(evutil_socket_t fd, short what, void *arg)
{
    struct stream *s = arg;

    (void)fd;
    (void)what;
    if (s->bev == NULL) {
        outbox_clear(&s->out);
        return;
    }
    struct evbuffer *output = bufferevent_get_output(s->bev);
    bool fine = outbox_flush(&s->out, s->staged);
    if (evbuffer_get_length(output) == 0 && !s->tls)
        evbuffer_write(s->staged, bufferevent_getfd(s->bev)); /* a failure is found again by libevent */
    if (!fine || evbuffer_add_buffer(output, s->staged) != 0)
        s->owner->ended(s->arg, "no memory for what is to be sent");
    else if (evbuffer_get_length(output) == 0)
        s->owner->drained(s->arg);
}

static void on_written(struct bufferevent *bev, void *arg)
{
    struct stream *s = arg;

    (void)bev;
    if (s->out.first == NULL)
        s->owner->drained(s->arg);
}

static bool take_bytes(struct stream *s, const uint8_t *bytes, size_t len, struct err *e)
{
    struct wire_frame frame;
    size_t used;

    for (; len > 0; bytes += used, len -= used) {
        if (!wire_read(s->reader, bytes, len, &used, &frame, e))
            return false;
        if (frame.kind != WIRE_NOTHING && !s->owner->frame(s->arg, &frame, e))
            return false;
    }
    return true;
}

/* Bodies may hold clear DEKs: what was read is wiped before libevent has its memory back. */
static void on_readable(struct bufferevent *bev, void *arg)
{
    struct stream *s = arg;
    struct evbuffer *in = bufferevent_get_input(bev);
    bool fine = true;
    struct err why;

    for (size_t len; (len = evbuffer_get_contiguous_space(in)) > 0;) {
        uint8_t *bytes = evbuffer_pullup(in, (ev_ssize_t)len);
        fine = fine && take_bytes(s, bytes, len, &why);
        wipe(bytes, len);
        evbuffer_drain(in, len);
    }
    if (!fine)
        s->owner->ended(s->arg, why.text);
}

static void on_trouble(struct bufferevent *bev, short what, void *arg)
{
    struct stream *s = arg;
    char why[TLS_WORDS_CHARS];

    tls_explain(bev, what, why, sizeof(why));
    s->owner->ended(s->arg, why);
}

bool stream_init(struct stream *s, struct event_base *base, const struct stream_owner *owner, void *arg, struct err *e)
{
    *s = (struct stream){
        .staged = evbuffer_new(),
        .flush = event_new(base, -1, 0, on_flush, s),
        .owner = owner,
        .arg = arg,
    };
    s->out.flush = s->flush;
    return (s->staged != NULL && s->flush != NULL) || err_set(e, ERR_LOCAL, "no memory for a connection");
}

void stream_done(struct stream *s)
{
    stream_cut(s);
    if (s->flush != NULL)
        event_free(TAKE(s->flush));
    if (s->staged != NULL)
        evbuffer_free(TAKE(s->staged));
}

bool stream_begin(struct stream *s, struct bufferevent *bev, struct err *e)
{
    s->bev = bev;
    s->tls = tls_is_on(bev);
    s->reader = wire_reader_new();
    if (s->reader == NULL) {
        stream_cut(s);
        return err_set(e, ERR_LOCAL, "no memory for a connection");
    }
    outbox_clear(&s->out);
    bufferevent_setcb(bev, on_readable, on_written, on_trouble, s);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
    return true;
}

void stream_cut(struct stream *s)
{
    outbox_clear(&s->out);
    if (s->staged != NULL)
        evbuffer_drain(s->staged, evbuffer_get_length(s->staged));
    if (s->bev != NULL)
        bufferevent_free(TAKE(s->bev));
    wire_reader_free(TAKE(s->reader));
}

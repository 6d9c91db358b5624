#include "bus/connection.h"

#include "bus/backoff.h"
#include "bus/dial.h"
#include "bus/handshake.h"
#include "schemas/digest.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CHANNEL_MAX = 65535, PEER_CHARS = 384, WHY_CHARS = 512, BEATS_OF_SILENCE = 4 };

enum connection_state {
    CONNECTION_WAITING,      /* between attempts */
    CONNECTION_DIALLING,
    CONNECTION_GREETING,
    CONNECTION_OPEN,
    CONNECTION_REFUSED,      /* the broker closed it; our answer is going out */
    CONNECTION_PARTING,      /* we closed it; the broker's answer is to come */
    CONNECTION_OVER,
};

struct connection {
    struct connection_config config;
    char *name;
    enum connection_state state;
    size_t url;                      /* of config.urls, in use or to be tried next */
    size_t tried;                    /* in this round */
    struct backoff backoff;
    uint64_t opened_ms;
    struct event *timer;             /* the state says for what */
    struct event *flush;
    struct dial *dial;
    struct bufferevent *bev;
    struct wire_reader *reader;
    struct handshake handshake;
    struct outbox out;
    unsigned silent_beats;           /* half heartbeats in which nothing came */
    uint32_t cause_id;               /* of CONNECTION_REFUSED, as is the next */
    uint16_t code;
    char last_words[WHY_CHARS];      /* of CONNECTION_REFUSED and CONNECTION_PARTING: why it ends */
    char why[WHY_CHARS];             /* the failures of this round */
    char peer[PEER_CHARS], peer_name[PEER_CHARS];
};

uint64_t monotonic_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint32_t random_bits(void)
{
    uint32_t bits;

    evutil_secure_rng_get_bytes(&bits, sizeof(bits));
    return bits;
}

static void timer_set(struct connection *c, unsigned ms)
{
    struct timeval in = { .tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000 };

    event_add(c->timer, &in);
}

static const struct url *url_now(const struct connection *c)
{
    return &c->config.urls->urls[c->url];
}

/* Note a failure of the present URL behind those of this round. */
static void why_add(struct connection *c, const char *text)
{
    char host[HOST_MAX_CHARS + 16];
    size_t len = strlen(c->why);

    url_name(url_now(c), host, sizeof(host));
    snprintf(c->why + len, sizeof(c->why) - len, "%s%s: %s", len > 0 ? "; " : "", host, text);
}

/* Let go of the socket and all that belongs to it. */
static void connection_drop(struct connection *c)
{
    event_del(c->timer);
    dial_cancel(TAKE(c->dial));
    outbox_clear(&c->out);
    if (c->bev != NULL)
        bufferevent_free(TAKE(c->bev));
    wire_reader_free(TAKE(c->reader));
}

static void tell_lost(struct connection *c, bool was_open)
{
    char why[WHY_CHARS];

    memcpy(why, c->why, sizeof(why));
    c->why[0] = '\0';
    c->tried = 0;
    c->config.owner->lost(c->config.arg, &(struct loss){ why, c->cause_id, c->code, was_open });
}

static void wait_for_next_round(struct connection *c, uint64_t held_ms)
{
    c->state = CONNECTION_WAITING;
    timer_set(c, backoff_next_ms(&c->backoff, held_ms, random_bits()));
}

/* What was open, or being opened, is no more. */
static void connection_lose(struct connection *c, const char *text)
{
    bool was_open = c->opened_ms != 0;
    uint64_t held_ms = was_open ? monotonic_ms() - c->opened_ms : 0;
    bool over = c->state == CONNECTION_PARTING;

    connection_drop(c);
    why_add(c, over || c->state == CONNECTION_REFUSED ? c->last_words : text);
    c->opened_ms = 0;
    c->url = (c->url + 1) % c->config.urls->count;
    c->tried++;
    if (over) {
        c->state = CONNECTION_OVER;
        tell_lost(c, was_open);
    } else if (was_open || c->tried == c->config.urls->count) {
        wait_for_next_round(c, held_ms);
        tell_lost(c, was_open);
    } else {
        c->state = CONNECTION_WAITING;
        timer_set(c, 0);
    }
}

static void name_peer(struct connection *c)
{
    const struct handshake *h = &c->handshake;

    url_name(url_now(c), c->peer, sizeof(c->peer));
    if (h->product[0] == '\0')
        snprintf(c->peer_name, sizeof(c->peer_name), "%s", c->peer);
    else
        snprintf(c->peer_name, sizeof(c->peer_name), "%.280s (%s %s)", c->peer, h->product, h->version);
}

static unsigned beat_ms(const struct connection *c)
{
    return c->handshake.terms.heartbeat_s * 1000u / 2;
}

static void now_open(struct connection *c)
{
    c->state = CONNECTION_OPEN;
    c->opened_ms = monotonic_ms();
    c->silent_beats = 0;
    c->why[0] = '\0';
    name_peer(c);
    event_del(c->timer);
    if (beat_ms(c) > 0)
        timer_set(c, beat_ms(c));
    c->config.owner->opened(c->config.arg);
}

/* Keep the connection until our close-ok is out. */
static void now_refused(struct connection *c, const struct wire_frame *frame, const struct err *why)
{
    c->state = CONNECTION_REFUSED;
    c->cause_id = frame->cause_id;
    c->code = frame->code;
    snprintf(c->last_words, sizeof(c->last_words), "%s", why->text);
    timer_set(c, GOODBYE_MS);
}

static bool take_control(struct connection *c, const struct wire_frame *frame, struct err *e)
{
    char words[256];

    switch (handshake_take(&c->handshake, frame, e)) {
    case HANDSHAKE_NOTHING:
        break;
    case HANDSHAKE_TUNED:
        wire_reader_limit(c->reader, c->handshake.terms.frame_max);
        break;
    case HANDSHAKE_OPENED:
        now_open(c);
        break;
    case HANDSHAKE_CLOSED:
        now_refused(c, frame, e);
        break;
    case HANDSHAKE_CLOSE_OK:
        return c->state == CONNECTION_PARTING ? err_set(e, ERR_BUS, "closed")
                                              : err_set(e, ERR_BUS, "the broker answered a close that was not sent");
    case HANDSHAKE_BLOCKED:
        wire_text_copy(frame->text, words, sizeof(words));
        c->config.owner->blocked(c->config.arg, words);
        break;
    case HANDSHAKE_UNBLOCKED:
        c->config.owner->blocked(c->config.arg, NULL);
        break;
    case HANDSHAKE_BROKEN:
        return false;
    }
    return true;
}

static bool take_frame(struct connection *c, const struct wire_frame *frame, struct err *e)
{
    if (frame->kind == WIRE_HEARTBEAT || c->state == CONNECTION_REFUSED)
        return true;
    if (frame->channel == 0)
        return take_control(c, frame, e);
    if (c->state == CONNECTION_PARTING)  /* AMQP 0-9-1 1.4.2.9: what comes after a close is ignored */
        return true;
    if (c->state != CONNECTION_OPEN || frame->channel > c->handshake.terms.channel_max)
        return err_set(e, ERR_BUS, "a frame on channel %u, which is not open", frame->channel);
    return c->config.owner->frame(c->config.arg, frame, e);
}

static bool take_bytes(struct connection *c, const uint8_t *bytes, size_t len, struct err *e)
{
    struct wire_frame frame;
    size_t used;

    for (; len > 0; bytes += used, len -= used) {
        if (!wire_read(c->reader, bytes, len, &used, &frame, e))
            return false;
        if (frame.kind != WIRE_NOTHING && !take_frame(c, &frame, e))
            return false;
    }
    return true;
}

/* Bodies may hold clear DEKs: what was read is wiped before libevent has its memory back. */
static void on_readable(struct bufferevent *bev, void *arg)
{
    struct connection *c = arg;
    struct evbuffer *in = bufferevent_get_input(bev);
    bool fine = true;
    struct err why;

    c->silent_beats = 0;
    for (size_t len; (len = evbuffer_get_contiguous_space(in)) > 0;) {
        uint8_t *bytes = evbuffer_pullup(in, (ev_ssize_t)len);
        fine = fine && take_bytes(c, bytes, len, &why);
        wipe(bytes, len);
        evbuffer_drain(in, len);
    }
    if (!fine)
        connection_lose(c, why.text);
}

static void on_written(struct bufferevent *bev, void *arg)
{
    struct connection *c = arg;

    (void)bev;
    if (c->state == CONNECTION_REFUSED && c->out.first == NULL)
        connection_lose(c, c->last_words);
}

static void on_trouble(struct bufferevent *bev, short what, void *arg)
{
    int code = EVUTIL_SOCKET_ERROR();

    (void)bev;
    connection_lose(arg, (what & BEV_EVENT_EOF) != 0 ? "the broker hung up without a word"
                                                     : evutil_socket_error_to_string(code));
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
    struct connection *c = arg;

    (void)fd;
    (void)what;
    if (c->bev == NULL)
        outbox_clear(&c->out);
    else if (!outbox_flush(&c->out, bufferevent_get_output(c->bev)))
        connection_lose(c, "no memory for what is to be sent");
}

static void on_dialled(void *arg, struct bufferevent *bev, const char *why)
{
    struct connection *c = arg;

    c->dial = NULL;
    c->bev = bev;
    c->reader = bev == NULL ? NULL : wire_reader_new();
    if (c->reader == NULL) {
        connection_lose(c, why != NULL ? why : "no memory for a connection");
        return;
    }
    c->state = CONNECTION_GREETING;
    c->handshake = (struct handshake){
        .url = url_now(c),
        .name = c->name,
        .out = &c->out,
        .terms = { CHANNEL_MAX, FRAME_MAX_BYTES, (uint16_t)c->config.heartbeat_s },
    };
    bufferevent_setcb(bev, on_readable, on_written, on_trouble, c);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
    wire_put_greeting(&c->out);
}

static void connection_dial(struct connection *c)
{
    const struct url *url = url_now(c);

    c->state = CONNECTION_DIALLING;
    c->cause_id = 0;
    c->code = 0;
    outbox_clear(&c->out);
    timer_set(c, ATTEMPT_MS);
    dial_begin(c->config.base, url->host, url->port, on_dialled, c, &c->dial);
}

static void connection_beat(struct connection *c)
{
    char why[96];

    if (++c->silent_beats <= BEATS_OF_SILENCE) {
        wire_put_heartbeat(&c->out);
        timer_set(c, beat_ms(c));
        return;
    }
    snprintf(why, sizeof(why), "no sign of life from the broker for %u s (heartbeat)",
             2u * c->handshake.terms.heartbeat_s);
    connection_lose(c, why);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct connection *c = arg;

    (void)fd;
    (void)what;
    if (c->state == CONNECTION_WAITING)
        connection_dial(c);
    else if (c->state == CONNECTION_OPEN)
        connection_beat(c);
    else if (c->state == CONNECTION_DIALLING)
        connection_lose(c, "no connection within 10 s");
    else
        connection_lose(c, "connected, but the broker does not answer");
}

bool connection_new(const struct connection_config *config, struct connection **out, struct err *e)
{
    struct connection *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return err_set(e, ERR_LOCAL, "no memory for a connection");
    c->config = *config;
    c->name = strdup(config->name);
    c->timer = evtimer_new(config->base, on_timer, c);
    c->flush = event_new(config->base, -1, 0, on_flush, c);
    c->out.flush = c->flush;
    if (c->name == NULL || c->timer == NULL || c->flush == NULL) {
        connection_free(c);
        return err_set(e, ERR_LOCAL, "no memory for a connection");
    }
    timer_set(c, 0);
    *out = c;
    return true;
}

void connection_free(struct connection *c)
{
    if (c == NULL)
        return;
    if (c->timer != NULL)
        connection_drop(c);
    if (c->timer != NULL)
        event_free(c->timer);
    if (c->flush != NULL)
        event_free(c->flush);
    free(c->name);
    free(c);
}

void connection_stop(struct connection *c)
{
    if (c->state == CONNECTION_PARTING || c->state == CONNECTION_OVER)
        return;
    c->why[0] = '\0';
    snprintf(c->last_words, sizeof(c->last_words), "closed");
    if (c->state == CONNECTION_OPEN) {
        wire_put_close(&c->out, 200, "goodbye");
        c->state = CONNECTION_PARTING;
        timer_set(c, GOODBYE_MS);
    } else {
        c->state = CONNECTION_PARTING;
        connection_lose(c, c->last_words);
    }
}

bool connection_is_open(const struct connection *c)
{
    return c->state == CONNECTION_OPEN;
}

bool connection_is_over(const struct connection *c)
{
    return c->state == CONNECTION_OVER;
}

struct outbox *connection_out(struct connection *c)
{
    return &c->out;
}

uint32_t connection_frame_max(const struct connection *c)
{
    return c->handshake.terms.frame_max;
}

uint16_t connection_channel_max(const struct connection *c)
{
    return c->handshake.terms.channel_max;
}

const char *connection_peer(const struct connection *c)
{
    return c->peer;
}

const char *connection_peer_name(const struct connection *c)
{
    return c->peer_name;
}

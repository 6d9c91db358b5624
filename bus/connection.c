#include "bus/connection.h"

#include "bus/backoff.h"
#include "bus/dial.h"
#include "bus/handshake.h"
#include "bus/stream.h"
#include "bus/timer.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHANNEL_MAX = 65535, PEER_CHARS = 384, WHY_CHARS = 512, BEATS_OF_SILENCE = 4 };

enum connection_state {
    CONNECTION_WAITING, /* between attempts */
    CONNECTION_DIALLING,
    CONNECTION_GREETING,
    CONNECTION_OPEN,
    CONNECTION_REFUSED, /* the broker closed it; our answer is going out */
    CONNECTION_PARTING, /* we closed it; the broker's answer is to come */
    CONNECTION_OVER,
};

struct connection {
    struct connection_config config;
    char *name;
    enum connection_state state;
    size_t url;   /* of config.urls, in use or to be tried next */
    size_t tried; /* in this round */
    struct backoff backoff;
    uint64_t opened_ms;
    struct event *timer; /* the state says for what */
    struct dial *dial;
    struct stream stream;
    struct handshake handshake;
    unsigned silent_beats; /* half heartbeats in which nothing came */
    uint32_t cause_id;     /* of CONNECTION_REFUSED, as is the next */
    uint16_t code;
    char last_words[WHY_CHARS]; /* of CONNECTION_REFUSED and CONNECTION_PARTING: why it ends */
    char why[WHY_CHARS];        /* the failures of this round */
    char peer[PEER_CHARS], peer_name[PEER_CHARS];
};

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
    stream_cut(&c->stream);
}

static void tell_lost(struct connection *c)
{
    char why[WHY_CHARS];

    memcpy(why, c->why, sizeof(why));
    c->why[0] = '\0';
    c->tried = 0;
    c->config.owner->lost(c->config.arg, &(struct loss){why, c->cause_id, c->code});
}

static void wait_for_next_round(struct connection *c, uint64_t held_ms)
{
    c->state = CONNECTION_WAITING;
    timer_set(c->timer, backoff_next_ms(&c->backoff, held_ms, random_bits()));
}

void connection_hurry(struct connection *c)
{
    if (c->state == CONNECTION_WAITING)
        timer_set(c->timer, 0);
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
        tell_lost(c);
    } else if (was_open || c->tried == c->config.urls->count) {
        wait_for_next_round(c, held_ms);
        tell_lost(c);
    } else {
        c->state = CONNECTION_WAITING;
        timer_set(c->timer, 0);
    }
}

static void name_peer(struct connection *c)
{
    const struct broker *b = &c->handshake.broker;

    url_name(url_now(c), c->peer, sizeof(c->peer));
    if (b->product[0] == '\0')
        snprintf(c->peer_name, sizeof(c->peer_name), "%s", c->peer);
    else
        snprintf(c->peer_name, sizeof(c->peer_name), "%.280s (%s %s)", c->peer, b->product, b->version);
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
        timer_set(c->timer, beat_ms(c));
    c->config.owner->opened(c->config.arg);
}

/* Keep the connection until our close-ok is out; unless we were parting anyway. */
static bool now_refused(struct connection *c, const struct wire_frame *frame, const struct err *why)
{
    if (c->state == CONNECTION_PARTING)
        return false;
    c->state = CONNECTION_REFUSED;
    c->cause_id = frame->cause_id;
    c->code = frame->code;
    snprintf(c->last_words, sizeof(c->last_words), "%s", why->text);
    timer_set(c->timer, GOODBYE_MS);
    return true;
}

static bool take_control(struct connection *c, const struct wire_frame *frame, struct err *e)
{
    char words[256];

    switch (handshake_take(&c->handshake, frame, e)) {
    case HANDSHAKE_NOTHING:
        break;
    case HANDSHAKE_TUNED:
        wire_reader_limit(c->stream.reader, c->handshake.terms.frame_max);
        break;
    case HANDSHAKE_OPENED:
        now_open(c);
        break;
    case HANDSHAKE_CLOSED:
        return now_refused(c, frame, e);
    case HANDSHAKE_CLOSE_OK:
        return err_set(e, ERR_BUS, "the broker answered a close that was not sent");
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

static bool take_frame(void *arg, const struct wire_frame *frame, struct err *e)
{
    struct connection *c = arg;

    c->silent_beats = 0;
    if (frame->kind == WIRE_HEARTBEAT || c->state == CONNECTION_REFUSED)
        return true;
    if (frame->channel == 0)
        return take_control(c, frame, e);
    if (c->state == CONNECTION_PARTING) /* AMQP 0-9-1 1.4.2.9: what comes after a close is ignored */
        return true;
    if (c->state != CONNECTION_OPEN || frame->channel > c->handshake.terms.channel_max)
        return err_set(e, ERR_BUS, "a frame on channel %u, which is not open", frame->channel);
    return c->config.owner->frame(c->config.arg, frame, e);
}

static void on_ended(void *arg, const char *why)
{
    connection_lose(arg, why);
}

/* Our close-ok is out. */
static void on_drained(void *arg)
{
    struct connection *c = arg;

    if (c->state == CONNECTION_REFUSED)
        connection_lose(c, c->last_words);
}

static const struct stream_owner stream_owner = {.frame = take_frame, .ended = on_ended, .drained = on_drained};

static void on_dialled(void *arg, struct bufferevent *bev, const char *why)
{
    struct connection *c = arg;
    struct err e;

    c->dial = NULL;
    if (bev == NULL || !stream_begin(&c->stream, bev, &e)) {
        connection_lose(c, bev == NULL ? why : e.text);
        return;
    }
    c->state = CONNECTION_GREETING;
    c->handshake = (struct handshake){
        .url = url_now(c),
        .name = c->name,
        .external = c->config.tls->external,
        .out = &c->stream.out,
        .terms = {CHANNEL_MAX, FRAME_MAX_BYTES, (uint16_t)c->config.heartbeat_s},
    };
    wire_put_greeting(&c->stream.out);
}

static void connection_dial(struct connection *c)
{
    c->state = CONNECTION_DIALLING;
    c->cause_id = 0;
    c->code = 0;
    timer_set(c->timer, ATTEMPT_MS);
    dial_begin(c->config.base, url_now(c), c->config.tls, on_dialled, c, &c->dial);
}

static void connection_beat(struct connection *c)
{
    char why[96];

    if (++c->silent_beats <= BEATS_OF_SILENCE) {
        wire_put_heartbeat(&c->stream.out);
        timer_set(c->timer, beat_ms(c));
        return;
    }
    snprintf(why, sizeof(why), "no sign of life from the broker for %u s (heartbeat)",
             2u * c->handshake.terms.heartbeat_s);
    connection_lose(c, why);
}

static void connection_outwaited(struct connection *c)
{
    char why[64];

    snprintf(why, sizeof(why), "%s within %d s", dial_missing(c->dial), ATTEMPT_MS / 1000);
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
        connection_outwaited(c);
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
    if (!stream_init(&c->stream, config->base, &stream_owner, c, e) || c->name == NULL || c->timer == NULL) {
        connection_free(c);
        return err_set(e, ERR_LOCAL, "no memory for a connection");
    }
    c->state = CONNECTION_WAITING;
    timer_set(c->timer, 0);
    *out = c;
    return true;
}

void connection_free(struct connection *c)
{
    if (c == NULL)
        return;
    dial_cancel(c->dial);
    stream_done(&c->stream);
    if (c->timer != NULL)
        event_free(c->timer);
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
        wire_put_close(&c->stream.out, 200, "goodbye");
        c->state = CONNECTION_PARTING;
        timer_set(c->timer, GOODBYE_MS);
    } else {
        c->state = CONNECTION_PARTING;
        connection_lose(c, c->last_words);
    }
}

void connection_cut(struct connection *c, const char *why)
{
    if (c->state == CONNECTION_OPEN)
        connection_lose(c, why);
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
    return &c->stream.out;
}

uint32_t connection_frame_max(const struct connection *c)
{
    return c->handshake.terms.frame_max;
}

uint16_t connection_channel_max(const struct connection *c)
{
    return c->handshake.terms.channel_max;
}

const char *connection_user(const struct connection *c)
{
    const struct url *url = url_now(c);

    return c->config.tls->external && !url->has_login ? "" : url->user;
}

const struct broker *connection_broker(const struct connection *c)
{
    return &c->handshake.broker;
}

const char *connection_peer(const struct connection *c)
{
    return c->peer;
}

const char *connection_peer_name(const struct connection *c)
{
    return c->peer_name;
}

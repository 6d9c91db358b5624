#include "bus/publisher.h"

#include "bus/backoff.h"
#include "bus/channel.h"
#include "bus/connection.h"
#include "bus/overdue.h"
#include "bus/pending.h"
#include "bus/timer.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    CHANNEL_NUMBER = 1,
    RENEW_MS = 500, /* between renewals of the channel, at least; shorter than what is refused waits to be sent again */
    DRAIN_MS = 1000, /* until it is closed, with what is on its way; and until that is answered */
    TICK_MS = 1000,
};

struct publisher {
    struct connection *connection;
    struct channel channel;
    struct ask_values values;
    const struct publisher_owner *owner;
    void *arg;
    struct backoff backoff;
    struct event *retry; /* of the channel */
    struct event *tick;
    uint64_t opened_ms, renewed_ms;
    struct overdue overdue;
    bool released, blocked;
    bool is_doubted; /* the channel: it is stale when it is old enough */
    bool is_stale;   /* it is closed as soon as nothing is on its way, and opened anew */
    struct pending pending;
    struct content content;
    struct returned returned;
    char lost_text[512];
};

bool publisher_is_ready(const struct publisher *p)
{
    return p->channel.state == CHANNEL_READY;
}

const char *publisher_user(const struct publisher *p)
{
    return connection_user(p->connection);
}

static void send_waiting(struct publisher *p)
{
    const struct publication *next;

    if (!publisher_is_ready(p) || !p->released || p->blocked || p->is_stale)
        return;
    while ((next = pending_send(&p->pending)) != NULL)
        wire_put_publication(connection_out(p->connection), CHANNEL_NUMBER, connection_frame_max(p->connection), next,
                             connection_user(p->connection));
}

void publisher_release(struct publisher *p, bool release)
{
    p->released = release;
    send_waiting(p);
}

bool publisher_publish(struct publisher *p, const struct publication *publication, uint64_t *number, struct err *e)
{
    struct outgoing *outgoing;

    if (!outgoing_new(publication, &outgoing, e))
        return false;
    *number = pending_add(&p->pending, outgoing);
    send_waiting(p);
    return true;
}

void publisher_forget(struct publisher *p, uint64_t number)
{
    pending_forget(&p->pending, number);
    send_waiting(p);
}

static void channel_begin(struct publisher *p)
{
    if (connection_is_open(p->connection) && p->channel.state == CHANNEL_SHUT)
        channel_open(&p->channel, CHANNEL_NUMBER, topology_publisher, &p->values, connection_out(p->connection));
}

/* The present channel is done with, and what was on its way by it has to go once more. */
static void channel_forget(struct publisher *p)
{
    evtimer_del(p->retry);
    p->content = (struct content){0};
    p->is_doubted = p->is_stale = false;
}

/*
 * A broker's channel looks up once where the leader of a quorum queue is, when first something goes there. If that is
 * just when a node has died, RabbitMQ (3.10.8) nacks all that this channel sends to the queue for as long as the node is
 * away, whoever leads it now. A new channel looks anew.
 */
static void channel_doubt(struct publisher *p)
{
    uint64_t age_ms = monotonic_ms() - p->renewed_ms;

    if (p->is_doubted)
        return;
    p->is_doubted = true;
    timer_set(p->retry, age_ms < RENEW_MS ? (unsigned)(RENEW_MS - age_ms) : 0);
}

static void channel_renew(struct publisher *p)
{
    timer_set(p->retry, DRAIN_MS);
    channel_close(&p->channel, connection_out(p->connection));
}

/* It is to be drained, and sends nothing more. */
static void channel_drain(struct publisher *p)
{
    p->is_stale = true;
    timer_set(p->retry, DRAIN_MS);
    if (p->pending.outstanding == 0)
        channel_renew(p);
}

static void channel_renewed(struct publisher *p)
{
    channel_forget(p);
    p->renewed_ms = monotonic_ms();
    (void)pending_again(&p->pending, &(struct ending){0, 0, ""});
    channel_begin(p);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    struct publisher *p = arg;

    (void)fd;
    (void)what;
    if (p->channel.state == CHANNEL_CLOSING)
        connection_cut(p->connection, "the broker does not answer the close of a channel");
    else if (p->is_stale)
        channel_renew(p);
    else if (p->is_doubted)
        channel_drain(p);
    else
        channel_begin(p);
}

static void retry_later(struct publisher *p)
{
    unsigned ms = backoff_next_ms(&p->backoff, monotonic_ms() - p->opened_ms, random_bits());

    timer_set(p->retry, ms);
}

/* A publication's own fault is no trouble of the link: the channel is opened again at once. */
static void channel_lost(struct publisher *p, const struct wire_frame *frame, const struct err *why)
{
    char words[SHORTSTR_MAX_CHARS + 8];

    snprintf(words, sizeof(words), "%u %.*s", frame->code, (int)frame->text.len, frame->text.at);
    channel_forget(p);
    if (pending_again(&p->pending, &(struct ending){frame->cause_id, frame->code, words})) {
        channel_begin(p);
        return;
    }
    retry_later(p);
    snprintf(p->lost_text, sizeof(p->lost_text), "%.100s: %s", connection_peer(p->connection), why->text);
    p->owner->lost(p->arg, p->lost_text);
}

/* Where the broker says that it is blocked there is nothing to be had from another connection. */
static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct publisher *p = arg;
    const struct outgoing *oldest = p->pending.first;
    bool is_held = p->blocked || p->pending.outstanding == 0;
    unsigned waited_ms;
    char why[96];

    (void)fd;
    (void)what;
    timer_set(p->tick, TICK_MS);
    waited_ms = overdue_tick(&p->overdue, oldest == NULL ? 0 : oldest->number, is_held, monotonic_ms());
    if (waited_ms == 0)
        return;
    snprintf(why, sizeof(why), "connected, but a publication was not confirmed for %u s", waited_ms / 1000);
    connection_cut(p->connection, why);
}

static void take_return(struct publisher *p, const struct wire_frame *frame)
{
    struct returned *r = &p->returned;

    r->code = frame->code;
    snprintf(r->text, sizeof(r->text), "%u %.*s", frame->code, (int)frame->text.len, frame->text.at);
    wire_text_copy(frame->exchange, r->exchange, sizeof(r->exchange));
    wire_text_copy(frame->routing_key, r->routing_key, sizeof(r->routing_key));
}

static bool take_use(struct publisher *p, const struct wire_frame *frame, struct err *e)
{
    bool is_method = frame->kind == WIRE_METHOD;
    bool is_return = is_method && frame->method == METHOD_RETURN;
    bool is_confirm = is_method && (frame->method == METHOD_ACK || frame->method == METHOD_NACK);

    if (is_method && !is_return && !is_confirm)
        return err_set(e, ERR_BUS, "an unexpected method (%u.%u) on channel %u", frame->method_id >> 16,
                       frame->method_id & 0xffff, frame->channel);
    if (!content_note(&p->content, frame, is_return, e))
        return false;
    if (is_return)
        take_return(p, frame);
    if (frame->kind == WIRE_HEADER)
        pending_return(&p->pending, &p->returned, frame);
    if (is_confirm)
        pending_confirm(&p->pending, frame);
    if (is_method && frame->method == METHOD_NACK)
        channel_doubt(p);
    if (p->is_stale && p->pending.outstanding == 0)
        channel_renew(p);
    send_waiting(p);
    return true;
}

static bool on_frame(void *arg, const struct wire_frame *frame, struct err *e)
{
    struct publisher *p = arg;
    struct err why;

    if (frame->channel != CHANNEL_NUMBER)
        return err_set(e, ERR_BUS, "a frame on channel %u, which is not open", frame->channel);
    switch (channel_take(&p->channel, frame, &p->values, connection_out(p->connection), &why)) {
    case CHANNEL_NOTHING:
        return true;
    case CHANNEL_CLOSED:
        channel_renewed(p);
        return true;
    case CHANNEL_FRAME:
        return take_use(p, frame, e);
    case CHANNEL_OPENED:
        p->opened_ms = monotonic_ms();
        p->owner->changed(p->arg);
        send_waiting(p);
        return true;
    case CHANNEL_LOST:
        channel_lost(p, frame, &why);
        return true;
    case CHANNEL_BROKEN:
        break;
    }
    *e = why;
    return false;
}

static void on_opened(void *arg)
{
    channel_begin(arg);
}

static void on_blocked(void *arg, const char *why)
{
    struct publisher *p = arg;

    p->blocked = why != NULL;
    p->owner->blocked(p->arg, why);
    send_waiting(p);
}

/* Where it was a publication's fault, and that one is out of the way, the others need not wait. */
static void begin_again(struct publisher *p, const struct loss *loss)
{
    const struct outgoing *first = p->pending.first;

    if (pending_again(&p->pending, &(struct ending){loss->cause_id, loss->code, loss->text}) &&
        p->pending.first != first)
        connection_hurry(p->connection);
}

static void on_lost(void *arg, const struct loss *loss)
{
    struct publisher *p = arg;

    channel_forget(p);
    channel_reset(&p->channel);
    begin_again(p, loss);
    if (p->blocked)
        on_blocked(p, NULL);
    p->owner->lost(p->arg, loss->text);
}

static const struct connection_owner connection_owner = {
    .opened = on_opened,
    .frame = on_frame,
    .lost = on_lost,
    .blocked = on_blocked,
};

bool publisher_new(struct event_base *base, const struct bus_config *config, const struct url_list *urls,
                   struct tray *tray, const struct publisher_owner *owner, void *arg, struct publisher **out,
                   struct err *e)
{
    struct publisher *p = calloc(1, sizeof(*p));
    struct connection_config link = {
        .base = base,
        .urls = urls,
        .tls = &config->tls,
        .name = config->name,
        .heartbeat_s = config->heartbeat_s,
        .owner = &connection_owner,
        .arg = p,
    };

    if (p == NULL)
        return err_set(e, ERR_LOCAL, "no memory for publications");
    p->values = topology_values(config);
    p->owner = owner;
    p->arg = arg;
    pending_init(&p->pending, tray);
    p->retry = evtimer_new(base, on_retry, p);
    p->tick = evtimer_new(base, on_tick, p);
    if (p->retry == NULL || p->tick == NULL || !connection_new(&link, &p->connection, e)) {
        publisher_free(p);
        return err_set(e, ERR_LOCAL, "no memory for publications");
    }
    timer_set(p->tick, TICK_MS);
    *out = p;
    return true;
}

void publisher_free(struct publisher *p)
{
    if (p == NULL)
        return;
    connection_free(p->connection);
    if (p->retry != NULL)
        event_free(p->retry);
    if (p->tick != NULL)
        event_free(p->tick);
    pending_done(&p->pending);
    free(p);
}

void publisher_stop(struct publisher *p)
{
    connection_stop(p->connection);
}

bool publisher_is_over(const struct publisher *p)
{
    return connection_is_over(p->connection);
}

#include "bus/publisher.h"

#include "bus/backoff.h"
#include "bus/channel.h"
#include "bus/connection.h"
#include "bus/outgoing.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHANNEL_NUMBER = 1 };

/* What basic.return says before its header comes. */
struct returned {
    uint16_t code;
    char text[SHORTSTR_MAX_CHARS + 1];
    char exchange[SHORTSTR_MAX_CHARS + 1];
    char routing_key[SHORTSTR_MAX_CHARS + 1];
};

struct publisher {
    struct connection *connection;
    struct channel channel;
    struct ask_values values;
    struct tray *tray;
    const struct publisher_owner *owner;
    void *arg;
    struct backoff backoff;
    struct event *retry;             /* of the channel */
    uint64_t opened_ms;
    bool released, blocked;
    struct outgoing *first, **end;   /* what is not confirmed: first what was sent, then what was not */
    struct outgoing *unsent;         /* the first that was not, or NULL */
    size_t outstanding;              /* how many were sent */
    uint64_t last_number, last_tag;
    uint64_t suspect;                /* up to this number they are sent one at a time */
    struct content content;
    struct returned returned;
    char lost_text[512];
};

bool publisher_is_ready(const struct publisher *p)
{
    return p->channel.state == CHANNEL_READY;
}

/*
 * A publication that closes the channel cannot be told from those sent beside it.
 * So these are all sent again one at a time, until the last of them is settled.
 */
static bool may_send(const struct publisher *p)
{
    return p->first->number > p->suspect || p->outstanding == 0;
}

static void send_waiting(struct publisher *p)
{
    if (!publisher_is_ready(p) || !p->released || p->blocked)
        return;
    for (; p->unsent != NULL && may_send(p); p->unsent = p->unsent->next) {
        p->unsent->tag = ++p->last_tag;
        p->outstanding++;
        wire_put_publication(connection_out(p->connection), CHANNEL_NUMBER, connection_frame_max(p->connection),
                             &p->unsent->publication);
    }
}

void publisher_release(struct publisher *p, bool release)
{
    p->released = release;
    send_waiting(p);
}

bool publisher_publish(struct publisher *p, const struct publication *publication, uint64_t *number, struct err *e)
{
    struct outgoing *o;

    if (!outgoing_new(publication, &o, e))
        return false;
    *number = o->number = ++p->last_number;
    *p->end = o;
    p->end = &o->next;
    if (p->unsent == NULL)
        p->unsent = o;
    send_waiting(p);
    return true;
}

/* Take *at out of the list. */
static struct outgoing *outgoing_take(struct publisher *p, struct outgoing **at)
{
    struct outgoing *o = *at;

    *at = o->next;
    if (p->end == &o->next)
        p->end = at;
    if (p->unsent == o)
        p->unsent = o->next;
    if (o->tag != 0)
        p->outstanding--;
    o->next = NULL;
    return o;
}

static void outgoing_settle(struct publisher *p, struct outgoing **at)
{
    struct outgoing *o = outgoing_take(p, at);

    if (o->forgotten)
        outgoing_free(o);
    else
        tray_put(p->tray, &o->item);
}

static void outgoing_refuse(struct outgoing *o, uint16_t code, const char *text, size_t len)
{
    o->how = PUBLISHED_REFUSED;
    o->code = code;
    snprintf(o->text, sizeof(o->text), "%.*s", (int)(len < sizeof(o->text) ? len : sizeof(o->text) - 1), text);
}

void publisher_forget(struct publisher *p, uint64_t number)
{
    for (struct outgoing **at = &p->first; *at != NULL; at = &(*at)->next) {
        if ((*at)->number != number)
            continue;
        (*at)->forgotten = true;
        if ((*at)->tag == 0)
            outgoing_free(outgoing_take(p, at));
        return;
    }
}

/*
 * The channel is gone: all that was sent is to be sent again. Was a publication
 * the cause, and only one on the way, then it is to blame, and it is refused.
 */
static void sent_again(struct publisher *p, uint32_t cause_id, uint16_t code, const char *text, size_t len)
{
    bool blame = cause_id == wire_publish_id;

    if (blame && p->outstanding == 1) {
        outgoing_refuse(p->first, code, text, len);
        outgoing_settle(p, &p->first);
    }
    for (struct outgoing **at = &p->first; *at != NULL && (*at)->tag != 0;) {
        if (blame)
            p->suspect = (*at)->number;
        (*at)->how = PUBLISHED_TAKEN;
        if ((*at)->forgotten) {
            outgoing_free(outgoing_take(p, at));
            continue;
        }
        (*at)->tag = 0;
        at = &(*at)->next;
    }
    p->unsent = p->first;
    p->outstanding = 0;
    p->last_tag = 0;
    p->content = (struct content){ 0 };
}

static void channel_begin(struct publisher *p)
{
    if (connection_is_open(p->connection) && p->channel.state == CHANNEL_SHUT)
        channel_open(&p->channel, CHANNEL_NUMBER, topology_publisher, &p->values, connection_out(p->connection));
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    channel_begin(arg);
}

static void retry_later(struct publisher *p)
{
    unsigned ms = backoff_next_ms(&p->backoff, monotonic_ms() - p->opened_ms, random_bits());
    struct timeval in = { .tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000 };

    evtimer_add(p->retry, &in);
}

/* A publication's own fault is no trouble of the link: the channel is opened again at once. */
static void channel_lost(struct publisher *p, const struct wire_frame *frame, const struct err *why)
{
    bool blame = frame->cause_id == wire_publish_id && p->outstanding > 0;
    char words[SHORTSTR_MAX_CHARS + 8];

    snprintf(words, sizeof(words), "%u %.*s", frame->code, (int)frame->text.len, frame->text.at);
    sent_again(p, frame->cause_id, frame->code, words, strlen(words));
    if (blame) {
        channel_begin(p);
        return;
    }
    retry_later(p);
    snprintf(p->lost_text, sizeof(p->lost_text), "%.100s: %s", connection_peer(p->connection), why->text);
    p->owner->lost(p->arg, p->lost_text);
}

static bool same(const char *ours, struct wire_text theirs)
{
    return strlen(ours) == theirs.len && (theirs.len == 0 || memcmp(ours, theirs.at, theirs.len) == 0);
}

/*
 * A return carries no number: it is the first publication on the way that has its
 * addresses and ids, since the broker handles them in order and returns one before
 * it confirms it.
 */
static void returned_note(struct publisher *p, const struct wire_frame *header)
{
    const struct returned *r = &p->returned;

    for (struct outgoing *o = p->first; o != NULL && o->tag != 0; o = o->next) {
        const struct publication *ours = &o->publication;
        if (o->how != PUBLISHED_TAKEN || !ours->mandatory || ours->body_bytes != header->body_bytes ||
            strcmp(ours->exchange, r->exchange) != 0 || strcmp(ours->routing_key, r->routing_key) != 0 ||
            !same(ours->message_id, header->message_id) || !same(ours->correlation_id, header->correlation_id))
            continue;
        o->how = PUBLISHED_RETURNED;
        o->code = r->code;
        snprintf(o->text, sizeof(o->text), "%s", r->text);
        return;
    }
}

static void take_return(struct publisher *p, const struct wire_frame *frame)
{
    struct returned *r = &p->returned;

    r->code = frame->code;
    snprintf(r->text, sizeof(r->text), "%u %.*s", frame->code, (int)frame->text.len, frame->text.at);
    wire_text_copy(frame->exchange, r->exchange, sizeof(r->exchange));
    wire_text_copy(frame->routing_key, r->routing_key, sizeof(r->routing_key));
}

/* A confirm of one or, with `multiple`, of all up to it (tag 0: all that were sent). */
static void take_confirm(struct publisher *p, const struct wire_frame *frame)
{
    static const char nacked[] = "the broker did not take it (basic.nack)";

    for (struct outgoing **at = &p->first; *at != NULL && (*at)->tag != 0;) {
        uint64_t tag = (*at)->tag;
        bool meant = tag == frame->tag || (frame->multiple && (tag < frame->tag || frame->tag == 0));
        if (!meant) {
            at = &(*at)->next;
            continue;
        }
        if (frame->method == METHOD_NACK)
            outgoing_refuse(*at, 0, nacked, strlen(nacked));
        outgoing_settle(p, at);
        if (!frame->multiple)
            break;
    }
    send_waiting(p);
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
    if (is_confirm)
        take_confirm(p, frame);
    if (is_return)
        take_return(p, frame);
    if (frame->kind == WIRE_HEADER)
        returned_note(p, frame);
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
    case CHANNEL_CLOSED:
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

static void on_lost(void *arg, const struct loss *loss)
{
    struct publisher *p = arg;

    evtimer_del(p->retry);
    channel_reset(&p->channel);
    sent_again(p, loss->cause_id, loss->code, loss->text, strlen(loss->text));
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
        .name = config->name,
        .heartbeat_s = config->heartbeat_s,
        .owner = &connection_owner,
        .arg = p,
    };

    if (p == NULL)
        return err_set(e, ERR_LOCAL, "no memory for publications");
    p->values = topology_values(config);
    p->tray = tray;
    p->owner = owner;
    p->arg = arg;
    p->end = &p->first;
    p->retry = evtimer_new(base, on_retry, p);
    if (p->retry == NULL || !connection_new(&link, &p->connection, e)) {
        publisher_free(p);
        return err_set(e, ERR_LOCAL, "no memory for publications");
    }
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
    for (struct outgoing *o; (o = p->first) != NULL;) {
        p->first = o->next;
        outgoing_free(o);
    }
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

#include "bus/pending.h"

#include "schemas/text.h"

#include <string.h>

enum { AMQP_INTERNAL_ERROR = 541 }; /* AMQP 0-9-1 1.2 */

void pending_init(struct pending *p, struct tray *tray)
{
    *p = (struct pending){.tray = tray, .end = &p->first};
}

void pending_done(struct pending *p)
{
    for (struct outgoing *o; (o = p->first) != NULL;) {
        p->first = o->next;
        outgoing_free(o);
    }
    pending_init(p, p->tray);
}

uint64_t pending_add(struct pending *p, struct outgoing *o)
{
    o->number = ++p->last_number;
    *p->end = o;
    p->end = &o->next;
    if (p->unsent == NULL)
        p->unsent = o;
    return o->number;
}

const struct publication *pending_send(struct pending *p)
{
    struct outgoing *o = p->unsent;
    bool is_probing = p->first != NULL && p->first->number <= p->suspect;

    if (o == NULL || (is_probing && p->outstanding > 0))
        return NULL;
    o->tag = ++p->last_tag;
    p->outstanding++;
    p->unsent = o->next;
    return &o->publication;
}

/* Take *at out of the list. */
static struct outgoing *take(struct pending *p, struct outgoing **at)
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

static void settle(struct pending *p, struct outgoing **at)
{
    struct outgoing *o = take(p, at);

    if (o->forgotten)
        outgoing_free(o);
    else
        tray_put(p->tray, &o->item);
}

static void outcome_set(struct outgoing *o, enum published how, uint16_t code, const char *text)
{
    o->how = how;
    o->code = code;
    text_copy(o->text, sizeof(o->text), text);
}

void pending_confirm(struct pending *p, const struct wire_frame *confirm)
{
    for (struct outgoing **at = &p->first; *at != NULL && (*at)->tag != 0;) {
        uint64_t tag = (*at)->tag;
        bool is_meant = tag == confirm->tag || (confirm->multiple && (tag < confirm->tag || confirm->tag == 0));
        if (!is_meant) {
            at = &(*at)->next;
            continue;
        }
        if (confirm->method == METHOD_NACK)
            outcome_set(*at, PUBLISHED_REFUSED, 0, "the broker did not take it (basic.nack)");
        settle(p, at);
        if (!confirm->multiple)
            break;
    }
}

static bool same(const char *ours, struct wire_text theirs)
{
    return strlen(ours) == theirs.len && (theirs.len == 0 || memcmp(ours, theirs.at, theirs.len) == 0);
}

static bool is_returned(const struct outgoing *o, const struct returned *r, const struct wire_frame *header)
{
    const struct publication *ours = &o->publication;

    return o->how == PUBLISHED_TAKEN && ours->mandatory && ours->body_bytes == header->body_bytes &&
           strcmp(ours->exchange, r->exchange) == 0 && strcmp(ours->routing_key, r->routing_key) == 0 &&
           same(ours->message_id, header->message_id) && same(ours->correlation_id, header->correlation_id);
}

/*
 * A return carries no number: it is the first publication on the way that has its
 * addresses and ids, since the broker handles them in order and returns one before
 * it confirms it.
 */
void pending_return(struct pending *p, const struct returned *returned, const struct wire_frame *header)
{
    for (struct outgoing *o = p->first; o != NULL && o->tag != 0; o = o->next) {
        if (!is_returned(o, returned, header))
            continue;
        outcome_set(o, PUBLISHED_RETURNED, returned->code, returned->text);
        return;
    }
}

/*
 * A broker that fails on a publication itself (541) does not name it as the cause, and may have failed for another
 * reason: one alone is to blame the second time. RabbitMQ up to 4.0 fails so on a routing key that looks like a direct
 * reply-to and is none.
 */
static bool is_alone_to_blame(const struct pending *p, const struct ending *ending)
{
    return p->outstanding == 1 && (ending->code != AMQP_INTERNAL_ERROR || p->first->number <= p->suspect);
}

bool pending_again(struct pending *p, const struct ending *ending)
{
    bool is_cause = ending->cause_id == wire_publish_id || ending->code == AMQP_INTERNAL_ERROR;
    bool is_blamed = is_cause && p->outstanding > 0;

    if (is_blamed && is_alone_to_blame(p, ending)) {
        outcome_set(p->first, ending->code == AMQP_INTERNAL_ERROR ? PUBLISHED_RETURNED : PUBLISHED_REFUSED,
                    ending->code, ending->text);
        settle(p, &p->first);
    }
    for (struct outgoing **at = &p->first; *at != NULL && (*at)->tag != 0;) {
        if (is_blamed)
            p->suspect = (*at)->number;
        if ((*at)->forgotten) {
            outgoing_free(take(p, at));
            continue;
        }
        outcome_set(*at, PUBLISHED_TAKEN, 0, "");
        (*at)->tag = 0;
        at = &(*at)->next;
    }
    p->unsent = p->first;
    p->outstanding = 0;
    p->last_tag = 0;
    return is_blamed;
}

void pending_forget(struct pending *p, uint64_t number)
{
    for (struct outgoing **at = &p->first; *at != NULL; at = &(*at)->next) {
        if ((*at)->number != number)
            continue;
        (*at)->forgotten = true;
        if ((*at)->tag == 0)
            outgoing_free(take(p, at));
        return;
    }
}

/* The end of a request: its dead letter if it is none, its reply, and its ack when the broker has them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/headers.h"
#include "schemas/signature.h"
#include "worker/life_parts.h"
#include "worker/log.h"

enum {
    RESEND_MS = 1000,
    SENDINGS_MAX =
        2, /* of a reply, which keeps a place in the window meanwhile; a dead letter is sent until it is taken */
    DEAD_HEADERS_MOST = 8,
};

static bool publish(struct life *life, struct request *r, enum stage stage, const struct publication *p)
{
    const struct world *w = &life->config->world;

    if (!w->publish(w->ctx, p, &r->number))
        return false;
    life_enter(r, stage);
    r->sendings++;
    map_add(&life->by_number, &r->number, sizeof(r->number), r);
    return true;
}

static bool write_reply(struct life *life, const struct request *r, struct bytes *out)
{
    const struct world *w = &life->config->world;
    const struct handler *h = r->work.handler;
    char id[UUID_HEX_CHARS + 1];
    struct reply_head head = {r->envelope.encoding,      r->envelope.prefix, r->envelope.name, id,
                              request_correlation_id(r), life_now(life)};
    struct err e;

    w->new_id(w->ctx, id);
    return reply_write(&head, h != NULL ? h->message->reply : NULL, r->work.reply, r->work.failed ? &r->work.err : NULL,
                       out, &e);
}

/*
 * RabbitMQ's direct reply-to, which only the default exchange knows: a mandatory publish to it is reported as unroutable even
 * when it is delivered.
 */
static bool is_direct(const char *exchange, const char *reply_to)
{
    static const char direct[] = "amq.rabbitmq.reply-to";

    return exchange[0] == '\0' && strncmp(reply_to, direct, strlen(direct)) == 0;
}

static void send_reply(struct life *life, struct request *r)
{
    ON_EXIT(bytes_free) struct bytes body = {0};
    const char *exchange = life->config->reply_exchange, *to = request_reply_to(r);
    struct trace_headers headers;
    struct publication p = {.headers = life_trace(life, r, false, &headers),
                            .exchange = exchange,
                            .routing_key = to,
                            .mandatory = !is_direct(exchange, to),
                            .content_type = encoding_content_type(r->envelope.encoding),
                            .correlation_id = request_correlation_id(r)};

    if (write_reply(life, r, &body)) {
        p.body = body.data;
        p.body_bytes = body.len;
        if (publish(life, r, STAGE_REPLYING, &p))
            return;
    }
    life_enter(r, STAGE_REPLYING);
    life_wait(life, r, STAGE_RESENDING, life_now(life) + RESEND_MS);
}

/*
 * Why and when it died, and what it needs to be sent again: the sender's signature,
 * and for whom an operator sent it, where he is believed: the letter says it in the
 * name of this worker.
 */
static void dead_letter_headers(const struct life *life, const struct request *r, char now[24],
                                const char *out[2 * DEAD_HEADERS_MOST + 1])
{
    const struct delivery *d = r->delivery;
    const char *const pairs[DEAD_HEADERS_MOST][2] = {
        {CODE_HEADER, r->work.err.code},
        {DETAILS_HEADER, r->work.err.text},
        {QUEUE_HEADER, life->config->queue_names[r->came_by]},
        {ROUTING_KEY_HEADER, d->routing_key},
        {USER_HEADER, d->user_id},
        {TIME_HEADER, now},
        {SIGNATURE_HEADER, d->signature[0] != '\0' ? d->signature : NULL},
        {ON_BEHALF_OF_HEADER, r->is_on_behalf ? r->user : NULL},
    };
    size_t count = 0;

    snprintf(now, 24, "%lld", (long long)life_now(life));
    for (size_t i = 0; i < COUNT(pairs); i++)
        if (pairs[i][1] != NULL) {
            out[count++] = pairs[i][0];
            out[count++] = pairs[i][1];
        }
    out[count] = NULL;
}

static void send_dead_letter(struct life *life, struct request *r)
{
    const struct delivery *d = r->delivery;
    const char *headers[2 * DEAD_HEADERS_MOST + 1];
    char now[24];
    struct publication p = {.exchange = life->config->dead_exchange,
                            .routing_key = d->routing_key,
                            .mandatory = true,
                            .content_type = d->content_type,
                            .message_id = d->message_id,
                            .correlation_id = d->correlation_id,
                            .reply_to = d->reply_to,
                            .headers = headers,
                            .body = d->body,
                            .body_bytes = d->body_bytes};

    dead_letter_headers(life, r, now, headers);
    if (publish(life, r, STAGE_DEAD_LETTER, &p))
        return;
    life_enter(r, STAGE_DEAD_LETTER);
    life_wait(life, r, STAGE_RESENDING, life_now(life) + RESEND_MS);
}

/* A body without a readable name can only be matched by what AMQP carries. */
static bool address_malformed(struct request *r)
{
    if (r->envelope.name[0] == '\0')
        strcpy(r->envelope.name, "ErrorMsg");
    if (r->id[0] == '\0' && id_is_acceptable(r->delivery->message_id))
        strcpy(r->id, r->delivery->message_id);
    return request_correlation_id(r)[0] != '\0';
}

void reply_send(struct life *life, struct request *r)
{
    bool dead = r->work.failed && err_fate(&r->work.err) == FATE_DEAD_LETTER;

    if (dead && !r->was_dead_lettered)
        send_dead_letter(life, r);
    else if (request_reply_to(r)[0] == '\0' || (dead && !address_malformed(r)))
        life_settle(life, r, "not wanted");
    else
        send_reply(life, r);
}

static void resend_or_settle(struct life *life, struct request *r, const char *text)
{
    if (r->stage == STAGE_DEAD_LETTER || r->sendings < SENDINGS_MAX) {
        log_event(LOG_LEVEL_WARN, "publish-refused", "id", r->id, "trace", r->trace.id, "what",
                  r->stage == STAGE_DEAD_LETTER ? "dead letter" : "reply", "details", text, (char *)NULL);
        life_wait(life, r, STAGE_RESENDING, life_now(life) + RESEND_MS);
        return;
    }
    life_settle(life, r, "refused by the broker");
}

void reply_published(struct life *life, struct request *r, enum published how, const char *text)
{
    if (r->stage == STAGE_DEAD_LETTER && how == PUBLISHED_TAKEN) {
        r->was_dead_lettered = true;
        r->sendings = 0;
        reply_send(life, r);
    } else if (r->stage == STAGE_REPLYING && how == PUBLISHED_TAKEN) {
        life_settle(life, r, "sent");
    } else if (r->stage == STAGE_REPLYING && how == PUBLISHED_RETURNED) {
        life_settle(life, r, "returned: nobody listens there");
    } else {
        resend_or_settle(life, r, text);
    }
}

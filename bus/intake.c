#include "bus/intake.h"

#include "bus/timer.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char cancelled[] = "the broker cancelled the consumer: the queue was deleted, or its node is down";

static struct outbox *out_of(struct intake *intake)
{
    return connection_out(intake->host->connection);
}

static struct ask_values values_of(const struct intake *intake)
{
    struct ask_values values = intake->host->values;

    values.names[SUBJECT_QUEUE] = intake->name;
    values.names[SUBJECT_KEY] = intake->key;
    return values;
}

static void coming_drop(struct intake *intake)
{
    delivery_free(TAKE(intake->coming));
    intake->content = (struct content){0};
}

void intake_done(struct intake *intake)
{
    coming_drop(intake);
    if (intake->retry != NULL)
        event_free(TAKE(intake->retry));
}

bool intake_is_open(const struct intake *intake)
{
    return intake->channel.state == CHANNEL_READY;
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    struct intake *intake = arg;

    (void)fd;
    (void)what;
    if (intake->wanted && connection_is_open(intake->host->connection))
        intake_open(intake);
}

static void retry_later(struct intake *intake)
{
    uint64_t held_ms = intake->opened_ms == 0 ? 0 : monotonic_ms() - intake->opened_ms;
    unsigned ms = backoff_next_ms(&intake->backoff, held_ms, random_bits());

    if (ms < intake->pause_ms)
        ms = intake->pause_ms;
    intake->pause_ms = 0;
    if (intake->retry == NULL)
        intake->retry = evtimer_new(intake->host->base, on_retry, intake);
    if (intake->retry != NULL)
        timer_set(intake->retry, ms);
}

/* The channel is shut; `why` is kept for who asks. */
static void intake_lose(struct intake *intake, const char *why)
{
    coming_drop(intake);
    if (intake->wanted)
        retry_later(intake);
    intake->opened_ms = 0;
    intake->unsettled = 0;
    intake->host->lost(intake->host->arg, intake, why);
}

void intake_open(struct intake *intake)
{
    struct ask_values values = values_of(intake);
    unsigned most = connection_channel_max(intake->host->connection);
    char why[128];

    intake->wanted = true;
    if (intake->channel.state != CHANNEL_SHUT)
        return;
    if (intake->number > most) {
        snprintf(why, sizeof(why),
                 "the broker allows %u channels on a connection (its channel_max), and this would be number %u", most,
                 intake->number);
        intake->host->lost(intake->host->arg, intake, why);
        return;
    }
    intake->asked_ms = monotonic_ms();
    channel_open(&intake->channel, intake->number, intake->row, &values, out_of(intake));
}

/* When all is settled, it does not matter any more what was too far ahead. */
static void intake_tell(struct intake *intake)
{
    if (!intake_is_open(intake))
        return;
    acks_tell(&intake->acks, out_of(intake), intake->number);
    if (intake->unsettled == 0 && intake->content.due == CONTENT_NONE)
        acks_are_even(&intake->acks, intake->tag);
}

void intakes_tell(struct intake_host *host)
{
    struct intake *intake;

    while ((intake = host->first_to_tell) != NULL) {
        host->first_to_tell = intake->next_to_tell;
        intake->is_to_tell = false;
        intake_tell(intake);
    }
}

static void tell_later(struct intake *intake)
{
    struct intake_host *host = intake->host;

    if (intake->is_to_tell)
        return;
    intake->is_to_tell = true;
    intake->next_to_tell = host->first_to_tell;
    host->first_to_tell = intake;
    event_active(host->tell, 0, 0);
}

void intake_renew(struct intake *intake, const char *why, unsigned pause_ms)
{
    if (intake->channel.state == CHANNEL_SHUT || intake->channel.state == CHANNEL_CLOSING)
        return;
    intake_tell(intake);
    coming_drop(intake);
    snprintf(intake->parting, sizeof(intake->parting), "%s", why);
    intake->asked_ms = monotonic_ms();
    intake->pause_ms = pause_ms;
    channel_close(&intake->channel, out_of(intake));
}

static void opening_give_up(struct intake *intake)
{
    struct ask_values values = values_of(intake);
    char doing[192], why[INTAKE_WHY_CHARS];

    ask_describe(&intake->channel.row.asks[intake->channel.at], &values, doing, sizeof(doing));
    snprintf(why, sizeof(why), "%s: no answer within %d s", doing, INTAKE_OPEN_MS / 1000);
    intake_renew(intake, why, 0);
}

/*
 * The broker's channel is stuck. Where it was never open, another number is as good as
 * a fresh start, and leaves the other channels of the connection alone. Where it was,
 * or all numbers have been used up, the connection itself begins anew.
 */
static void closing_give_up(struct intake *intake)
{
    unsigned next = (unsigned)intake->number + intake->host->stride;

    if (intake->opened_ms != 0 || next > connection_channel_max(intake->host->connection)) {
        connection_cut(intake->host->connection, intake->parting);
        return;
    }
    channel_reset(&intake->channel);
    intake->number = (uint16_t)next;
    intake_lose(intake, intake->wanted ? intake->parting : "closed");
}

void intake_tick(struct intake *intake, uint64_t now_ms)
{
    if (intake->channel.state == CHANNEL_OPENING && now_ms > intake->asked_ms + INTAKE_OPEN_MS)
        opening_give_up(intake);
    else if (intake->channel.state == CHANNEL_CLOSING && now_ms > intake->asked_ms + INTAKE_CLOSE_MS)
        closing_give_up(intake);
}

void intake_settle(struct intake *intake, uint64_t tag, enum verdict verdict)
{
    intake->unsettled--;
    if (verdict == VERDICT_REJECT) {
        wire_put_reject(out_of(intake), intake->number, tag);
        acks_told(&intake->acks, tag);
    } else if (acks_add(&intake->acks, tag)) {
        tell_later(intake);
    } else {
        wire_put_ack(out_of(intake), intake->number, tag, false);
    }
}

void intake_close(struct intake *intake)
{
    intake->wanted = false;
    if (intake->retry != NULL)
        evtimer_del(intake->retry);
    if (intake->channel.state == CHANNEL_SHUT)
        intake_lose(intake, "closed");
    else
        intake_renew(intake, "closed", 0);
}

void intake_reset(struct intake *intake)
{
    if (intake->retry != NULL)
        evtimer_del(intake->retry);
    coming_drop(intake);
    channel_reset(&intake->channel);
    intake->number = (uint16_t)((intake->number - 1) % intake->host->stride + 1);
    intake->opened_ms = 0;
    intake->unsettled = 0;
}

/* From here on bytes are put together. */

static void claim_copy(struct wire_text text, struct claim *out)
{
    out->is_made = text.at != NULL;
    wire_text_copy(text, out->user, sizeof(out->user));
}

static struct delivery *delivery_new(const struct intake *intake, const struct wire_frame *header)
{
    size_t body = header->body_bytes > intake->host->body_max_bytes ? 0 : (size_t)header->body_bytes;
    size_t headers = intake->host->looks ? wire_headers_list(header, NULL, 0) : 0;
    struct delivery *d = malloc(sizeof(*d) + body + headers);

    if (d == NULL)
        return NULL;
    d->headers_bytes = headers == 0 ? 0 : wire_headers_list(header, (char *)d->body + body, headers);
    d->next = NULL;
    d->queue = intake->queue;
    d->tag = intake->tag;
    d->generation = intake->generation;
    d->redelivered = intake->redelivered;
    d->body_bytes = body;
    d->whole_bytes = header->body_bytes;
    d->timestamp_s = header->timestamp_s;
    memcpy(d->routing_key, intake->routing_key, sizeof(d->routing_key));
    wire_text_copy(header->content_type, d->content_type, sizeof(d->content_type));
    wire_text_copy(header->message_id, d->message_id, sizeof(d->message_id));
    wire_text_copy(header->correlation_id, d->correlation_id, sizeof(d->correlation_id));
    wire_text_copy(header->reply_to, d->reply_to, sizeof(d->reply_to));
    wire_text_copy(header->user_id, d->user_id, sizeof(d->user_id));
    wire_text_copy(header->signature, d->signature, sizeof(d->signature));
    if (header->signature.len > 0 && d->signature[0] == '\0')
        strcpy(d->signature, "?");
    wire_text_copy(header->traceparent, d->traceparent, sizeof(d->traceparent));
    claim_copy(header->on_behalf_of, &d->on_behalf_of);
    claim_copy(header->vouched_by, &d->vouched_by);
    return d;
}

void delivery_free(struct delivery *delivery)
{
    if (delivery == NULL)
        return;
    wipe(delivery->body, delivery->body_bytes + delivery->headers_bytes);
    free(delivery);
}

static bool is_canary(const struct wire_frame *header)
{
    return header->content_type.len == strlen(CANARY_TYPE) &&
           memcmp(header->content_type.at, CANARY_TYPE, header->content_type.len) == 0;
}

static bool take_header(struct intake *intake, const struct wire_frame *frame, struct err *e)
{
    intake->unsettled++;
    if (is_canary(frame) && !intake->no_ack && !intake->host->looks) {
        intake_settle(intake, intake->tag, VERDICT_ACK);
        return true;
    }
    if (frame->body_bytes <= intake->host->body_max_bytes || intake->host->looks) {
        intake->coming = delivery_new(intake, frame);
        return intake->coming != NULL || err_set(e, ERR_LOCAL, "no memory for a delivery");
    }
    /* Too large: the broker dead-letters it, and its body is passed over as it comes. */
    if (!intake->no_ack)
        intake_settle(intake, intake->tag, VERDICT_REJECT);
    return true;
}

static void take_body(struct intake *intake, const struct wire_frame *frame)
{
    struct delivery *d = intake->coming;

    if (d != NULL && d->body_bytes == d->whole_bytes)
        memcpy(d->body + (d->body_bytes - intake->content.body_left - frame->piece_bytes), frame->piece,
               frame->piece_bytes);
}

static void take_deliver(struct intake *intake, const struct wire_frame *frame)
{
    intake->tag = frame->tag;
    intake->redelivered = frame->redelivered;
    wire_text_copy(frame->routing_key, intake->routing_key, sizeof(intake->routing_key));
    intake->host->delivered(intake->host->arg, intake);
}

static bool take_content(struct intake *intake, const struct wire_frame *frame, struct err *e)
{
    bool is_deliver = frame->kind == WIRE_METHOD && frame->method == METHOD_DELIVER;

    if (intake->counts && frame->kind == WIRE_METHOD && frame->method == METHOD_QUEUE_OK) {
        intake->host->counted(intake->host->arg, frame->message_count);
        return true;
    }
    /* basic.cancel comes from the broker when the queue is gone. The channel is closed, and all begun anew. */
    if (frame->kind == WIRE_METHOD && frame->method == METHOD_CANCEL) {
        intake_renew(intake, cancelled, 0);
        return true;
    }
    if (frame->kind == WIRE_METHOD && !is_deliver)
        return err_set(e, ERR_BUS, "an unexpected method (%u.%u) on channel %u", frame->method_id >> 16,
                       frame->method_id & 0xffff, intake->number);
    if (!content_note(&intake->content, frame, is_deliver, e))
        return false;
    if (is_deliver)
        take_deliver(intake, frame);
    if (frame->kind == WIRE_HEADER && !take_header(intake, frame, e))
        return false;
    if (frame->kind == WIRE_BODY)
        take_body(intake, frame);
    if (intake->content.due == CONTENT_NONE && intake->coming != NULL)
        tray_put_delivery(intake->host->tray, TAKE(intake->coming));
    return true;
}

static void now_open(struct intake *intake)
{
    intake->opened_ms = monotonic_ms();
    intake->acks = (struct acks){0};
    intake->tag = 0;
    intake->generation = ++intake->host->generation;
    intake->host->opened(intake->host->arg, intake);
}

bool intake_take(struct intake *intake, const struct wire_frame *frame, struct err *e)
{
    struct ask_values values = values_of(intake);
    struct err why;

    if (frame->kind == WIRE_METHOD && frame->method == METHOD_QUEUE_OK)
        intake->others = frame->consumers;
    switch (channel_take(&intake->channel, frame, &values, out_of(intake), &why)) {
    case CHANNEL_NOTHING:
        return true;
    case CHANNEL_FRAME:
        return take_content(intake, frame, e);
    case CHANNEL_OPENED:
        now_open(intake);
        return true;
    case CHANNEL_LOST:
        intake_lose(intake, why.text);
        return true;
    case CHANNEL_CLOSED:
        intake_lose(intake, intake->wanted ? intake->parting : "closed");
        return true;
    case CHANNEL_BROKEN:
        break;
    }
    *e = why;
    return false;
}

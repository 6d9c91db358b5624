#include "cli/flight.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "schemas/envelope.h"
#include "schemas/harden.h"

struct slot {
    bool is_used;
    size_t tag;
    uint64_t number;
    int64_t sent_us;
    char id[UUID_HEX_CHARS + 1];
};

struct flight {
    struct session *session;
    size_t most, count;
    struct slot slots[];
};

int64_t flight_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

struct flight *flight_new(struct session *session, size_t most)
{
    struct flight *f = calloc(1, sizeof(*f) + most * sizeof(f->slots[0]));

    if (f != NULL) {
        f->session = session;
        f->most = most;
    }
    return f;
}

void flight_free(struct flight *f)
{
    free(f);
}

size_t flight_count(const struct flight *f)
{
    return f->count;
}

static struct slot *free_slot(struct flight *f)
{
    size_t i = 0;

    while (f->slots[i].is_used)
        i++;
    return &f->slots[i];
}

bool flight_ask(struct flight *f, const struct message *message, const struct uuid *host, const void *request,
                size_t tag, struct err *e)
{
    ON_EXIT(bytes_free) struct bytes body = {0};
    struct slot *slot = free_slot(f);
    char route[SHORTSTR_MAX_CHARS + 1];
    int64_t now = session_now_ms();
    struct request_head head = {ENCODING_JSON, message->name, slot->id, now, now + f->session->timeout_ms};
    struct bus *bus = client_bus(f->session->client);
    struct publication p = {.exchange = f->session->settings->exchange,
                            .routing_key = route,
                            .content_type = "application/json",
                            .message_id = slot->id,
                            .correlation_id = slot->id,
                            .reply_to = bus_reply_queue(bus),
                            .mandatory = true};

    session_new_id(slot->id);
    session_route(host, route);
    if (!request_write(&head, message->request, request, &body, e))
        return false;
    p.body = body.data;
    p.body_bytes = body.len;
    stack_wipe();
    slot->sent_us = flight_now_us();
    if (!bus_publish(bus, &p, &slot->number, e))
        return false;
    slot->is_used = true;
    slot->tag = tag;
    f->count++;
    return true;
}

static void end(struct flight *f, struct slot *slot, struct flight_answer *out)
{
    out->tag = slot->tag;
    out->took_us = flight_now_us() - slot->sent_us;
    bus_forget(client_bus(f->session->client), slot->number);
    slot->is_used = false;
    f->count--;
}

static bool take_answer(struct flight *f, struct delivery *d, struct flight_answer *out)
{
    bool is_ours = false;

    for (size_t i = 0; i < f->most && !is_ours; i++)
        if (f->slots[i].is_used && strcmp(f->slots[i].id, d->correlation_id) == 0) {
            is_ours = out->is_reply = client_answer_keep(d, &out->answer);
            end(f, &f->slots[i], out);
        }
    delivery_free(d);
    return is_ours;
}

static bool take_refusal(struct flight *f, const struct bus_news *news, struct flight_answer *out)
{
    for (size_t i = 0; i < f->most && news->how != PUBLISHED_TAKEN; i++)
        if (f->slots[i].is_used && f->slots[i].number == news->number) {
            err_set(&out->why, news->how == PUBLISHED_RETURNED || news->code == 404 ? ERR_NO_ROUTE : ERR_BUS, "%s",
                    news->text);
            end(f, &f->slots[i], out);
            return true;
        }
    return false;
}

static bool take_late(struct flight *f, struct flight_answer *out)
{
    int64_t now_us = flight_now_us(), most_us = (int64_t)f->session->timeout_ms * 1000;

    for (size_t i = 0; i < f->most; i++)
        if (f->slots[i].is_used && now_us - f->slots[i].sent_us >= most_us) {
            err_set(&out->why, ERR_TIMEOUT, "no answer within %u ms", f->session->timeout_ms);
            end(f, &f->slots[i], out);
            return true;
        }
    return false;
}

bool flight_next(struct flight *f, unsigned wait_ms, bool *ended, struct flight_answer *out, struct err *e)
{
    int64_t until_us = flight_now_us() + (int64_t)wait_ms * 1000;
    enum { SLICE_MS = 50 };

    *out = (struct flight_answer){.is_reply = false};
    do {
        struct bus_news news;
        enum bus_event event = client_next(f->session->client, wait_ms < SLICE_MS ? wait_ms : SLICE_MS, &news);

        *ended = (event == BUS_ANSWER && take_answer(f, news.delivery, out)) ||
                 (event == BUS_PUBLISHED && take_refusal(f, &news, out)) || (event == BUS_QUIET && take_late(f, out));
        if (event == BUS_LINK_DOWN)
            return err_set(e, ERR_BUS, "%s", news.text);
    } while (!*ended && flight_now_us() < until_us);
    return true;
}

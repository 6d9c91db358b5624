#include "worker/events.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/log.h"

struct events {
    const struct world *world;
    const char *exchange, *worker;
    struct metrics *metrics;
    bool is_up;
    uint64_t dropped; /* since it was said last */
    int64_t paused_until_ms;
    size_t count;
    uint64_t numbers[EVENTS_MAX]; /* of publications that are not confirmed, in order */
};

struct events *events_new(const struct world *world, const char *exchange, const char *worker, struct metrics *metrics)
{
    struct events *events = calloc(1, sizeof(*events));

    if (events == NULL)
        return NULL;
    events->world = world;
    events->exchange = exchange;
    events->worker = worker;
    events->metrics = metrics;
    return events;
}

static void drop(struct events *events, size_t count)
{
    events->dropped += count;
    events->metrics->events_dropped += count;
}

static void say_dropped(struct events *events)
{
    char count[24];

    if (events->dropped == 0)
        return;
    snprintf(count, sizeof(count), "%" PRIu64, events->dropped);
    log_event(LOG_LEVEL_WARN, "events-dropped", "count", count, (char *)NULL);
    events->dropped = 0;
}

void events_free(struct events *events)
{
    if (events == NULL)
        return;
    say_dropped(events);
    free(events);
}

static void numbers_remove(struct events *events, size_t index)
{
    events->count--;
    memmove(events->numbers + index, events->numbers + index + 1, (events->count - index) * sizeof(events->numbers[0]));
}

/*
 * True if there is room for one more, or was made. What is with the broker cannot be
 * taken back, so while it is there the oldest cannot make room.
 */
static bool make_room(struct events *events)
{
    if (events->count < EVENTS_MAX)
        return true;
    if (events->is_up)
        return false;
    events->world->forget(events->world->ctx, events->numbers[0]);
    numbers_remove(events, 0);
    drop(events, 1);
    return true;
}

static bool is_paused(const struct events *events)
{
    return events->world->now_ms(events->world->ctx) < events->paused_until_ms;
}

void events_send(struct events *events, const struct host_event *event)
{
    ON_EXIT(bytes_free) struct bytes body = {0};
    const struct world *world = events->world;
    char id[UUID_HEX_CHARS + 1], route[EVENT_ROUTE_MAX_CHARS + 1];
    struct publication p = {.exchange = events->exchange,
                            .routing_key = route,
                            .content_type = encoding_content_type(ENCODING_JSON),
                            .message_id = id};
    struct err e;

    events->metrics->events[event->kind]++;
    if (is_paused(events) || !make_room(events) ||
        !host_event_write(event, events->worker, world->now_ms(world->ctx), &body, &e)) {
        drop(events, 1);
        return;
    }
    world->new_id(world->ctx, id);
    host_event_route(event, route);
    p.body = body.data;
    p.body_bytes = body.len;
    if (world->publish(world->ctx, &p, &events->numbers[events->count]))
        events->count++;
    else
        drop(events, 1);
}

void events_tell(struct events *events, const struct uuid *host, enum host_event_kind kind, const char *reason)
{
    struct host_event event = {.kind = kind, .host_uuid = *host};

    if (reason != NULL)
        host_event_reason(&event, reason);
    events_send(events, &event);
}

void events_link(struct events *events, bool is_up)
{
    events->is_up = is_up;
    if (is_up)
        say_dropped(events);
}

/*
 * The exchange is not there, or we may not write to it: that has ended the channel, on
 * which everybody publishes. The rest would do the same again.
 */
static void begin_pause(struct events *events, const struct bus_news *news)
{
    const struct world *world = events->world;

    events->paused_until_ms = world->now_ms(world->ctx) + EVENTS_PAUSE_MS;
    drop(events, events->count);
    while (events->count > 0)
        world->forget(world->ctx, events->numbers[--events->count]);
    log_event(LOG_LEVEL_WARN, "events-refused", "exchange", events->exchange, "details", news->text, (char *)NULL);
}

static bool numbers_find(const struct events *events, uint64_t number, size_t *index)
{
    for (*index = 0; *index < events->count && events->numbers[*index] < number; (*index)++)
        continue;
    return *index < events->count && events->numbers[*index] == number;
}

bool events_published(struct events *events, const struct bus_news *news)
{
    size_t index;

    if (!numbers_find(events, news->number, &index))
        return false;
    numbers_remove(events, index);
    drop(events, news->how == PUBLISHED_REFUSED);
    if (bus_refused_for_good(news))
        begin_pause(events, news);
    if (events->count == 0)
        say_dropped(events);
    return true;
}

bool events_are_pending(const struct events *events)
{
    return events->is_up && events->count > 0;
}

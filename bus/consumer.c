#include "bus/consumer_parts.h"
#include "bus/timer.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A channel that was given up has been given a higher number. */
static unsigned number_of(const struct consumer *c, uint16_t channel)
{
    return (channel - 1u) % c->host.stride + 1;
}

static bool is_source(const struct consumer *c, const struct intake *intake)
{
    return number_of(c, intake->number) >= CHANNEL_FIRST_QUEUE;
}

static struct intake *intake_of(struct consumer *c, unsigned number)
{
    struct intake *const own[] = {NULL, &c->topology, &c->replies, &c->notices, &c->counting.intake}; /* by number */

    return number < CHANNEL_FIRST_QUEUE ? own[number] : &c->sources[number - CHANNEL_FIRST_QUEUE].intake;
}

static void open_queues(struct consumer *c)
{
    if (c->config->answers_wanted)
        intake_open(&c->replies);
    if (c->config->notices_exchange[0] != '\0')
        intake_open(&c->notices);
    for (size_t i = 0; i < c->config->queue_count; i++)
        if (c->sources[i].intake.wanted)
            intake_open(&c->sources[i].intake);
}

void consumer_on_intake_opened(void *arg, struct intake *intake)
{
    struct consumer *c = arg;

    if (is_source(c, intake)) {
        source_opened(&c->sources[intake->queue]);
        return;
    }
    if (intake == &c->counting.intake) {
        counting_opened(&c->counting);
        return;
    }
    if (intake == &c->topology)
        open_queues(c);
    if (intake == &c->notices)
        c->owner->notices(c->arg, NULL);
    c->owner->changed(c->arg);
}

void consumer_on_intake_lost(void *arg, struct intake *intake, const char *why)
{
    struct consumer *c = arg;

    if (is_source(c, intake)) {
        source_lost(&c->sources[intake->queue], why);
        return;
    }
    if (intake == &c->counting.intake) {
        counting_lost(&c->counting);
        return;
    }
    if (intake == &c->notices) { /* all else goes on without them */
        c->owner->notices(c->arg, why);
        return;
    }
    if (intake == &c->topology && topology_relent(c->asks, intake->channel.at))
        return;
    snprintf(c->lost_text, sizeof(c->lost_text), "%s: %s", connection_peer(c->host.connection), why);
    c->owner->lost(c->arg, c->lost_text);
}

void consumer_on_intake_delivered(void *arg, struct intake *intake)
{
    struct consumer *c = arg;

    if (is_source(c, intake))
        source_delivered(&c->sources[intake->queue]);
}

void consumer_on_intake_counted(void *arg, uint32_t messages)
{
    struct consumer *c = arg;

    counting_answered(&c->counting, messages);
}

void consumer_on_turn_end(evutil_socket_t fd, short what, void *arg)
{
    struct consumer *c = arg;

    (void)fd, (void)what;
    intakes_tell(&c->host);
}

void consumer_on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct consumer *c = arg;
    uint64_t now_ms = monotonic_ms();

    (void)fd, (void)what;
    timer_set(c->tick, CONSUMER_TICK_MS);
    if (!connection_is_open(c->host.connection))
        return;
    for (unsigned number = CHANNEL_TOPOLOGY; number < CHANNEL_FIRST_QUEUE; number++)
        intake_tick(intake_of(c, number), now_ms);
    for (size_t i = 0; i < c->config->queue_count; i++)
        source_tick(&c->sources[i], c->config->prefetch, now_ms);
}

static void on_opened(void *arg)
{
    struct consumer *c = arg;

    if (c->config->declare)
        intake_open(&c->topology);
    else
        open_queues(c);
    c->owner->changed(c->arg);
}

static void on_lost(void *arg, const struct loss *loss)
{
    struct consumer *c = arg;

    intake_reset(&c->topology);
    intake_reset(&c->replies);
    counting_reset(&c->counting);
    intake_reset(&c->notices);
    if (c->config->notices_exchange[0] != '\0')
        c->owner->notices(c->arg, loss->text);
    for (size_t i = 0; i < c->config->queue_count; i++)
        source_reset(&c->sources[i], loss->text);
    c->owner->lost(c->arg, loss->text);
}

static bool on_frame(void *arg, const struct wire_frame *frame, struct err *e)
{
    struct consumer *c = arg;
    struct intake *intake = intake_of(c, number_of(c, frame->channel));

    if (frame->channel > intake->number)
        return err_set(e, ERR_BUS, "a frame on channel %u, which is not open", frame->channel);
    if (frame->channel == intake->number)
        return intake_take(intake, frame, e);
    /* Of one that was given up, since the broker did not answer: it was told to close. */
    if (frame->kind == WIRE_METHOD && frame->method == METHOD_CHANNEL_CLOSE)
        wire_put_channel_close_ok(connection_out(c->host.connection), frame->channel);
    return true;
}

/* Only what publishes is ever blocked. */
static void on_blocked(void *arg, const char *why)
{
    (void)arg;
    (void)why;
}

const struct connection_owner consumer_connection_owner = {
    .opened = on_opened,
    .frame = on_frame,
    .lost = on_lost,
    .blocked = on_blocked,
};

void consumer_stop(struct consumer *c)
{
    intakes_tell(&c->host);
    connection_stop(c->host.connection);
}

bool consumer_has_topology(const struct consumer *c)
{
    return c->config->declare ? intake_is_open(&c->topology) : connection_is_open(c->host.connection);
}

bool consumer_is_ready(const struct consumer *c)
{
    return connection_is_open(c->host.connection) && consumer_has_topology(c) &&
           (!c->config->answers_wanted || intake_is_open(&c->replies));
}

const struct broker *consumer_broker(const struct consumer *c)
{
    return connection_broker(c->host.connection);
}

const char *consumer_peer_name(const struct consumer *c)
{
    return connection_peer_name(c->host.connection);
}

bool consumer_is_current(const struct consumer *c, const struct delivery *delivery)
{
    if (delivery->queue >= c->config->queue_count)
        return false;
    const struct intake *intake = &c->sources[delivery->queue].intake;
    return intake_is_open(intake) && intake->generation == delivery->generation;
}

void consumer_settle(struct consumer *c, const struct delivery *delivery, enum verdict verdict)
{
    if (consumer_is_current(c, delivery))
        intake_settle(&c->sources[delivery->queue].intake, delivery->tag, verdict);
}

bool consumer_published(struct consumer *c, const struct bus_news *news)
{
    for (size_t i = 0; i < c->config->queue_count && c->canaries.on_their_way > 0; i++)
        if (source_published(&c->sources[i], news))
            return true;
    return false;
}

bool consumer_is_deaf(const struct consumer *c)
{
    for (size_t i = 0; i < c->config->queue_count; i++)
        if (proof_is_hopeless(&c->sources[i].proof))
            return true;
    return false;
}

void consumer_queue_prove(struct consumer *c, size_t queue)
{
    proof_hurry(&c->sources[queue].proof, monotonic_ms());
}

void consumer_queue_renew(struct consumer *c, size_t queue, const char *why)
{
    source_renew(&c->sources[queue], why);
}

void consumer_queue_close(struct consumer *c, size_t queue)
{
    struct source *source = &c->sources[queue];

    if (source->intake.wanted)
        intake_close(&source->intake);
}

void consumer_queue_open(struct consumer *c, size_t queue)
{
    struct intake *intake = &c->sources[queue].intake;

    if (consumer_has_topology(c))
        intake_open(intake);
    intake->wanted = true;
}

void consumer_queue_count(struct consumer *c, size_t queue)
{
    struct intake *intake = &c->sources[queue].intake;

    intake->row = topology_counted;
    intake_open(intake);
}

void consumer_count(struct consumer *c)
{
    if (connection_is_open(c->host.connection))
        counting_begin(&c->counting);
}

struct bus_depth consumer_depth(const struct consumer *c, size_t queue)
{
    return c->counting.depths[queue];
}

uint64_t consumer_heard_ms(const struct consumer *c, size_t queue)
{
    return c->sources[queue].heard_ms;
}

bool consumer_is_over(const struct consumer *c)
{
    return connection_is_over(c->host.connection);
}

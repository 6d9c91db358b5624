#include "bus/consumer.h"

#include "bus/counting.h"
#include "bus/source.h"
#include "bus/timer.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHANNEL_TOPOLOGY = 1, CHANNEL_REPLIES, CHANNEL_FIRST_QUEUE, CHANNEL_MOST = 65535, TICK_MS = 1000 };

struct consumer {
    struct intake_host host;
    const struct bus_config *config;
    const struct consumer_owner *owner;
    void *arg;
    struct intake topology, replies;
    struct ask *partitions; /* what the topology's row asks, where there are any; else NULL */
    struct source *sources;
    struct counting counting;
    struct canary_sender canaries;
    struct event *tick;
    char lost_text[INTAKE_WHY_CHARS + 64];
};

static bool is_source(const struct consumer *c, const struct intake *intake)
{
    return intake != &c->topology && intake != &c->replies && intake != &c->counting.intake;
}

static void open_queues(struct consumer *c)
{
    if (c->config->answers_wanted)
        intake_open(&c->replies);
    for (size_t i = 0; i < c->config->queue_count; i++)
        if (c->sources[i].intake.wanted)
            intake_open(&c->sources[i].intake);
}

static void on_intake_opened(void *arg, struct intake *intake)
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
    c->owner->changed(c->arg);
}

static void on_intake_lost(void *arg, struct intake *intake, const char *why)
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
    snprintf(c->lost_text, sizeof(c->lost_text), "%s: %s", connection_peer(c->host.connection), why);
    c->owner->lost(c->arg, c->lost_text);
}

static void on_intake_delivered(void *arg, struct intake *intake)
{
    struct consumer *c = arg;

    if (is_source(c, intake))
        source_delivered(&c->sources[intake->queue]);
}

static void on_intake_counted(void *arg, uint32_t messages)
{
    struct consumer *c = arg;

    counting_answered(&c->counting, messages);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct consumer *c = arg;
    uint64_t now_ms = monotonic_ms();

    (void)fd, (void)what;
    timer_set(c->tick, TICK_MS);
    if (!connection_is_open(c->host.connection))
        return;
    intake_tick(&c->topology, now_ms);
    intake_tick(&c->replies, now_ms);
    intake_tick(&c->counting.intake, now_ms);
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
    for (size_t i = 0; i < c->config->queue_count; i++)
        source_reset(&c->sources[i], loss->text);
    c->owner->lost(c->arg, loss->text);
}

static struct intake *intake_of(struct consumer *c, uint16_t channel)
{
    unsigned number = (channel - 1u) % c->host.stride + 1;

    if (number == CHANNEL_TOPOLOGY)
        return &c->topology;
    if (number == CHANNEL_REPLIES)
        return &c->replies;
    if (number - CHANNEL_FIRST_QUEUE == c->config->queue_count)
        return &c->counting.intake;
    return &c->sources[number - CHANNEL_FIRST_QUEUE].intake;
}

static bool on_frame(void *arg, const struct wire_frame *frame, struct err *e)
{
    struct consumer *c = arg;
    struct intake *intake = intake_of(c, frame->channel);

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

static const struct connection_owner connection_owner = {
    .opened = on_opened,
    .frame = on_frame,
    .lost = on_lost,
    .blocked = on_blocked,
};

static struct ask_row queue_row(const struct consumer *c)
{
    return c->partitions != NULL && c->config->declare ? topology_partition : topology_host_queue(c->config->declare);
}

static void intakes_init(struct consumer *c, const char *reply_queue)
{
    const struct bus_config *config = c->config;

    c->topology = (struct intake){.host = &c->host, .row = topology_shared, .number = CHANNEL_TOPOLOGY};
    if (c->partitions != NULL)
        c->topology.row = topology_partitions(config->queue_count, c->partitions);
    c->replies = (struct intake){
        .host = &c->host,
        .row = topology_reply_queue(config->reply_exchange[0] != '\0', config->events_key[0] != '\0'),
        .name = reply_queue,
        .key = reply_queue,
        .queue = DELIVERY_ANSWER,
        .no_ack = true,
        .number = CHANNEL_REPLIES,
    };
    c->counting.intake = (struct intake){
        .host = &c->host,
        .row = topology_nothing,
        .number = (uint16_t)(CHANNEL_FIRST_QUEUE + config->queue_count),
        .counts = true,
    };
    for (size_t i = 0; i < config->queue_count; i++) {
        c->sources[i].intake = (struct intake){
            .host = &c->host,
            .row = queue_row(c),
            .name = config->queues[i].name,
            .key = config->queues[i].routing_key,
            .queue = i,
            .number = (uint16_t)(CHANNEL_FIRST_QUEUE + i),
            .wanted = true,
        };
        source_init(&c->sources[i], &c->canaries, config->quiet_ms);
    }
}

static struct consumer *consumer_alloc(const struct bus_config *config)
{
    struct consumer *c = calloc(1, sizeof(*c));
    bool has_partitions = config->partition_exchange[0] != '\0';

    if (c == NULL)
        return NULL;
    c->config = config;
    c->sources = calloc(config->queue_count + 1, sizeof(*c->sources));
    if (has_partitions)
        c->partitions = calloc(topology_partitions_count(config->queue_count), sizeof(*c->partitions));
    if (c->sources != NULL && (c->partitions != NULL || !has_partitions))
        return c;
    free(c->sources);
    free(c->partitions);
    free(c);
    return NULL;
}

bool consumer_new(struct event_base *base, const struct bus_config *config, const struct url_list *urls,
                  const char *reply_queue, struct tray *tray, const struct consumer_owner *owner, void *arg,
                  struct consumer **out, struct err *e)
{
    struct connection_config link = {
        .base = base,
        .urls = urls,
        .tls = &config->tls,
        .name = config->name,
        .heartbeat_s = config->heartbeat_s,
        .owner = &connection_owner,
    };

    if (config->queue_count > CHANNEL_MOST - CHANNEL_FIRST_QUEUE - 1)
        return err_set(e, ERR_CONFIG, "%zu queues, and a connection has at most %d channels", config->queue_count,
                       CHANNEL_MOST);
    struct consumer *c = consumer_alloc(config);
    if (c == NULL)
        return err_set(e, ERR_LOCAL, "no memory for the queues");
    c->owner = owner;
    c->arg = arg;
    c->host = (struct intake_host){
        .base = base,
        .tray = tray,
        .values = topology_values(config),
        .body_max_bytes = config->body_max_bytes,
        .looks = config->looks,
        .stride = (uint16_t)(CHANNEL_FIRST_QUEUE + config->queue_count),
        .opened = on_intake_opened,
        .lost = on_intake_lost,
        .delivered = on_intake_delivered,
        .counted = on_intake_counted,
        .arg = c,
    };
    c->canaries = (struct canary_sender){.send = owner->send_canary, .forget = owner->forget_canary, .arg = arg};
    intakes_init(c, reply_queue);
    link.arg = c;
    c->tick = evtimer_new(base, on_tick, c);
    if (c->tick == NULL || !counting_init(&c->counting, config, e) || !connection_new(&link, &c->host.connection, e)) {
        consumer_free(c);
        return err_set(e, ERR_LOCAL, "no memory for the queues");
    }
    timer_set(c->tick, TICK_MS);
    *out = c;
    return true;
}

void consumer_free(struct consumer *c)
{
    if (c == NULL)
        return;
    connection_free(c->host.connection);
    if (c->tick != NULL)
        event_free(c->tick);
    intake_done(&c->topology);
    intake_done(&c->replies);
    counting_done(&c->counting);
    for (size_t i = 0; i < c->config->queue_count; i++)
        source_done(&c->sources[i]);
    free(c->sources);
    free(c->partitions);
    free(c);
}

void consumer_stop(struct consumer *c)
{
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

#include "bus/consumer.h"

#include "bus/intake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHANNEL_TOPOLOGY = 1, CHANNEL_REPLIES, CHANNEL_FIRST_QUEUE, CHANNEL_MOST = 65535 };

/* A host queue, and what is told of it. */
struct source {
    struct intake intake;
    struct tray_item item;
    bool up;
};

struct consumer {
    struct intake_host host;
    const struct bus_config *config;
    const struct consumer_owner *owner;
    void *arg;
    struct intake topology, replies;
    struct source *sources;
    char lost_text[INTAKE_WHY_CHARS + 64];
};

static void source_tell(struct tray_item *item, struct bus_news *news)
{
    struct source *source = (struct source *)((char *)item - offsetof(struct source, item));

    news->event = source->up ? BUS_QUEUE_UP : BUS_QUEUE_DOWN;
    news->queue = source->intake.queue;
    news->messages = source->intake.channel.messages;
    if (!source->up)
        snprintf(news->text, sizeof(news->text), "%s", source->intake.why);
}

static void source_set(struct consumer *c, struct source *source, bool up, const char *why)
{
    bool is_news = source->up != up || (!up && strcmp(source->intake.why, why) != 0);

    source->up = up;
    snprintf(source->intake.why, sizeof(source->intake.why), "%s", why);
    if (is_news)
        tray_put(c->host.tray, &source->item);
}

static bool is_source(const struct consumer *c, const struct intake *intake)
{
    return intake != &c->topology && intake != &c->replies;
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
        source_set(c, &c->sources[intake->queue], true, "");
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
        source_set(c, &c->sources[intake->queue], false, why);
        return;
    }
    snprintf(c->lost_text, sizeof(c->lost_text), "%s: %s", connection_peer(c->host.connection), why);
    c->owner->lost(c->arg, c->lost_text);
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
    for (size_t i = 0; i < c->config->queue_count; i++) {
        struct source *source = &c->sources[i];
        bool told = source->up || source->intake.channel.state == CHANNEL_CLOSING;
        intake_reset(&source->intake);
        if (told)
            source_set(c, source, false, loss->text);
    }
    c->owner->lost(c->arg, loss->text);
}

static struct intake *intake_of(struct consumer *c, uint16_t channel)
{
    if (channel == CHANNEL_TOPOLOGY)
        return &c->topology;
    if (channel == CHANNEL_REPLIES)
        return &c->replies;
    size_t queue = (size_t)channel - CHANNEL_FIRST_QUEUE;
    return queue < c->config->queue_count ? &c->sources[queue].intake : NULL;
}

static bool on_frame(void *arg, const struct wire_frame *frame, struct err *e)
{
    struct intake *intake = intake_of(arg, frame->channel);

    if (intake == NULL)
        return err_set(e, ERR_BUS, "a frame on channel %u, which is not open", frame->channel);
    return intake_take(intake, frame, e);
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

static void intakes_init(struct consumer *c, const char *reply_queue)
{
    const struct bus_config *config = c->config;

    c->topology = (struct intake){.host = &c->host, .row = topology_shared, .number = CHANNEL_TOPOLOGY};
    c->replies = (struct intake){
        .host = &c->host,
        .row = topology_reply_queue(config->reply_exchange[0] != '\0'),
        .name = reply_queue,
        .key = reply_queue,
        .queue = DELIVERY_ANSWER,
        .no_ack = true,
        .number = CHANNEL_REPLIES,
    };
    for (size_t i = 0; i < config->queue_count; i++) {
        c->sources[i].item.tell = source_tell;
        c->sources[i].intake = (struct intake){
            .host = &c->host,
            .row = config->looks ? topology_looked_at : topology_host_queue(config->declare),
            .name = config->queues[i].name,
            .key = config->queues[i].routing_key,
            .queue = i,
            .number = (uint16_t)(CHANNEL_FIRST_QUEUE + i),
            .wanted = true,
        };
    }
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

    if (config->queue_count > CHANNEL_MOST - CHANNEL_FIRST_QUEUE)
        return err_set(e, ERR_CONFIG, "%zu queues, and a connection has at most %d channels", config->queue_count,
                       CHANNEL_MOST);
    struct consumer *c = calloc(1, sizeof(*c));
    if (c != NULL)
        c->sources = calloc(config->queue_count + 1, sizeof(*c->sources));
    if (c == NULL || c->sources == NULL) {
        free(c);
        return err_set(e, ERR_LOCAL, "no memory for the queues");
    }
    c->config = config;
    c->owner = owner;
    c->arg = arg;
    c->host = (struct intake_host){
        .base = base,
        .tray = tray,
        .values = topology_values(config),
        .body_max_bytes = config->body_max_bytes,
        .looks = config->looks,
        .opened = on_intake_opened,
        .lost = on_intake_lost,
        .arg = c,
    };
    intakes_init(c, reply_queue);
    link.arg = c;
    if (!connection_new(&link, &c->host.connection, e)) {
        consumer_free(c);
        return false;
    }
    *out = c;
    return true;
}

void consumer_free(struct consumer *c)
{
    if (c == NULL)
        return;
    connection_free(c->host.connection);
    intake_done(&c->topology);
    intake_done(&c->replies);
    for (size_t i = 0; i < c->config->queue_count; i++) {
        tray_remove(c->host.tray, &c->sources[i].item);
        intake_done(&c->sources[i].intake);
    }
    free(c->sources);
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
    static void (*const put[])(struct outbox *, uint16_t, uint64_t) = {
        [VERDICT_ACK] = wire_put_ack,
        [VERDICT_REJECT] = wire_put_reject,
    };

    if (consumer_is_current(c, delivery))
        put[verdict](connection_out(c->host.connection), c->sources[delivery->queue].intake.number, delivery->tag);
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

bool consumer_is_over(const struct consumer *c)
{
    return connection_is_over(c->host.connection);
}

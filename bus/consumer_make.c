/* Of a consumer: its making and its end. */
#include "bus/consumer_parts.h"
#include "bus/timer.h"

#include <event2/event.h>
#include <stdlib.h>

enum { CHANNEL_MOST = 65535 };

static bool has_partitions(const struct bus_config *config)
{
    return config->partition_exchange[0] != '\0';
}

static size_t partition_count(const struct bus_config *config)
{
    return has_partitions(config) ? config->queue_count : 0;
}

static struct ask_row queue_row(const struct consumer *c)
{
    return has_partitions(c->config) && c->config->declare ? topology_partition
                                                           : topology_host_queue(c->config->declare);
}

static void intakes_init(struct consumer *c, const char *reply_queue, const char *notices_queue)
{
    const struct bus_config *config = c->config;

    c->topology = (struct intake){
        .host = &c->host, .row = topology_all(partition_count(config), c->asks), .number = CHANNEL_TOPOLOGY};
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
        .number = CHANNEL_COUNTING,
        .counts = true,
    };
    c->notices = (struct intake){
        .host = &c->host,
        .row = topology_notices(config->declare),
        .name = notices_queue,
        .key = config->notices_key,
        .queue = DELIVERY_NOTICE,
        .no_ack = true,
        .number = CHANNEL_NOTICES,
    };
    for (size_t i = 0; i < config->queue_count; i++) {
        c->sources[i].intake = (struct intake){
            .host = &c->host,
            .row = queue_row(c),
            .name = config->queues[i].name,
            .key = config->queues[i].routing_key,
            .queue = i,
            .number = (uint16_t)(CHANNEL_FIRST_QUEUE + i),
            .wanted = !config->queues_closed,
        };
        source_init(&c->sources[i], &c->canaries, config->quiet_ms);
    }
}

static struct consumer *consumer_alloc(const struct bus_config *config)
{
    struct consumer *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    c->config = config;
    c->sources = calloc(config->queue_count + 1, sizeof(*c->sources));
    c->asks = calloc(topology_all_count(partition_count(config)), sizeof(*c->asks));
    if (c->sources != NULL && c->asks != NULL)
        return c;
    free(c->sources);
    free(c->asks);
    free(c);
    return NULL;
}

bool consumer_new(struct event_base *base, const struct bus_config *config, const struct url_list *urls,
                  const char *reply_queue, const char *notices_queue, struct tray *tray,
                  const struct consumer_owner *owner, void *arg, struct consumer **out, struct err *e)
{
    struct connection_config link = {
        .base = base,
        .urls = urls,
        .tls = &config->tls,
        .name = config->name,
        .heartbeat_s = config->heartbeat_s,
        .owner = &consumer_connection_owner,
    };

    if (config->queue_count > CHANNEL_MOST - CHANNEL_FIRST_QUEUE)
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
        .stride = (uint16_t)(CHANNEL_FIRST_QUEUE - 1 + config->queue_count),
        .opened = consumer_on_intake_opened,
        .lost = consumer_on_intake_lost,
        .delivered = consumer_on_intake_delivered,
        .counted = consumer_on_intake_counted,
        .arg = c,
    };
    c->canaries = (struct canary_sender){.send = owner->send_canary, .forget = owner->forget_canary, .arg = arg};
    intakes_init(c, reply_queue, notices_queue);
    link.arg = c;
    c->tick = evtimer_new(base, consumer_on_tick, c);
    c->host.tell = event_new(base, -1, 0, consumer_on_turn_end, c);
    if (c->tick == NULL || c->host.tell == NULL || !counting_init(&c->counting, config, e) ||
        !connection_new(&link, &c->host.connection, e)) {
        consumer_free(c);
        return err_set(e, ERR_LOCAL, "no memory for the queues");
    }
    c->host.values.broker = consumer_broker(c);
    timer_set(c->tick, CONSUMER_TICK_MS);
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
    if (c->host.tell != NULL)
        event_free(c->host.tell);
    intake_done(&c->topology);
    intake_done(&c->replies);
    counting_done(&c->counting);
    intake_done(&c->notices);
    for (size_t i = 0; i < c->config->queue_count; i++)
        source_done(&c->sources[i]);
    free(c->sources);
    free(c->asks);
    free(c);
}

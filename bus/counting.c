#include "bus/counting.h"

#include "bus/timer.h"

#include <stdlib.h>

bool counting_init(struct counting *counting, const struct bus_config *config, struct err *e)
{
    counting->config = config;
    counting->count = config->queue_count + 1;
    counting->depths = calloc(counting->count, sizeof(*counting->depths));
    return counting->depths != NULL || err_set(e, ERR_LOCAL, "no memory for the depths of the queues");
}

void counting_done(struct counting *counting)
{
    intake_done(&counting->intake);
    free(counting->depths);
}

/* The dead letters' queue has the name of their exchange: bus/topology.c. */
static const char *name_of(const struct counting *counting)
{
    const struct bus_config *config = counting->config;

    return counting->at < config->queue_count ? config->queues[counting->at].name : config->dead_exchange;
}

static void ask(struct counting *counting)
{
    struct outbox *out = connection_out(counting->intake.host->connection);

    if (counting->left == 0 || counting->is_asked || !intake_is_open(&counting->intake))
        return;
    counting->is_asked = true;
    counting->asked_ms = monotonic_ms();
    wire_put_queue(out, counting->intake.number, name_of(counting), QUEUE_PASSIVE, NULL, 0);
}

static void next(struct counting *counting, struct bus_depth depth)
{
    counting->depths[counting->at] = depth;
    counting->at = (counting->at + 1) % counting->count;
    counting->left--;
    counting->is_asked = false;
    ask(counting);
}

/* RabbitMQ may never answer for a quorum queue without a leader: then its channel is given up for another. */
static void give_up(struct counting *counting)
{
    if (counting->is_asked && monotonic_ms() > counting->asked_ms + INTAKE_OPEN_MS)
        intake_renew(&counting->intake, "no answer", 0);
}

void counting_begin(struct counting *counting)
{
    if (counting->left > 0) {
        give_up(counting);
        return;
    }
    counting->left = counting->count;
    intake_open(&counting->intake);
    ask(counting);
}

void counting_opened(struct counting *counting)
{
    ask(counting);
}

void counting_answered(struct counting *counting, uint32_t messages)
{
    if (counting->is_asked)
        next(counting, (struct bus_depth){.is_known = true, .messages = messages});
}

void counting_lost(struct counting *counting)
{
    if (counting->is_asked)
        next(counting, (struct bus_depth){.is_known = false});
}

void counting_reset(struct counting *counting)
{
    intake_reset(&counting->intake);
    counting->intake.wanted = counting->is_asked = false;
    counting->left = 0;
    for (size_t i = 0; i < counting->count; i++)
        counting->depths[i].is_known = false;
}

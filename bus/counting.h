/*
 * How many messages wait in each queue: asked of the broker one queue after the
 * other, on a channel of its own, and only when somebody wants to know. What is
 * known stays until it is asked again.
 */
#ifndef BUS_COUNTING_H
#define BUS_COUNTING_H

#include "bus/intake.h"

struct counting {
    struct intake intake; /* its channel; `host` and `number` are set by its maker */
    const struct bus_config *config;
    struct bus_depth *depths; /* of each queue, and behind them of the dead letters */
    size_t count;
    size_t at;     /* whose turn it is */
    size_t left;   /* of this round; 0: there is none */
    bool is_asked; /* and not answered yet */
    uint64_t asked_ms;
};

/* `config` outlives it. Fails with ERR_LOCAL. */
MUST_CHECK bool counting_init(struct counting *counting, const struct bus_config *config, struct err *e);
void counting_done(struct counting *counting);

/* Begin a round, unless there is one. The connection is open. */
void counting_begin(struct counting *counting);

/* What its intake said. */
void counting_opened(struct counting *counting);
void counting_answered(struct counting *counting, uint32_t messages);
void counting_lost(struct counting *counting); /* its channel: the queue is not there, or may not be looked at */

/* The connection is gone, and nothing is known any more. */
void counting_reset(struct counting *counting);

#endif

/*
 * The acks of one channel, gathered for a turn of the loop: as far as everything that was delivered before is settled,
 * one frame acks it all (AMQP 0-9-1 1.8.3.13: multiple); what is ahead of that has a frame of its own.
 */
#ifndef BUS_ACKS_H
#define BUS_ACKS_H

#include "bus/wire.h"

enum { ACKS_WINDOW = 256 };

/* Zeroed: of a new channel, whose first delivery has the tag 1. */
struct acks {
    uint64_t before;             /* up to this one all are settled, and the broker was told */
    size_t waiting;              /* for acks_tell() */
    uint8_t states[ACKS_WINDOW]; /* of those behind it, by their tags */
};

/* Ack it with the next acks_tell(). False: it is too far ahead of one that is not settled; it is to be acked by itself. */
MUST_CHECK bool acks_add(struct acks *acks, uint64_t tag);

/* It was settled with a frame of its own. */
void acks_told(struct acks *acks, uint64_t tag);

void acks_tell(struct acks *acks, struct outbox *out, uint16_t channel);

/* All up to `tag` is settled, and was told. */
void acks_are_even(struct acks *acks, uint64_t tag);

#endif

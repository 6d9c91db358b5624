/* How long to wait before the next try: longer each time, and never all at once. Pure. */
#ifndef BUS_BACKOFF_H
#define BUS_BACKOFF_H

#include "schemas/base.h"

enum {
    BACKOFF_FIRST_MS = 100,
    BACKOFF_MOST_MS = 5000,  /* contract 7: with back-off of at most 5 s */
    BACKOFF_HELD_MS = 10000, /* what held this long was no part of the trouble */
};

/* Zeroed: no failure yet. */
struct backoff {
    unsigned base_ms;
};

/*
 * The pause in ms after a failure of something that had held for `held_ms`:
 * 100 ms, then twice the last one up to 5 s, each 20 % shorter to 20 % longer as
 * `random` (any 32 bits) has it, but never over 5 s. Begins anew after 10 s held.
 */
unsigned backoff_next_ms(struct backoff *backoff, uint64_t held_ms, uint32_t random);

#endif

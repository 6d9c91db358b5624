/* Time and chance, for pauses. */
#ifndef BUS_TIMER_H
#define BUS_TIMER_H

#include "schemas/base.h"

struct event;

/* Milliseconds of a clock that only goes forward. */
uint64_t monotonic_ms(void);

/* 32 random bits, for jitter. */
uint32_t random_bits(void);

/* Let a timer go off after `ms`, instead of when it was set to before. */
void timer_set(struct event *timer, unsigned ms);

#endif

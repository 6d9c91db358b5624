#ifndef WORKER_CLOCK_H
#define WORKER_CLOCK_H

#include "schemas/base.h"

/* Milliseconds since 1970, of a clock that may be set. Any thread. */
int64_t clock_now_ms(void);

/* Microseconds of a clock that only goes forward. Any thread. */
uint64_t clock_monotonic_us(void);

#endif

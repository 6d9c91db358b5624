#ifndef WORKER_CLOCK_H
#define WORKER_CLOCK_H

#include "schemas/base.h"

/* Milliseconds since 1970, of a clock that may be set. Any thread. */
int64_t clock_now_ms(void);

#endif

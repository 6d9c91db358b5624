#include "bus/timer.h"

#include <event2/event.h>
#include <event2/util.h>
#include <time.h>

uint64_t monotonic_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint32_t random_bits(void)
{
    uint32_t bits;

    evutil_secure_rng_get_bytes(&bits, sizeof(bits));
    return bits;
}

void timer_set(struct event *timer, unsigned ms)
{
    struct timeval in = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};

    event_add(timer, &in);
}

#include "bus/backoff.h"

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned backoff_next_ms(struct backoff *backoff, uint64_t held_ms, uint32_t random)
{
    if (held_ms >= BACKOFF_HELD_MS)
        backoff->base_ms = 0;
    backoff->base_ms = backoff->base_ms == 0 ? BACKOFF_FIRST_MS : least(2 * backoff->base_ms, BACKOFF_MOST_MS);

    unsigned percent = 80 + random % 41;
    return least(backoff->base_ms * percent / 100, BACKOFF_MOST_MS);
}

#include "bus/overdue.h"

static unsigned longer(unsigned wait_ms)
{
    return wait_ms * 2 < OVERDUE_MOST_MS ? wait_ms * 2 : OVERDUE_MOST_MS;
}

unsigned overdue_tick(struct overdue *o, uint64_t oldest, bool is_held, uint64_t now_ms)
{
    bool is_another = oldest == 0 || oldest != o->oldest, has_stalled = now_ms - o->ticked_ms > OVERDUE_STALL_MS;
    unsigned waited_ms;

    if (is_another)
        o->wait_ms = OVERDUE_MS;
    if (is_another || is_held || has_stalled)
        o->due_ms = now_ms + o->wait_ms;
    o->oldest = oldest;
    o->ticked_ms = now_ms;
    if (now_ms < o->due_ms)
        return 0;
    waited_ms = o->wait_ms;
    o->wait_ms = longer(o->wait_ms);
    o->due_ms = now_ms + o->wait_ms;
    return waited_ms;
}

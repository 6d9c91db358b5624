/*
 * Whether the oldest publication waits too long for its confirm. Heartbeats show that a
 * node lives, but not that it can have anything confirmed: one without the majority
 * cannot. Others behind the oldest may be confirmed all the same. Pure: time is handed in.
 */
#ifndef BUS_OVERDUE_H
#define BUS_OVERDUE_H

#include "schemas/base.h"

enum {
    OVERDUE_MS = 10000,      /* so long the oldest may take; */
    OVERDUE_MOST_MS = 60000, /* ... the same again twice as long each time, up to this */
    OVERDUE_STALL_MS = 5000, /* without a tick it was we who stood still, and what came meanwhile has yet to be read */
};

/* Zeroed is a new one. */
struct overdue {
    uint64_t oldest;            /* publication, when last looked; 0: none */
    uint64_t due_ms, ticked_ms; /* due: when it must be confirmed, */
    unsigned wait_ms;           /* ... so long after it was the oldest */
};

/*
 * To be called each second or so. `oldest`: the number of the first publication that is
 * not confirmed; 0: none. `is_held`: nothing is on its way, or the broker says that it takes
 * nothing now; that time does not count. Gives how long was waited in vain, in ms: the
 * connection is to begin anew; else 0.
 */
unsigned overdue_tick(struct overdue *overdue, uint64_t oldest, bool is_held, uint64_t now_ms);

#endif

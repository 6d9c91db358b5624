#include "worker/lanes.h"

#include <stdlib.h>
#include <string.h>

struct lane *lane_find(struct lane *lanes, const char *identity)
{
    struct lane *lane;

    HASH_FIND_STR(lanes, identity, lane);
    return lane;
}

static struct lane *lane_new(struct lane **lanes, const char *identity)
{
    struct lane *lane = calloc(1, sizeof(*lane));

    if (lane == NULL)
        abort();
    strcpy(lane->identity, identity);
    TAILQ_INIT(&lane->queue);
    HASH_ADD_STR(*lanes, identity, lane);
    return lane;
}

bool lane_enter(struct lane **lanes, struct request *r, bool is_waiter)
{
    struct lane *lane = lane_find(*lanes, r->identity);

    if (lane == NULL)
        lane = lane_new(lanes, r->identity);
    TAILQ_INSERT_TAIL(&lane->queue, r, queue);
    lane->waiters += is_waiter;
    r->lane = lane;
    return TAILQ_FIRST(&lane->queue) == r;
}

struct request *lane_leave(struct lane **lanes, struct request *r, bool is_waiter)
{
    struct lane *lane = TAKE(r->lane);
    bool was_first = TAILQ_FIRST(&lane->queue) == r;

    TAILQ_REMOVE(&lane->queue, r, queue);
    lane->waiters -= is_waiter;
    if (TAILQ_EMPTY(&lane->queue)) {
        HASH_DEL(*lanes, lane);
        free(lane);
        return NULL;
    }
    return was_first ? TAILQ_FIRST(&lane->queue) : NULL;
}

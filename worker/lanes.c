#include "worker/lanes.h"

#include <stdlib.h>
#include <string.h>

struct lane *lane_find(const struct map *lanes, const char *identity)
{
    return map_find(lanes, identity, strlen(identity));
}

static struct lane *lane_new(struct map **lanes, const char *identity)
{
    struct lane *lane = calloc(1, sizeof(*lane));

    if (lane == NULL)
        abort();
    strcpy(lane->identity, identity);
    TAILQ_INIT(&lane->queue);
    map_add(lanes, lane->identity, strlen(lane->identity), lane);
    return lane;
}

bool lane_enter(struct map **lanes, struct request *r, bool is_waiter)
{
    struct lane *lane = lane_find(*lanes, r->identity);

    if (lane == NULL)
        lane = lane_new(lanes, r->identity);
    TAILQ_INSERT_TAIL(&lane->queue, r, queue);
    lane->waiters += is_waiter;
    r->lane = lane;
    return TAILQ_FIRST(&lane->queue) == r;
}

struct request *lane_leave(struct map **lanes, struct request *r, bool is_waiter)
{
    struct lane *lane = TAKE(r->lane);
    bool was_first = TAILQ_FIRST(&lane->queue) == r;

    TAILQ_REMOVE(&lane->queue, r, queue);
    lane->waiters -= is_waiter;
    if (TAILQ_EMPTY(&lane->queue)) {
        (void)map_remove(lanes, lane->identity, strlen(lane->identity));
        free(lane);
        return NULL;
    }
    return was_first ? TAILQ_FIRST(&lane->queue) : NULL;
}

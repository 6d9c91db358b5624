#include "worker/partitions.h"

#include "bus/timer.h"
#include "worker/log.h"
#include "worker/worker_parts.h"

enum {
    LONE_MS = 10000,    /* whoever is to consume from it does by then */
    KEEP_MS = 60000,    /* what was left to a worker, and comes back, is not left to the same one before */
    PUT_OFF_MS = 60000, /* longer than what waits for other hosts keeps a partition */
    GRACE_MS = 10000,   /* by then the next worker has asked for those hosts of it that have any traffic */
};

static int64_t now_ms(void)
{
    return (int64_t)monotonic_ms();
}

/* ---- partitions ---- */

static void note_lone(const struct worker *w, size_t queue)
{
    struct queue *q = &w->queues[queue];

    if (q->is_open || pool_is_consumed(w->pool, queue))
        q->lone_ms = 0;
    else if (q->lone_ms == 0)
        q->lone_ms = now_ms();
}

static bool is_lone(const struct worker *w, size_t queue)
{
    return w->queues[queue].lone_ms != 0 && now_ms() - w->queues[queue].lone_ms >= LONE_MS;
}

/*
 * True if the broker may give this worker what should be the first's: it came before that one, or has heard something
 * though it came after.
 */
static bool is_before(const struct worker *w, size_t queue, pid_t first)
{
    const struct queue *q = &w->queues[queue];

    return first != q->behind ||
           ((int64_t)bus_queue_heard_ms(w->bus, queue) > q->behind_ms && now_ms() - q->behind_ms >= KEEP_MS);
}

static bool is_anothers(const struct worker *w, size_t queue)
{
    enum pool_place place = pool_place(w->pool, queue);
    pid_t first = pool_first_there(w->pool, queue);

    return w->queues[queue].is_consuming && first != 0 && pool_is_settled(w->pool) &&
           (place == POOL_OTHER || (place == POOL_SECOND && is_before(w, queue, first)));
}

/* What waits for another host may wait for what comes by this very partition. */
static bool is_put_off(struct worker *w, size_t queue)
{
    struct queue *q = &w->queues[queue];

    if (!life_waits_for_others(w->life, queue))
        return false;
    if (q->put_off_ms == 0)
        q->put_off_ms = now_ms();
    return now_ms() - q->put_off_ms < PUT_OFF_MS;
}

/* The channel stays open until nothing runs. */
static void leave(struct worker *w, size_t queue)
{
    struct queue *q = &w->queues[queue];

    log_event(LOG_LEVEL_INFO, "partition", "queue", q->route.queue, "details",
              "it is for another worker of the pool: nothing more of it is begun here", (char *)NULL);
    q->is_left = true;
    w->left_count++;
    life_queue_leave(w->life, queue);
    serving_forget_queue(w, queue);
}

static void stay(struct worker *w, size_t queue)
{
    w->queues[queue].is_left = false;
    w->left_count--;
    life_queue_stay(w->life, queue);
}

static void part(struct worker *w, size_t queue)
{
    struct queue *q = &w->queues[queue];

    stay(w, queue);
    q->is_open = pool_place(w->pool, queue) != POOL_OTHER;
    q->behind = pool_first_there(w->pool, queue);
    q->behind_ms = now_ms();
    for (size_t i = 0; i < w->config.host_count; i++)
        if (w->served[i].came_by == queue)
            w->served[i].keep_until_ms = now_ms() + GRACE_MS;
    if (q->is_open)
        bus_queue_renew(w->bus, queue, "left to another worker of the pool, behind which this one stands by");
    else
        bus_queue_close(w->bus, queue);
}

void partitions_step(struct worker *w)
{
    for (size_t i = 0; w->left_count > 0 && !w->is_draining && i < w->queue_count; i++)
        if (w->queues[i].is_left && life_of_queue(w->life, i) == 0)
            part(w, i);
}

void partition_down(struct worker *w, size_t queue)
{
    if (w->queues[queue].is_left)
        stay(w, queue);
}

static void look_at_partition(struct worker *w, size_t queue)
{
    struct queue *q = &w->queues[queue];

    note_lone(w, queue);
    if (pool_first_there(w->pool, queue) == 0)
        q->behind = 0; /* if the same one comes again, it comes after us */
    if (!q->is_open && sharing_wants(w, queue, is_lone(w, queue))) {
        q->is_open = true;
        q->behind = pool_first_there(w->pool, queue);
        q->behind_ms = now_ms();
        bus_queue_open(w->bus, queue);
    }
    if (!is_anothers(w, queue))
        q->put_off_ms = 0;
    else if (!q->is_left && !is_put_off(w, queue))
        leave(w, queue);
}

/* ---- hosts ---- */

/* What comes for it comes here. */
static bool is_brought(const struct worker *w, size_t host)
{
    size_t queue = w->served[host].came_by;
    const struct queue *q = &w->queues[queue == w->queue_count ? 0 : queue];

    return queue < w->queue_count && q->is_consuming && !q->is_left &&
           (pool_place(w->pool, queue) == POOL_FIRST || pool_first_there(w->pool, queue) == 0);
}

bool partitions_may_take(const struct worker *w, size_t host)
{
    return is_brought(w, host) || pool_is_best(w->pool, w->hosts[host].uuid.text);
}

static bool is_idle_here(struct worker *w, size_t host)
{
    const struct served *s = &w->served[host];

    return serving_may(w, host) && s->waiting == NULL && life_of_host(w->life, host) == 0 &&
           now_ms() >= s->keep_until_ms && !is_brought(w, host);
}

/* Whoever gets a request for it asks for it. */
static void give_if_idle(struct worker *w, size_t host)
{
    if (!is_idle_here(w, host) || pool_is_best(w->pool, w->hosts[host].uuid.text))
        return;
    w->served[host].was_given = true;
    serving_leave(w, host, "the host is idle, and another worker of the pool looks after it");
}

void partitions_look(struct worker *w)
{
    size_t count = w->config.host_count;

    for (size_t i = 0; i < w->queue_count; i++)
        look_at_partition(w, i);
    for (size_t i = 0; i < count; i++)
        sharing_look_whether_free(w, i);
    for (size_t i = 0; i < SHARING_LOOK_AT_ONCE && i < count && pool_is_settled(w->pool); i++)
        give_if_idle(w, w->looked_at++ % count);
    partitions_step(w);
}

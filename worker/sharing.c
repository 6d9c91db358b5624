#include "worker/sharing.h"

#include "bus/timer.h"
#include "worker/worker_parts.h"

enum {
    ABANDONED_MS = 10000, /* whoever is to act on a host has made its queue and taken it by then */
    KEEP_MS = 60000,      /* a host that was given, and that nobody took: what is said of others is not to be trusted */
};

static int64_t now_ms(void)
{
    return (int64_t)monotonic_ms();
}

bool sharing_consumes(void *arg, size_t queue)
{
    const struct worker *w = arg;

    return w->queues[queue].is_consuming;
}

bool sharing_is_left(const struct worker *w, size_t host)
{
    const struct queue *missing = serving_missing(w, host);

    return missing != NULL && !missing->is_open;
}

void sharing_free(struct worker *w, size_t host)
{
    if (w->served[host].free_ms == 0)
        w->served[host].free_ms = now_ms();
}

/* It was given to another worker and comes back: nobody else took it. */
void sharing_taken(struct worker *w, size_t host)
{
    struct served *s = &w->served[host];

    s->free_ms = 0;
    if (s->was_given)
        s->keep_until_ms = now_ms() + KEEP_MS;
    s->was_given = false;
}

void sharing_wanted(struct worker *w, size_t host)
{
    if (w->served[host].was_given && !tenure_is_free(w->tenures, host)) /* somebody had taken it */
        w->served[host].was_given = false;
}

static bool is_abandoned(const struct worker *w, size_t host)
{
    return w->served[host].free_ms != 0 && now_ms() - w->served[host].free_ms >= ABANDONED_MS;
}

bool sharing_is_ours(const struct worker *w, size_t host)
{
    return worker_has_partitions(w) ? partitions_may_take(w, host) : pool_place(w->pool, host) == POOL_FIRST;
}

bool sharing_may_take(const struct worker *w, size_t host)
{
    return is_abandoned(w, host) || sharing_is_ours(w, host);
}

/* Who stands by comes after the first, so that the broker takes that one next. */
bool sharing_wants(const struct worker *w, size_t queue, bool is_abandoned)
{
    enum pool_place place = pool_place(w->pool, queue);

    if (place == POOL_FIRST || is_abandoned)
        return true;
    return place == POOL_SECOND &&
           (w->queues[queue].is_open || pool_first_there(w->pool, queue) != 0 || pool_is_old(w->pool));
}

static void subscribe(struct worker *w, size_t queue)
{
    struct queue *q = &w->queues[queue];
    enum pool_place place = pool_place(w->pool, queue);
    bool is_held = tenure_is_held(w->tenures, queue), is_wanted = sharing_wants(w, queue, is_abandoned(w, queue));
    pid_t first = pool_first_there(w->pool, queue);

    if (is_wanted && !q->is_open) {
        q->is_open = true;
        q->behind = first;
        bus_queue_open(w->bus, queue);
    } else if (place == POOL_OTHER && q->is_open && !is_wanted && !is_held && first != 0) {
        q->is_open = false;
        bus_queue_close(w->bus, queue);
    } else if (place == POOL_SECOND && !is_held && first != 0 && first != q->behind) {
        q->behind = first;
        bus_queue_renew(w->bus, queue, "standing by behind another worker of the pool");
    }
}

/* The channel stays open until nothing runs. */
static void give_if_others(struct worker *w, size_t host)
{
    struct served *s = &w->served[host];

    if (!tenure_is_held(w->tenures, host) || s->is_asked || !pool_is_settled(w->pool) ||
        pool_first_there(w->pool, host) == 0 || now_ms() < s->keep_until_ms)
        return;
    s->is_given = s->was_given = true;
    serving_leave(w, host, "the host is for another worker of the pool: nothing more is begun here");
}

void sharing_part(struct worker *w, size_t host)
{
    struct queue *q = &w->queues[host];

    w->served[host].is_given = false;
    sharing_free(w, host);
    q->is_open = pool_place(w->pool, host) != POOL_OTHER;
    q->behind = pool_first_there(w->pool, host);
    if (q->is_open)
        bus_queue_renew(w->bus, host, "left to another worker of the pool, behind which this one stands by");
    else
        bus_queue_close(w->bus, host);
}

void sharing_look_whether_free(struct worker *w, size_t host)
{
    struct served *s = &w->served[host];

    if (s->free_ms != 0 && !tenure_is_free(w->tenures, host)) { /* somebody has taken it */
        s->free_ms = 0;
        s->was_given = false;
    }
    if (s->free_ms != 0)
        serving_take(w, host);
}

static void look_at_hosts(struct worker *w)
{
    for (size_t i = 0; i < w->config.host_count; i++) {
        subscribe(w, i);
        give_if_others(w, i);
        sharing_look_whether_free(w, i);
    }
}

void sharing_look(void *arg)
{
    struct worker *w = arg;

    if (w->is_draining)
        return;
    (worker_has_partitions(w) ? partitions_look : look_at_hosts)(w);
    silence_look(w);
}

void sharing_begin(struct worker *w)
{
    for (size_t i = 0; i < w->config.host_count; i++)
        sharing_free(w, i); /* until it is known to be held */
    sharing_look(w);
}

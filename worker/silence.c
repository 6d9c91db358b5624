#include "worker/silence.h"

#include "bus/timer.h"
#include "worker/log.h"
#include "worker/worker_parts.h"

/* It is this worker's to act on, as far as the pool knows, and it does not. */
static bool is_lacking(const struct worker *w, size_t host)
{
    return !tenure_is_held(w->tenures, host) && !tenure_is_wanted(w->tenures, host) && pool_is_settled(w->pool) &&
           serving_missing(w, host) == NULL && sharing_is_ours(w, host);
}

/* Asks the kernel. */
static bool is_silently_held(const struct worker *w, size_t host)
{
    pid_t holder = tenure_holder(w->tenures, host);

    return holder > 0 && !pool_has(w->pool, holder);
}

/* A queue by which the host's requests may come: its own; the partition that has brought some; or any. */
static bool may_bring(const struct worker *w, size_t host, size_t queue)
{
    if (!worker_has_partitions(w))
        return queue == host;
    return w->served[host].came_by == w->queue_count || w->served[host].came_by == queue;
}

static bool is_first(const struct worker *w, size_t queue)
{
    return pool_place(w->pool, queue) == POOL_FIRST;
}

static void ask_broker(struct worker *w, size_t host)
{
    for (size_t i = 0; i < w->queue_count; i++)
        if (may_bring(w, host, i) && is_first(w, i))
            bus_queue_prove(w->bus, i);
}

static bool has_heard(const struct worker *w, size_t host)
{
    for (size_t i = 0; i < w->queue_count; i++)
        if (may_bring(w, host, i) &&
            (!is_first(w, i) || (int64_t)bus_queue_heard_ms(w->bus, i) <= w->served[host].silent_ms))
            return false;
    return true;
}

static void look_at(struct worker *w, size_t host)
{
    struct served *s = &w->served[host];

    if (!is_lacking(w, host) || !is_silently_held(w, host)) {
        s->silent_ms = 0;
    } else if (s->silent_ms == 0) {
        s->silent_ms = (int64_t)monotonic_ms();
        ask_broker(w, host);
    } else if (has_heard(w, host)) {
        s->silent_ms = 0;
        log_event(LOG_LEVEL_INFO, "tenure", "host", w->hosts[host].uuid.text, "details",
                  "held by a worker that is silent, and the broker gives us what comes for it: asked for",
                  (char *)NULL);
        sharing_wanted(w, host);
        tenure_want(w->tenures, host);
    }
}

void silence_look(struct worker *w)
{
    for (size_t i = 0; i < SHARING_LOOK_AT_ONCE && i < w->config.host_count; i++)
        look_at(w, w->watched++ % w->config.host_count);
}

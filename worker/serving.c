#include "worker/serving.h"

#include "worker/log.h"
#include "worker/worker_parts.h"

bool serving_may(void *arg, size_t host)
{
    const struct worker *w = arg;

    return tenure_is_held(w->tenures, host) && !w->served[host].is_asked;
}

void serving_delivery(struct worker *w, struct delivery *delivery)
{
    size_t host = routes_host(w->routes, delivery);
    struct served *s = &w->served[host];

    s->came_by = delivery->queue;
    if (w->queues[delivery->queue].is_left || s->is_given) { /* our channel will close, and give it back */
        delivery_free(delivery);
        return;
    }
    if (host == w->config.host_count || serving_may(w, host) || w->is_draining) {
        life_delivery(w->life, delivery, host);
        return;
    }
    delivery->next = NULL;
    *(s->waiting == NULL ? &s->waiting : &s->waiting_last->next) = delivery;
    s->waiting_last = delivery;
    if (s->is_asked)
        return;
    sharing_wanted(w, host);
    tenure_want(w->tenures, host);
}

/* What waits for the host and came by a queue; or, by any (queue_count). */
static void forget(struct worker *w, size_t host, size_t queue)
{
    struct served *s = &w->served[host];
    struct delivery *d, *next;

    for (d = TAKE(s->waiting); d != NULL; d = next) {
        next = d->next;
        d->next = NULL;
        if (queue == w->queue_count || d->queue == queue) {
            delivery_free(d);
            continue;
        }
        *(s->waiting == NULL ? &s->waiting : &s->waiting_last->next) = d;
        s->waiting_last = d;
    }
}

void serving_forget_all(struct worker *w)
{
    for (size_t i = 0; w->served != NULL && i < w->config.host_count; i++)
        forget(w, i, w->queue_count);
}

/* In the order they came. */
static void feed(struct worker *w, size_t host)
{
    struct delivery *d, *next;

    for (d = TAKE(w->served[host].waiting); d != NULL; d = next) {
        next = d->next;
        life_delivery(w->life, d, host);
    }
}

/*
 * A host has its own queue. With partitions which of them is a host's is the broker's
 * affair, and may change: so a host is consumed for where all are that are this worker's.
 */
const struct queue *serving_missing(const struct worker *w, size_t host)
{
    bool is_any_open = false;

    if (!worker_has_partitions(w))
        return w->queues[host].is_consuming ? NULL : &w->queues[host];
    for (size_t i = 0; i < w->queue_count; i++) {
        if (w->queues[i].is_open && !w->queues[i].is_consuming)
            return &w->queues[i];
        is_any_open = is_any_open || w->queues[i].is_open;
    }
    return is_any_open ? NULL : &w->queues[0];
}

/* What was begun with the host's secrets is looked after, and leases end. */
static void look_after(struct worker *w, size_t host)
{
    recovery_begin(w->recovery, host);
    leases_begin(w->leases, host);
    rounds_want(w->rounds, host, w->life_config.world.now_ms(w));
    w->life_config.world.wake_at(w, w->life_config.world.now_ms(w)); /* leases_tick() is wanted */
}

bool serving_is_whole(void *arg, size_t host)
{
    const struct worker *w = arg;

    return serving_may(arg, host) && hypervisors_up(w->hypervisors, host, NULL);
}

/* It is ours now: what an earlier holder left half done is looked after, and what waits is begun. */
static void begin(struct worker *w, size_t host)
{
    log_event(LOG_LEVEL_INFO, "tenure", "host", w->hosts[host].uuid.text, "details", "this worker acts on the host now",
              (char *)NULL);
    sharing_taken(w, host);
    worker_look_over(w);
    if (hypervisors_up(w->hypervisors, host, NULL))
        look_after(w, host);
    feed(w, host);
}

/*
 * Whoever served the host has gone, or nobody has yet: what it left is looked after before anybody asks for anything.
 * By the first of the pool; if that does not, by whoever consumes. The broker may have chosen another to come next; that
 * one asks for it with its first delivery.
 */
void serving_take(struct worker *w, size_t host)
{
    if (!w->is_draining && !tenure_is_held(w->tenures, host) && serving_missing(w, host) == NULL &&
        sharing_may_take(w, host) && tenure_try(w->tenures, host))
        begin(w, host);
}

static void be_free(struct worker *w, size_t host)
{
    sharing_free(w, host);
    serving_take(w, host);
}

static void queue_up(struct worker *w, size_t queue)
{
    if (!worker_has_partitions(w))
        be_free(w, queue);
    else if (serving_missing(w, 0) == NULL)
        for (size_t i = 0; i < w->config.host_count; i++)
            be_free(w, i);
}

void serving_forget_queue(struct worker *w, size_t queue)
{
    for (size_t i = 0; i < w->config.host_count; i++) {
        forget(w, i, queue);
        if (w->served[i].waiting == NULL && !tenure_is_held(w->tenures, i))
            tenure_give(w->tenures, i); /* want it no more */
    }
}

static void queue_down(struct worker *w, size_t queue)
{
    partition_down(w, queue);
    life_queue_down(w->life, queue);
    serving_forget_queue(w, queue);
}

void serving_queue(struct worker *w, size_t queue, bool up)
{
    (up ? queue_up : queue_down)(w, queue);
}

void serving_hypervisor_up(struct worker *w, size_t host)
{
    life_host_up(w->life, host);
    if (serving_may(w, host))
        look_after(w, host);
}

/* Whether a queue has brought what must go back to the broker, for another worker to have it. */
static bool has_brought(const struct worker *w, size_t host, size_t queue)
{
    const struct delivery *d = w->served[host].waiting;

    while (d != NULL && d->queue != queue)
        d = d->next;
    return d != NULL || life_has_of(w->life, host, queue);
}

/*
 * Another worker has the deliveries now. What was not begun here will come to it; our own channel may not know yet.
 * Of partitions only those go that have brought any: the others bring other hosts what is theirs.
 */
static void give_back(struct worker *w, size_t host)
{
    if (w->is_draining) /* the channels are closed when all is finished */
        return;
    if (!worker_has_partitions(w))
        bus_queue_renew(w->bus, host, "another worker serves the host");
    for (size_t i = 0; worker_has_partitions(w) && i < w->queue_count; i++)
        if (has_brought(w, host, i))
            bus_queue_renew(w->bus, i, "another worker serves a host of it");
}

void serving_leave(struct worker *w, size_t host, const char *why)
{
    log_event(LOG_LEVEL_INFO, "tenure", "host", w->hosts[host].uuid.text, "details", why, (char *)NULL);
    w->served[host].is_asked = true;
    w->asked_count++;
    if (!w->served[host].is_given)
        give_back(w, host);
    life_leave(w->life, host);
    serving_step(w);
}

void serving_tenure(void *arg, size_t host, enum tenure_news news, const char *text)
{
    struct worker *w = arg;

    if (news == TENURE_GRANTED)
        begin(w, host);
    else if (news == TENURE_ASKED && !w->served[host].is_asked)
        serving_leave(w, host, "another worker asks for the host: nothing more is begun here");
    else if (news == TENURE_FREE)
        be_free(w, host);
    else if (news == TENURE_STUCK)
        log_event(LOG_LEVEL_WARN, "tenure-stuck", "host", w->hosts[host].uuid.text, "details", text, (char *)NULL);
}

void serving_step(struct worker *w)
{
    partitions_step(w);
    for (size_t i = 0; w->asked_count > 0 && i < w->config.host_count; i++) {
        if (!w->served[i].is_asked || life_of_host(w->life, i) > 0)
            continue;
        w->served[i].is_asked = false;
        w->asked_count--;
        life_stay(w->life, i);
        if (w->served[i].is_given)
            sharing_part(w, i);
        log_event(LOG_LEVEL_INFO, "tenure", "host", w->hosts[i].uuid.text, "details",
                  "this worker acts on the host no more", (char *)NULL);
        tenure_give(w->tenures, i);
        if (w->served[i].waiting != NULL && !w->is_draining) /* they came since, by a new channel */
            tenure_want(w->tenures, i);
    }
}

/*
 * Events on their way to the events exchange: published, best effort. A request
 * never waits for one and never fails for one; what may wait for the broker is
 * bounded. In the loop.
 */
#ifndef WORKER_EVENTS_H
#define WORKER_EVENTS_H

#include "schemas/host_event.h"
#include "worker/life.h"
#include "worker/metrics.h"

enum {
    EVENTS_MAX = 1024,       /* not yet confirmed: about 1 KiB each */
    EVENTS_PAUSE_MS = 60000, /* after the broker has refused one for good: each costs the channel */
};

struct events;

/* `exchange`, `worker` (its name) and `metrics` outlive it. `world` gives publish, forget and now_ms. NULL: no memory. */
struct events *events_new(const struct world *world, const char *exchange, const char *worker, struct metrics *metrics);
void events_free(struct events *events); /* NULL is fine; says how many were dropped, if any */

/*
 * Tell what happened. While the broker is away EVENTS_MAX of them wait, then the
 * oldest is dropped for the newest; while it is there, but confirms nothing, the
 * newest. After a refusal all are, for EVENTS_PAUSE_MS.
 */
void events_send(struct events *events, const struct host_event *event);

/* The same of a kind that is about the host as a whole. `reason` may be NULL. */
void events_tell(struct events *events, const struct uuid *host, enum host_event_kind kind, const char *reason);

/* The broker is there and takes what is published, or not. */
void events_link(struct events *events, bool is_up);

/* True if the publication was one of an event: nobody else has to do with it. */
bool events_published(struct events *events, const struct bus_news *news);

/* True while the broker is there and has not confirmed all that was sent. */
bool events_are_pending(const struct events *events);

#endif

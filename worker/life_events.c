/* What requests have to tell to whoever listens, or looks. */
#include "worker/life_parts.h"

void events_note(struct request *r)
{
    struct work *w = &r->work;
    struct host_event restored = {.kind = HOST_EVENT_SECRET_RESTORED, .host_uuid = r->entry.id.host};

    if (w->restored) {
        restored.key = ((const struct addressed *)w->request)->key;
        restored.secret_uuid = w->restored_uuid;
        r->events[r->event_count++] = restored;
    }
    r->event_count += work_event(w, &r->events[r->event_count]);
}

void events_tell_of(const struct life *life, const struct request *r)
{
    const struct world *w = &life->config->world;

    for (size_t i = 0; i < r->event_count; i++)
        w->tell(w->ctx, &r->events[i]);
}

void life_each(const struct life *life, void (*each)(void *arg, const struct request *r), void *arg)
{
    const struct request *r;

    TAILQ_FOREACH(r, &life->all, all)
    each(arg, r);
}

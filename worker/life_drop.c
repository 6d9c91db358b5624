/* Requests that are dropped, since the broker will deliver them again, here or elsewhere. */
#include "worker/life_parts.h"

#define BIT(stage) (1u << (stage))

/* Whoever waits for what was begun here is told. As the worker ends nobody does any more. */
static void tell_who_waits(struct life *life, struct request *r)
{
    const struct world *w = &life->config->world;

    r->work.failed = true;
    err_set(&r->work.err, ERR_BUSY, "the worker ends, or the host is another's now");
    if (r->parent != NULL)
        local_ends(life, r, &r->work.err);
    else if (r->is_internal && !life->is_draining)
        w->ended(w->ctx, r->host, &r->work);
}

void life_drop(struct life *life, struct request *r)
{
    struct request *next;

    if (r->stage == STAGE_BACKLOG)
        TAILQ_REMOVE(&life->backlog, r, queue);
    if (r->stage == STAGE_JOINED)
        TAILQ_REMOVE(&r->original->duplicates, r, queue);
    if (r->stage == STAGE_AWAY)
        life_wait_over(life, r);
    if (r->lane != NULL && (next = lane_leave(&life->lanes, r, r->is_waiter)) != NULL)
        TAILQ_INSERT_TAIL(&life->ready, next, timed);
    tell_who_waits(life, r);
    life_release(life, r);
}

static bool is_by(const struct request *r, size_t queue)
{
    return r->came_by == queue;
}

static bool is_of(const struct request *r, size_t host)
{
    return r->host == host;
}

static bool is_any(const struct request *r, size_t nothing)
{
    (void)r, (void)nothing;
    return true;
}

typedef bool choice(const struct request *r, size_t which);

/* What others have joined goes on: they came by another queue, which is still there. */
static void drop_those(struct life *life, choice *is_meant, size_t which, unsigned stages)
{
    struct request *r, *after;

    for (r = TAILQ_FIRST(&life->all); r != NULL; r = after) {
        after = TAILQ_NEXT(r, all);
        if (is_meant(r, which) && (stages & BIT(r->stage)) && TAILQ_EMPTY(&r->duplicates))
            life_drop(life, r);
    }
}

/* Who has joined goes before whom it joined, and who waits in a lane before its first. */
static void drop_not_begun(struct life *life, choice *is_meant, size_t which)
{
    drop_those(life, is_meant, which, BIT(STAGE_JOINED));
    drop_those(life, is_meant, which, BIT(STAGE_BACKLOG) | BIT(STAGE_LANE));
}

/* What libvirt keeps waiting goes too: the next worker repeats it, and the same comes out. */
static void drop_all(struct life *life, choice *is_meant, size_t which)
{
    drop_not_begun(life, is_meant, which);
    drop_those(life, is_meant, which, BIT(STAGE_AWAY));
}

void life_queue_down(struct life *life, size_t queue)
{
    drop_not_begun(life, is_by, queue);
    life_pump(life); /* their room in the vault is free */
}

bool life_has_of(const struct life *life, size_t host, size_t queue)
{
    const struct request *r;

    TAILQ_FOREACH(r, &life->all, all)
    if (is_of(r, host) && is_by(r, queue))
        return true;
    return false;
}

void life_leave(struct life *life, size_t host)
{
    life->of_host[host].is_left = true;
    drop_all(life, is_of, host);
    life_pump(life);
}

void life_stay(struct life *life, size_t host)
{
    life->of_host[host].is_left = false;
}

void life_queue_leave(struct life *life, size_t queue)
{
    life->of_queue[queue].is_left = true;
    drop_all(life, is_by, queue);
    life_pump(life);
}

void life_queue_stay(struct life *life, size_t queue)
{
    life->of_queue[queue].is_left = false;
}

void life_drain(struct life *life)
{
    life->is_draining = true;
    drop_all(life, is_any, 0);
}

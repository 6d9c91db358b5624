/* The beginning of a request: read it, and let it in, join another, or refuse it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/life_parts.h"

enum { LATER_MS = 1000 };

/* The host and the id, as one text. */
static void key_of(const struct request *r, char out[sizeof(r->key_in_hand)])
{
    snprintf(out, sizeof(r->key_in_hand), "%zu:%s\n%s", r->host, r->id, r->entry.id.sender);
}

/* True if a request of this id is in hand already: then `r` waits for its outcome, or is refused. */
static bool joins(struct life *life, struct request *r)
{
    char key[sizeof(r->key_in_hand)];
    struct request *known;
    struct err e;

    key_of(r, key);
    known = map_find(life->by_key, key, strlen(key));
    if (known == NULL)
        return false;
    wipe(r->delivery->body, r->delivery->body_bytes);
    if (!request_asks_for(r, &known->entry.row, known->slot)) {
        err_field(&e, ERR_INVALID, "id", "id %s is that of a request with other content", r->id);
        life_refuse(life, r, &e);
        return true;
    }
    request_release_slots(r, life->config->vault);
    life_enter(r, STAGE_JOINED);
    r->is_duplicate = true;
    r->original = known;
    TAILQ_INSERT_TAIL(&known->duplicates, r, queue);
    return true;
}

/* True if it would wait for other hosts, or behind one that does, and too many do. */
static bool is_over_the_cap(struct life *life, struct request *r)
{
    struct lane *lane = r->identity[0] != '\0' ? lane_find(life->lanes, r->identity) : NULL;
    size_t cap = life->config->prefetch / 2;
    struct err e;

    if (!r->is_waiter && (lane == NULL || lane->waiters == 0))
        return false;
    if (life->of_queue[r->came_by].waiting < (cap > 0 ? cap : 1)) {
        life->of_queue[r->came_by].waiting++;
        r->is_counted = true;
        return false;
    }
    err_set(&e, ERR_BUSY, "%zu requests of this queue already wait for other hosts, or behind one that does",
            life->of_queue[r->came_by].waiting);
    life_refuse(life, r, &e);
    return true;
}

static void admit(struct life *life, struct request *r)
{
    const struct handler *h = r->work.handler;

    if (joins(life, r) || record_recalls(life, r))
        return;
    r->is_admitted = true;
    r->is_waiter = h->waits_for_peers != NULL && h->waits_for_peers(r->slot);
    key_of(r, r->key_in_hand);
    map_add(&life->by_key, r->key_in_hand, strlen(r->key_in_hand), r);
    if (is_over_the_cap(life, r))
        return;
    life_run_in_turn(life, r);
}

bool life_take_in(struct life *life, struct request *r)
{
    const struct world *w = &life->config->world;
    struct err e;

    switch (request_read(r, life->config, &e)) {
    case READING_LATER:
        w->wake_at(w->ctx, life_now(life) + LATER_MS);
        life_enter(r, STAGE_BACKLOG);
        return false;
    case READING_FAILED:
        life_refuse(life, r, &e);
        return true;
    case READING_DONE:
        admit(life, r);
    }
    return true;
}

bool life_read_backlog(struct life *life)
{
    struct request *r = TAILQ_FIRST(&life->backlog);

    if (r == NULL)
        return false;
    TAILQ_REMOVE(&life->backlog, r, queue);
    life_enter(r, STAGE_READING);
    if (life_take_in(life, r))
        return true;
    TAILQ_INSERT_HEAD(&life->backlog, r, queue);
    return false;
}

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/life_parts.h"
#include "worker/log.h"

enum { AWAY_RETRY_MS = 250 };

#define BIT(stage) (1u << (stage))

/* Which stages may follow which. */
static const unsigned may_follow[] = {
    [STAGE_READING] = BIT(STAGE_BACKLOG) | BIT(STAGE_LANE) | BIT(STAGE_JOINED) | BIT(STAGE_RUNNING) |
                      BIT(STAGE_DEAD_LETTER) | BIT(STAGE_REPLYING) | BIT(STAGE_SETTLED),
    [STAGE_BACKLOG] = BIT(STAGE_READING),
    [STAGE_LANE] = BIT(STAGE_RUNNING) | BIT(STAGE_REPLYING) | BIT(STAGE_SETTLED),
    [STAGE_JOINED] = BIT(STAGE_REPLYING) | BIT(STAGE_SETTLED),
    [STAGE_RUNNING] = BIT(STAGE_WAITING) | BIT(STAGE_AWAY) | BIT(STAGE_RUNNING) | BIT(STAGE_REPLYING) |
                      BIT(STAGE_SETTLED),
    [STAGE_WAITING] = BIT(STAGE_RUNNING),
    [STAGE_AWAY] = BIT(STAGE_RUNNING),
    [STAGE_DEAD_LETTER] = BIT(STAGE_RESENDING) | BIT(STAGE_REPLYING) | BIT(STAGE_SETTLED),
    [STAGE_REPLYING] = BIT(STAGE_RESENDING) | BIT(STAGE_SETTLED),
    [STAGE_RESENDING] = BIT(STAGE_DEAD_LETTER) | BIT(STAGE_REPLYING) | BIT(STAGE_SETTLED),
    [STAGE_SETTLED] = 0,
};

int64_t life_now(const struct life *life)
{
    return life->config->world.now_ms(life->config->world.ctx);
}

void life_enter(struct request *r, enum stage stage)
{
    assert(may_follow[r->stage] & BIT(stage));
    r->stage = stage;
}

struct life *life_new(const struct life_config *config)
{
    struct life *life = calloc(1, sizeof(*life));

    if (life == NULL || (life->waiting = calloc(config->host_count, sizeof(*life->waiting))) == NULL)
        abort();
    life->config = config;
    TAILQ_INIT(&life->all);
    TAILQ_INIT(&life->backlog);
    TAILQ_INIT(&life->timed);
    TAILQ_INIT(&life->ready);
    return life;
}

static bool is_waiter(const struct request *r)
{
    const struct handler *h = r->work.handler;

    return r->slot != NULL && h->waits_for_peers != NULL && h->waits_for_peers(r->slot);
}

static void uncount(struct life *life, struct request *r)
{
    if (r->is_counted)
        life->waiting[r->host]--;
    r->is_counted = false;
}

static void forget_key(struct life *life, struct request *r)
{
    if (r->key_in_hand[0] != '\0')
        HASH_DELETE(by_key, life->by_key, r);
    r->key_in_hand[0] = '\0';
}

/* Leave every list and map but `all`, and be freed. */
static void release(struct life *life, struct request *r)
{
    assert(TAILQ_EMPTY(&r->duplicates) && r->lane == NULL && r->call_id[0] == '\0' && r->number == 0);
    uncount(life, r);
    forget_key(life, r);
    TAILQ_REMOVE(&life->all, r, all);
    life->in_hand--;
    request_free(r, life->config->vault);
}

void life_settle(struct life *life, struct request *r, const char *reply_fate)
{
    const struct world *w = &life->config->world;

    life_enter(r, STAGE_SETTLED);
    request_log(r, life_now(life), reply_fate);
    w->settle(w->ctx, TAKE(r->delivery), VERDICT_ACK);
    release(life, r);
}

void life_wait(struct life *life, struct request *r, enum stage stage, int64_t until_ms)
{
    life_enter(r, stage);
    r->wait_until_ms = until_ms;
    TAILQ_INSERT_TAIL(&life->timed, r, timed);
    life->config->world.wake_at(life->config->world.ctx, until_ms);
}

void life_wait_over(struct life *life, struct request *r)
{
    TAILQ_REMOVE(&life->timed, r, timed);
}

/* The outcome of `r` is the outcome of those that joined it, too. */
static void share_outcome(struct life *life, struct request *r)
{
    struct request *d;

    while ((d = TAILQ_FIRST(&r->duplicates)) != NULL) {
        TAILQ_REMOVE(&r->duplicates, d, queue);
        d->original = NULL;
        d->work.failed = r->work.failed;
        d->work.err = r->work.err;
        memcpy(d->work.reply, r->work.reply, sizeof(d->work.reply));
        reply_send(life, d);
    }
}

/* Nothing of this request runs any more: its outcome is known. */
static void finish(struct life *life, struct request *r)
{
    struct request *next = NULL;
    bool waiter = is_waiter(r);

    if (r->lane != NULL)
        next = lane_leave(&life->lanes, r, waiter);
    request_release_slots(r, life->config->vault);
    uncount(life, r);
    forget_key(life, r);
    share_outcome(life, r);
    reply_send(life, r);
    if (next != NULL && !life->is_draining)
        TAILQ_INSERT_TAIL(&life->ready, next, timed);
}

static void refuse(struct life *life, struct request *r, const struct err *why)
{
    r->work.failed = true;
    r->work.err = *why;
    finish(life, r);
}

static bool is_late(const struct life *life, const struct request *r)
{
    return r->deadline_ms != 0 && life_now(life) >= r->deadline_ms;
}

void life_run(struct life *life, struct request *r)
{
    const struct world *w = &life->config->world;
    struct err e;

    if (is_late(life, r) && r->begun_ms == 0) {
        err_set(&e, ERR_TIMEOUT, "the deadline had passed %lld ms before %s was begun",
                (long long)(life_now(life) - r->deadline_ms), r->envelope.name);
        refuse(life, r, &e);
        return;
    }
    life_enter(r, STAGE_RUNNING);
    if (r->begun_ms == 0)
        r->begun_ms = life_now(life);
    w->run(w->ctx, &r->work);
}

/* The host and the id, as one text. */
static void key_of(const struct request *r, char out[sizeof(r->key_in_hand)])
{
    snprintf(out, sizeof(r->key_in_hand), "%zu:%s", r->host, r->id);
}

/* True if a request of this id is in hand already: then `r` waits for its outcome, or is refused. */
static bool joins(struct life *life, struct request *r)
{
    char key[sizeof(r->key_in_hand)];
    struct request *known;
    struct err e;

    key_of(r, key);
    HASH_FIND(by_key, life->by_key, key, strlen(key), known);
    if (known == NULL)
        return false;
    if (!digest_equal(known->content, r->content) || strcmp(known->envelope.name, r->envelope.name) != 0) {
        err_field(&e, ERR_INVALID, "id", "id %s is that of a request with other content", r->id);
        refuse(life, r, &e);
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

    if (!is_waiter(r) && (lane == NULL || lane->waiters == 0))
        return false;
    if (life->waiting[r->host] < (cap > 0 ? cap : 1)) {
        life->waiting[r->host]++;
        r->is_counted = true;
        return false;
    }
    err_set(&e, ERR_BUSY, "%zu requests on this host already wait for other hosts, or behind one that does",
            life->waiting[r->host]);
    refuse(life, r, &e);
    return true;
}

static void admit(struct life *life, struct request *r)
{
    if (joins(life, r) || is_over_the_cap(life, r))
        return;
    key_of(r, r->key_in_hand);
    HASH_ADD_KEYPTR(by_key, life->by_key, r->key_in_hand, strlen(r->key_in_hand), r);
    if (r->identity[0] == '\0' || lane_enter(&life->lanes, r, is_waiter(r)))
        life_run(life, r);
    else
        life_enter(r, STAGE_LANE);
}

/* True unless there was no room, and the request waits in the backlog. */
static bool take_in(struct life *life, struct request *r)
{
    struct err e;

    switch (request_read(r, life->config, &e)) {
    case READING_NO_ROOM:
        life_enter(r, STAGE_BACKLOG);
        return false;
    case READING_FAILED:
        refuse(life, r, &e);
        return true;
    case READING_DONE:
        admit(life, r);
    }
    return true;
}

/* True if the first of the backlog found room. */
static bool read_backlog(struct life *life)
{
    struct request *r = TAILQ_FIRST(&life->backlog);

    if (r == NULL)
        return false;
    TAILQ_REMOVE(&life->backlog, r, queue);
    life_enter(r, STAGE_READING);
    if (take_in(life, r))
        return true;
    TAILQ_INSERT_HEAD(&life->backlog, r, queue);
    return false;
}

/* Begin what the last event has made possible. A loop, since one refused request lets the next one come. */
static void pump(struct life *life)
{
    struct request *r;

    do {
        while ((r = TAILQ_FIRST(&life->ready)) != NULL) {
            TAILQ_REMOVE(&life->ready, r, timed);
            life_run(life, r);
        }
    } while (read_backlog(life));
}

void life_delivery(struct life *life, struct delivery *delivery)
{
    struct request *r;

    if (life->is_draining) {
        delivery_free(delivery);
        return;
    }
    r = request_new(delivery, life_now(life));
    TAILQ_INSERT_TAIL(&life->all, r, all);
    life->in_hand++;
    if (!TAILQ_EMPTY(&life->backlog)) {  /* queue order */
        life_enter(r, STAGE_BACKLOG);
        TAILQ_INSERT_TAIL(&life->backlog, r, queue);
    } else if (!take_in(life, r)) {
        TAILQ_INSERT_TAIL(&life->backlog, r, queue);
    }
    pump(life);
}

/* libvirt is away: wait for it, but not for ever. */
static void go_away(struct life *life, struct request *r)
{
    int64_t now = life_now(life);

    if (r->away_until_ms == 0)
        r->away_until_ms = now + life->config->hypervisor_wait_ms;
    if (r->deadline_ms != 0 && r->deadline_ms < r->away_until_ms)
        r->away_until_ms = r->deadline_ms;
    life_wait(life, r, STAGE_AWAY, r->away_until_ms < now + AWAY_RETRY_MS ? r->away_until_ms : now + AWAY_RETRY_MS);
}

void life_advanced(struct life *life, struct work *work, enum work_state state)
{
    struct request *r = (struct request *)((char *)work - offsetof(struct request, work));

    if (state == WORK_DONE)
        finish(life, r);
    else if (state == WORK_CALLING)
        call_send(life, r);
    else
        go_away(life, r);
    pump(life);
}

static void come_back(struct life *life, struct request *r)
{
    life_wait_over(life, r);
    life_run(life, r);
}

static void give_up(struct life *life, struct request *r)
{
    struct err e;

    err_set(&e, ERR_HYPERVISOR_AWAY, "libvirt of host %s could not be reached in time",
            life->config->hosts[r->host].uuid.text);
    e.effect = work_has_begun(&r->work) ? EFFECT_UNKNOWN : EFFECT_NONE;
    r->away_until_ms = life_now(life) + life->config->hypervisor_wait_ms;  /* the undo, too, has an end */
    work_give_up(&r->work, &e);
    come_back(life, r);
}

static void away_tick(struct life *life, struct request *r)
{
    const struct world *w = &life->config->world;

    if (life_now(life) >= r->away_until_ms)
        give_up(life, r);
    else if (w->host_is_up(w->ctx, r->host))
        come_back(life, r);
    else {
        life_wait_over(life, r);
        life_enter(r, STAGE_RUNNING);
        go_away(life, r);
    }
}

static void wait_ended(struct life *life, struct request *r)
{
    struct err e;

    if (r->stage == STAGE_AWAY) {
        away_tick(life, r);
        return;
    }
    if (r->stage == STAGE_RESENDING) {
        life_wait_over(life, r);
        reply_send(life, r);
        return;
    }
    err_set(&e, ERR_TIMEOUT, "no answer from %s in time", r->work.call.route);
    e.effect = EFFECT_UNKNOWN;
    call_ends(life, r, &e);
}

void life_tick(struct life *life)
{
    int64_t now = life_now(life), next = INT64_MAX;
    struct request *r, *after, *last = TAILQ_LAST(&life->timed, request_list);

    for (r = TAILQ_FIRST(&life->timed); r != NULL; r = after) {
        after = r == last ? NULL : TAILQ_NEXT(r, timed);
        if (r->wait_until_ms <= now)
            wait_ended(life, r);
    }
    TAILQ_FOREACH(r, &life->timed, timed)
        next = r->wait_until_ms < next ? r->wait_until_ms : next;
    if (next != INT64_MAX)
        life->config->world.wake_at(life->config->world.ctx, next);
}

void life_host_up(struct life *life, size_t host)
{
    struct request *r, *after;

    for (r = TAILQ_FIRST(&life->timed); r != NULL; r = after) {
        after = TAILQ_NEXT(r, timed);
        if (r->stage == STAGE_AWAY && r->host == host)
            come_back(life, r);
    }
}

/* Forget a request that the broker will deliver again. Nothing joined it, and nobody in its lane is begun before it. */
static void drop(struct life *life, struct request *r)
{
    if (r->stage == STAGE_BACKLOG)
        TAILQ_REMOVE(&life->backlog, r, queue);
    if (r->stage == STAGE_JOINED)
        TAILQ_REMOVE(&r->original->duplicates, r, queue);
    if (r->stage == STAGE_AWAY)
        life_wait_over(life, r);
    if (r->lane != NULL)
        (void)lane_leave(&life->lanes, r, is_waiter(r));
    release(life, r);
}

/* Of one host, or of all (host_count): drop those in one of `stages`. */
static void drop_all(struct life *life, size_t host, unsigned stages)
{
    struct request *r, *after;

    for (r = TAILQ_FIRST(&life->all); r != NULL; r = after) {
        bool concerned = host == life->config->host_count || r->host == host;

        after = TAILQ_NEXT(r, all);
        if (concerned && (stages & BIT(r->stage)))
            drop(life, r);
    }
}

void life_queue_down(struct life *life, size_t queue)
{
    drop_all(life, queue, BIT(STAGE_JOINED));
    drop_all(life, queue, BIT(STAGE_BACKLOG) | BIT(STAGE_LANE));
}

/* What libvirt keeps waiting goes too: the next worker repeats it, and the same comes out. */
void life_drain(struct life *life)
{
    life->is_draining = true;
    drop_all(life, life->config->host_count, BIT(STAGE_JOINED));
    drop_all(life, life->config->host_count, BIT(STAGE_BACKLOG) | BIT(STAGE_LANE) | BIT(STAGE_AWAY));
}

bool life_is_idle(const struct life *life)
{
    return life->in_hand == 0 && life->loose_ends == NULL;
}

size_t life_in_hand(const struct life *life)
{
    return life->in_hand;
}

void life_published(struct life *life, uint64_t number, enum published how, const char *text)
{
    struct request *r;
    struct loose_end *loose;
    struct err e;

    HASH_FIND(hh, life->loose_ends, &number, sizeof(number), loose);
    if (loose != NULL) {
        HASH_DEL(life->loose_ends, loose);
        free(loose);
        return;
    }
    HASH_FIND(by_number, life->by_number, &number, sizeof(number), r);
    if (r == NULL)
        return;
    HASH_DELETE(by_number, life->by_number, r);
    r->number = 0;
    if (r->stage != STAGE_WAITING) {
        reply_published(life, r, how, text);
    } else if (how != PUBLISHED_TAKEN) {
        err_set(&e, ERR_NO_ROUTE, how == PUBLISHED_RETURNED ? "nobody serves %s" : "the broker took no request for %s",
                r->work.call.route);
        call_ends(life, r, &e);
    }
}

void life_free(struct life *life)
{
    struct request *r;
    struct loose_end *loose, *next_loose;

    HASH_CLEAR(by_key, life->by_key);
    HASH_CLEAR(by_call, life->by_call);
    HASH_CLEAR(by_number, life->by_number);
    HASH_ITER(hh, life->loose_ends, loose, next_loose) {
        HASH_DEL(life->loose_ends, loose);
        free(loose);
    }
    while ((r = TAILQ_FIRST(&life->all)) != NULL) {
        if (r->lane != NULL)
            (void)lane_leave(&life->lanes, r, false);
        TAILQ_REMOVE(&life->all, r, all);
        request_free(r, life->config->vault);
    }
    free(life->waiting);
    free(life);
}

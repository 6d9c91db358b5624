#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "worker/life_parts.h"
#include "worker/log.h"

#define BIT(stage) (1u << (stage))

/* Which stages may follow which. */
static const unsigned may_follow[] = {
    [STAGE_READING] = BIT(STAGE_BACKLOG) | BIT(STAGE_LANE) | BIT(STAGE_JOINED) | BIT(STAGE_RUNNING) |
                      BIT(STAGE_CONCLUDING) | BIT(STAGE_DEAD_LETTER) | BIT(STAGE_REPLYING) | BIT(STAGE_SETTLED),
    [STAGE_BACKLOG] = BIT(STAGE_READING),
    [STAGE_LANE] = BIT(STAGE_RUNNING) | BIT(STAGE_CONCLUDING),
    [STAGE_JOINED] = BIT(STAGE_REPLYING) | BIT(STAGE_SETTLED),
    [STAGE_RUNNING] =
        BIT(STAGE_RECORDING) | BIT(STAGE_WAITING) | BIT(STAGE_AWAY) | BIT(STAGE_RUNNING) | BIT(STAGE_CONCLUDING),
    [STAGE_RECORDING] = BIT(STAGE_RUNNING),
    [STAGE_CONCLUDING] = BIT(STAGE_REPLYING) | BIT(STAGE_SETTLED),
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

    if (life == NULL || (life->of_host = calloc(config->host_count + 1, sizeof(*life->of_host))) == NULL ||
        (life->of_queue = calloc(config->queue_count + 1, sizeof(*life->of_queue))) == NULL)
        abort();
    life->config = config;
    life->requests.block_bytes = sizeof(struct request);
    for (size_t i = 0; i <= config->host_count; i++)
        TAILQ_INIT(&life->of_host[i].asked);
    TAILQ_INIT(&life->all);
    TAILQ_INIT(&life->backlog);
    TAILQ_INIT(&life->timed);
    TAILQ_INIT(&life->ready);
    return life;
}

static void uncount(struct life *life, struct request *r)
{
    if (r->is_counted)
        life->of_queue[r->came_by].waiting--;
    r->is_counted = false;
}

static void forget_key(struct life *life, struct request *r)
{
    (void)map_remove(&life->by_key, r->key_in_hand, strlen(r->key_in_hand));
    r->key_in_hand[0] = '\0';
}

/* Leave every list and map but `all`, and be freed. */
void life_release(struct life *life, struct request *r)
{
    assert(TAILQ_EMPTY(&r->duplicates) && r->lane == NULL && r->call_id[0] == '\0' && r->number == 0);
    uncount(life, r);
    forget_key(life, r);
    TAILQ_REMOVE(&life->all, r, all);
    if (!r->is_internal)
        TAILQ_REMOVE(&life->of_host[r->host].asked, r, asked);
    life->in_hand--;
    life->of_host[r->host].in_hand--;
    life->of_queue[r->came_by].in_hand--;
    request_done(r, life->config->vault);
    stock_give(&life->requests, r);
}

void life_settle(struct life *life, struct request *r, const char *reply_fate)
{
    const struct world *w = &life->config->world;

    life_enter(r, STAGE_SETTLED);
    if (r->is_internal) {
        bool is_own = r->parent == NULL;

        local_ends(life, r, r->work.failed ? &r->work.err : NULL);
        if (is_own)
            w->ended(w->ctx, r->host, &r->work);
    } else {
        request_log(r, life_now(life), reply_fate);
        w->answered(w->ctx, r);
        w->settle(w->ctx, TAKE(r->delivery), VERDICT_ACK);
    }
    life_release(life, r);
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

/*
 * Libvirt is another one than this request has spoken to, and may have lost what it did; when the two were compared, the
 * ledger may not have known of it yet.
 */
static void compare_again(const struct life *life, const struct request *r)
{
    const struct world *w = &life->config->world;

    if (r->is_admitted && !r->is_internal && r->returns != life->of_host[r->host].returns)
        w->compare(w->ctx, r->host);
}

/* What came of it is on disk, or need not be: tell those who asked, and let the next of its identity begin. */
static void conclude(struct life *life, struct request *r)
{
    struct request *next = NULL;

    compare_again(life, r);
    if (r->lane != NULL)
        next = lane_leave(&life->lanes, r, r->is_waiter);
    events_tell_of(life, r);
    uncount(life, r);
    forget_key(life, r);
    share_outcome(life, r);
    reply_send(life, r);
    if (next != NULL && !life->is_draining)
        TAILQ_INSERT_TAIL(&life->ready, next, timed);
}

/* Nothing of this request runs any more. */
void life_finish(struct life *life, struct request *r)
{
    if (r->is_admitted) {
        events_note(r);
        record_dek(r);
    }
    request_release_slots(r, life->config->vault);
    if (r->is_admitted && record_is_due(r)) {
        record_outcome(life, r);
        return;
    }
    if (r->is_admitted)
        life_enter(r, STAGE_CONCLUDING);
    conclude(life, r);
}

void life_recorded(struct life *life, struct entry *entry)
{
    struct request *r = (struct request *)((char *)entry - offsetof(struct request, entry));

    r->work.record.change_count = 0;
    if (r->stage == STAGE_CONCLUDING)
        conclude(life, r);
    else
        life_run(life, r);
    life_pump(life);
}

void life_refuse(struct life *life, struct request *r, const struct err *why)
{
    r->work.failed = true;
    r->work.err = *why;
    life_finish(life, r);
}

static void refuse_late(struct life *life, struct request *r)
{
    struct err e;

    err_set(&e, ERR_TIMEOUT, "the deadline had passed %lld ms before %s was begun",
            (long long)(life_now(life) - r->work.deadline_ms), r->envelope.name);
    if (!r->work.is_recorded) {
        life_refuse(life, r, &e);
        return;
    }
    work_give_up(&r->work, &e);
    life_run(life, r);
}

void life_run(struct life *life, struct request *r)
{
    const struct world *w = &life->config->world;

    if (work_is_late(&r->work, life_now(life))) {
        refuse_late(life, r);
        return;
    }
    life_enter(r, STAGE_RUNNING);
    if (r->begun_ms == 0) {
        r->begun_ms = life_now(life);
        r->begun_us = w->now_us(w->ctx);
    }
    r->work.now_ms = life_now(life);
    if (r->work.handler->is_told_load)
        life_load(life, r->host, r, &r->work.load);
    r->returns = life->of_host[r->host].returns;
    w->run(w->ctx, &r->work);
}

void life_run_in_turn(struct life *life, struct request *r)
{
    if (r->identity[0] == '\0' || lane_enter(&life->lanes, r, r->is_waiter))
        life_run(life, r);
    else
        life_enter(r, STAGE_LANE);
}

/* Begin what the last event has made possible. A loop, since one refused request lets the next one come. */
void life_pump(struct life *life)
{
    struct request *r;

    do {
        while ((r = TAILQ_FIRST(&life->ready)) != NULL) {
            TAILQ_REMOVE(&life->ready, r, timed);
            life_run(life, r);
        }
    } while (life_read_backlog(life));
}

struct request *life_request(struct life *life, struct delivery *delivery, size_t host)
{
    struct request *r = stock_take(&life->requests);

    request_init(r, delivery, host, life_now(life));
    r->arrived_us = life->config->world.now_us(life->config->world.ctx);
    TAILQ_INSERT_TAIL(&life->all, r, all);
    life->in_hand++;
    life->of_host[r->host].in_hand++;
    life->of_queue[r->came_by].in_hand++;
    return r;
}

void life_delivery(struct life *life, struct delivery *delivery, size_t host)
{
    struct request *r;

    if (life->is_draining) {
        delivery_free(delivery);
        return;
    }
    r = life_request(life, delivery, host);
    TAILQ_INSERT_TAIL(&life->of_host[host].asked, r, asked);
    if (!TAILQ_EMPTY(&life->backlog)) { /* queue order */
        life_enter(r, STAGE_BACKLOG);
        TAILQ_INSERT_TAIL(&life->backlog, r, queue);
    } else if (!life_take_in(life, r)) {
        TAILQ_INSERT_TAIL(&life->backlog, r, queue);
    }
    life_pump(life);
}

/* Somebody else will have it again. */
static bool is_left(const struct life *life, const struct request *r)
{
    return life->of_host[r->host].is_left || life->of_queue[r->came_by].is_left;
}

void life_advanced(struct life *life, struct work *work, enum work_state state)
{
    struct request *r = (struct request *)((char *)work - offsetof(struct request, work));

    if (state == WORK_DONE)
        life_finish(life, r);
    else if (state == WORK_RECORDING)
        record_intent(life, r);
    else if (state == WORK_CALLING)
        call_send(life, r);
    else if (state == WORK_LATE)
        refuse_late(life, r);
    else if (life->is_draining || (is_left(life, r) && TAILQ_EMPTY(&r->duplicates)))
        life_drop(life, r);
    else
        life_go_away(life, r);
    life_pump(life);
}

void life_published(struct life *life, uint64_t number, enum published how, const char *text)
{
    struct request *r = map_remove(&life->by_number, &number, sizeof(number));
    struct err e;

    if (r == NULL)
        return;
    r->number = 0;
    if (r->stage != STAGE_WAITING) {
        reply_published(life, r, how, text);
    } else if (how == PUBLISHED_REFUSED) {
        call_refused(life, r);
    } else if (how == PUBLISHED_RETURNED) {
        err_set(&e, ERR_NO_ROUTE, "nobody serves %s", r->work.call.route);
        e.effect = r->was_asked_again ? EFFECT_UNKNOWN : EFFECT_NONE;
        call_ends(life, r, &e);
    } else {
        call_taken(life, r);
    }
    life_pump(life);
}

static void empty(struct map **map)
{
    while (map_take(map) != NULL)
        continue;
}

void life_free(struct life *life)
{
    struct request *r;

    empty(&life->by_key);
    empty(&life->by_call);
    empty(&life->by_number);
    while ((r = TAILQ_FIRST(&life->all)) != NULL) {
        if (r->lane != NULL)
            (void)lane_leave(&life->lanes, r, false);
        TAILQ_REMOVE(&life->all, r, all);
        request_done(r, life->config->vault);
        free(r);
    }
    stock_done(&life->requests);
    free(life->of_host);
    free(life->of_queue);
    free(life);
}

/* Requests that wait: for libvirt, for an answer, or to send again what the broker refused. */
#include <string.h>

#include "worker/life_parts.h"

enum { AWAY_RETRY_MS = 250 };

void life_go_away(struct life *life, struct request *r)
{
    int64_t now = life_now(life);

    if (r->away_until_ms == 0)
        r->away_until_ms = now + life->config->hypervisor_wait_ms;
    if (r->work.deadline_ms != 0 && r->work.deadline_ms < r->away_until_ms)
        r->away_until_ms = r->work.deadline_ms;
    life_wait(life, r, STAGE_AWAY, r->away_until_ms < now + AWAY_RETRY_MS ? r->away_until_ms : now + AWAY_RETRY_MS);
}

static void come_back(struct life *life, struct request *r)
{
    life_wait_over(life, r);
    life_run(life, r);
}

static void give_up(struct life *life, struct request *r)
{
    struct err e;

    if (r->work.waits_for_ledger)
        err_set(&e, ERR_TIMEOUT, "the ledger could not be used in time");
    else
        err_set(&e, ERR_HYPERVISOR_AWAY, "libvirt of host %s could not be reached in time",
                life->config->hosts[r->host].uuid.text);
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
        life_go_away(life, r);
    }
}

static void wait_ended(struct life *life, struct request *r)
{
    if (r->stage == STAGE_AWAY) {
        away_tick(life, r);
        return;
    }
    if (r->stage == STAGE_RESENDING) {
        life_wait_over(life, r);
        reply_send(life, r);
        return;
    }
    call_time_is_over(life, r);
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
    life_pump(life);
}

void life_host_up(struct life *life, size_t host)
{
    struct request *r, *after;

    life->of_host[host].returns++;
    for (r = TAILQ_FIRST(&life->timed); r != NULL; r = after) {
        after = TAILQ_NEXT(r, timed);
        if (r->stage == STAGE_AWAY && r->host == host)
            come_back(life, r);
    }
}

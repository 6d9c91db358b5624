/* Requests to other workers and services, on behalf of a request in hand. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/life_parts.h"
#include "worker/log.h"

enum {
    UNTAKEN_MS = 1000,
    REFUSED_MS = 500,
};

/* By when whoever is asked must have answered: the request's deadline, else request_timeout_ms after the first call. */
static int64_t answer_until(struct life *life, struct request *r)
{
    if (r->answer_until_ms == 0)
        r->answer_until_ms =
            r->work.deadline_ms != 0 ? r->work.deadline_ms : life_now(life) + life->config->request_timeout_ms;
    return r->answer_until_ms;
}

/* From here on to whoever is asked, and back, the log has the same trace; one begins here, where the sender has none. */
static bool publish_call(struct life *life, struct request *r, const char *id, uint64_t *number)
{
    const struct call *call = &r->work.call;
    const struct world *w = &life->config->world;
    ON_EXIT(bytes_free) struct bytes body = {0};
    struct request_head head = {ENCODING_MSGPACK, call->message->name, id, life_now(life),
                                call->without_deadline ? 0 : r->answer_until_ms};
    struct trace_headers headers;
    struct publication p = {.routing_key = call->route,
                            .headers = life_trace(life, r, true, &headers),
                            .content_type = "application/msgpack",
                            .mandatory = true,
                            .exchange = life->config->request_exchange,
                            .message_id = id,
                            .correlation_id = r->call_ticket,
                            .reply_to = life->config->reply_queue};
    struct err e;

    if (!request_write(&head, call->message->request, call->request, &body, &e))
        return false;
    p.body = body.data;
    p.body_bytes = body.len;
    return w->publish(w->ctx, &p, number);
}

static void answer(struct life *life, struct request *r, const struct err *why)
{
    struct call *call = &r->work.call;

    call->failed = why != NULL;
    if (why != NULL) {
        call->err = *why;
        memset(call->answer, 0, call->local != NULL ? sizeof(int64_t) : call->message->reply->size);
    }
    life_run(life, r);
}

/* The time is over. */
static void end_in_time(struct life *life, struct request *r)
{
    struct err e;

    err_set(&e, ERR_TIMEOUT, "no answer from %s in time", r->work.call.route);
    e.effect = EFFECT_UNKNOWN;
    call_ends(life, r, &e);
}

/* An undo whose time is over is not waited for, but it is until the broker has it: else nobody would undo it any more. */
static bool must_be_taken(const struct request *r)
{
    return r->work.call.without_deadline && r->number != 0;
}

static int64_t wait_until(const struct request *r, int64_t now)
{
    return r->answer_until_ms > now ? r->answer_until_ms : now + UNTAKEN_MS;
}

/* What the broker has not confirmed yet, the bus publishes again by itself. */
static void ask_again(struct life *life, struct request *r)
{
    uint64_t number;

    if (r->stage != STAGE_WAITING || r->number != 0 || r->child != NULL || !publish_call(life, r, r->call_id, &number))
        return;
    r->was_asked_again = true;
    r->number = number;
    map_add(&life->by_number, &r->number, sizeof(r->number), r);
}

/*
 * The broker did not take it, as it does while a queue is without a leader: it is asked again in a while, until its time
 * is over. An undo is until the broker has it.
 */
void call_refused(struct life *life, struct request *r)
{
    int64_t again = life_now(life) + REFUSED_MS;

    r->was_refused = true;
    if (again < r->wait_until_ms || r->work.call.without_deadline)
        r->wait_until_ms = again;
    life->config->world.wake_at(life->config->world.ctx, r->wait_until_ms);
}

static bool asks_again(struct life *life, struct request *r)
{
    int64_t now = life_now(life);

    if (!r->was_refused || (now >= r->answer_until_ms && !r->work.call.without_deadline))
        return false;
    ask_again(life, r);
    r->was_refused = r->number == 0;
    r->wait_until_ms = r->was_refused ? now + REFUSED_MS : wait_until(r, now);
    return true;
}

void call_time_is_over(struct life *life, struct request *r)
{
    if (asks_again(life, r))
        life->config->world.wake_at(life->config->world.ctx, r->wait_until_ms);
    else if (must_be_taken(r))
        r->wait_until_ms = life_now(life) + UNTAKEN_MS;
    else
        end_in_time(life, r);
}

void call_taken(struct life *life, struct request *r)
{
    if (life_now(life) >= r->answer_until_ms)
        end_in_time(life, r);
}

/* The request leaves on its way, and its answer is waited for. */
static void await(struct life *life, struct request *r, const char *id, uint64_t number)
{
    strcpy(r->call_id, id);
    r->was_asked_again = r->was_refused = false;
    r->number = number;
    map_add(&life->by_call, r->call_ticket, strlen(r->call_ticket), r);
    map_add(&life->by_number, &r->number, sizeof(r->number), r);
    life_wait(life, r, STAGE_WAITING, wait_until(r, life_now(life)));
}

/* A sender may use one id for two hosts: what these ask must not be taken for one another's, here or where it is asked. */
static void derive_id(const struct request *r, char out[ID_MAX_CHARS + 1])
{
    char whose[UUID_CHARS + ID_MAX_CHARS + 2];

    snprintf(whose, sizeof(whose), "%s/%s", r->work.host->uuid.text, r->id);
    digest_derived_id(whose, r->work.call.step, out);
}

/* Until it has ended: that waits for nothing but libvirt, and not for ever. */
static void call_local(struct life *life, struct request *r)
{
    struct err e;

    if (!local_begin(life, r)) {
        err_set(&e, ERR_BUSY, "there is no room to begin it");
        answer(life, r, &e);
        return;
    }
    life_enter(r, STAGE_WAITING);
    r->wait_until_ms = INT64_MAX;
    TAILQ_INSERT_TAIL(&life->timed, r, timed);
}

/*
 * The id follows from the request's, which its sender chose and others may guess.
 * So the answer is matched by something else: whoever is asked by somebody else,
 * to answer to our queue, could otherwise be made to end a wait of ours.
 */
void call_send(struct life *life, struct request *r)
{
    const struct world *w = &life->config->world;
    const struct call *call = &r->work.call;
    char id[ID_MAX_CHARS + 1];
    uint64_t number;
    struct err e;

    if (call->local != NULL) {
        call_local(life, r);
        return;
    }
    if (life_now(life) >= answer_until(life, r) && !call->without_deadline) {
        err_set(&e, ERR_TIMEOUT, "no time was left to ask %s", call->route);
        answer(life, r, &e);
        return;
    }
    derive_id(r, id);
    w->new_id(w->ctx, r->call_ticket);
    if (!publish_call(life, r, id, &number)) {
        err_set(&e, ERR_NO_ROUTE, "out of memory to ask %s", call->route);
        answer(life, r, &e);
        return;
    }
    await(life, r, id, number);
}

void life_answers_lost(struct life *life)
{
    struct request *r;

    TAILQ_FOREACH(r, &life->timed, timed)
    ask_again(life, r);
}

static void leave_wait(struct life *life, struct request *r)
{
    const struct world *w = &life->config->world;

    life_wait_over(life, r);
    if (r->work.call.local != NULL)
        return;
    (void)map_remove(&life->by_call, r->call_ticket, strlen(r->call_ticket));
    r->call_id[0] = r->call_ticket[0] = '\0';
    if (r->number == 0)
        return;
    (void)map_remove(&life->by_number, &r->number, sizeof(r->number));
    w->forget(w->ctx, r->number);
    r->number = 0;
}

void call_ends(struct life *life, struct request *r, const struct err *why)
{
    leave_wait(life, r);
    answer(life, r, why);
}

/* What could be forged must not even end the wait: else forging would be enough to spoil a migration. */
static bool is_believed(struct life *life, const struct request *r, const struct delivery *a)
{
    if (senders_believe(&life->config->senders, a->user_id, &r->work.call))
        return true;
    log_event(LOG_LEVEL_WARN, "answer-ignored", "id", r->id, "trace", r->trace.id, "call", r->call_id, "asked",
              r->work.call.route, "user", a->user_id, "details",
              "[senders] does not make this user the one who was asked", (char *)NULL);
    return false;
}

void life_answer(struct life *life, const struct delivery *a)
{
    struct request *r;
    struct call *call;
    struct err e;
    bool ok;

    r = map_find(life->by_call, a->correlation_id, strlen(a->correlation_id));
    if (r == NULL || !is_believed(life, r, a))
        return; /* its request has stopped waiting, or waits on */
    call = &r->work.call;
    ok = reply_read(a->body, a->body_bytes, a->content_type, call->message->reply, call->answer, &e);
    call_ends(life, r, ok ? NULL : &e);
}

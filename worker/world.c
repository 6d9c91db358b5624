/* The world, as the life cycle sees it: everything it does to the outside. */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "handlers/handlers.h"
#include "worker/clock.h"
#include "worker/log.h"
#include "worker/worker_parts.h"

/*
 * Of so many requests in hand a quarter may wait to be recorded together: with as many that are being written, they leave
 * libvirt half. A transaction of sixteen costs each a third less than one of four.
 */
enum { CROWD = 16, CROWD_PART = 4 };

static int64_t world_now_ms(void *ctx)
{
    (void)ctx;
    return clock_now_ms();
}

static uint64_t world_now_us(void *ctx)
{
    (void)ctx;
    return clock_monotonic_us();
}

static void world_run(void *ctx, struct work *work)
{
    struct worker *w = ctx;

    jobs_run(w->jobs, work);
}

static void world_record(void *ctx, struct entry *entry)
{
    struct worker *w = ctx;
    size_t in_hand = life_in_hand(w->life);

    recorder_write(w->recorder, entry, in_hand < CROWD ? 1 : in_hand / CROWD_PART);
}

static bool world_recall(void *ctx, const struct inbox_id *id, struct inbox_row *row, bool *found, struct err *e)
{
    struct worker *w = ctx;
    bool ok = w->look != LOOK_SOON || ledger_look_begin(w->ledger, e);

    if (w->look == LOOK_SOON && ok)
        w->look = LOOK_BEGUN;
    ok = ok && inbox_find(w->ledger, id, row, found, e);
    if (!ok || w->ledger_unread)
        worker_on_recorder(w, ok, ok ? "" : e->text);
    w->ledger_unread = !ok;
    return ok;
}

void worker_look_over(struct worker *w)
{
    if (w->look != LOOK_BEGUN)
        return;
    ledger_look_end(w->ledger);
    w->look = LOOK_SOON;
}

static bool world_publish(void *ctx, const struct publication *what, uint64_t *number)
{
    struct worker *w = ctx;
    struct err e;

    return bus_publish(w->bus, what, number, &e);
}

static void world_forget(void *ctx, uint64_t number)
{
    struct worker *w = ctx;

    bus_forget(w->bus, number);
}

static void world_settle(void *ctx, struct delivery *delivery, enum verdict verdict)
{
    struct worker *w = ctx;

    bus_settle(w->bus, delivery, verdict);
}

/* `id` of the work is the secret's UUID. */
static void restored(struct worker *w, size_t host, const struct work *work)
{
    const struct restore_reply *reply = (const struct restore_reply *)work->reply;
    bool is_well = !work->failed && reply->what != RESTORED_ASTRAY;

    log_event(is_well ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN, "restore", "host", w->hosts[host].uuid.text, "secret",
              work->id, "outcome", work->failed ? work->err.code : restored_name(reply->what), "details",
              work->failed ? work->err.text : "", (char *)NULL);
    recovery_ended(w->recovery, host, work);
}

static void lease_looked_at(struct worker *w, size_t host, const struct work *work)
{
    const struct lease_reply *reply = (const struct lease_reply *)work->reply;
    bool is_news = work->failed || reply->what == LEASED_PERMANENT || reply->what == LEASED_ENDED;

    log_event(work->failed ? LOG_LEVEL_WARN
              : is_news    ? LOG_LEVEL_INFO
                           : LOG_LEVEL_DEBUG,
              "lease", "host", w->hosts[host].uuid.text, "secret", work->id, "outcome",
              work->failed ? work->err.code : leased_name(reply->what), "details", work->failed ? work->err.text : "",
              (char *)NULL);
    leases_looked(w->leases, host, work);
    worker_mind_time(w);
}

static void reconciled(struct worker *w, size_t host, const struct work *work)
{
    const struct reconcile_reply *reply = (const struct reconcile_reply *)work->reply;
    char found[24], mended[24];

    rounds_over(w->rounds);
    w->life_config.world.wake_at(w, clock_now_ms()); /* for the next */
    if (!work->failed && reply->found_count == 0)
        return;
    w->metrics.mended += work->failed ? 0 : (uint64_t)reply->mended;
    snprintf(found, sizeof(found), "%lld", (long long)reply->found_count);
    snprintf(mended, sizeof(mended), "%lld", (long long)reply->mended);
    log_event(LOG_LEVEL_WARN, "reconcile", "host", w->hosts[host].uuid.text, "found", work->failed ? "" : found,
              "mended", work->failed ? "" : mended, "details", work->failed ? work->err.text : "", (char *)NULL);
}

static void world_ended(void *ctx, size_t host, const struct work *work)
{
    if (work->handler == &lease_handler)
        lease_looked_at(ctx, host, work);
    else if (work->handler == &reconcile_handler)
        reconciled(ctx, host, work);
    else
        restored(ctx, host, work);
}

bool worker_lease(void *arg, size_t host, const struct lease_request *what)
{
    struct worker *w = arg;

    return life_lease(w->life, host, what);
}

bool worker_reconcile(void *arg, size_t host)
{
    struct worker *w = arg;

    return life_reconcile(w->life, host);
}

static void world_compare(void *ctx, size_t host)
{
    struct worker *w = ctx;

    if (serving_may(w, host))
        recovery_begin(w->recovery, host);
}

static bool world_host_is_up(void *ctx, size_t host)
{
    struct worker *w = ctx;

    return hv_is_up(hypervisors_of(w->hypervisors, host));
}

static void world_wake_at(void *ctx, int64_t when_ms)
{
    struct worker *w = ctx;
    int64_t wait_ms = when_ms - clock_now_ms();
    struct timeval wait = {0, 0};

    if (w->timer_ms != 0 && w->timer_ms <= when_ms)
        return;
    w->timer_ms = when_ms;
    if (wait_ms > 0)
        wait = (struct timeval){wait_ms / 1000, wait_ms % 1000 * 1000};
    evtimer_add(w->timer, &wait);
}

/* Only now and then, so that who is told that something ended does not begin the next from within. */
void worker_mind_time(struct worker *w)
{
    int64_t next_ms = leases_next(w->leases, clock_now_ms()), reconcile_ms = rounds_next(w->rounds);

    next_ms = reconcile_ms < next_ms ? reconcile_ms : next_ms;
    if (next_ms != INT64_MAX)
        world_wake_at(w, next_ms);
}

bool worker_restore(void *arg, size_t host, const struct restore_request *what)
{
    struct worker *w = arg;

    return life_restore(w->life, host, what);
}

/* Fetched from the system some at a time. */
static void world_new_id(void *ctx, char out[UUID_HEX_CHARS + 1])
{
    enum { ID_BYTES = 16 };
    struct worker *w = ctx;
    uint8_t *random;
    struct uuid uuid;

    for (size_t got = w->random_left; got < ID_BYTES; got = w->random_left) {
        ssize_t more = getrandom(w->random, sizeof(w->random), 0);

        w->random_left = more > 0 ? (size_t)more : 0; /* a signal may have cut it short: getrandom(2) */
    }
    w->random_left -= ID_BYTES;
    random = w->random + w->random_left;
    uuid_from_random(random, &uuid);
    wipe(random, ID_BYTES);
    uuid_hex(&uuid, out);
}

static void world_tell(void *ctx, const struct host_event *event)
{
    struct worker *w = ctx;

    events_send(w->events, event);
}

static void world_answered(void *ctx, const struct request *r)
{
    uint64_t now_us = clock_monotonic_us();
    struct worker *w = ctx;

    metrics_answered(&w->metrics, r, now_us);
    if (w->journal != NULL)
        journal_answered(w->journal, &w->served[r->host].history, r, clock_now_ms(), now_us);
    http_changed(w->http);
    if (r->work.handler == &reconcile_handler && !r->work.failed && !r->is_duplicate)
        w->metrics.mended += (uint64_t)((const struct reconcile_reply *)r->work.reply)->mended;
}

const struct world world_ops = {
    .now_ms = world_now_ms,
    .now_us = world_now_us,
    .run = world_run,
    .record = world_record,
    .recall = world_recall,
    .publish = world_publish,
    .forget = world_forget,
    .settle = world_settle,
    .ended = world_ended,
    .compare = world_compare,
    .host_is_up = world_host_is_up,
    .wake_at = world_wake_at,
    .new_id = world_new_id,
    .tell = world_tell,
    .answered = world_answered,
};

#include "worker/recovery.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "handlers/hv.h"
#include "handlers/kept.h"
#include "handlers/secret.h"
#include "worker/clock.h"
#include "worker/log.h"
#include "worker/side_thread.h"

enum {
    AT_ONCE_MAX = 32, /* restorations in the life cycle */
    NO_ROOM_MS = 20,  /* until it is tried again, where that had no room */
    OUTCOMES = RESTORED_ASTRAY + 1,
};

/* What is to be done on one host. */
struct tasks {
    struct restore_request *at;
    size_t count, room;
    struct err err;
    bool is_announced; /* by restoration_begin(), to be taken back when all is restored */
    bool failed;       /* the comparison; `err` says why */
};

struct survey {
    bool is_wanted, is_running, is_restored; /* under the lock; is_restored: what was announced is over */
    struct tasks tasks;                      /* the thread's, from when the survey runs until it is compared */
    bool is_compared;                        /* from here on the loop's */
    bool is_cut;                             /* somebody else does the rest */
    size_t begun, ended;
    uint64_t outcomes[OUTCOMES], failures;
};

struct recovery {
    struct recovery_config config;
    struct side_thread side;
    struct uuid self;
    struct event *more;
    size_t at_once;

    size_t last; /* under the lock: host that was taken in hand */
    size_t done; /* likewise: host that was compared; host_count: none */
    struct survey surveys[];
};

/* ---- the thread ---- */

static int uuids_order(const void *a, const void *b)
{
    return strcmp(((const struct uuid *)a)->text, ((const struct uuid *)b)->text);
}

static bool tasks_make_room(struct tasks *tasks, struct err *e)
{
    size_t room = tasks->room == 0 ? 64 : 2 * tasks->room;
    void *grown = reallocarray(tasks->at, room, sizeof(tasks->at[0]));

    if (grown == NULL)
        return err_set(e, ERR_LOCAL, "out of memory for %zu secrets to restore", room);
    tasks->at = grown;
    tasks->room = room;
    return true;
}

static bool task_add(struct tasks *tasks, const struct secret_row *row, bool is_absent, struct err *e)
{
    struct restore_request *task;

    if (tasks->count == tasks->room && !tasks_make_room(tasks, e))
        return false;
    task = &tasks->at[tasks->count++];
    task->to = (struct addressed){row->host, row->key};
    task->secret_uuid = row->uuid;
    task->is_announced = tasks->is_announced;
    task->is_absent = is_absent;
    task->state = row->state;
    task->changed_ms = row->changed_ms;
    return true;
}

/* Before the first that is lost is restored, the ledger knows that some are; so their rows need not be written. */
static bool announce(struct recovery *r, const struct host *host, struct tasks *tasks, struct err *e)
{
    tasks->is_announced = tasks->is_announced || restoration_begin(r->side.ledger, &host->uuid, &r->self, e);
    return tasks->is_announced;
}

/* What libvirt has, and since when: what was made later may be there as well. */
struct listed {
    struct uuid *uuids;
    size_t count;
    int64_t since_ms;
};

static void listed_free(struct listed *listed)
{
    free(listed->uuids);
}

static bool list(const struct host *host, struct listed *out, struct err *e)
{
    out->since_ms = clock_now_ms();
    if (!hv_secret_list(host->hv, &out->uuids, &out->count, e))
        return false;
    qsort(out->uuids, out->count, sizeof(*out->uuids), uuids_order);
    return true;
}

static bool is_there(const struct host *host, const struct listed *listed, const struct secret_row *row, bool *there,
                     struct err *e)
{
    struct hv_secret want;

    *there = bsearch(&row->uuid, listed->uuids, listed->count, sizeof(row->uuid), uuids_order) != NULL;
    if (*there || row->changed_ms < listed->since_ms)
        return true;
    secret_identify(&row->key, &want);
    return hv_secret_is(host->hv, &row->uuid, want.usage, want.usage_id, there, e);
}

/* Every row that libvirt has lost, and every one that was only begun. `all`: of which the rows do not tell. */
static bool rows_compare(struct recovery *r, const struct host *host, const struct listed *listed, bool all,
                         struct tasks *out, struct err *e)
{
    struct secret_row row = {.uuid.text = ""};

    for (;;) {
        const struct uuid after = row.uuid;
        bool found, there;

        if (!secret_row_next(r->side.ledger, &host->uuid, &after, &row, &found, e))
            return false;
        if (!found)
            return true;
        if (!is_there(host, listed, &row, &there, e))
            return false;
        if (!there && kept_is_due(&row) && !announce(r, host, out, e))
            return false;
        if ((!there || all || row.state != SECRET_ACTIVE) && !task_add(out, &row, !there, e))
            return false;
    }
}

static struct tasks compare(struct recovery *r, const struct host *host)
{
    ON_EXIT(listed_free) struct listed listed = {0};
    struct tasks tasks = {0};
    bool was_left = false; /* a restoration that somebody died in */

    tasks.failed = !list(host, &listed, &tasks.err) ||
                   !restoration_is_on(r->side.ledger, &host->uuid, &was_left, &tasks.err) ||
                   (was_left && !announce(r, host, &tasks, &tasks.err)) ||
                   !rows_compare(r, host, &listed, was_left, &tasks, &tasks.err);
    return tasks;
}

/*
 * Under the lock: a host that waits for the thread, one after the other from behind the last; host_count: none. One that is
 * restored is told so before it is compared again.
 */
static size_t host_waiting(const struct recovery *r)
{
    size_t count = r->config.host_count;

    for (size_t i = 0; i < count; i++) {
        size_t host = (r->last + 1 + i) % count;
        const struct survey *s = &r->surveys[host];

        if (s->is_restored || (s->is_wanted && !s->is_running && r->done == count))
            return host;
    }
    return count;
}

/* The next host to be compared, whose tasks are the thread's from now on; or that *is_restored. host_count: it is time to end. */
static size_t next_host(struct recovery *r, bool *is_restored)
{
    size_t host, count = r->config.host_count;

    pthread_mutex_lock(&r->side.lock);
    while ((host = host_waiting(r)) == count && !r->side.is_closing)
        pthread_cond_wait(&r->side.wanted, &r->side.lock);
    if (r->side.is_closing)
        host = count;
    if (host < count) {
        struct survey *s = &r->surveys[host];

        r->last = host;
        *is_restored = s->is_restored;
        s->is_wanted &= s->is_restored;
        s->is_running = !s->is_restored;
        s->is_restored = false;
    }
    pthread_mutex_unlock(&r->side.lock);
    return host;
}

/* Where it cannot be written, the next comparison takes all for half made; that is no more than work. */
static void restored(struct recovery *r, size_t host)
{
    struct err ignored;

    (void)!restoration_end(r->side.ledger, &r->config.hosts[host].uuid, &r->self, &ignored);
}

static void *thread_main(void *arg)
{
    struct recovery *r = arg;
    bool is_restored = false;
    size_t host;

    while ((host = next_host(r, &is_restored)) != r->config.host_count) {
        if (is_restored) {
            restored(r, host);
            continue;
        }
        r->surveys[host].tasks = compare(r, &r->config.hosts[host]);
        pthread_mutex_lock(&r->side.lock);
        r->done = host;
        pthread_mutex_unlock(&r->side.lock);
        wakeup_call(r->side.wakeup);
    }
    return NULL;
}

/* ---- the loop ---- */

/* The tasks of a host are through: say what was done, and let it be compared again. */
static void survey_end(struct recovery *r, size_t host)
{
    struct survey *s = &r->surveys[host];
    bool is_restored = s->tasks.is_announced && !s->tasks.failed && !s->is_cut && s->failures == 0;
    char counts[OUTCOMES + 1][24];

    for (size_t i = 0; i < OUTCOMES; i++)
        snprintf(counts[i], sizeof(counts[i]), "%llu", (unsigned long long)s->outcomes[i]);
    snprintf(counts[OUTCOMES], sizeof(counts[OUTCOMES]), "%llu", (unsigned long long)s->failures);
    if (s->tasks.failed || s->tasks.count > 0)
        log_event(s->tasks.failed || s->failures > 0 || s->outcomes[RESTORED_ASTRAY] > 0 ? LOG_LEVEL_WARN
                                                                                         : LOG_LEVEL_INFO,
                  "recovery", "host", r->config.hosts[host].uuid.text, "restored", counts[RESTORED_SECRET], "finished",
                  counts[RESTORED_FINISHED], "undone", counts[RESTORED_UNDONE], "astray", counts[RESTORED_ASTRAY],
                  "failed", counts[OUTCOMES], "details", s->tasks.failed ? s->tasks.err.text : "", (char *)NULL);
    free(s->tasks.at);
    s->tasks = (struct tasks){0};
    s->is_compared = s->is_cut = false;
    s->begun = s->ended = 0;
    memset(s->outcomes, 0, sizeof(s->outcomes));
    s->failures = 0;
    pthread_mutex_lock(&r->side.lock);
    s->is_running = false;
    s->is_restored |= is_restored;
    pthread_cond_signal(&r->side.wanted);
    pthread_mutex_unlock(&r->side.lock);
}

/* False: there is no room for more. */
static bool go_on(struct recovery *r, size_t host)
{
    struct survey *s = &r->surveys[host];

    if (s->is_compared && s->begun < s->tasks.count && !r->config.may(r->config.arg, host)) {
        s->tasks.count = s->begun;
        s->is_cut = true;
        if (s->ended == s->begun)
            survey_end(r, host);
    }
    while (s->is_compared && s->begun < s->tasks.count && r->at_once < AT_ONCE_MAX) {
        if (!r->config.restore(r->config.arg, host, &s->tasks.at[s->begun]))
            return false;
        s->begun++;
        r->at_once++;
    }
    return true;
}

static void on_more(int fd, short what, void *arg)
{
    static const struct timeval no_room = {0, NO_ROOM_MS * 1000};
    struct recovery *r = arg;
    bool has_room = true;

    (void)fd, (void)what;
    for (size_t i = 0; i < r->config.host_count && has_room; i++)
        has_room = go_on(r, i);
    if (!has_room)
        evtimer_add(r->more, &no_room);
}

static void on_compared(void *arg)
{
    struct recovery *r = arg;
    size_t host;

    pthread_mutex_lock(&r->side.lock);
    host = r->done;
    r->done = r->config.host_count;
    pthread_cond_signal(&r->side.wanted);
    pthread_mutex_unlock(&r->side.lock);
    if (host == r->config.host_count)
        return;
    if (r->surveys[host].tasks.failed || r->surveys[host].tasks.count == 0) {
        survey_end(r, host);
        return;
    }
    r->surveys[host].is_compared = true;
    event_active(r->more, EV_TIMEOUT, 0);
}

void recovery_ended(struct recovery *r, size_t host, const struct work *work)
{
    struct survey *s = &r->surveys[host];

    r->at_once--;
    s->ended++;
    if (work->failed)
        s->failures++;
    else
        s->outcomes[((const struct restore_reply *)work->reply)->what]++;
    if (s->ended == s->tasks.count)
        survey_end(r, host);
    event_active(r->more, EV_TIMEOUT, 0); /* not from within the life cycle, which calls this */
}

void recovery_begin(struct recovery *r, size_t host)
{
    pthread_mutex_lock(&r->side.lock);
    r->surveys[host].is_wanted = true;
    pthread_cond_signal(&r->side.wanted);
    pthread_mutex_unlock(&r->side.lock);
}

static bool start(struct event_base *base, struct recovery *r, struct err *e)
{
    const struct side_thread_config side = {"recovery", r->config.ledger_path, thread_main, on_compared, r};
    uint8_t random[16];

    if (!side_thread_open(&r->side, base, &side, e)) /* which has nothing to do before recovery_begin() */
        return false;
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return err_set(e, ERR_LOCAL, "the system gave no random bytes");
    uuid_from_random(random, &r->self);
    r->more = evtimer_new(base, on_more, r);
    return r->more != NULL || err_set(e, ERR_LOCAL, "out of memory");
}

bool recovery_open(struct event_base *base, const struct recovery_config *config, struct recovery **out, struct err *e)
{
    struct recovery *r = calloc(1, sizeof(*r) + config->host_count * sizeof(r->surveys[0]));

    if (r == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    r->config = *config;
    r->done = config->host_count;
    if (!start(base, r, e)) {
        recovery_close(r);
        return false;
    }
    *out = r;
    return true;
}

void recovery_close(struct recovery *r)
{
    if (r == NULL)
        return;
    side_thread_close(&r->side);
    if (r->more != NULL)
        event_free(r->more);
    for (size_t i = 0; i < r->config.host_count; i++)
        free(r->surveys[i].tasks.at);
    free(r);
}

#include "worker/recorder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bus/timer.h"
#include "worker/clock.h"
#include "worker/side_thread.h"
#include "worker/trust.h"

enum {
    RETRY_MS = 1000,
    PRUNE_MS = 1000,
    PRUNE_LIMIT = 10000,       /* in one transaction; more than come in as much time */
    INBOX_MOST_ROWS = 4000000, /* of about 700 bytes */
};

#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)

struct chain {
    struct entry *first, **last;
};

struct recorder {
    struct recorder_config config;
    struct side_thread side;
    uint64_t pruned_ms; /* the thread's; monotonic */

    struct chain todo, written; /* these under the lock */
    struct histogram commits;   /* likewise; not told yet */
    size_t todo_count, wanted_count;
    bool is_gathering, has_news, works;
    char why[sizeof(((struct err *)0)->text)];
};

static void chain_reset(struct chain *chain)
{
    chain->first = NULL;
    chain->last = &chain->first;
}

static void chain_add(struct chain *chain, struct entry *entry)
{
    entry->next = NULL;
    *chain->last = entry;
    chain->last = &entry->next;
}

/* All of `from`, behind what is in `to`. */
static void chain_move(struct chain *to, struct chain *from)
{
    if (from->first == NULL)
        return;
    *to->last = from->first;
    to->last = from->last;
    chain_reset(from);
}

/* ---- the thread ---- */

static bool write_changes(struct ledger *ledger, const struct record *record, struct err *e)
{
    for (size_t i = 0; i < record->change_count; i++) {
        const struct secret_change *c = &record->changes[i];
        bool ok = c->is_removed ? secret_row_remove(ledger, &c->row.host, &c->row.uuid, e)
                                : secret_row_write(ledger, &c->row, e);

        if (!ok)
            return false;
    }
    return true;
}

static bool write_all(struct ledger *ledger, const struct entry *first, struct err *e)
{
    if (!ledger_begin(ledger, e))
        return false;
    for (const struct entry *entry = first; entry != NULL; entry = entry->next) {
        bool ok = entry->id.id[0] == '\0' || inbox_write(ledger, &entry->id, &entry->row, e);

        if (!ok || !write_changes(ledger, entry->record, e)) {
            ledger_rollback(ledger);
            return false;
        }
    }
    return ledger_commit(ledger, e);
}

/* Tell the loop how it goes, where that has changed. */
static void tell(struct recorder *r, bool works, const char *why)
{
    pthread_mutex_lock(&r->side.lock);
    r->has_news |= r->works != works || strcmp(r->why, why) != 0;
    r->works = works;
    snprintf(r->why, sizeof(r->why), "%s", why);
    pthread_mutex_unlock(&r->side.lock);
    wakeup_call(r->side.wakeup);
}

static struct timespec time_after_ms(int64_t ms)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    ms += at.tv_nsec / 1000000;
    at.tv_sec += ms / 1000;
    at.tv_nsec = at.tv_nsec % 1000000 + ms % 1000 * 1000000;
    return at;
}

/* Under the lock. For what comes meanwhile the thread is woken once, when it is enough. */
static void gather(struct recorder *r)
{
    struct timespec until = time_after_ms(RECORDER_GATHER_MS);

    r->is_gathering = true;
    while (!r->side.is_closing && r->todo_count < r->wanted_count &&
           pthread_cond_timedwait(&r->side.wanted, &r->side.lock, &until) == 0)
        continue;
    r->is_gathering = false;
}

/* Wait for entries, PRUNE_MS at most; or after a failure for RETRY_MS, whatever comes. False: it is time to end. */
static bool wait_for_work(struct recorder *r, struct chain *in_hand)
{
    struct timespec until = time_after_ms(in_hand->first != NULL ? RETRY_MS : PRUNE_MS);
    bool goes_on;

    pthread_mutex_lock(&r->side.lock);
    while (!r->side.is_closing && (in_hand->first != NULL || r->todo.first == NULL) &&
           pthread_cond_timedwait(&r->side.wanted, &r->side.lock, &until) == 0)
        continue;
    if (in_hand->first == NULL)
        gather(r);
    chain_move(in_hand, &r->todo);
    r->todo_count = r->wanted_count = 0;
    goes_on = !r->side.is_closing;
    pthread_mutex_unlock(&r->side.lock);
    return goes_on;
}

static void hand_back(struct recorder *r, struct chain *written, uint64_t took_us)
{
    pthread_mutex_lock(&r->side.lock);
    chain_move(&r->written, written);
    histogram_add(&r->commits, took_us);
    pthread_mutex_unlock(&r->side.lock);
    wakeup_call(r->side.wakeup);
}

/*
 * Forget what nobody asks for again: nor does who replays what was signed with a clock that was ahead. That it fails is
 * told when the next entry is written.
 */
static void prune(struct recorder *r)
{
    uint64_t now = monotonic_ms();
    int64_t forgotten, youngest_ms, before_ms = clock_now_ms() - INBOX_KEEP_DAYS * DAY_MS - SIGNED_FUTURE_MS;
    struct err e;

    if (now - r->pruned_ms < PRUNE_MS)
        return;
    r->pruned_ms = now;
    (void)!inbox_prune(r->side.ledger, before_ms, INBOX_MOST_ROWS, PRUNE_LIMIT, &forgotten, &youngest_ms, &e);
}

static void *thread_main(void *arg)
{
    struct recorder *r = arg;
    struct chain in_hand;
    uint64_t began_us;
    struct err e;

    chain_reset(&in_hand);
    while (wait_for_work(r, &in_hand)) {
        began_us = clock_monotonic_us();
        if (in_hand.first == NULL) {
            prune(r);
        } else if (write_all(r->side.ledger, in_hand.first, &e)) {
            if (!r->works)
                tell(r, true, "");
            hand_back(r, &in_hand, clock_monotonic_us() - began_us);
            prune(r);
        } else {
            tell(r, false, e.text);
        }
    }
    return NULL;
}

/* ---- the loop ---- */

static void on_wakeup(void *arg)
{
    struct recorder *r = arg;
    struct entry *entry, *next;
    char why[sizeof(r->why)];
    bool has_news, works;

    pthread_mutex_lock(&r->side.lock);
    entry = r->written.first;
    chain_reset(&r->written);
    has_news = r->has_news;
    works = r->works;
    memcpy(why, r->why, sizeof(why));
    r->has_news = false;
    if (r->config.commits != NULL)
        histogram_merge(r->config.commits, &r->commits);
    r->commits = (struct histogram){.sum_us = 0};
    pthread_mutex_unlock(&r->side.lock);

    if (has_news)
        r->config.news(r->config.arg, works, why);
    for (; entry != NULL; entry = next) {
        next = entry->next; /* whoever gets the entry may have it written again */
        r->config.done(r->config.arg, entry);
    }
}

bool recorder_open(struct event_base *base, const struct recorder_config *config, struct recorder **out, struct err *e)
{
    struct recorder *r = calloc(1, sizeof(*r));
    struct side_thread_config side = {"ledger", config->path, thread_main, on_wakeup, r};

    if (r == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    r->config = *config;
    r->works = true;
    chain_reset(&r->todo);
    chain_reset(&r->written);
    if (!side_thread_open(&r->side, base, &side, e)) {
        recorder_close(r);
        return false;
    }
    *out = r;
    return true;
}

void recorder_close(struct recorder *r)
{
    if (r == NULL)
        return;
    side_thread_close(&r->side);
    free(r);
}

void recorder_write(struct recorder *r, struct entry *entry, size_t wanted_count)
{
    bool is_enough;

    pthread_mutex_lock(&r->side.lock);
    r->wanted_count = wanted_count;
    chain_add(&r->todo, entry);
    is_enough = ++r->todo_count >= wanted_count || !r->is_gathering;
    pthread_mutex_unlock(&r->side.lock);
    if (is_enough)
        pthread_cond_signal(&r->side.wanted); /* not under the lock, where the thread would wait for us at once */
}

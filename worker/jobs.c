#include "worker/jobs.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/hv.h"
#include "schemas/harden.h"
#include "schemas/thread.h"
#include "worker/clock.h"
#include "worker/wakeup.h"

/* Works in a row, linked by work->next. */
struct chain {
    struct work *first, *last;
};

struct jobs {
    pthread_mutex_t lock;
    pthread_cond_t wanted;
    struct chain todo, finished; /* under the lock */
    bool is_closing;             /* likewise */
    struct wakeup *wakeup;
    jobs_done *done;
    void *arg;
    size_t thread_count;
    struct thread {
        struct jobs *jobs;
        struct ledger *ledger;
        pthread_t id;
    } threads[];
};

static void chain_add(struct chain *chain, struct work *work)
{
    work->next = NULL;
    if (chain->last != NULL)
        chain->last->next = work;
    else
        chain->first = work;
    chain->last = work;
}

static struct work *chain_take(struct chain *chain)
{
    struct work *work = chain->first;

    if (work == NULL)
        return NULL;
    chain->first = work->next;
    if (chain->first == NULL)
        chain->last = NULL;
    return work;
}

/* The next work, or NULL when the threads shall end. */
static struct work *next_work(struct jobs *jobs)
{
    struct work *work = NULL;

    pthread_mutex_lock(&jobs->lock);
    while (!jobs->is_closing && jobs->todo.first == NULL)
        pthread_cond_wait(&jobs->wanted, &jobs->lock);
    if (!jobs->is_closing)
        work = chain_take(&jobs->todo);
    pthread_mutex_unlock(&jobs->lock);
    return work;
}

static void hand_back(struct jobs *jobs, struct work *work)
{
    bool was_empty;

    pthread_mutex_lock(&jobs->lock);
    was_empty = jobs->finished.first == NULL;
    chain_add(&jobs->finished, work);
    pthread_mutex_unlock(&jobs->lock);
    if (was_empty)
        wakeup_call(jobs->wakeup);
}

static void *thread_main(void *arg)
{
    const struct thread *self = arg;
    struct jobs *jobs = self->jobs;
    struct work *work;
    uint64_t began_us;

    while ((work = next_work(jobs)) != NULL) {
        work->ledger = self->ledger;
        began_us = hv_spent_us();
        work->state = work_is_late(work, clock_now_ms()) ? WORK_LATE : work_advance(work);
        work->libvirt_us += hv_spent_us() - began_us;
        stack_wipe();
        hand_back(jobs, work);
    }
    return NULL;
}

static void on_finished(void *arg)
{
    struct jobs *jobs = arg;
    struct chain all;
    struct work *work;

    pthread_mutex_lock(&jobs->lock);
    all = jobs->finished;
    jobs->finished = (struct chain){0};
    pthread_mutex_unlock(&jobs->lock);
    while ((work = chain_take(&all)) != NULL)
        jobs->done(jobs->arg, work);
    stack_wipe(); /* requests that waited for room may have been read */
}

static bool start_threads(struct jobs *jobs, size_t count, const char *ledger_path, struct err *e)
{
    for (; jobs->thread_count < count; jobs->thread_count++) {
        struct thread *t = &jobs->threads[jobs->thread_count];

        t->jobs = jobs;
        if (!ledger_open(ledger_path, &t->ledger, e))
            return false;
        if (!thread_start("job", thread_main, t, &t->id, e)) {
            ledger_close(t->ledger);
            return false;
        }
    }
    return true;
}

bool jobs_open(struct event_base *base, size_t threads, const char *ledger_path, jobs_done *done, void *arg,
               struct jobs **out, struct err *e)
{
    struct jobs *jobs = calloc(1, sizeof(*jobs) + threads * sizeof(jobs->threads[0]));

    if (jobs == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    pthread_mutex_init(&jobs->lock, NULL);
    pthread_cond_init(&jobs->wanted, NULL);
    jobs->done = done;
    jobs->arg = arg;
    if (!wakeup_open(base, on_finished, jobs, &jobs->wakeup, e) || !start_threads(jobs, threads, ledger_path, e)) {
        jobs_close(jobs);
        return false;
    }
    *out = jobs;
    return true;
}

void jobs_close(struct jobs *jobs)
{
    if (jobs == NULL)
        return;
    pthread_mutex_lock(&jobs->lock);
    jobs->is_closing = true;
    pthread_cond_broadcast(&jobs->wanted);
    pthread_mutex_unlock(&jobs->lock);
    for (size_t i = 0; i < jobs->thread_count; i++) {
        pthread_join(jobs->threads[i].id, NULL);
        ledger_close(jobs->threads[i].ledger);
    }
    wakeup_close(jobs->wakeup);
    pthread_cond_destroy(&jobs->wanted);
    pthread_mutex_destroy(&jobs->lock);
    free(jobs);
}

void jobs_run(struct jobs *jobs, struct work *work)
{
    pthread_mutex_lock(&jobs->lock);
    chain_add(&jobs->todo, work);
    pthread_mutex_unlock(&jobs->lock);
    pthread_cond_signal(&jobs->wanted); /* not under the lock, where the thread would wait for us at once */
}

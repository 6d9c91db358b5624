/* A thread beside the loop that works on a ledger of its own: the loop hands it work under a lock, and it calls back into the loop. */
#ifndef WORKER_SIDE_THREAD_H
#define WORKER_SIDE_THREAD_H

#include <pthread.h>

#include "handlers/ledger.h"
#include "worker/wakeup.h"

/* A part of whoever has the thread. */
struct side_thread {
    pthread_mutex_t lock;
    pthread_cond_t wanted; /* of CLOCK_MONOTONIC: there is work, or it is time to end */
    bool is_closing;       /* under the lock: it is */
    struct ledger *ledger; /* the thread's */
    struct wakeup *wakeup; /* the thread's, to be called where the loop has something to take */
    pthread_t thread;
    bool runs;
};

/* What it is made with. `run` and `told` get `arg`; `told` is called in the loop. */
struct side_thread_config {
    const char *name; /* of thread_start() */
    const char *ledger_path;
    void *(*run)(void *arg);
    void (*told)(void *arg);
    void *arg;
};

/* Fails with ERR_LOCAL or what ledger_open() does. Either way it is to be closed. */
MUST_CHECK bool side_thread_open(struct side_thread *side, struct event_base *base,
                                 const struct side_thread_config *config, struct err *e);

/* Has the thread end, and waits until it has. `told` is not called any more. */
void side_thread_close(struct side_thread *side);

#endif

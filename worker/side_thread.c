#include "worker/side_thread.h"

#include "schemas/thread.h"

bool side_thread_open(struct side_thread *side, struct event_base *base, const struct side_thread_config *config,
                      struct err *e)
{
    pthread_condattr_t monotonic;

    *side = (struct side_thread){.is_closing = false};
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&side->wanted, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&side->lock, NULL);
    side->runs = ledger_open(config->ledger_path, &side->ledger, e) &&
                 wakeup_open(base, config->told, config->arg, &side->wakeup, e) &&
                 thread_start(config->name, config->run, config->arg, &side->thread, e);
    return side->runs;
}

void side_thread_close(struct side_thread *side)
{
    pthread_mutex_lock(&side->lock);
    side->is_closing = true;
    pthread_cond_signal(&side->wanted);
    pthread_mutex_unlock(&side->lock);
    if (side->runs)
        pthread_join(side->thread, NULL);
    wakeup_close(side->wakeup);
    ledger_close(side->ledger);
    pthread_cond_destroy(&side->wanted);
    pthread_mutex_destroy(&side->lock);
}

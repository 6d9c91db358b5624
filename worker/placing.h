/*
 * Which worker of a pool consumes from which queue, and which stands by: the same
 * for all who know of the same workers and queues, without a word between them.
 * Rendezvous hashing: each pair of queue and worker has a score, and the highest
 * win, but no worker gets more than its share, rounded up. So all are even, and who
 * comes or goes moves few of the others' queues. Pure.
 */
#ifndef WORKER_PLACING_H
#define WORKER_PLACING_H

#include "schemas/base.h"

#define PLACING_NOBODY SIZE_MAX

/* Indices of workers; `second` is PLACING_NOBODY where there is one worker. */
struct placing {
    size_t first, second;
};

/* The order in which the two lists come does not matter. Ends the process without memory. */
void placing_make(const char *const *queues, size_t queue_count, const char *const *workers, size_t worker_count,
                  struct placing *out);

/* The worker with the highest score for a name: each gets about as many as the others, however many names there are. */
size_t placing_best(const char *name, const char *const *workers, size_t worker_count);

#endif

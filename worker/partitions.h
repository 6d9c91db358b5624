/*
 * The pool put to work on partitions (worker/sharing.h has what is common): each worker
 * consumes from those whose first it is, stands by for others, and hands over those of
 * which it is not any more (contract 7). Which host is in which partition only the
 * broker knows, and here what came by it tells; hosts that nobody asked for are spread
 * by their names. Loop thread.
 */
#ifndef WORKER_PARTITIONS_H
#define WORKER_PARTITIONS_H

#include "schemas/base.h"

struct worker;

/* Of sharing_look(). */
void partitions_look(struct worker *w);

/* After whatever may have ended a request: close the channels of those that are left, once nothing of them runs. */
void partitions_step(struct worker *w);

/* Its channel is gone by itself. */
void partition_down(struct worker *w, size_t queue);

/* True if this worker is the one to act on a host that nobody acts on. */
bool partitions_may_take(const struct worker *w, size_t host);

#endif

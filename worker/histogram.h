/* How long things took, in Prometheus' form: how many took at most so long. Plain integers: one thread's, or under its lock. */
#ifndef WORKER_HISTOGRAM_H
#define WORKER_HISTOGRAM_H

#include "schemas/base.h"

enum { HISTOGRAM_BOUNDS = 17 };

struct histogram {
    uint64_t counts[HISTOGRAM_BOUNDS + 1]; /* of those in each bucket alone; the last: above all bounds */
    uint64_t sum_us;
};

/* The upper ends of the buckets, in microseconds, ascending. */
extern const uint64_t histogram_bounds_us[HISTOGRAM_BOUNDS];

void histogram_add(struct histogram *histogram, uint64_t us);

/* All that is in `from`, too. */
void histogram_merge(struct histogram *into, const struct histogram *from);

uint64_t histogram_count(const struct histogram *histogram);

/*
 * About how long all but (1 - share) took at most, as histogram_quantile() of
 * Prometheus: evenly spread within a bucket. 0 where there is nothing; the last
 * bound at most.
 */
uint64_t histogram_quantile_us(const struct histogram *histogram, double share);

#endif

/* What this process uses, as the kernel counts it. */
#ifndef WORKER_USAGE_H
#define WORKER_USAGE_H

#include "schemas/base.h"

/* -1: could not be read. */
struct usage {
    int64_t resident_bytes, virtual_bytes;
    int64_t cpu_us;
    int64_t open_fds, max_fds;
    int64_t started_ms; /* since 1970 */
};

/* Reads /proc/self, which a unit with ProcSubset=pid still has. A few microseconds, and one more for each open file. */
void usage_read(struct usage *out);

#endif

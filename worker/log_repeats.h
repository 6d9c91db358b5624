/*
 * Lines that say the same again and again: the first few of ten seconds are written, the
 * others counted, and how many were left out is told. Pure.
 */
#ifndef WORKER_LOG_REPEATS_H
#define WORKER_LOG_REPEATS_H

#include "worker/config.h"

enum { REPEATS_WRITTEN = 5, REPEATS_WINDOW_MS = 10000, REPEATS_KINDS = 64 };

/* All of one kind: what they say is the same but for ids. */
struct repeated {
    uint64_t kind; /* 0: none */
    const char *event;
    enum log_level level;
    int64_t since_ms; /* monotonic */
    unsigned written, left_out;
};

/* Zeroed: nothing was said yet. */
struct repeats {
    struct repeated kinds[REPEATS_KINDS];
};

/*
 * Note a line of `kind`; `event` is static. True: it is to be written. Where *told has
 * left_out > 0, how many were left out of some kind is to be told before.
 */
bool repeats_note(struct repeats *repeats, uint64_t kind, const char *event, enum log_level level, int64_t now_ms,
                  struct repeated *told);

/* The next kind of which some were left out, and whose ten seconds are over (`all`: or not). False: there is none. */
bool repeats_next(struct repeats *repeats, int64_t now_ms, bool all, struct repeated *told);

#endif

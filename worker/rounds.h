/*
 * When each host is reconciled by itself (handlers/reconcile.h): some time after it was
 * taken, and then every hour; of many hosts a few at a time, since requests need room,
 * too. Pure: time is handed in.
 */
#ifndef WORKER_ROUNDS_H
#define WORKER_ROUNDS_H

#include "schemas/base.h"

enum {
    ROUNDS_FIRST_MS = 15000, /* what is restored then need not be found */
    ROUNDS_EVERY_MS = 60 * 60 * 1000,
    ROUNDS_NO_ROOM_MS = 10000,
    ROUNDS_AT_ONCE = 8,
};

struct rounds;

struct rounds_config {
    size_t host_count;
    bool (*is_whole)(void *arg, size_t host); /* this worker acts on it, and its libvirt is there */
    bool (*begin)(void *arg, size_t host);    /* life_reconcile(); true: rounds_over() follows, later */
    void *arg;
};

/* NULL: no memory. */
struct rounds *rounds_new(const struct rounds_config *config);
void rounds_free(struct rounds *rounds); /* NULL is fine */

/* This worker looks after the host from now on, if it did not already. */
void rounds_want(struct rounds *rounds, size_t host, int64_t now_ms);

/* Begin what is due, if there is room. A host that is not whole is wanted no more: whoever looks after it next begins anew. */
void rounds_tick(struct rounds *rounds, int64_t now_ms);

/* When rounds_tick() is wanted next; INT64_MAX: no host is wanted, or there is no room before rounds_over(). */
int64_t rounds_next(const struct rounds *rounds);

/* One that was begun has ended: rounds_tick() is wanted. */
void rounds_over(struct rounds *rounds);

#endif

/*
 * When which leases end. The ledger knows them, in the order in which they end; here
 * is only when to look next. What is due is looked at through the life cycle, one
 * secret of a host at a time; so are those of a VM that has come.
 *
 * No timer and no thread: the caller brings the time, and comes again when
 * leases_next() says. Loop thread.
 */
#ifndef WORKER_LEASES_H
#define WORKER_LEASES_H

#include "handlers/lease.h"

struct leases;

struct leases_config {
    struct ledger *ledger; /* the caller's */
    const struct host *hosts;
    size_t host_count;
    bool (*look)(void *arg, size_t host, const struct lease_request *what); /* life_lease() */
    bool (*may)(void *arg, size_t host); /* whether the host is this worker's, and its libvirt there */
    void *arg;
};

enum {
    LEASE_AGAIN_MS = 10000,       /* where one could not end, or the ledger not be read */
    LEASE_NO_ROOM_MS = 100,       /* where the life cycle had no room */
    LEASE_CLOCK_CHECK_MS = 60000, /* at the latest: clocks are set, and do not tell */
};

struct leases *leases_new(const struct leases_config *config); /* NULL: no memory */
void leases_free(struct leases *leases);                       /* NULL is fine */

/* From now on this host is looked after: its leases end while config.may() says so, and it must be said again. */
void leases_begin(struct leases *leases, size_t host);

/* A row was written. True: leases_next() is now, or may be, earlier. */
bool leases_note(struct leases *leases, const struct secret_row *row);

/* Look at what is due. */
void leases_tick(struct leases *leases, int64_t now_ms);

/* When leases_tick() is wanted; INT64_MAX: when something else has been called. */
int64_t leases_next(const struct leases *leases, int64_t now_ms);

/* A VM runs here: its leased secrets are looked at. Best effort, since the end of the lease sees it, too. */
void leases_arrival(struct leases *leases, size_t host, const struct uuid *vm);

/* What config.look() began has ended. */
void leases_looked(struct leases *leases, size_t host, const struct work *work);

#endif

/*
 * Writes to the ledger, on a thread of its own: all that is ready goes into one
 * transaction, so that 64 requests in flight do not pay 64 syncs. What cannot be
 * written is tried again until it can; until then nobody is told that it was.
 */
#ifndef WORKER_RECORDER_H
#define WORKER_RECORDER_H

#include "handlers/ledger.h"
#include "handlers/work.h"
#include "worker/histogram.h"

struct event_base;
struct recorder;

/* One request's row, and what it changes among the secrets. */
struct entry {
    struct inbox_id id; /* id.id "": there is no row, only changes */
    struct inbox_row row;
    const struct record *record;
    struct entry *next; /* the recorder's */
};

/* Called in the loop, in the order of recorder_write(): the entry is on disk, and the caller's again. */
typedef void recorder_done(void *arg, struct entry *entry);

/* Called in the loop when writing begins to fail, with the reason, each time the reason changes, and when it works again. */
typedef void recorder_news(void *arg, bool works, const char *why);

struct recorder_config {
    const char *path;          /* of the ledger */
    struct histogram *commits; /* of the loop's: how long each transaction took; NULL: nobody wants to know */
    recorder_done *done;
    recorder_news *news;
    void *arg;
};

/* Opens the ledger and starts the thread. Fails as ledger_open(), or with ERR_LOCAL. *out is the caller's: recorder_close(). */
MUST_CHECK bool recorder_open(struct event_base *base, const struct recorder_config *config, struct recorder **out,
                              struct err *e);

/* Ends the thread after the transaction that it has in hand. Entries that were not written are not. NULL is fine. */
void recorder_close(struct recorder *recorder);

/*
 * Have an entry written. It and its record stay as they are until `done`. It waits until there are `wanted_count`, to go
 * in one transaction, but for RECORDER_GATHER_MS at most. Loop thread.
 */
enum { RECORDER_GATHER_MS = 5 };
void recorder_write(struct recorder *recorder, struct entry *entry, size_t wanted_count);

#endif

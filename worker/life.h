/*
 * The life of a request, from its delivery to its ack: one object, made and freed
 * here, and one stage at a time.
 *
 *     delivery -> [backlog] -> [lane] -> running -> [recording | waiting | away] -> concluding -> replying -> settled
 *
 * No I/O, clock or thread: everything it does to the outside goes through struct
 * world, everything that happens comes in as one call below, so that a simulation
 * can play the broker, the hosts and the clock. All of it belongs to the loop's
 * thread.
 */
#ifndef WORKER_LIFE_H
#define WORKER_LIFE_H

#include "bus/bus.h"
#include "handlers/lease.h"
#include "handlers/restore.h"
#include "worker/recorder.h"
#include "worker/trust.h"

struct life;
struct request;

/* The outside, as the life cycle needs it. */
struct world {
    void *ctx;
    int64_t (*now_ms)(void *ctx);                   /* since 1970 */
    uint64_t (*now_us)(void *ctx);                  /* of a clock that only goes forward: how long things take */
    void (*run)(void *ctx, struct work *work);      /* on a job thread work_advance(), or WORK_LATE */
    void (*record)(void *ctx, struct entry *entry); /* then life_recorded() */
    bool (*recall)(void *ctx, const struct inbox_id *id, struct inbox_row *row, bool *found, struct err *e);
    bool (*publish)(void *ctx, const struct publication *what, uint64_t *number); /* then life_published() */
    void (*forget)(void *ctx, uint64_t number);
    void (*settle)(void *ctx, struct delivery *delivery, enum verdict verdict);
    void (*ended)(void *ctx, size_t host, const struct work *work); /* what life_restore() and the like began */
    void (*compare)(void *ctx, size_t host);                        /* the ledger and libvirt, once more */
    bool (*host_is_up)(void *ctx, size_t host);                     /* its libvirt */
    void (*wake_at)(void *ctx, int64_t when_ms);                    /* life_tick() is wanted then, or earlier */
    void (*new_id)(void *ctx, char out[UUID_HEX_CHARS + 1]);        /* for a reply */
    void (*tell)(void *ctx, const struct host_event *event);        /* best effort; copied */
    void (*answered)(void *ctx, const struct request *r);           /* and about to be acked */
};

/* Read only, and outlives the life. */
struct life_config {
    struct world world;
    const struct host *hosts;
    size_t host_count;
    struct vault *vault;
    const struct digest_key
        *content_key; /* tells whether two requests of one id ask for the same; outlives the process */
    size_t prefetch;
    int64_t request_timeout_ms, hypervisor_wait_ms;
    const char *request_exchange, *reply_exchange, *dead_exchange;
    const char *const *queue_names; /* that deliveries come by: each of one host, or all of all */
    size_t queue_count;
    const char *reply_queue; /* where answers to our own calls come */
    bool accepts_clear_deks;
    struct senders senders; /* their memory is somebody else's */
    struct trust trust;
};

struct life *life_new(const struct life_config *config);
void life_free(struct life *life); /* frees every request in hand, settling none */

/* The delivery is now the life's. `host`: whom it is for; host_count: nobody who is served here. */
void life_delivery(struct life *life, struct delivery *delivery, size_t host);
void life_advanced(struct life *life, struct work *work, enum work_state state);
void life_recorded(struct life *life, struct entry *entry);         /* in the order of world.record() */
void life_answer(struct life *life, const struct delivery *answer); /* still the caller's */
void life_published(struct life *life, uint64_t number, enum published how, const char *text);

/* The channel of a queue is gone: what came by it and was not begun will come again, and is dropped here. */
void life_queue_down(struct life *life, size_t queue);

/* True if something that this queue has brought for the host is in hand. */
bool life_has_of(const struct life *life, size_t host, size_t queue);

/*
 * Another worker is to act on the host: begin nothing of it any more, not by itself
 * either. What was not begun, and what waits for libvirt, is dropped, so the queues
 * that have brought it must be given up. Until life_stay().
 */
void life_leave(struct life *life, size_t host);
void life_stay(struct life *life, size_t host);

/*
 * The same for what came by a queue, whoever it is for: it is to be another worker's. Its channel must be closed when
 * life_of_queue() says that nothing runs any more, and nothing that comes by it until then may be given to the life.
 */
void life_queue_leave(struct life *life, size_t queue);
void life_queue_stay(struct life *life, size_t queue);

/*
 * The reply queue is a new one: what was answered meanwhile is lost. Whoever waits asks again, under the same ids, and
 * whoever was asked gives the outcome it knows.
 */
void life_answers_lost(struct life *life);

/* The libvirt of these hosts is back. */
void life_host_up(struct life *life, size_t host);

/*
 * Have a secret of the ledger looked after, in the lane of its identity:
 * handlers/restore.h; or a leased one: handlers/lease.h. world.ended() follows, unless
 * the life ends before. False: there is no room now; when something has ended there
 * may be.
 */
bool life_restore(struct life *life, size_t host, const struct restore_request *what);
bool life_lease(struct life *life, size_t host, const struct lease_request *what);

/* The same: have a host reconciled, as HostReconcileMsg does. */
bool life_reconcile(struct life *life, size_t host);

/* Time has passed: end the waits that are over. */
void life_tick(struct life *life);

/*
 * Begin nothing more; what was not begun is dropped, and the broker keeps it.
 * life_is_idle() when all that had been begun is answered and acked.
 */
void life_drain(struct life *life);
bool life_is_idle(const struct life *life);

size_t life_in_hand(const struct life *life);
size_t life_of_host(const struct life *life, size_t host);   /* of these: requests of one host */
size_t life_of_queue(const struct life *life, size_t queue); /* ... that came by one queue */

/* True if one of them waits for another host, or will: what it needs there may have to come by the same queue. */
bool life_waits_for_others(const struct life *life, size_t queue);

/* What was delivered for a host and is in hand, but for `but` (NULL: all of it). */
void life_load(const struct life *life, size_t host, const struct request *but, struct load *out);

/* Call `each` with every request in hand, from the oldest delivery on. It may not end any. */
void life_each(const struct life *life, void (*each)(void *arg, const struct request *r), void *arg);

#endif

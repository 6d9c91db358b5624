/* What life.c, life_call.c and life_reply.c share, and nobody else sees. */
#ifndef WORKER_LIFE_PARTS_H
#define WORKER_LIFE_PARTS_H

#include "schemas/stock.h"
#include "worker/lanes.h"

struct life {
    const struct life_config *config;
    struct map *by_key;    /* host and id: requests that a duplicate may join */
    struct map *by_call;   /* the ticket of its call: requests that wait for an answer */
    struct map *by_number; /* publication: requests that wait for its confirm */
    struct map *lanes;     /* identity: its lane */
    struct of_host {
        size_t in_hand;
        uint64_t returns; /* of its libvirt */
        bool is_left;
        TAILQ_HEAD(, request) asked; /* what was delivered for it */
    } * of_host;                     /* and one for those who are not served here */
    struct of_queue {
        size_t in_hand, waiting; /* waiting: those that count against the cap, since they share its window */
        bool is_left;
    } * of_queue; /* and one for what came by none */
    TAILQ_HEAD(request_list, request) all;
    struct request_list backlog, timed; /* timed: WAITING, AWAY and RESENDING */
    struct request_list ready;          /* now first in their lanes; linked by `timed`, which they don't need yet */
    size_t in_hand;
    struct stock requests; /* of those to come; abort() in it is fine: the broker still has their deliveries */
    bool is_draining;
};

int64_t life_now(const struct life *life);

/* Move to the next stage; that it may follow is asserted from life.c's table. */
void life_enter(struct request *r, enum stage stage);

/* End a stage with a wait, and be called by life_tick() when it is over. */
void life_wait(struct life *life, struct request *r, enum stage stage, int64_t until_ms);
void life_wait_over(struct life *life, struct request *r);

void life_run(struct life *life, struct request *r);         /* on a job thread */
void life_run_in_turn(struct life *life, struct request *r); /* ... when nobody is before it in its lane any more */
void life_settle(struct life *life, struct request *r, const char *reply_fate); /* ack and free */

void life_refuse(struct life *life, struct request *r, const struct err *why);
void life_finish(struct life *life, struct request *r); /* its outcome is in its work */
struct request *life_request(struct life *life, struct delivery *delivery, size_t host); /* a new one, in hand */
void life_pump(struct life *life); /* begin what has become possible; ends every entry */

void life_release(struct life *life, struct request *r); /* it leaves every list and map, and is freed */

/* life_drop.c */
void life_drop(struct life *life, struct request *r); /* forget what the broker will deliver again; nothing joined it */

/* life_admit.c */
bool life_take_in(struct life *life, struct request *r); /* false: not possible yet, it waits in the backlog */
bool life_read_backlog(struct life *life);               /* true if the first of it found room */

/* life_restore.c: life_restore(), life_lease(), life_reconcile(); and calls that stay here */
bool local_begin(struct life *life, struct request *r); /* what r->work.call says; false: there is no room */
void local_ends(struct life *life, struct request *r, const struct err *why); /* NULL: it succeeded */

/* life_record.c */
void record_intent(struct life *life, struct request *r);  /* before its first effect, or before it is undone */
void record_dek(struct request *r);                        /* while its slot is there */
bool record_is_due(const struct request *r);               /* there is something to record of its outcome */
void record_outcome(struct life *life, struct request *r); /* before anybody is told */
bool record_recalls(struct life *life, struct request *r); /* true: its outcome was known and is told again */

/* life_events.c */
void events_note(struct request *r); /* while its request and notes are there: told once its outcome is on disk */
void events_tell_of(const struct life *life, const struct request *r);

/* life_wait.c */
void life_go_away(struct life *life, struct request *r); /* libvirt is away: wait for it, but not for ever */

/* life_call.c */
void call_send(struct life *life, struct request *r);
void call_ends(struct life *life, struct request *r, const struct err *why); /* without an answer */
void call_time_is_over(struct life *life, struct request *r);
void call_taken(struct life *life, struct request *r);   /* the broker has it */
void call_refused(struct life *life, struct request *r); /* the broker does not want it, for now */

/* life_reply.c */
void reply_send(struct life *life, struct request *r); /* the outcome is known: tell it, or tell it again */
void reply_published(struct life *life, struct request *r, enum published how, const char *text);

/* The headers of what a request sends; `text` is written. */
struct trace_headers {
    const char *pairs[3];
    char text[TRACEPARENT_CHARS + 1];
};

/*
 * Have it go on with the request's trace, as sent by us; where there is none, it
 * `begins` one, or has no headers. Gives what publication.headers wants.
 */
const char *const *life_trace(struct life *life, struct request *r, bool begins, struct trace_headers *out);

#endif

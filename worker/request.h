/* One request in hand. Its life is in life.c; here is what it is, and how it is read. */
#ifndef WORKER_REQUEST_H
#define WORKER_REQUEST_H

#include <sys/queue.h>

#include "schemas/envelope.h"
#include "schemas/trace.h"
#include "worker/life.h"

enum stage {
    STAGE_READING,     /* just made */
    STAGE_BACKLOG,     /* waits for room in the vault */
    STAGE_LANE,        /* waits for those before it of the same identity */
    STAGE_JOINED,      /* a duplicate: waits for the outcome of the one that runs */
    STAGE_RUNNING,     /* a job thread has it */
    STAGE_RECORDING,   /* the ledger is told what it is about to do */
    STAGE_WAITING,     /* its call is out */
    STAGE_AWAY,        /* its host's libvirt is away */
    STAGE_CONCLUDING,  /* the ledger is told what came of it */
    STAGE_DEAD_LETTER, /* on its way to the dead letters */
    STAGE_REPLYING,    /* its reply is published, not yet confirmed */
    STAGE_RESENDING,   /* the broker refused its reply or dead letter: again in a while */
    STAGE_SETTLED,     /* acked; about to be freed */
};

struct lane;

struct request {
    enum stage stage;
    struct delivery *delivery;
    size_t came_by; /* which queue; queue_count: none */
    size_t host;    /* it is for; host_count: none that is served here */
    int64_t arrived_ms, begun_ms;
    uint64_t arrived_us, begun_us; /* of a clock that is not set; begun_us 0: not yet */
    uint64_t returns;              /* of its host's libvirt, when it last ran */
    int64_t wait_until_ms;         /* WAITING, AWAY, RESENDING: when that ends */
    int64_t away_until_ms;         /* AWAY: when libvirt must be back; 0: was not away */
    int64_t answer_until_ms;       /* when waiting for others ends; set when it begins */

    struct envelope envelope;
    struct trace trace;                                 /* it belongs to; `span`: its sender's, until request_trace() */
    bool has_span;                                      /* ... and then its own */
    const char *user;                                   /* whose it is, by the broker's word or an operator's */
    bool is_on_behalf;                                  /* by an operator's */
    const struct sender *sender;                        /* his line; NULL: there are no roles, or he has none */
    struct peer peer;                                   /* if he is one, and then work.peer points here */
    char id[ID_MAX_CHARS + 1];                          /* "" where it has none */
    char identity[UUID_CHARS + USAGE_ID_MAX_CHARS + 2]; /* of its lane; "" where it has none */
    struct entry entry;                                 /* its row in the ledger, as it is or is about to be */
    struct inbox_row *known;                            /* what the ledger knew of its id; NULL: nothing */
    void *slot;                                         /* the decoded request, in the vault; NULL when it is done */
    struct work work;

    struct host_event events[2]; /* to be told when its outcome is on disk */
    size_t event_count;

    struct lane *lane;
    bool is_internal;         /* nobody sent it: its delivery is empty, and its outcome is told to the worker alone */
    bool is_admitted;         /* read, checked and let in: its outcome is recorded */
    bool is_waiter;           /* it will wait for other hosts */
    bool is_counted;          /* against the cap on waiting requests */
    bool is_duplicate;        /* it has joined another */
    struct request *original; /* JOINED: whose outcome it waits for */
    TAILQ_HEAD(, request) duplicates;

    struct request *child;                /* WAITING: for this one, here */
    struct request *parent;               /* who waits for it, or NULL */
    char call_id[ID_MAX_CHARS + 1];       /* WAITING: the id of what it asked */
    char call_ticket[UUID_HEX_CHARS + 1]; /* ... and what the answer must bear, which nobody can guess */
    bool was_asked_again;                 /* WAITING: the first asking may have had an effect */
    bool was_refused;                     /* WAITING: the broker did not take it, and it is asked again in a while */
    uint64_t number;                      /* of the publication that is not confirmed; 0: none */
    unsigned sendings;                    /* of the reply or dead letter */
    bool was_dead_lettered;

    char key_in_hand[ID_MAX_CHARS + SHORTSTR_MAX_CHARS + 24]; /* "<host>:<id>", and a sender's own name space */
    TAILQ_ENTRY(request) all, queue, timed, asked;
};

/* *r, of zeros, is a request for `host` of a delivery, which is now its own. */
void request_init(struct request *r, struct delivery *delivery, size_t host, int64_t now_ms);

/* Frees its delivery, if it still has one; gives its vault slots back. */
void request_done(struct request *r, struct vault *vault);
void request_release_slots(struct request *r, struct vault *vault);

enum reading {
    READING_DONE,   /* typed, checked and addressed: it can be begun */
    READING_FAILED, /* *e says why: to be answered, or dead-lettered */
    READING_LATER,  /* the vault is full, or the ledger cannot be read: again */
};

enum { ATTEMPTS_MAX = 5 };

/*
 * Read the delivery into the request: envelope, sender, handler, what the ledger
 * knows of its id, typed fields, host, deadline, identity and content. What its
 * sender may not send is ERR_SENDER. The delivery's body is wiped once it is read
 * and could hold a DEK, unless it may have to be a dead letter.
 */
enum reading request_read(struct request *r, const struct life_config *config, struct err *e);

/* It was begun ATTEMPTS_MAX times: unless it is in hand here, it has ended its worker each time. */
bool request_is_deadly(const struct request *r);

/* Set `identity` from what is in the slot, where the handler has a lane. */
void request_identify(struct request *r);

/*
 * True if a request that asks for `known` of the same id asks for the same as `r`.
 * DEKs are compared by digest, since envelopes of one DEK differ; `slot` has the
 * known request's fields while they are in memory, else NULL.
 */
bool request_asks_for(const struct request *r, const struct inbox_row *known, const void *slot);

/* Where its reply goes: AMQP's reply_to, else the body's; "" where nobody waits for one. */
const char *request_reply_to(const struct request *r);

/* What its reply is matched by: AMQP's correlation_id, else the body's, else its id. */
const char *request_correlation_id(const struct request *r);

/* The one line of the log for a request that is answered. */
void request_log(const struct request *r, int64_t now_ms, const char *reply_fate);

#endif

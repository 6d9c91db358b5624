/* One request in hand. Its life is in life.c; here is what it is, and how it is read. */
#ifndef WORKER_REQUEST_H
#define WORKER_REQUEST_H

#include <sys/queue.h>

#include "schemas/envelope.h"
#include "worker/life.h"

enum stage {
    STAGE_READING,     /* just made */
    STAGE_BACKLOG,     /* waits for room in the vault */
    STAGE_LANE,        /* waits for those before it of the same identity */
    STAGE_JOINED,      /* a duplicate: waits for the outcome of the one that runs */
    STAGE_RUNNING,     /* a job thread has it */
    STAGE_WAITING,     /* its call is out */
    STAGE_AWAY,        /* its host's libvirt is away */
    STAGE_DEAD_LETTER, /* on its way to the dead letters */
    STAGE_REPLYING,    /* its reply is published, not yet confirmed */
    STAGE_RESENDING,   /* the broker refused its reply or dead letter: again in a while */
    STAGE_SETTLED,     /* acked; about to be freed */
};

struct lane;

struct request {
    enum stage stage;
    struct delivery *delivery;
    size_t host;
    int64_t arrived_ms, begun_ms;
    int64_t wait_until_ms;   /* WAITING, AWAY, RESENDING: when that ends */
    int64_t away_until_ms;   /* AWAY: when libvirt must be back; 0: was not away */
    int64_t answer_until_ms; /* when waiting for others ends; set when it begins */

    struct envelope envelope;
    const char *user;                                   /* whose it is, by the broker's word or an operator's */
    bool is_on_behalf;                                  /* by an operator's */
    const struct sender *sender;                        /* his line; NULL: there are no roles, or he has none */
    struct peer peer;                                   /* if he is one, and then work.peer points here */
    char id[ID_MAX_CHARS + 1];                          /* "" where it has none */
    char identity[UUID_CHARS + USAGE_ID_MAX_CHARS + 2]; /* of its lane; "" where it has none */
    char content[DIGEST_CHARS + 1];                     /* what it asks for */
    void *slot;                                         /* the decoded request, in the vault; NULL when it is done */
    struct work work;

    struct lane *lane;
    bool is_counted;          /* against the cap on waiting requests */
    bool is_duplicate;        /* it has joined another */
    struct request *original; /* JOINED: whose outcome it waits for */
    TAILQ_HEAD(, request) duplicates;

    char call_id[ID_MAX_CHARS + 1];       /* WAITING: the id of what it asked */
    char call_ticket[UUID_HEX_CHARS + 1]; /* ... and what the answer must bear, which nobody can guess */
    bool was_asked_again;                 /* WAITING: the first asking may have had an effect */
    uint64_t number;                      /* of the publication that is not confirmed; 0: none */
    unsigned sendings;                    /* of the reply or dead letter */
    bool was_dead_lettered;

    char key_in_hand[ID_MAX_CHARS + SHORTSTR_MAX_CHARS + 24]; /* "<host>:<id>", and a sender's own name space */
    TAILQ_ENTRY(request) all, queue, timed;
};

/* A request of a delivery, which is now its own. Never NULL: without memory the process ends. */
struct request *request_new(struct delivery *delivery, int64_t now_ms);

/* Frees it and its delivery, if it still has one; gives its vault slots back. */
void request_free(struct request *r, struct vault *vault);
void request_release_slots(struct request *r, struct vault *vault);

enum reading {
    READING_DONE,    /* typed, checked and addressed: it can be begun */
    READING_FAILED,  /* *e says why: to be answered, or dead-lettered */
    READING_NO_ROOM, /* the vault is full: again later */
};

/*
 * Read the delivery into the request: envelope, sender, handler, typed fields, host,
 * id, deadline, identity and content. What its sender may not send is ERR_SENDER. The delivery's body is wiped once it is read
 * and could hold a DEK.
 */
enum reading request_read(struct request *r, const struct life_config *config, struct err *e);

/* Where its reply goes: AMQP's reply_to, else the body's; "" where nobody waits for one. */
const char *request_reply_to(const struct request *r);

/* What its reply is matched by: AMQP's correlation_id, else the body's, else its id. */
const char *request_correlation_id(const struct request *r);

/* The one line of the log for a request that is answered. */
void request_log(const struct request *r, int64_t now_ms, const char *reply_fate);

#endif

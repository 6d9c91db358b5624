/*
 * One request on its way through its handler: a short row of steps. A step runs
 * on a job thread and may block on libvirt, never on another worker: to ask one
 * it fills in a call and returns STEP_CALL, and the row goes on when the answer
 * is there. On failure the steps already taken are undone in reverse, and the
 * first error is the one reported.
 */
#ifndef HANDLERS_WORK_H
#define HANDLERS_WORK_H

#include "handlers/ledger.h"
#include "handlers/pins.h"
#include "schemas/digest.h"
#include "schemas/host_event.h"
#include "schemas/seal.h"
#include "schemas/vault.h"

struct host_keys;
struct hv;
struct work;

/* What a handler knows of the host it acts on. Lives as long as the worker. */
struct host {
    struct uuid uuid;
    struct hv *hv;
    const struct digest_key *digest_key;
    const struct host_keys *keys;
    struct pins pins;          /* of other hosts' keys */
    enum seal_layout envelope; /* what it opens, and what it seals */
    bool deletes_orphans;      /* orphan_policy = delete */
    bool accepts_clear_deks;   /* plaintext_dek allows a clear DEK on this broker */
    const char *plaintext_dek; /* its word, for who asks */
};

/*
 * Who sent a request, where that is the worker of other hosts: it may do what a
 * migration needs, and no more. By this the hosts are apart: whoever has taken one
 * over can do no more to another. `mark` names the AMQP user in the marks of what
 * it made, so that no peer undoes or confirms what another one made.
 */
struct peer {
    char mark[DIGEST_CHARS + 1];
    bool serves_any; /* no list: whatever host it says */
    const struct uuid *hosts;
    size_t host_count;
};

bool peer_serves(const struct peer *peer, const struct uuid *host);

enum { ROUTE_MAX_CHARS = 64 };

/* One request to another worker or service. The worker sends it and brings the answer. */
struct call {
    char route[ROUTE_MAX_CHARS + 1]; /* routing key: "host.<hex>" or "service.keymanager" */
    struct uuid host;                /* whose worker is asked; "": it is a service */
    const struct message *message;
    const char *step;            /* derives the id of the request: digest_derived_id() */
    bool without_deadline;       /* an undo: it must be done however late */
    const struct handler *local; /* not sent: this handler, here, in the lane of its identity; NULL: it is */
    size_t request_bytes;        /* of a local one */
    void *request;               /* by message->request; in the work's own memory */
    void *answer; /* by message->reply; likewise; written by the worker. Of a local one: an int64_t, what came of it */
    bool failed;  /* then `err` says why, and `answer` is all zero */
    struct err err;
};

enum { RECORD_CHANGES_MAX = 2 };

/*
 * What the ledger is told of a request: before its first effect, and again with its
 * outcome, each time in one transaction with the request's own row. The worker
 * takes `changes` away once they are on disk; their rows stay as they were, for
 * whoever fills in the next ones.
 */
struct record {
    struct uuid secret_uuid; /* that it sets out to make or remove, or ""; of an earlier attempt, where there was one */
    struct uuid replaced_uuid;  /* ... and in whose place, or "" */
    bool is_new;                /* ... and that was not there before */
    char dek[DIGEST_CHARS + 1]; /* of its clear DEK, once that is known: digest_dek(); or "" */
    size_t change_count;
    struct secret_change {
        bool is_removed; /* then of `row` only `host` and `uuid` count */
        struct secret_row row;
    } changes[RECORD_CHANGES_MAX];
};

enum step_result {
    STEP_NEXT,   /* done: the next step, or the end */
    STEP_RECORD, /* as STEP_NEXT, once work->record is on disk: what stands before the first effect returns it */
    STEP_CALL,   /* work->call is filled in; `answered` runs when the answer is there */
    STEP_FINISH, /* the whole row is done, successfully, with no further step */
    STEP_FAIL,   /* *e says why; what was done is undone */
};

/*
 * `run` and `answered` act, and may run again from the start after
 * ERR_HYPERVISOR_AWAY: they note in work->notes what they must not forget.
 * `answered` runs for a failed call too, and turns it into STEP_FAIL.
 * `undo` never fails: STEP_NEXT or STEP_CALL, whose answer changes nothing but
 * the error's effect. It runs for the step that failed as well, which may have
 * got half way, so it undoes what work->notes says was done and no more.
 */
struct step {
    const char *name;
    enum step_result (*run)(struct work *work, struct err *e);
    enum step_result (*answered)(struct work *work, struct err *e); /* STEP_CALL: the next call of a row of them */
    enum step_result (*undo)(struct work *work);
};

enum lane_rule {
    LANE_NONE,     /* acts at once, beside everything */
    LANE_IDENTITY, /* in queue order with all of the same hostUuid and key */
};

/* Who may send a message, where the configuration gives roles. */
enum sender_flag {
    MAY_READ = 1,   /* readers: it changes nothing, here or elsewhere */
    MAY_MANAGE = 2, /* managers and operators: every message */
    MAY_PEER = 4,   /* workers of other hosts: a migration needs it; peer_may() says with which fields */
};

/* One handler per file; table.c lists them all. */
struct handler {
    const struct message *message;
    bool is_told_load; /* work->load is filled in */
    unsigned senders;  /* sender_flag of all who may send it */

    /* Whether a peer may send these fields. ERR_SENDER names the first that it may not. NULL: any. Pure; in the loop. */
    bool (*peer_may)(const struct peer *peer, const void *request, struct err *e);

    const struct step *steps;
    size_t count;
    size_t notes_bytes; /* of work->notes; at most VAULT_SLOT_BYTES */
    enum lane_rule lane;
    bool (*waits_for_peers)(const void *request); /* true: counts against the cap on waiting requests; NULL: never */

    /*
     * The digest of a request's DEK, as in record.dek, to compare two requests of one
     * id. False where it does not open. In the loop, rarely. NULL: it has no DEK.
     */
    bool (*dek_digest)(const struct host *host, const void *request, char out[DIGEST_CHARS + 1]);

    /*
     * Have the undo of every step undo what an earlier attempt may have done: it was
     * begun, and notes are all zero. NULL: what was begun is run again, and finished.
     */
    void (*resume)(struct work *work);

    void (*recall)(struct work *work); /* fill in what a recorded reply does not keep: static texts; or NULL */

    /*
     * What is to be told of a request that has ended here, failed or not. True: *event, which comes with its host and
     * the request's key, has the rest. Nothing where nothing was changed. Pure; in the loop. NULL: never anything.
     */
    bool (*event)(const struct work *work, struct host_event *event);
};

/* The handler for a message name, or NULL. */
const struct handler *handler_find(const char *name);
const struct handler *handler_at(size_t index); /* NULL past the last */

/* The names of all messages that have one: capabilities.c. */
struct text_list handler_names(void);

/* What of its host the worker has in hand beside this request. */
struct load {
    int64_t in_hand;
    int64_t oldest_ms; /* how long the one waits that has waited longest */
};

enum { WORK_REPLY_MAX_BYTES = 2304 };

/* How far a row has come. */
enum work_state {
    WORK_DONE,      /* succeeded: `reply` is filled in; or failed: `failed` and `err` */
    WORK_CALLING,   /* send `call`, write into it what came of it, then work_advance() */
    WORK_RECORDING, /* have `record` written, as INBOX_UNDOING if it has failed, else INBOX_BEGUN; then work_advance() */
    WORK_AWAY,      /* libvirt, or the ledger, is away: work_advance() again when it is back, or work_give_up() */
    WORK_LATE,      /* not of work_advance(): work_is_late(), so it was left alone */
};

enum work_phase {
    PHASE_RUN,
    PHASE_ANSWERED, /* the present step's call was sent */
    PHASE_UNDO,     /* the failed row is being undone; a call is an undo's */
};

/*
 * Made by the worker, zeroed, with the first seven set. Owned by one thread at a
 * time: a job thread in work_advance(), else the loop.
 */
struct work {
    const struct handler *handler;
    const struct host *host;
    const char *id;          /* the request's */
    const struct peer *peer; /* that sent it; NULL: it was somebody who may do all that his message can */
    const void *request;     /* decoded by handler->message->request */
    void *notes;             /* a vault slot, zeroed; NULL where the handler wants none */
    int64_t deadline_ms;     /* since 1970; 0: none */
    int64_t now_ms;          /* since 1970, when its thread got it last */
    struct load load;        /* at that time, where the handler is told */
    int64_t attempts;        /* how often it was begun */
    bool was_begun;          /* ... by workers that died before it ended */
    struct ledger *ledger;   /* of the thread that advances it; NULL: nothing is known of secrets */
    struct record record;    /* zero, or as an earlier attempt left it */
    bool is_recorded;        /* the ledger knows that it was begun */
    bool waits_for_ledger;   /* WORK_AWAY: it is the ledger that cannot be used for now, as when its disk is full */
    bool is_undoing;         /* ... and knows that it is being undone */
    size_t step;             /* the present one; once the row has failed: how many are still to undo */
    enum work_phase phase;
    struct call call;
    bool restored; /* a secret that libvirt had lost was put back on the way: */
    struct uuid restored_uuid;
    bool begun; /* this host was changed, or may have been: not by what libvirt refused or never got */
    bool failed;
    struct err err;                                  /* the first one */
    uint64_t libvirt_us;                             /* spent in libvirt so far; whoever advances it sees to it */
    struct work *next;                               /* for whoever holds it, to keep it in a list */
    enum work_state state;                           /* what work_advance() said last, for the same */
    _Alignas(8) uint8_t reply[WORK_REPLY_MAX_BYTES]; /* by handler->message->reply; zero until written */
};

/* Go on until the row ends or must wait. Job thread; blocks on libvirt only. */
enum work_state work_advance(struct work *work);

/*
 * From WORK_AWAY: stop waiting. The row fails with `why`, its effect
 * set to what is known of it, and its undo follows with the next work_advance().
 */
void work_give_up(struct work *work, const struct err *why);

/* True, and *out filled in, if a row that has ended has something to tell. Before its request and notes are given back. */
bool work_event(const struct work *work, struct host_event *out);

/*
 * True past its deadline, where nothing was done yet, here or elsewhere, nor by an
 * earlier attempt: it must not be begun any more. What was recorded of it, its
 * undo takes back: work_give_up().
 */
bool work_is_late(const struct work *work, int64_t now_ms);

/*
 * Take up what an earlier attempt has begun, instead of the first work_advance():
 * its first error is known, or it is too late to finish it, so it is undone and ends
 * with `why`. Only where the handler has resume().
 */
void work_resume_undo(struct work *work, const struct err *why);

#endif

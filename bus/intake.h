/*
 * One channel of the consuming connection: opened by its row of requests, opened
 * again after a pause when it is lost, and its deliveries put together from method,
 * header and body (AMQP 0-9-1 4.2.6).
 */
#ifndef BUS_INTAKE_H
#define BUS_INTAKE_H

#include "bus/acks.h"
#include "bus/backoff.h"
#include "bus/channel.h"
#include "bus/connection.h"
#include "bus/tray.h"

struct intake;

/* What all intakes of a connection share. */
struct intake_host {
    struct event_base *base;
    struct connection *connection;
    struct tray *tray;
    struct ask_values values; /* but for queue and key */
    uint32_t body_max_bytes;
    bool looks;          /* as bus_config's */
    uint16_t stride;     /* how many intakes there are: a further number for an intake's channel is so much higher */
    uint64_t generation; /* of the newest channel */
    struct intake *first_to_tell; /* of those that have acks to be told at the end of the turn */
    struct event *tell;           /* ... which it begins: intakes_tell() */
    void (*opened)(void *arg, struct intake *intake);
    void (*lost)(void *arg, struct intake *intake, const char *why); /* opened again by itself, if wanted */
    void (*delivered)(void *arg, struct intake *intake);             /* anything at all */
    void (*counted)(void *arg, uint32_t messages); /* what a queue.declare on an open channel was answered */
    void *arg;
};

enum {
    INTAKE_WHY_CHARS = 400,
    INTAKE_OPEN_MS = 15000, /* RabbitMQ may never answer basic.consume where a quorum queue has no leader */
    INTAKE_CLOSE_MS = 5000, /* ... nor then the close of that channel */
};

/* The content_type of a canary: it is acked as it comes, whoever sent it, and told to nobody. */
#define CANARY_TYPE "application/vnd.keyferry.canary"

/* `host` to `number` are set by its maker; the rest is zero. */
struct intake {
    struct intake_host *host;
    struct ask_row row;
    const char *name, *key; /* of the queue, or NULL; they outlive the intake */
    size_t queue;           /* what its deliveries carry */
    bool no_ack;
    bool counts;     /* queues are asked about on it: host->counted() */
    uint16_t number; /* of the channel */

    struct channel channel;
    bool wanted; /* to be opened, and again when it is lost */
    uint64_t generation;
    uint64_t opened_ms; /* 0: not open */
    uint64_t asked_ms;  /* when the broker was asked to open or close it */
    size_t unsettled;   /* what it has delivered and what is not settled */
    struct acks acks;
    struct intake *next_to_tell;
    bool is_to_tell;
    unsigned others;                /* how many consumed from the queue when it was opened */
    unsigned pause_ms;              /* before it is opened again, at least */
    char parting[INTAKE_WHY_CHARS]; /* why we closed it */
    struct backoff backoff;
    struct event *retry;
    char why[INTAKE_WHY_CHARS]; /* it was lost last */

    struct content content;  /* the delivery that is coming in */
    struct delivery *coming; /* NULL: its header is still to come, or it is dropped */
    uint64_t tag;
    bool redelivered;
    char routing_key[SHORTSTR_MAX_CHARS + 1];
};

/* Frees what it holds; not itself. */
void intake_done(struct intake *intake);

/* Open it, once the connection is. Sets `wanted`. */
void intake_open(struct intake *intake);

/*
 * Close it, and after `pause_ms` or more open it again if it is wanted. `lost` follows
 * with `why`, when the broker has answered or is past hope.
 */
void intake_renew(struct intake *intake, const char *why, unsigned pause_ms);

/* Time has passed: what the broker has not answered in time is given up. May end the connection. */
void intake_tick(struct intake *intake, uint64_t now_ms);

/* Ack (at the end of the turn) or reject what it brought; only while its channel is the same. */
void intake_settle(struct intake *intake, uint64_t tag, enum verdict verdict);

/* The turn is at its end, or the connection. */
void intakes_tell(struct intake_host *host);

/* Give it up: the broker takes back what was not settled. `lost` follows when it has. */
void intake_close(struct intake *intake);

/* The connection is gone. */
void intake_reset(struct intake *intake);

/* Take a frame of its channel. False: the connection must end, *e says why. */
MUST_CHECK bool intake_take(struct intake *intake, const struct wire_frame *frame, struct err *e);

/* True while consuming (or, without a queue, done). */
bool intake_is_open(const struct intake *intake);

#endif

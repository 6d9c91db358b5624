/*
 * One channel of the consuming connection: opened by its row of requests, opened
 * again after a pause when it is lost, and its deliveries put together from method,
 * header and body (AMQP 0-9-1 4.2.6).
 */
#ifndef BUS_INTAKE_H
#define BUS_INTAKE_H

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
    uint64_t generation; /* of the newest channel */
    void (*opened)(void *arg, struct intake *intake);
    void (*lost)(void *arg, struct intake *intake, const char *why); /* opened again by itself, if wanted */
    void *arg;
};

enum { INTAKE_WHY_CHARS = 400 };

/* `host` to `number` are set by its maker; the rest is zero. */
struct intake {
    struct intake_host *host;
    struct ask_row row;
    const char *name, *key; /* of the queue, or NULL; they outlive the intake */
    size_t queue;           /* what its deliveries carry */
    bool no_ack;
    uint16_t number; /* of the channel */

    struct channel channel;
    bool wanted; /* to be opened, and again when it is lost */
    uint64_t generation;
    uint64_t opened_ms; /* 0: not open */
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

/* Give it up: the broker takes back what was not settled. `lost` follows when it has. */
void intake_close(struct intake *intake);

/* The connection is gone. */
void intake_reset(struct intake *intake);

/* Take a frame of its channel. False: the connection must end, *e says why. */
MUST_CHECK bool intake_take(struct intake *intake, const struct wire_frame *frame, struct err *e);

/* True while consuming (or, without a queue, done). */
bool intake_is_open(const struct intake *intake);

#endif

/*
 * Channel 0: the greeting of a connection (AMQP 0-9-1 2.2.4) and its end, from
 * frames to frames. No socket, no clock.
 */
#ifndef BUS_HANDSHAKE_H
#define BUS_HANDSHAKE_H

#include "bus/broker.h"
#include "bus/outbox.h"
#include "bus/url.h"
#include "bus/wire.h"

/* What is wanted going in, what was agreed coming out. */
struct terms {
    uint16_t channel_max;
    uint32_t frame_max;
    uint16_t heartbeat_s; /* 0: none */
};

enum handshake_state { HANDSHAKE_START, HANDSHAKE_TUNE, HANDSHAKE_OPEN, HANDSHAKE_DONE };

/* At the beginning, the first five are set and the rest is zero. */
struct handshake {
    const struct url *url;
    const char *name; /* of the connection */
    bool external;    /* log in by SASL EXTERNAL, else PLAIN */
    struct outbox *out;
    struct terms terms;
    enum handshake_state state;
    struct broker broker;
};

enum handshake_event {
    HANDSHAKE_NOTHING,  /* on the way */
    HANDSHAKE_TUNED,    /* `terms` are agreed */
    HANDSHAKE_OPENED,   /* the connection is open */
    HANDSHAKE_CLOSED,   /* the broker closes it: *e has its words; close-ok is written */
    HANDSHAKE_CLOSE_OK, /* the broker has answered our close */
    HANDSHAKE_BLOCKED,
    HANDSHAKE_UNBLOCKED,
    HANDSHAKE_BROKEN, /* against the protocol, or not acceptable: *e says why */
};

/* Take a frame of channel 0. */
enum handshake_event handshake_take(struct handshake *handshake, const struct wire_frame *frame, struct err *e);

/* Lower `terms` to what the broker offers, whose 0 means no limit. Fails with ERR_BUS. */
MUST_CHECK bool terms_agree(struct terms *terms, const struct wire_frame *tune, struct err *e);

#endif

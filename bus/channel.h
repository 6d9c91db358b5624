/*
 * One AMQP channel: opened by a row of requests that all go out at once, since the
 * broker answers them in order, and then in use until either side closes it.
 */
#ifndef BUS_CHANNEL_H
#define BUS_CHANNEL_H

#include "bus/topology.h"

enum channel_state {
    CHANNEL_SHUT,
    CHANNEL_OPENING, /* the row has been sent, `at` of its requests were granted */
    CHANNEL_READY,
    CHANNEL_CLOSING, /* we closed it; whatever comes before the answer is dropped */
};

struct channel {
    enum channel_state state;
    uint16_t number;
    struct ask_row row;
    size_t at;
    uint32_t messages; /* how many waited in the queue that its row declares */
};

/* What a frame meant. */
enum channel_event {
    CHANNEL_NOTHING, /* on the way */
    CHANNEL_OPENED,  /* the last request was granted */
    CHANNEL_LOST,    /* the broker closed it: *e says what was asked, if anything, and its words */
    CHANNEL_CLOSED,  /* our close was answered */
    CHANNEL_FRAME,   /* not the channel's own business: a delivery, a confirm, ... */
    CHANNEL_BROKEN,  /* against the protocol: the connection must end, *e says why */
};

/* Open: from CHANNEL_SHUT. `row` is static; `values` are only read now. */
void channel_open(struct channel *channel, uint16_t number, struct ask_row row, const struct ask_values *values,
                  struct outbox *out);

/* Close it; CHANNEL_CLOSED follows. Nothing where it is shut or closing already. */
void channel_close(struct channel *channel, struct outbox *out);

/* Forget it: its connection is gone. */
void channel_reset(struct channel *channel);

/* Take a frame of this channel. `values` only serve the text in *e. */
enum channel_event channel_take(struct channel *channel, const struct wire_frame *frame,
                                const struct ask_values *values, struct outbox *out, struct err *e);

/* Contents come as a method, a header and a body (AMQP 0-9-1 4.2.6); this counts along. */
struct content {
    enum { CONTENT_NONE, CONTENT_HEADER, CONTENT_BODY } due;
    uint64_t body_left;
};

/*
 * Note a frame of a channel: true where one of its kind is due. `begins` says that
 * it is a method that a content follows. Fails with ERR_BUS.
 */
MUST_CHECK bool content_note(struct content *content, const struct wire_frame *frame, bool begins, struct err *e);

#endif

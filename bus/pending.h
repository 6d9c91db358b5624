/*
 * All that was published and not yet confirmed, in order: first what was sent on
 * the present channel, then what was not. Pure: who sends asks here what is next.
 */
#ifndef BUS_PENDING_H
#define BUS_PENDING_H

#include "bus/outgoing.h"
#include "bus/wire.h"

struct pending {
    struct tray *tray; /* what is settled is told there */
    struct outgoing *first, **end;
    struct outgoing *unsent; /* the first that was not sent, or NULL */
    size_t outstanding;      /* how many were sent */
    uint64_t last_number, last_tag;
    uint64_t suspect; /* up to this number they are sent one at a time */
};

void pending_init(struct pending *pending, struct tray *tray);
void pending_done(struct pending *pending);

/* Take a publication over, at the end. Gives its number. */
uint64_t pending_add(struct pending *pending, struct outgoing *outgoing);

/* The next to be sent, which counts as sent from now on; NULL: none, for now. Stays the list's. */
const struct publication *pending_send(struct pending *pending);

/* A confirm of one tag or, with `multiple`, of all up to it (0: all that were sent). Of unknown ones, nothing. */
void pending_confirm(struct pending *pending, const struct wire_frame *confirm);

/* What a basic.return said, and the header of its content. */
struct returned {
    uint16_t code;
    char text[SHORTSTR_MAX_CHARS + 1];
    char exchange[SHORTSTR_MAX_CHARS + 1];
    char routing_key[SHORTSTR_MAX_CHARS + 1];
};
void pending_return(struct pending *pending, const struct returned *returned, const struct wire_frame *header);

/* Why a channel ended. */
struct ending {
    uint32_t cause_id; /* as wire_frame's */
    uint16_t code;
    const char *text;
};

/*
 * The channel is gone: all that was sent is to be sent again, but for what was
 * forgotten. If a publication was the cause, and only one was on the way, it is to
 * blame, and refused; if several were, they go one at a time from now on, so that
 * the next time it is known. True: a publication was the cause. One that the broker
 * fails on (541 INTERNAL_ERROR) is to blame when it is alone for the second time, and
 * counts as returned: to send it once more would cost everybody the connection again.
 */
bool pending_again(struct pending *pending, const struct ending *ending);

/* As bus_forget(). */
void pending_forget(struct pending *pending, uint64_t number);

#endif

/*
 * Bytes on their way to the broker. Frames are gathered here during one turn of
 * the loop and handed to libevent together; every page is wiped when it has been
 * sent or dropped, since a body may hold a clear DEK.
 */
#ifndef BUS_OUTBOX_H
#define BUS_OUTBOX_H

#include "schemas/base.h"

struct event;
struct evbuffer;
struct outbox_page;

/* Zeroed: empty. */
struct outbox {
    struct outbox_page *first, *last;
    struct event *flush; /* made active when the first bytes come; may be NULL */
    bool failed;         /* memory ran out: what follows is lost, and the connection with it */
};

/*
 * Room for `len` bytes in one piece, to be written at once and taken by
 * outbox_commit(); NULL when there is no memory, and from then on.
 */
uint8_t *outbox_reserve(struct outbox *outbox, size_t len);
void outbox_commit(struct outbox *outbox, size_t len);

/* Hand everything to `to`, without copying. False: bytes were lost for want of memory. */
MUST_CHECK bool outbox_flush(struct outbox *outbox, struct evbuffer *to);

/* Wipe and drop everything; empty and usable afterwards. */
void outbox_clear(struct outbox *outbox);

#endif

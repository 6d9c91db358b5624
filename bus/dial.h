/*
 * From a host and port to a connected socket: looks the name up and tries each of
 * its addresses, without blocking. TLS will be put on here.
 */
#ifndef BUS_DIAL_H
#define BUS_DIAL_H

#include "schemas/err.h"

struct bufferevent;
struct dial;
struct event_base;

/* Told once: the connection, now the callee's, or NULL and why not. The dial itself is ended by then. */
typedef void dial_done(void *arg, struct bufferevent *bev, const char *why);

/*
 * Begin. *out is set before `done` can be called, which may be before this
 * returns; it is the caller's to end by dial_cancel() until then. Has no time
 * limit of its own.
 */
void dial_begin(struct event_base *base, const char *host, uint16_t port, dial_done *done, void *arg,
                struct dial **out);

/* NULL is fine. `done` is not called any more. */
void dial_cancel(struct dial *dial);

#endif

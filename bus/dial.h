/*
 * From a URL to a connection: looks the host's name up and tries each of its
 * addresses, with TLS where the URL wants it, without blocking.
 */
#ifndef BUS_DIAL_H
#define BUS_DIAL_H

#include "bus/tls.h"

struct bufferevent;
struct dial;
struct event_base;

/* Told once: the connection, now the callee's, or NULL and why not. The dial itself is ended by then. */
typedef void dial_done(void *arg, struct bufferevent *bev, const char *why);

/*
 * Begin. *out is set before `done` can be called, which may be before this
 * returns; it is the caller's to end by dial_cancel() until then. Has no time
 * limit of its own. `url` and `tls` outlive it.
 */
void dial_begin(struct event_base *base, const struct url *url, const struct tls_config *tls, dial_done *done,
                void *arg, struct dial **out);

/* NULL is fine. `done` is not called any more. */
void dial_cancel(struct dial *dial);

/* What it waits for, should the caller's time be over: "no connection", or "no TLS handshake". */
const char *dial_missing(const struct dial *dial);

#endif

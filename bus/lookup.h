/*
 * From a host name to addresses, by the system's own resolver, so that hosts, DNS
 * and whatever nsswitch.conf has are used as everywhere else on the machine. That
 * resolver blocks: a name is looked up on a thread of its own. (libevent's evdns
 * does not block, but knows no nsswitch, and cannot be ended safely while it asks.)
 */
#ifndef BUS_LOOKUP_H
#define BUS_LOOKUP_H

#include "schemas/err.h"

struct addrinfo;
struct event_base;
struct lookup;

/*
 * Told once, in the loop: the addresses, now the callee's (freeaddrinfo()), or NULL
 * and why not. The lookup itself is ended by then.
 */
typedef void lookup_done(void *arg, struct addrinfo *addresses, const char *why);

/* Begin; never calls `done` before it returns. *out is the caller's until then. Fails with ERR_LOCAL. */
MUST_CHECK bool lookup_begin(struct event_base *base, const char *host, uint16_t port, lookup_done *done, void *arg,
                             struct lookup **out, struct err *e);

/* NULL is fine. `done` is not called any more; the thread ends by itself. */
void lookup_cancel(struct lookup *lookup);

/* An address written in digits needs no lookup. NULL: it is a name. */
struct addrinfo *lookup_digits(const char *host, uint16_t port);

#endif

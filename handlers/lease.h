/*
 * What nobody asks for: a leased secret whose time is over, or whose VM has come.
 * One that a domain here names is permanent from then on; one that nobody names is
 * removed when its time is over. In the lane of its identity, like any request.
 */
#ifndef HANDLERS_LEASE_H
#define HANDLERS_LEASE_H

#include "handlers/work.h"

struct lease_request {
    struct addressed to;
    struct uuid secret_uuid;
};

enum leased {
    LEASED_STILL,     /* its time is not over, nor has its VM come; or it has no lease any more */
    LEASED_WAITS,     /* its time is over, but its VM is on the way; or what was begun with it is to be settled first */
    LEASED_PERMANENT, /* a domain names it: it has no lease any more */
    LEASED_ENDED,     /* it is gone */
};

struct lease_reply {
    int64_t what;  /* enum leased */
    bool is_there; /* libvirt had it */
    bool sent;     /* libvirt may have undefined it before the connection was lost */
    char migration_id[MIGRATION_ID_MAX_CHARS + 1];
};

/* Not in the table of handlers: no message on a queue can call it. */
extern const struct handler lease_handler;

/* For people: "permanent", "ended"... */
const char *leased_name(int64_t what);

#endif

/*
 * What nobody asks for: a secret of ours that no domain has named for long is told
 * of, or removed, if that is still so. In the lane of its identity.
 */
#ifndef HANDLERS_ORPHAN_H
#define HANDLERS_ORPHAN_H

#include "handlers/work.h"

struct orphan_request {
    struct addressed to;
    struct uuid secret_uuid;
    int64_t since_ms;
    bool removes; /* false: it is only told of */
};

enum orphaned {
    ORPHAN_IS_NONE, /* it is gone, or named, or leased, or something else */
    ORPHAN_TOLD,
    ORPHAN_REMOVED,
};

struct orphan_reply {
    int64_t what; /* enum orphaned */
    bool sent;    /* libvirt may have undefined it before the connection was lost */
};

/* Not in the table of handlers: no message on a queue can call it. */
extern const struct handler orphan_handler;

#endif

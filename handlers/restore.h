/*
 * What nobody asks for: a secret that the ledger knows is brought into the state
 * that the ledger says, after libvirt or the worker has been away. In the lane of
 * its identity, like any request, so that it never acts beside one.
 */
#ifndef HANDLERS_RESTORE_H
#define HANDLERS_RESTORE_H

#include "handlers/work.h"

struct restore_request {
    struct addressed to;
    struct uuid secret_uuid;
    bool is_announced; /* by restoration_begin(): the row need not tell, and does not where somebody died of it */
    bool is_absent;    /* from libvirt, a moment ago: saves a look, where the row is still as it was then: */
    enum secret_state state;
    int64_t changed_ms;
};

enum restored {
    RESTORED_NOTHING,  /* all was well, or has been changed meanwhile */
    RESTORED_SECRET,   /* libvirt had lost it, and has it again */
    RESTORED_FINISHED, /* a define that was half done is done */
    RESTORED_UNDONE,   /* what had been begun was not, or is not any more */
    RESTORED_ASTRAY,   /* libvirt has something else in its place: left as it is */
};

struct restore_reply {
    int64_t what; /* enum restored */
};

/* Not in the table of handlers: no message on a queue can call it. */
extern const struct handler restore_handler;

/* For people: "restored", "finished"... */
const char *restored_name(int64_t what);

#endif

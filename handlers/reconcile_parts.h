/* What reconcile.c (the row) and reconcile_find.c (the comparison) share, and nobody else sees. */
#ifndef HANDLERS_RECONCILE_PARTS_H
#define HANDLERS_RECONCILE_PARTS_H

#include "handlers/secret.h"

enum suspicion {
    SUSPECT_ORPHAN,         /* no domain has named it for long */
    SUSPECT_VALUELESS,      /* it was begun, and left half done: it may have no value */
    SUSPECT_WRONG_USAGE,    /* its usage id is ours, and its usage type another's */
    SUSPECT_NOT_IN_LIBVIRT, /* the ledger has it */
    SUSPECT_NOT_IN_LEDGER,  /* libvirt has it; nobody could put it back */
};

struct suspect {
    enum suspicion kind;
    struct uuid uuid;
    struct secret_key key; /* vm_uuid "": its usage id does not tell */
    int64_t since_ms;      /* when it was first found so */
    bool is_told;
};

struct suspects {
    struct suspect *at; /* by UUID; the caller's, to be free()d */
    size_t count, room;
};

/* "orphan", "valueless"... */
const char *suspicion_name(enum suspicion kind);

enum {
    ORPHAN_GRACE_MS = 24 * 60 * 60 * 1000, /* a VM may be undefined and defined again */
    BEGUN_GRACE_MS = 60 * 1000,            /* what is half done may be somebody's who is at it */
};

/* Compare ledger, secrets and domains of the host. What is found is noted in the ledger, for how long it has been so. */
MUST_CHECK bool suspects_find(struct work *work, struct suspects *out, struct err *e);

#endif

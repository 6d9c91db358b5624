/* What the ledger holds, counted: for metrics, and for people who look. */
#ifndef HANDLERS_CENSUS_H
#define HANDLERS_CENSUS_H

#include "handlers/ledger.h"

enum {
    FINDING_KINDS = 5,    /* of what a reconciliation may find */
    CENSUS_LIST_MAX = 50, /* of what is told one by one */
};

/* "orphan", "valueless"...: as in the reply of HostReconcileMsg. */
const char *finding_kind_name(size_t kind);

struct census_host {
    struct uuid host;
    int64_t secrets, leases, findings[FINDING_KINDS]; /* as the last reconciliation left them */
};

struct census_lease {
    struct uuid host, vm_uuid, secret_uuid;
    int64_t until_ms;
};

struct census_finding {
    struct uuid host, secret_uuid;
    char what[24];
    int64_t since_ms;
};

struct census {
    int64_t bytes;             /* of the file, and of what is not yet in it */
    struct census_host *hosts; /* in the order of their UUIDs; of which the ledger holds anything */
    size_t host_count, room;
    struct census_lease leases[CENSUS_LIST_MAX]; /* those that end first */
    size_t lease_count;
    struct census_finding findings[CENSUS_LIST_MAX]; /* the oldest */
    size_t finding_count;
};

/*
 * Count. Orphans count from when they are some. It reads all keys of the secrets
 * (about a tenth of a second for a million of them), so it is for a thread that has the time. Ends
 * what *out held before; on failure it holds nothing. Fails as the ledger's calls.
 */
MUST_CHECK bool census_take(struct ledger *ledger, int64_t now_ms, struct census *out, struct err *e);
void census_done(struct census *census);

/* What was counted of a host; NULL: the ledger holds nothing of it. */
const struct census_host *census_of(const struct census *census, const struct uuid *host);

#endif

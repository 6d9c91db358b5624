#include "schemas/message_fields.h"

/* Have what a host's ledger and libvirt say compared, and mended where it can be. */

/* clang-format off */
static const struct field reconcile_request_fields[] = {
    HOST_FIELD(struct reconcile_request),
    BOOL(struct reconcile_request, dry_run, "dryRun", OPTIONAL),
};

static const struct field reconcile_reply_fields[] = {
    FINDINGS(struct reconcile_reply, found,       "found"),
    WHOLE(   struct reconcile_reply, found_count, "foundCount", REQUIRED, 0, WHOLE_MAX),
    WHOLE(   struct reconcile_reply, mended,      "mended",     REQUIRED, 0, WHOLE_MAX),
};

MESSAGE(reconcile, "HostReconcileMsg", NULL, NULL, "HostReconcileReply", NULL);
/* clang-format on */

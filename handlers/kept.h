/*
 * What the ledger keeps of secrets, as the handlers see it: they read its rows, on
 * their own thread's connection, and put what shall be changed into work->record.
 */
#ifndef HANDLERS_KEPT_H
#define HANDLERS_KEPT_H

#include "handlers/secret.h"

/* The row of the request's identity. Fails as the ledger does. */
MUST_CHECK bool kept_find(const struct work *work, struct secret_row *out, bool *found, struct err *e);

/* Whether libvirt should have the secret of a row, as far as the ledger knows. */
bool kept_is_due(const struct secret_row *row);

/* As libvirt would show the secret of a row. */
void kept_held(const struct secret_row *row, struct held *out);

/*
 * A row for the request's identity, its DEK sealed to the host's own key; but
 * without, where `out` comes in as the ledger's row of the same DEK and UUID. Fails
 * as host_keys_keep().
 */
MUST_CHECK bool kept_compose(const struct work *work, const struct uuid *uuid, const struct mark *mark,
                             const struct dek *dek, enum secret_state state, struct secret_row *out, struct err *e);

/* Into the record: write this row, or have the row of a UUID removed. The row may be one of the record's. */
void kept_write(struct work *work, const struct secret_row *row);
void kept_remove(struct work *work, const struct uuid *uuid);

/* Into the record: the secret of this UUID is in another state, where the ledger knows it. */
MUST_CHECK bool kept_state(struct work *work, const struct uuid *uuid, enum secret_state state, struct err *e);

/*
 * The undo of a step that was to remove the secret work->record tells of: it stays.
 * Where that cannot be known it is left as being deleted, and is settled when
 * libvirt is back.
 */
enum step_result kept_undo_delete(struct work *work);

/* Into the record: the secret of this UUID has another mark, where the ledger knows it. */
MUST_CHECK bool kept_mark(struct work *work, const struct uuid *uuid, const struct mark *mark, struct err *e);

/*
 * Seal every DEK that the ledger has of this host anew, to its current key: before
 * earlier keys are forgotten. One that opens with none of them is lost already, and
 * passed over. Unlike all above it writes to the ledger itself, some rows at a time.
 */
MUST_CHECK bool kept_reseal(const struct work *work, struct err *e);

/*
 * Define the secret of a row again, with the DEK that was kept of it. ERR_CONFLICT
 * where libvirt has the identity or the UUID otherwise; or as host_keys_recall() and
 * hv_secret_define().
 */
MUST_CHECK bool kept_restore(const struct work *work, const struct secret_row *row, struct err *e);

/*
 * The same, and whoever dies in the midst of it leaves a row that says so: before and
 * after, it is written to the ledger at once. Fails as the ledger does, too.
 */
MUST_CHECK bool kept_restore_alone(const struct work *work, const struct secret_row *row, struct err *e);

#endif

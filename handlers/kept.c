#include "handlers/kept.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "handlers/host_keys.h"

enum { RESEAL_AT_ONCE = 200 }; /* some 30 ms, in which nobody else writes */

bool kept_find(const struct work *work, struct secret_row *out, bool *found, struct err *e)
{
    return secret_row_find(work->ledger, &work->host->uuid, secret_key_of(work), out, found, e);
}

bool kept_is_due(const struct secret_row *row)
{
    return row->state == SECRET_ACTIVE || row->state == SECRET_RESTORING;
}

void kept_held(const struct secret_row *row, struct held *out)
{
    secret_identify(&row->key, &out->secret);
    out->secret.uuid = row->uuid;
    memcpy(out->secret.description, row->mark, sizeof(row->mark));
    mark_read(row->mark, &out->mark);
}

/* Whether the row holds this very DEK already, sealed for this UUID. */
static bool is_sealed_already(const struct secret_row *row, const struct uuid *uuid, const struct mark *mark)
{
    struct mark had;

    mark_read(row->mark, &had);
    return row->sealed.len > 0 && uuid_equal(&row->uuid, uuid) && had.digest[0] != '\0' &&
           strcmp(had.key_name, mark->key_name) == 0 && digest_equal(had.digest, mark->digest);
}

bool kept_compose(const struct work *work, const struct uuid *uuid, const struct mark *mark, const struct dek *dek,
                  enum secret_state state, struct secret_row *out, struct err *e)
{
    struct addressed to = {work->host->uuid, *secret_key_of(work)};
    struct seal_use use = {&to, uuid};

    if (is_sealed_already(out, uuid, mark))
        out->sealed.len = 0;
    else if (!host_keys_keep(work->host->keys, &use, dek, &out->sealed, e))
        return false;
    out->host = to.host_uuid;
    out->uuid = *uuid;
    out->key = to.key;
    out->state = state;
    out->lease_until_ms = mark->until_ms;
    mark_write(mark, out->mark);
    return true;
}

static struct secret_change *change_add(struct work *work)
{
    assert(work->record.change_count < RECORD_CHANGES_MAX);
    return &work->record.changes[work->record.change_count++];
}

void kept_write(struct work *work, const struct secret_row *row)
{
    struct secret_change *c = change_add(work);

    c->is_removed = false;
    c->row = *row;
}

void kept_remove(struct work *work, const struct uuid *uuid)
{
    struct secret_change *c = change_add(work);

    c->is_removed = true;
    c->row.host = work->host->uuid;
    c->row.uuid = *uuid;
}

/* `mark` NULL: as it was. */
static bool change(struct work *work, const struct uuid *uuid, const struct mark *mark, enum secret_state state,
                   struct err *e)
{
    struct secret_row row;
    bool found;

    if (!secret_row_get(work->ledger, &work->host->uuid, uuid, &row, &found, e))
        return false;
    if (!found)
        return true;
    if (mark != NULL) {
        mark_write(mark, row.mark);
        row.lease_until_ms = mark->until_ms;
    }
    if (mark == NULL || row.state != SECRET_RESTORING)
        row.state = state;
    row.sealed.len = 0;
    kept_write(work, &row);
    return true;
}

bool kept_state(struct work *work, const struct uuid *uuid, enum secret_state state, struct err *e)
{
    return change(work, uuid, NULL, state, e);
}

bool kept_mark(struct work *work, const struct uuid *uuid, const struct mark *mark, struct err *e)
{
    return change(work, uuid, mark, SECRET_ACTIVE, e);
}

enum step_result kept_undo_delete(struct work *work)
{
    struct err e;

    work->record.change_count = 0;
    if (work->err.effect == EFFECT_NONE && !kept_state(work, &work->record.secret_uuid, SECRET_ACTIVE, &e))
        work->err.effect = EFFECT_UNKNOWN;
    return STEP_NEXT;
}

bool kept_restore(const struct work *work, const struct secret_row *row, struct err *e)
{
    struct addressed to = {row->host, row->key};
    struct seal_use use = {&to, &row->uuid};
    struct vault *vault = work->host->keys->vault;
    struct dek *dek = vault_take(vault);
    struct held held;
    bool ok;

    if (dek == NULL)
        return err_set(e, ERR_LOCAL, "no room in locked memory for a DEK");
    kept_held(row, &held);
    ok = host_keys_recall(work->host->keys, &use, &row->sealed, dek, e) &&
         hv_secret_define(work->host->hv, &held.secret, dek, e);
    vault_give(vault, dek);
    return ok;
}

static bool state_write(const struct work *work, const struct secret_row *row, enum secret_state state, struct err *e)
{
    struct secret_row changed = *row;

    changed.state = state;
    changed.sealed.len = 0;
    return secret_row_write(work->ledger, &changed, e);
}

bool kept_restore_alone(const struct work *work, const struct secret_row *row, struct err *e)
{
    if (row->state != SECRET_RESTORING && !state_write(work, row, SECRET_RESTORING, e))
        return false;
    return kept_restore(work, row, e) && state_write(work, row, SECRET_ACTIVE, e);
}

/* One row, within a transaction: nobody else changes it between. */
static bool row_reseal(const struct work *work, struct secret_row *row, struct dek *dek, struct err *e)
{
    struct addressed to = {row->host, row->key};
    struct seal_use use = {&to, &row->uuid};

    if (!host_keys_recall(work->host->keys, &use, &row->sealed, dek, e))
        return e->kind == ERR_ENVELOPE;
    return host_keys_keep(work->host->keys, &use, dek, &row->sealed, e) && secret_row_write(work->ledger, row, e);
}

/* The next rows behind `after`, which becomes the last of them; *more: there may be others. */
static bool rows_reseal(const struct work *work, struct uuid *after, struct dek *dek, bool *more, struct err *e)
{
    struct secret_row row;

    *more = true;
    for (int i = 0; i < RESEAL_AT_ONCE && *more; i++) {
        if (!secret_row_next(work->ledger, &work->host->uuid, after, &row, more, e))
            return false;
        if (*more && !row_reseal(work, &row, dek, e))
            return false;
        if (*more)
            *after = row.uuid;
    }
    return true;
}

bool kept_reseal(const struct work *work, struct err *e)
{
    struct vault *vault = work->host->keys->vault;
    struct dek *dek = vault_take(vault);
    struct uuid after = {0};
    bool more = true, ok = dek != NULL || err_set(e, ERR_LOCAL, "no room in locked memory for a DEK");

    while (ok && more) {
        ok =
            ledger_begin(work->ledger, e) && rows_reseal(work, &after, dek, &more, e) && ledger_commit(work->ledger, e);
        if (!ok)
            ledger_rollback(work->ledger);
    }
    vault_give(vault, dek);
    return ok;
}

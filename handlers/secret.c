#include "handlers/kept.h"

#include <string.h>

const struct secret_key *secret_key_of(const struct work *work)
{
    const struct addressed *to = work->request;

    return &to->key;
}

void secret_identify(const struct secret_key *key, struct hv_secret *out)
{
    *out = (struct hv_secret){
        .usage = strcmp(key->purpose, "volume") == 0 ? HV_USAGE_VOLUME : HV_USAGE_VTPM,
        .is_ours_in_form = true,
    };
    secret_usage_id(key, out->usage_id);
}

bool secret_is(const struct hv_secret *secret, const struct secret_key *key)
{
    struct hv_secret want;

    secret_identify(key, &want);
    return !secret->other_usage && secret->usage == want.usage && strcmp(secret->usage_id, want.usage_id) == 0;
}

/* *e is "not found", and stays so where the ledger has none either. */
static bool find_lost(struct work *work, struct held *out, struct err *e)
{
    struct secret_row row;
    bool found;

    if (!kept_find(work, &row, &found, e) || !found || !kept_is_due(&row) || !kept_restore_alone(work, &row, e))
        return false;
    work->restored = true;
    work->restored_uuid = row.uuid;
    kept_held(&row, out);
    return true;
}

bool secret_find(struct work *work, struct held *out, struct err *e)
{
    struct hv_secret want;

    secret_identify(secret_key_of(work), &want);
    if (!hv_secret_by_usage(work->host->hv, want.usage, want.usage_id, &out->secret, e))
        return e->kind == ERR_NOT_FOUND && find_lost(work, out, e);
    mark_read(out->secret.description, &out->mark);
    return true;
}

static bool note_begun(struct work *work, bool done, const struct err *e)
{
    work->begun |= done || e->effect != EFFECT_NONE;
    return done;
}

bool secret_define(struct work *work, struct hv_secret *secret, const struct mark *mark, const struct dek *dek,
                   struct err *e)
{
    _Static_assert(sizeof(secret->description) > MARK_MAX_BYTES, "every mark fits");
    mark_write(mark, secret->description);
    return note_begun(work, hv_secret_define(work->host->hv, secret, dek, e), e);
}

bool secret_undefine(struct work *work, const struct uuid *uuid, struct err *e)
{
    return note_begun(work, hv_secret_undefine(work->host->hv, uuid, e), e);
}

bool secret_remove(struct work *work, const struct uuid *uuid, bool *sent, bool *removed, struct err *e)
{
    *removed = secret_undefine(work, uuid, e);
    if (*removed || e->kind == ERR_NOT_FOUND)
        return true;
    *sent |= e->effect != EFFECT_NONE;
    return false;
}

bool secret_mark(struct work *work, const struct held *held, const struct mark *mark, struct err *e)
{
    struct hv_secret secret = held->secret;

    if (!secret.is_ours_in_form)
        return true;
    return secret_define(work, &secret, mark, NULL, e) && kept_mark(work, &secret.uuid, mark, e);
}

bool secret_stays(struct work *work, const struct held *held, const char *migration_id, struct err *e)
{
    struct mark mark = held->mark;

    if (strcmp(mark.leaving, migration_id) != 0)
        return true;
    mark.leaving[0] = '\0';
    return secret_mark(work, held, &mark, e);
}

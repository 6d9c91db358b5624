#include "handlers/handlers.h"
#include "handlers/kept.h"

/* Libvirt does not tell whether a secret has a value. One that was half made, or half restored, may have none. */
static bool may_lack_value(const struct work *work, const struct secret_row *row, bool *may, struct err *e)
{
    *may = row->state == SECRET_DEFINING || row->state == SECRET_RESTORING;
    return row->state != SECRET_ACTIVE || restoration_is_on(work->ledger, &work->host->uuid, may, e);
}

/*
 * The common case: the ledger has it, and libvirt is only asked whether it is there under that UUID, which it looks up,
 * and does not walk through all it has.
 */
static bool known_find(const struct work *work, struct uuid *out, bool *found, struct err *e)
{
    struct hv_secret want;
    struct secret_row row;
    bool may_lack;

    if (!kept_find(work, &row, found, e))
        return false;
    if (!*found)
        return true;
    if (!may_lack_value(work, &row, &may_lack, e))
        return false;
    *found = row.state == SECRET_ACTIVE && !may_lack;
    if (!*found)
        return true;
    secret_identify(&row.key, &want);
    *out = row.uuid;
    return hv_secret_is(work->host->hv, &row.uuid, want.usage, want.usage_id, found, e);
}

static bool value_ensure(const struct work *work, const struct held *held, struct err *e)
{
    struct secret_row row;
    bool found, may_lack;

    if (!secret_row_get(work->ledger, &work->host->uuid, &held->secret.uuid, &row, &found, e))
        return false;
    if (!found) /* a worker that lost its ledger knows its own by their mark */
        return held->mark.by[0] != '\0' ||
               err_set(e, ERR_NOT_FOUND,
                       "secret %s has the usage id, and nobody knows whether it has a value: define it",
                       held->secret.uuid.text);
    return may_lack_value(work, &row, &may_lack, e) && (!may_lack || kept_restore(work, &row, e));
}

static enum step_result run(struct work *work, struct err *e)
{
    struct get_reply *reply = (struct get_reply *)work->reply;
    struct held held;
    bool found;

    if (!known_find(work, &reply->secret_uuid, &found, e))
        return STEP_FAIL;
    if (found)
        return STEP_NEXT;
    if (!secret_find(work, &held, e) || !value_ensure(work, &held, e))
        return STEP_FAIL;
    reply->secret_uuid = held.secret.uuid;
    return STEP_NEXT;
}

static const struct step steps[] = {
    {.name = "get", .run = run},
};

const struct handler get_handler = {
    .message = &get_message,
    .senders = MAY_READ | MAY_MANAGE,
    .steps = steps,
    .count = COUNT(steps),
    .lane = LANE_IDENTITY,
};

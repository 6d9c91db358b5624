#include "handlers/handlers.h"
#include "handlers/kept.h"

/* Libvirt does not tell whether a secret has a value. One that was half made may have none, and is given it. */
static bool value_ensure(const struct work *work, const struct held *held, struct err *e)
{
    struct secret_row row;
    bool found;

    if (!secret_row_get(work->ledger, &work->host->uuid, &held->secret.uuid, &row, &found, e))
        return false;
    if (!found || (row.state != SECRET_DEFINING && row.state != SECRET_RESTORING))
        return true;
    return kept_restore(work, &row, e);
}

static enum step_result run(struct work *work, struct err *e)
{
    struct get_reply *reply = (struct get_reply *)work->reply;
    struct held held;

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

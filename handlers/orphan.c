#include "handlers/orphan.h"

#include <inttypes.h>
#include <stdio.h>

#include "handlers/kept.h"
#include "handlers/reconcile_parts.h"

static struct orphan_reply *reply_of(struct work *work)
{
    return (struct orphan_reply *)work->reply;
}

/* *yes: it is there, this identity's, whole, without a lease, and no domain names it. */
static bool is_orphan(const struct work *work, bool *yes, struct err *e)
{
    const struct orphan_request *request = work->request;
    struct secret_row row = {.state = SECRET_ACTIVE};
    struct hv_secret there;
    struct hv_users users;
    struct mark mark;
    bool found;

    *yes = false;
    if (!hv_secret_by_uuid(work->host->hv, &request->secret_uuid, &there, e))
        return e->kind == ERR_NOT_FOUND;
    if (!secret_row_get(work->ledger, &work->host->uuid, &there.uuid, &row, &found, e))
        return false;
    mark_read(there.description, &mark);
    if (!secret_is(&there, &request->to.key) || row.state != SECRET_ACTIVE || row.lease_until_ms != 0 ||
        mark.until_ms != 0)
        return true;
    if (!hv_secret_users(work->host->hv, &there.uuid, there.usage_id, &users, e))
        return false;
    *yes = !users.named;
    return true;
}

static enum step_result look_run(struct work *work, struct err *e)
{
    const struct orphan_request *request = work->request;
    bool yes;

    if (!is_orphan(work, &yes, e))
        return STEP_FAIL;
    if (!yes)
        return STEP_FINISH;
    work->record.secret_uuid = request->secret_uuid;
    if (request->removes)
        return kept_state(work, &request->secret_uuid, SECRET_DELETING, e) ? STEP_RECORD : STEP_FAIL;
    if (!finding_told(work->ledger, &work->host->uuid, &request->secret_uuid, suspicion_name(SUSPECT_ORPHAN), e))
        return STEP_FAIL;
    reply_of(work)->what = ORPHAN_TOLD;
    return STEP_FINISH;
}

static enum step_result remove_run(struct work *work, struct err *e)
{
    struct orphan_reply *reply = reply_of(work);
    bool removed;

    if (!secret_remove(work, &work->record.secret_uuid, &reply->sent, &removed, e))
        return STEP_FAIL;
    kept_remove(work, &work->record.secret_uuid);
    reply->what = ORPHAN_REMOVED;
    return STEP_NEXT;
}

static bool event(const struct work *work, struct host_event *out)
{
    const struct orphan_request *request = work->request;
    const struct orphan_reply *reply = (const struct orphan_reply *)work->reply;

    out->kind = reply->what == ORPHAN_REMOVED ? HOST_EVENT_SECRET_DELETED : HOST_EVENT_ORPHAN_FOUND;
    out->secret_uuid = request->secret_uuid;
    snprintf(out->reason, sizeof(out->reason), "no domain has named it since %" PRId64, request->since_ms);
    return !work->failed && reply->what != ORPHAN_IS_NONE;
}

static const struct step steps[] = {
    {.name = "look", .run = look_run},
    {.name = "remove", .run = remove_run, .undo = kept_undo_delete},
};

static const struct message message = {.name = "(orphan)"};

const struct handler orphan_handler = {
    .message = &message,
    .steps = steps,
    .count = COUNT(steps),
    .lane = LANE_IDENTITY,
    .event = event,
};

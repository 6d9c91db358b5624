#include "handlers/lease.h"

#include <stdio.h>
#include <string.h>

#include "handlers/kept.h"

static struct lease_reply *reply_of(struct work *work)
{
    return (struct lease_reply *)work->reply;
}

static enum step_result done(struct work *work, enum leased what)
{
    reply_of(work)->what = what;
    return STEP_FINISH;
}

/* As libvirt has it; or as it should, where libvirt has lost it, or has something else in its place. */
static bool held_find(struct work *work, const struct secret_row *row, struct held *out, struct err *e)
{
    struct lease_reply *reply = reply_of(work);

    kept_held(row, out);
    reply->is_there = hv_secret_by_uuid(work->host->hv, &row->uuid, &out->secret, e);
    if (!reply->is_there)
        return e->kind == ERR_NOT_FOUND;
    reply->is_there = secret_is(&out->secret, &row->key);
    if (reply->is_there)
        mark_read(out->secret.description, &out->mark);
    else
        kept_held(row, out);
    return true;
}

/* The VM has come: what libvirt has lost meanwhile, it gets back with the rest. */
static enum step_result make_permanent(struct work *work, struct secret_row *row, struct held *held, struct err *e)
{
    struct mark mark = held->mark;

    mark.confirmed = true;
    mark.until_ms = 0;
    if (!reply_of(work)->is_there && !kept_restore_alone(work, row, e))
        return STEP_FAIL;
    if (!secret_mark(work, held, &mark, e))
        return STEP_FAIL;
    if (work->record.change_count == 0 && !kept_mark(work, &row->uuid, &mark, e))
        return STEP_FAIL; /* one that is not in our form is left as it is; but the ledger is ours */
    return done(work, LEASED_PERMANENT);
}

static enum step_result end(struct work *work, const struct secret_row *row, const struct held *held, struct err *e)
{
    memcpy(reply_of(work)->migration_id, held->mark.migration_id, sizeof(held->mark.migration_id));
    work->record.secret_uuid = row->uuid;
    return kept_state(work, &row->uuid, SECRET_DELETING, e) ? STEP_RECORD : STEP_FAIL;
}

/* What has no lease any more, or has a new one, was looked after meanwhile. */
static bool row_find(const struct work *work, struct secret_row *row, bool *found, struct err *e)
{
    const struct lease_request *request = work->request;

    if (!secret_row_get(work->ledger, &work->host->uuid, &request->secret_uuid, row, found, e))
        return false;
    *found = *found && row->lease_until_ms != 0 && secret_key_equal(&row->key, &request->to.key);
    return true;
}

static enum step_result look_run(struct work *work, struct err *e)
{
    struct hv_users users;
    struct secret_row row;
    struct held held;
    bool found, is_over;

    if (!row_find(work, &row, &found, e))
        return STEP_FAIL;
    is_over = found && row.lease_until_ms <= work->now_ms;
    if (!found || row.state != SECRET_ACTIVE)
        return done(work, is_over ? LEASED_WAITS : LEASED_STILL);
    if (!held_find(work, &row, &held, e) ||
        !hv_secret_users(work->host->hv, &row.uuid, held.secret.usage_id, &users, e))
        return STEP_FAIL;
    if (users.named && !users.is_arriving)
        return make_permanent(work, &row, &held, e);
    if (users.named || !is_over)
        return done(work, is_over ? LEASED_WAITS : LEASED_STILL);
    return end(work, &row, &held, e);
}

static enum step_result remove_run(struct work *work, struct err *e)
{
    struct lease_reply *reply = reply_of(work);
    bool removed;

    if (reply->is_there && !secret_remove(work, &work->record.secret_uuid, &reply->sent, &removed, e))
        return STEP_FAIL;
    kept_remove(work, &work->record.secret_uuid);
    reply->what = LEASED_ENDED;
    return STEP_NEXT;
}

static bool event(const struct work *work, struct host_event *out)
{
    const struct lease_reply *reply = (const struct lease_reply *)work->reply;

    out->kind = HOST_EVENT_LEASE_ENDED;
    out->secret_uuid = work->record.secret_uuid;
    memcpy(out->migration_id, reply->migration_id, sizeof(out->migration_id));
    return !work->failed && reply->what == LEASED_ENDED;
}

static const struct step steps[] = {
    {.name = "look", .run = look_run},
    {.name = "remove", .run = remove_run, .undo = kept_undo_delete},
};

static const struct message message = {.name = "(lease)"};

const struct handler lease_handler = {
    .message = &message,
    .steps = steps,
    .count = COUNT(steps),
    .lane = LANE_IDENTITY,
    .event = event,
};

const char *leased_name(int64_t what)
{
    static const char *const names[] = {
        [LEASED_STILL] = "still leased",
        [LEASED_WAITS] = "over, and waits",
        [LEASED_PERMANENT] = "permanent",
        [LEASED_ENDED] = "ended",
    };

    return names[what];
}

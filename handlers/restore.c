#include "handlers/restore.h"

#include <stdio.h>
#include <string.h>

#include "handlers/kept.h"

static enum step_result done(struct work *work, enum restored what)
{
    struct restore_reply *reply = (struct restore_reply *)work->reply;

    reply->what = what;
    return STEP_FINISH;
}

/* ... and from now on the row is active. */
static enum step_result done_actively(struct work *work, const struct secret_row *row, enum restored what,
                                      struct err *e)
{
    return kept_state(work, &row->uuid, SECRET_ACTIVE, e) ? done(work, what) : STEP_FAIL;
}

/* Define it again, as it was. */
static enum step_result bring_back(struct work *work, const struct secret_row *row, enum restored what, struct err *e)
{
    bool is_back = kept_restore(work, row, e);

    if (!is_back && e->kind != ERR_CONFLICT)
        return STEP_FAIL;
    what = is_back ? what : RESTORED_ASTRAY;
    return row->state == SECRET_ACTIVE ? done(work, what) : done_actively(work, row, what, e);
}

/* Libvirt has nothing under this UUID. What was only begun is as if it had not been; what was lost is to come back. */
static enum step_result absent(struct work *work, const struct secret_row *row, struct err *e)
{
    const struct restore_request *request = work->request;

    if (!kept_is_due(row)) {
        kept_remove(work, &row->uuid);
        return done(work, RESTORED_UNDONE);
    }
    if (request->is_announced)
        return bring_back(work, row, RESTORED_SECRET, e);
    return kept_state(work, &row->uuid, SECRET_RESTORING, e) ? STEP_RECORD : STEP_FAIL;
}

/* Whether libvirt's secret was defined by what the row tells of, and not by somebody before it. */
static bool is_that(const struct secret_row *row, const struct hv_secret *there)
{
    struct mark want, has;

    mark_read(row->mark, &want);
    mark_read(there->description, &has);
    return secret_is(there, &row->key) && has.digest[0] != '\0' && strcmp(has.key_name, want.key_name) == 0 &&
           digest_equal(has.digest, want.digest);
}

/* Of a row that should be there and is, in some way. */
static enum restored due_judge(const struct secret_row *row, const struct hv_secret *there)
{
    return secret_is(there, &row->key) ? RESTORED_NOTHING : RESTORED_ASTRAY;
}

/* What was begun may have got no further than a secret without a value: so it is set again. */
static enum step_result present(struct work *work, const struct secret_row *row, const struct hv_secret *there,
                                struct err *e)
{
    const struct restore_request *request = work->request;

    if (row->state == SECRET_ACTIVE)
        return request->is_announced && is_that(row, there) ? bring_back(work, row, RESTORED_FINISHED, e)
                                                            : done(work, due_judge(row, there));
    if (!is_that(row, there) && row->state == SECRET_RESTORING)
        return done_actively(work, row, due_judge(row, there), e);
    if (!is_that(row, there)) {
        kept_remove(work, &row->uuid);
        return done(work, RESTORED_UNDONE);
    }
    if (row->state == SECRET_RESTORING)
        return STEP_NEXT;
    if (row->state == SECRET_DEFINING && !kept_restore(work, row, e))
        return STEP_FAIL;
    return done_actively(work, row, row->state == SECRET_DEFINING ? RESTORED_FINISHED : RESTORED_UNDONE, e);
}

static enum step_result look_run(struct work *work, struct err *e)
{
    const struct restore_request *request = work->request;
    struct hv_secret there;
    struct secret_row row;
    bool found;

    if (!secret_row_get(work->ledger, &work->host->uuid, &request->secret_uuid, &row, &found, e))
        return STEP_FAIL;
    if (!found || !secret_key_equal(&row.key, &request->to.key))
        return done(work, RESTORED_NOTHING);
    if (request->is_absent && row.state == request->state && row.changed_ms == request->changed_ms)
        return absent(work, &row, e);
    if (hv_secret_by_uuid(work->host->hv, &row.uuid, &there, e))
        return present(work, &row, &there, e);
    return e->kind == ERR_NOT_FOUND ? absent(work, &row, e) : STEP_FAIL;
}

/* The ledger knows that it is being restored: whoever finds it half done does so again. */
static enum step_result restore_run(struct work *work, struct err *e)
{
    const struct restore_request *request = work->request;
    struct secret_row row;
    bool found;

    if (!secret_row_get(work->ledger, &work->host->uuid, &request->secret_uuid, &row, &found, e))
        return STEP_FAIL;
    return found ? bring_back(work, &row, RESTORED_SECRET, e) : done(work, RESTORED_NOTHING);
}

static bool event(const struct work *work, struct host_event *out)
{
    const struct restore_request *request = work->request;
    const struct restore_reply *reply = (const struct restore_reply *)work->reply;
    bool is_lost = work->failed || reply->what == RESTORED_ASTRAY;

    out->kind = is_lost ? HOST_EVENT_SECRET_LOST : HOST_EVENT_SECRET_RESTORED;
    out->secret_uuid = request->secret_uuid;
    snprintf(out->reason, sizeof(out->reason), "%.*s", (int)sizeof(out->reason) - 1,
             work->failed ? work->err.text
             : is_lost    ? "libvirt has another secret in its place"
                          : "");
    return is_lost || reply->what == RESTORED_SECRET;
}

static const struct step steps[] = {
    {.name = "look", .run = look_run},
    {.name = "restore", .run = restore_run},
};

static const struct message message = {.name = "(restore)"};

const struct handler restore_handler = {
    .message = &message,
    .steps = steps,
    .count = COUNT(steps),
    .lane = LANE_IDENTITY,
    .event = event,
};

const char *restored_name(int64_t what)
{
    static const char *const names[] = {
        [RESTORED_NOTHING] = "nothing to do", [RESTORED_SECRET] = "restored", [RESTORED_FINISHED] = "finished",
        [RESTORED_UNDONE] = "undone",         [RESTORED_ASTRAY] = "astray",
    };

    return names[what];
}

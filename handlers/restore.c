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

/* The next step restores. Until it has, the ledger tells that there may be no value. */
static enum step_result planned(struct work *work, const struct secret_row *row, enum restored what, struct err *e)
{
    struct restore_reply *reply = (struct restore_reply *)work->reply;

    reply->what = what;
    if (row->state != SECRET_ACTIVE)
        return STEP_NEXT;
    return kept_state(work, &row->uuid, SECRET_RESTORING, e) ? STEP_RECORD : STEP_FAIL;
}

/* What was only begun is as if it had not been. */
static enum step_result undone(struct work *work, const struct secret_row *row)
{
    kept_remove(work, &row->uuid);
    return done(work, RESTORED_UNDONE);
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

/* One that was being defined or restored may have got no further than a secret without a value: so that is set again. */
static enum step_result present(struct work *work, const struct secret_row *row, const struct hv_secret *there,
                                struct err *e)
{
    bool is_kept = secret_row_is_kept(row);

    if (is_kept && !secret_is(there, &row->key))
        return done(work, RESTORED_ASTRAY);
    if (row->state == SECRET_ACTIVE)
        return done(work, RESTORED_NOTHING);
    if (!is_kept && !is_that(row, there))
        return undone(work, row);
    if (row->state != SECRET_DELETING)
        return planned(work, row, is_kept ? RESTORED_SECRET : RESTORED_FINISHED, e);
    return kept_state(work, &row->uuid, SECRET_ACTIVE, e) ? done(work, RESTORED_UNDONE) : STEP_FAIL;
}

static enum step_result absent(struct work *work, const struct secret_row *row, struct err *e)
{
    return secret_row_is_kept(row) ? planned(work, row, RESTORED_SECRET, e) : undone(work, row);
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

/* Libvirt may refuse, where it has the identity under another UUID: nothing of ours is half done then. */
static enum step_result restore_run(struct work *work, struct err *e)
{
    const struct restore_request *request = work->request;
    struct secret_row row;
    bool found, is_astray;

    if (!secret_row_get(work->ledger, &work->host->uuid, &request->secret_uuid, &row, &found, e))
        return STEP_FAIL;
    if (!found)
        return done(work, RESTORED_NOTHING);
    is_astray = !kept_restore(work, &row, e);
    if (is_astray && e->kind != ERR_CONFLICT)
        return STEP_FAIL;
    if (!kept_state(work, &row.uuid, SECRET_ACTIVE, e))
        return STEP_FAIL;
    return is_astray ? done(work, RESTORED_ASTRAY) : STEP_NEXT;
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

static const struct step steps[] = {{.name = "look", .run = look_run}, {.name = "restore", .run = restore_run}};

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

#include <string.h>

#include "handlers/handlers.h"
#include "handlers/kept.h"
#include "handlers/peer.h"

struct delete_notes {
    bool sent;     /* libvirt may have undefined it before the connection was lost */
    bool was_kept; /* the ledger had it: had libvirt lost it, it would have been restored */
};

/* What does not match was not meant: it stays, and the delete is as good as done. */
static bool is_meant(const struct work *work, const struct held *held)
{
    const struct delete_request *request = work->request;

    if (!peer_made(work, &held->mark))
        return false;
    if (uuid_is_set(&request->secret_uuid) && !uuid_equal(&request->secret_uuid, &held->secret.uuid))
        return false;
    return request->migration_id[0] == '\0' ||
           (mark_is_provisional(&held->mark) && strcmp(request->migration_id, held->mark.migration_id) == 0);
}

static bool is_free(const struct work *work, const struct hv_secret *secret, struct err *e)
{
    struct hv_users users;

    if (!hv_secret_users(work->host->hv, &secret->uuid, secret->usage_id, &users, e))
        return false;
    if (users.used)
        return err_set(e, ERR_IN_USE, "secret %s is named by the running domain '%s'", secret->uuid.text, users.domain);
    return true;
}

/* Nothing is there. Where an earlier attempt set out to delete it, it has done so. */
static enum step_result not_there(struct work *work)
{
    struct delete_reply *reply = (struct delete_reply *)work->reply;

    reply->deleted = uuid_is_set(&work->record.secret_uuid);
    if (reply->deleted)
        kept_remove(work, &work->record.secret_uuid);
    return STEP_FINISH;
}

static enum step_result find_run(struct work *work, struct err *e)
{
    const struct delete_request *request = work->request;
    struct delete_notes *notes = work->notes;
    struct held held;

    if (!secret_find(work, &held, e))
        return e->kind == ERR_NOT_FOUND ? not_there(work) : STEP_FAIL;
    if (!is_meant(work, &held))
        return STEP_FINISH;
    if (!request->force && !is_free(work, &held.secret, e))
        return STEP_FAIL;
    work->record.secret_uuid = held.secret.uuid;
    if (!kept_state(work, &held.secret.uuid, SECRET_DELETING, e))
        return STEP_FAIL;
    notes->was_kept = work->record.change_count > 0;
    return STEP_RECORD;
}

static enum step_result remove_run(struct work *work, struct err *e)
{
    struct delete_reply *reply = (struct delete_reply *)work->reply;
    struct delete_notes *notes = work->notes;

    if (!secret_remove(work, &work->record.secret_uuid, &notes->sent, &reply->deleted, e))
        return STEP_FAIL;
    reply->deleted |= notes->sent || notes->was_kept;
    kept_remove(work, &work->record.secret_uuid);
    return STEP_NEXT;
}

static bool event(const struct work *work, struct host_event *out)
{
    const struct delete_request *request = work->request;

    out->kind = HOST_EVENT_SECRET_DELETED;
    out->secret_uuid = work->record.secret_uuid;
    memcpy(out->migration_id, request->migration_id, sizeof(out->migration_id));
    return ((const struct delete_reply *)work->reply)->deleted;
}

static const struct step steps[] = {
    {.name = "find", .run = find_run},
    {.name = "remove", .run = remove_run, .undo = kept_undo_delete},
};

static bool peer_may(const struct peer *peer, const void *request, struct err *e)
{
    const struct delete_request *m = request;

    (void)peer;
    if (m->force)
        return err_field(e, ERR_SENDER, "force", "force may not be given where a peer sends this");
    return peer_migrates(&m->to.key, m->migration_id, e);
}

const struct handler delete_handler = {
    .message = &delete_message,
    .senders = MAY_MANAGE | MAY_PEER,
    .peer_may = peer_may,
    .steps = steps,
    .count = COUNT(steps),
    .notes_bytes = sizeof(struct delete_notes),
    .lane = LANE_IDENTITY,
    .event = event,
};

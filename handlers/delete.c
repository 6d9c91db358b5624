#include <string.h>

#include "handlers/handlers.h"
#include "handlers/peer.h"
#include "handlers/secret.h"

struct delete_notes {
    bool sent;        /* libvirt may have undefined it before the connection was lost */
    struct uuid uuid; /* the secret's */
};

/* What does not match was not meant: it stays, and the delete is as good as done. */
static bool is_meant(const struct work *work, const struct held *held)
{
    const struct delete_request *request = work->request;

    if (!peer_made(work, &held->mark))
        return false;
    if (uuid_is_set(&request->secret_uuid) && !uuid_equal(&request->secret_uuid, &held->secret.uuid))
        return false;
    return request->migration_id[0] == '\0' || strcmp(request->migration_id, held->mark.migration_id) == 0;
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

static enum step_result run(struct work *work, struct err *e)
{
    const struct delete_request *request = work->request;
    struct delete_reply *reply = (struct delete_reply *)work->reply;
    struct delete_notes *notes = work->notes;
    struct held held;

    if (!secret_find(work, &held, e)) {
        reply->deleted = notes->sent;
        return e->kind == ERR_NOT_FOUND ? STEP_NEXT : STEP_FAIL;
    }
    if (!is_meant(work, &held))
        return STEP_NEXT;
    if (!request->force && !is_free(work, &held.secret, e))
        return STEP_FAIL;
    notes->uuid = held.secret.uuid;
    return secret_remove(work, &held.secret.uuid, &notes->sent, &reply->deleted, e) ? STEP_NEXT : STEP_FAIL;
}

static bool event(const struct work *work, struct host_event *out)
{
    const struct delete_request *request = work->request;
    const struct delete_notes *notes = work->notes;

    out->kind = HOST_EVENT_SECRET_DELETED;
    out->secret_uuid = notes->uuid;
    memcpy(out->migration_id, request->migration_id, sizeof(out->migration_id));
    return ((const struct delete_reply *)work->reply)->deleted;
}

static const struct step steps[] = {
    {.name = "delete", .run = run},
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

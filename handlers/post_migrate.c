/*
 * VtpmPostMigrateMsg, in either of its two roles: on the source, which then
 * forwards it, and on the destination.
 */
#include <stdio.h>
#include <string.h>

#include "handlers/handlers.h"
#include "handlers/kept.h"
#include "handlers/peer.h"

struct post_migrate_notes {
    enum { NOTHING, REMOVE, MARK } plan;
    bool sent;     /* libvirt may have undefined it before the connection was lost */
    bool was_kept; /* the ledger had it: had libvirt lost it, it would have been restored */
    bool removed;
    struct post_migrate_request ask;
    struct post_migrate_reply answer;
};

_Static_assert(sizeof(struct post_migrate_notes) <= VAULT_SLOT_BYTES, "notes fit their slot");

static bool is_destination(const struct post_migrate_request *request)
{
    return uuid_equal(&request->to.host_uuid, &request->dst_host_uuid);
}

static bool succeeded(const struct post_migrate_request *request)
{
    return strcmp(request->outcome, "success") == 0;
}

/* Whatever a running domain names stays. */
static bool plan_removal(struct work *work, const struct held *held, struct err *e)
{
    struct post_migrate_notes *notes = work->notes;
    struct hv_users users;

    if (!hv_secret_users(work->host->hv, &held->secret.uuid, held->secret.usage_id, &users, e))
        return false;
    if (users.used)
        return true;
    notes->plan = REMOVE;
    work->record.secret_uuid = held->secret.uuid;
    if (!kept_state(work, &held->secret.uuid, SECRET_DELETING, e))
        return false;
    notes->was_kept = work->record.change_count > 0;
    return true;
}

/* The VM went, or stayed. A newer migration or a define since then has taken the mark away, and the secret stays. */
static bool plan_source(struct work *work, struct held *held, struct err *e)
{
    const struct post_migrate_request *request = work->request;
    struct post_migrate_notes *notes = work->notes;

    if (strcmp(held->mark.leaving, request->migration_id) != 0)
        return true;
    if (succeeded(request))
        return plan_removal(work, held, e);
    notes->plan = MARK;
    return true;
}

/* The VM arrived, or will not. Only what this very migration made is its to confirm or remove. */
static bool plan_destination(struct work *work, struct held *held, struct err *e)
{
    const struct post_migrate_request *request = work->request;
    struct post_migrate_notes *notes = work->notes;
    const struct mark *mark = &held->mark;

    if (!mark_is_provisional(mark) || strcmp(mark->migration_id, request->migration_id) != 0 || !peer_made(work, mark))
        return true;
    if (!succeeded(request))
        return plan_removal(work, held, e);
    notes->plan = MARK;
    return true;
}

/* What is to be done here. Where nothing is there and an earlier attempt set out to remove it, it has done so. */
static enum step_result plan_run(struct work *work, struct err *e)
{
    const struct post_migrate_request *request = work->request;
    struct post_migrate_notes *notes = work->notes;
    struct held held;

    notes->plan = NOTHING;
    if (!secret_find(work, &held, e)) {
        notes->removed = uuid_is_set(&work->record.secret_uuid);
        return e->kind == ERR_NOT_FOUND ? STEP_RECORD : STEP_FAIL;
    }
    return (is_destination(request) ? plan_destination : plan_source)(work, &held, e) ? STEP_RECORD : STEP_FAIL;
}

static bool remove_it(struct work *work, struct err *e)
{
    struct post_migrate_notes *notes = work->notes;

    if (!secret_remove(work, &work->record.secret_uuid, &notes->sent, &notes->removed, e))
        return false;
    notes->removed |= notes->sent || notes->was_kept;
    return true;
}

/* On the source the VM has stayed; on the destination it has arrived. */
static bool mark_it(struct work *work, struct err *e)
{
    const struct post_migrate_request *request = work->request;
    struct held held;

    if (!secret_find(work, &held, e))
        return e->kind == ERR_NOT_FOUND;
    if (!is_destination(request))
        return secret_stays(work, &held, request->migration_id, e);
    held.mark.confirmed = true;
    held.mark.until_ms = 0;
    return secret_mark(work, &held, &held.mark, e);
}

static enum step_result here_run(struct work *work, struct err *e)
{
    static bool (*const deeds[])(struct work *, struct err *) = {[REMOVE] = remove_it, [MARK] = mark_it};
    const struct post_migrate_request *request = work->request;
    struct post_migrate_notes *notes = work->notes;
    struct post_migrate_reply *reply = (struct post_migrate_reply *)work->reply;
    const char *here = is_destination(request) ? "destination" : "source";

    if (notes->plan != NOTHING && !deeds[notes->plan](work, e))
        return STEP_FAIL;
    if (notes->removed)
        kept_remove(work, &work->record.secret_uuid);
    snprintf(reply->deleted_on, sizeof(reply->deleted_on), "%s", notes->removed ? here : "none");
    return STEP_NEXT;
}

static enum step_result here_undo(struct work *work)
{
    const struct post_migrate_notes *notes = work->notes;

    return notes->plan == REMOVE && !notes->removed ? kept_undo_delete(work) : STEP_NEXT;
}

static enum step_result forward_run(struct work *work, struct err *e)
{
    const struct post_migrate_request *request = work->request;
    struct post_migrate_notes *notes = work->notes;

    (void)e;
    if (is_destination(request))
        return STEP_NEXT;
    notes->ask = *request;
    notes->ask.to.host_uuid = request->dst_host_uuid;
    return peer_call_host(work, &post_migrate_message, &request->dst_host_uuid, "forward", &notes->ask, &notes->answer);
}

static enum step_result forward_answered(struct work *work, struct err *e)
{
    const struct post_migrate_notes *notes = work->notes;
    struct post_migrate_reply *reply = (struct post_migrate_reply *)work->reply;

    if (work->call.failed)
        return peer_failed(work, "the destination", e);
    if (!notes->removed)
        memcpy(reply->deleted_on, notes->answer.deleted_on, sizeof(reply->deleted_on));
    return STEP_NEXT;
}

/* What was removed here. The destination tells by itself what it did, and what came of it changes nothing here. */
static bool event(const struct work *work, struct host_event *out)
{
    const struct post_migrate_request *request = work->request;
    const struct post_migrate_notes *notes = work->notes;

    out->kind = HOST_EVENT_SECRET_DELETED;
    out->secret_uuid = work->record.secret_uuid;
    memcpy(out->migration_id, request->migration_id, sizeof(out->migration_id));
    return notes->removed;
}

static bool waits_for_peers(const void *request)
{
    return !is_destination(request);
}

/* A source tells the destination how its own migration ended. */
static bool peer_may(const struct peer *peer, const void *request, struct err *e)
{
    const struct post_migrate_request *m = request;

    if (!is_destination(m))
        return err_field(e, ERR_SENDER, "hostUuid", "hostUuid must be dstHostUuid where a peer sends this");
    if (!peer_serves(peer, &m->src_host_uuid))
        return err_field(e, ERR_SENDER, "srcHostUuid", "srcHostUuid is host %s, which this peer does not serve",
                         m->src_host_uuid.text);
    return true;
}

static const struct step steps[] = {
    {.name = "plan", .run = plan_run},
    {.name = "here", .run = here_run, .undo = here_undo},
    {.name = "forward", .run = forward_run, .answered = forward_answered},
};

const struct handler post_migrate_handler = {
    .message = &post_migrate_message,
    .senders = MAY_MANAGE | MAY_PEER,
    .peer_may = peer_may,
    .steps = steps,
    .count = COUNT(steps),
    .notes_bytes = sizeof(struct post_migrate_notes),
    .lane = LANE_IDENTITY,
    .waits_for_peers = waits_for_peers,
    .event = event,
};

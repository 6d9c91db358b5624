/*
 * VtpmPostMigrateMsg, in either of its two roles: on the source, which then
 * forwards it, and on the destination.
 */
#include <stdio.h>
#include <string.h>

#include "handlers/handlers.h"
#include "handlers/peer.h"
#include "handlers/secret.h"

struct post_migrate_notes {
    bool sent; /* libvirt may have undefined it before the connection was lost */
    bool removed;
    struct uuid uuid; /* the secret's */
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
static bool remove_unused(struct work *work, const struct held *held, struct err *e)
{
    struct post_migrate_notes *notes = work->notes;
    struct hv_users users;

    notes->uuid = held->secret.uuid;
    if (!hv_secret_users(work->host->hv, &held->secret.uuid, held->secret.usage_id, &users, e))
        return false;
    return users.used || secret_remove(work, &held->secret.uuid, &notes->sent, &notes->removed, e);
}

/* The VM went, or stayed. A newer migration or a define since then has taken the mark away, and the secret stays. */
static bool settle_source(struct work *work, const struct held *held, struct err *e)
{
    const struct post_migrate_request *request = work->request;

    if (!succeeded(request))
        return secret_stays(work, held, request->migration_id, e);
    return strcmp(held->mark.leaving, request->migration_id) != 0 || remove_unused(work, held, e);
}

/* The VM arrived, or will not. Only what this very migration made is its to confirm or remove. */
static bool settle_destination(struct work *work, const struct held *held, struct err *e)
{
    const struct post_migrate_request *request = work->request;
    struct mark mark = held->mark;

    if (!mark_is_provisional(&mark) || strcmp(mark.migration_id, request->migration_id) != 0 || !peer_made(work, &mark))
        return true;
    if (!succeeded(request))
        return remove_unused(work, held, e);
    mark.confirmed = true;
    return secret_mark(work, held, &mark, e);
}

static enum step_result here_run(struct work *work, struct err *e)
{
    const struct post_migrate_request *request = work->request;
    struct post_migrate_notes *notes = work->notes;
    struct post_migrate_reply *reply = (struct post_migrate_reply *)work->reply;
    const char *here = is_destination(request) ? "destination" : "source";
    struct held held;

    if (!secret_find(work, &held, e)) {
        if (e->kind != ERR_NOT_FOUND)
            return STEP_FAIL;
        notes->removed = notes->sent;
    } else if (!(is_destination(request) ? settle_destination : settle_source)(work, &held, e)) {
        return STEP_FAIL;
    }
    snprintf(reply->deleted_on, sizeof(reply->deleted_on), "%s", notes->removed ? here : "none");
    return STEP_NEXT;
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
    out->secret_uuid = notes->uuid;
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
    {.name = "here", .run = here_run},
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

/*
 * VtpmPreMigrateMsg, on the source: find the secret that the VM lives with, get
 * its DEK sealed to the destination, have that define the same, and mark ours as
 * leaving. No DEK leaves here in clear.
 */
#include <stdio.h>
#include <string.h>

#include "handlers/handlers.h"
#include "handlers/peer.h"
#include "handlers/pre_migrate_parts.h"

_Static_assert(sizeof(struct pre_migrate_notes) <= VAULT_SLOT_BYTES, "notes fit their slot");
_Static_assert(sizeof(struct pre_migrate_reply) <= WORK_REPLY_MAX_BYTES, "the reply fits");

/* "m-" and an id that follows from the request's, where the request brings none. */
static void choose_migration_id(const struct work *work, char out[MIGRATION_ID_MAX_CHARS + 1])
{
    const struct pre_migrate_request *request = work->request;
    char derived[ID_MAX_CHARS + 1];

    if (request->migration_id[0] != '\0') {
        memcpy(out, request->migration_id, MIGRATION_ID_MAX_CHARS + 1);
        return;
    }
    digest_derived_id(work->id, "migration", derived);
    snprintf(out, MIGRATION_ID_MAX_CHARS + 1, "m-%.*s", MIGRATION_ID_MAX_CHARS - 2, derived);
}

/* The live domain's secret must be this identity's, or nobody's of ours. */
static bool live_secret_check(const struct work *work, const struct uuid *uuid, struct err *e)
{
    struct hv_secret secret;

    if (!hv_secret_by_uuid(work->host->hv, uuid, &secret, e))
        return e->kind == ERR_NOT_FOUND;
    if (strncmp(secret.usage_id, KEYFERRY_USAGE_PREFIX, strlen(KEYFERRY_USAGE_PREFIX)) != 0 ||
        secret_is(&secret, secret_key_of(work)))
        return true;
    return err_set(e, ERR_CONFLICT, "the live domain names secret %s, which belongs to another identity", uuid->text);
}

/* Without a live domain there is no XML to ask: by identity then. */
static bool held_secret_uuid(struct work *work, struct uuid *out, struct err *e)
{
    struct held held;

    if (secret_find(work, &held, e)) {
        *out = held.secret.uuid;
        return true;
    }
    if (e->kind == ERR_NOT_FOUND)
        err_set(e, ERR_NOT_FOUND, "no live domain %s here, and no secret of this identity",
                secret_key_of(work)->vm_uuid.text);
    return false;
}

/* Envelopes are for the destination: only clear DEKs can be told apart here. */
static bool dek_digest(const struct host *host, const void *request, char out[DIGEST_CHARS + 1])
{
    const struct pre_migrate_request *m = request;
    char usage_id[USAGE_ID_MAX_CHARS + 1];

    secret_usage_id(&m->to.key, usage_id);
    if (m->encrypted_dek.len > 0)
        digest_name("sealed to the destination", out);
    else
        digest_dek(host->digest_key, usage_id, &m->dek, out);
    return true;
}

static enum step_result source_run(struct work *work, struct err *e)
{
    struct pre_migrate_notes *notes = work->notes;
    struct pre_migrate_reply *reply = (struct pre_migrate_reply *)work->reply;
    struct hv_tpm tpm;

    choose_migration_id(work, notes->migration_id);
    (void)dek_digest(work->host, work->request, work->record.dek);
    if (!hv_live_tpm(work->host->hv, &secret_key_of(work)->vm_uuid, &tpm, e)) {
        if (e->kind != ERR_NOT_FOUND)
            return STEP_FAIL;
        return held_secret_uuid(work, &notes->secret_uuid, e) ? STEP_NEXT : STEP_FAIL;
    }
    if (!tpm.encrypted) {
        reply->skipped = true;
        return STEP_FINISH;
    }
    notes->secret_uuid = tpm.secret_uuid;
    return live_secret_check(work, &tpm.secret_uuid, e) ? STEP_NEXT : STEP_FAIL;
}

/* From here on the destination may have it, and it is ours to undo. */
static enum step_result intend_run(struct work *work, struct err *e)
{
    const struct pre_migrate_notes *notes = work->notes;

    (void)e;
    work->record.secret_uuid = notes->secret_uuid;
    return STEP_RECORD;
}

static enum step_result define_run(struct work *work, struct err *e)
{
    const struct pre_migrate_request *request = work->request;
    struct pre_migrate_notes *notes = work->notes;
    struct define_request *ask = &notes->define.ask;
    struct salt salt;

    (void)e;
    wipe(&notes->key, sizeof(notes->key)); /* a clear DEK may have come */
    pre_migrate_compare_ask(work, &salt);
    memset(ask, 0, sizeof(*ask));
    ask->lease_seconds = request->lease_seconds > 0 ? request->lease_seconds : LEASE_MIGRATION_SECONDS;
    ask->digest_salt = salt;
    ask->to = request->to;
    ask->to.host_uuid = request->dst_host_uuid;
    ask->secret_uuid = notes->secret_uuid;
    memcpy(ask->migration_id, notes->migration_id, sizeof(ask->migration_id));
    ask->encrypted_dek = notes->sealed;
    notes->on_destination = true;
    return peer_call_host(work, &define_message, &request->dst_host_uuid, "define", ask, &notes->define.answer);
}

/* True where the destination certainly did nothing. Nobody who ran out of time can know that. */
static bool did_nothing(const struct call *call)
{
    return call->failed && call->err.effect == EFFECT_NONE && call->err.kind != ERR_TIMEOUT;
}

static enum step_result define_answered(struct work *work, struct err *e)
{
    struct pre_migrate_notes *notes = work->notes;

    notes->on_destination = !did_nothing(&work->call);
    if (work->call.failed)
        return peer_failed(work, "the destination", e);
    if (uuid_equal(&notes->define.answer.secret_uuid, &notes->secret_uuid))
        return pre_migrate_compare_answer(work, &notes->define.answer, e) ? STEP_NEXT : STEP_FAIL;
    err_set(e, ERR_CONFLICT, "the destination answered with secret %s instead of %s",
            notes->define.answer.secret_uuid.text, notes->secret_uuid.text);
    return STEP_FAIL;
}

/* By migration alone: whatever UUID it got there, it is what this migration made. */
static enum step_result define_undo(struct work *work)
{
    const struct pre_migrate_request *request = work->request;
    struct pre_migrate_notes *notes = work->notes;
    struct delete_request *ask = &notes->undo.ask;

    if (!notes->on_destination)
        return STEP_NEXT;
    memset(ask, 0, sizeof(*ask));
    ask->to = request->to;
    ask->to.host_uuid = request->dst_host_uuid;
    memcpy(ask->migration_id, notes->migration_id, sizeof(ask->migration_id));
    peer_call_host(work, &delete_message, &request->dst_host_uuid, "undo-define", ask, &notes->undo.answer);
    work->call.without_deadline = true;
    return STEP_CALL;
}

static void reply_fill(struct work *work)
{
    const struct pre_migrate_request *request = work->request;
    const struct pre_migrate_notes *notes = work->notes;
    struct pre_migrate_reply *reply = (struct pre_migrate_reply *)work->reply;

    reply->secret_uuid = notes->secret_uuid;
    memcpy(reply->migration_id, notes->migration_id, sizeof(reply->migration_id));
    reply->created = notes->define.answer.created ? YES : NO;
    snprintf(reply->dek_source, sizeof(reply->dek_source), "%s",
             request->dek.len > 0 || request->encrypted_dek.len > 0 ? "request"
             : notes->is_kept                                       ? "ledger"
                                                                    : "keymanager");
}

static enum step_result mark_run(struct work *work, struct err *e)
{
    const struct pre_migrate_notes *notes = work->notes;
    struct held held;
    struct mark mark;

    reply_fill(work);
    if (!secret_find(work, &held, e))
        return e->kind == ERR_NOT_FOUND ? STEP_NEXT : STEP_FAIL;
    mark = held.mark;
    memcpy(mark.leaving, notes->migration_id, sizeof(mark.leaving));
    return secret_mark(work, &held, &mark, e) ? STEP_NEXT : STEP_FAIL;
}

static enum step_result mark_undo(struct work *work)
{
    const struct pre_migrate_notes *notes = work->notes;
    struct held held;
    struct err e;

    if (work->begun && secret_find(work, &held, &e) && !secret_stays(work, &held, notes->migration_id, &e))
        work->err.effect = EFFECT_UNKNOWN;
    return STEP_NEXT;
}

static bool waits_for_peers(const void *request)
{
    (void)request;
    return true;
}

/* What an earlier attempt may have done: everything. */
static void resume(struct work *work)
{
    struct pre_migrate_notes *notes = work->notes;

    choose_migration_id(work, notes->migration_id);
    notes->on_destination = true;
    work->begun = true;
}

static const struct step steps[] = {
    {.name = "source", .run = source_run},
    {.name = "host key", .run = pre_migrate_host_key_run, .answered = pre_migrate_host_key_answered},
    {.name = "dek", .run = pre_migrate_dek_run, .answered = pre_migrate_dek_answered},
    {.name = "intend", .run = intend_run},
    {.name = "define", .run = define_run, .answered = define_answered, .undo = define_undo},
    {.name = "mark", .run = mark_run, .undo = mark_undo},
};

const struct handler pre_migrate_handler = {
    .message = &pre_migrate_message,
    .senders = MAY_MANAGE,
    .steps = steps,
    .count = COUNT(steps),
    .notes_bytes = sizeof(struct pre_migrate_notes),
    .lane = LANE_IDENTITY,
    .waits_for_peers = waits_for_peers,
    .dek_digest = dek_digest,
    .resume = resume,
};

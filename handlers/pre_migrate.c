/*
 * VtpmPreMigrateMsg, on the source: find the secret that the VM lives with, get
 * its DEK sealed to the destination, have that define the same, and mark ours as
 * leaving. No DEK leaves here in clear.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "handlers/handlers.h"
#include "handlers/host_keys.h"
#include "handlers/kept.h"
#include "handlers/peer.h"

struct pre_migrate_notes {
    struct uuid secret_uuid;
    char migration_id[MIGRATION_ID_MAX_CHARS + 1];
    struct public_key recipient; /* the destination's */
    struct sealed_dek sealed;    /* what travels */
    bool is_kept;                /* the ledger has the DEK that the VM lives with */
    bool on_destination;         /* the destination defined it, or may have */
    union {                      /* one call after the other */
        struct {
            struct host_key_get_request ask;
            struct host_key_reply answer;
        } host_key;
        struct {
            struct resource_key_request ask;
            struct resource_key_reply answer;
        } key;
        struct dek dek; /* the ledger's, on its way from one seal to the other */
        struct {
            struct define_request ask;
            struct define_reply answer;
        } define;
        struct {
            struct delete_request ask;
            struct delete_reply answer;
        } undo;
    };
};

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

/* The ledger's copy is of use only where it is of the very secret that the VM lives with. */
static bool kept_copy_find(struct work *work, struct err *e)
{
    struct pre_migrate_notes *notes = work->notes;
    struct secret_row row;
    bool found;

    if (!kept_find(work, &row, &found, e))
        return false;
    notes->is_kept = found && row.state == SECRET_ACTIVE && uuid_equal(&row.uuid, &notes->secret_uuid);
    return true;
}

/* Before anybody is asked for anything: somebody must have the DEK. */
static bool dek_can_be_had(struct work *work, struct err *e)
{
    const struct pre_migrate_request *request = work->request;
    const struct pre_migrate_notes *notes = work->notes;

    if (!kept_copy_find(work, e))
        return false;
    if (request->dek.len > 0 || request->encrypted_dek.len > 0 || notes->is_kept || uuid_is_set(&request->tpm_uuid))
        return true;
    return err_field(e, ERR_REQUIRED, "tpmUuid",
                     "tpmUuid is required to ask the key manager, since the request brings no DEK and none is kept "
                     "here");
}

/* An envelope that came with the request needs no key, unless it is to be compared. */
static enum step_result host_key_run(struct work *work, struct err *e)
{
    const struct pre_migrate_request *request = work->request;
    struct pre_migrate_notes *notes = work->notes;

    if (!dek_can_be_had(work, e))
        return STEP_FAIL;
    if (request->encrypted_dek.len > 0 && request->dst_key_fingerprint[0] == '\0')
        return STEP_NEXT;
    if (!pins_allow(&work->host->pins, &request->dst_host_uuid, e))
        return STEP_FAIL;
    notes->host_key.ask = (struct host_key_get_request){.to.host_uuid = request->dst_host_uuid};
    return peer_call_host(work, &host_key_get_message, &request->dst_host_uuid, "host-key", &notes->host_key.ask,
                          &notes->host_key.answer);
}

/* Who was asked only reads, and nobody has changed anything yet: there is no effect, answer or not. */
static enum step_result reading_failed(const struct work *work, const char *peer, struct err *e)
{
    peer_failed(work, peer, e);
    e->effect = EFFECT_NONE;
    return STEP_FAIL;
}

/* The fingerprint is made here, of the key that will be used: what the answer says of itself proves nothing. */
static enum step_result host_key_answered(struct work *work, struct err *e)
{
    const struct pre_migrate_request *request = work->request;
    struct pre_migrate_notes *notes = work->notes;
    char fingerprint[FINGERPRINT_CHARS + 1];

    if (work->call.failed)
        return reading_failed(work, "the destination", e);
    notes->recipient = notes->host_key.answer.public_key;
    seal_fingerprint(notes->recipient.data, fingerprint);
    if (!pins_accept(&work->host->pins, &request->dst_host_uuid, fingerprint, e))
        return STEP_FAIL;
    if (request->dst_key_fingerprint[0] == '\0' || strcasecmp(request->dst_key_fingerprint, fingerprint) == 0)
        return STEP_NEXT;
    err_field(e, ERR_ENVELOPE, "dstKeyFingerprint", "dstKeyFingerprint is not that of the destination's key, %s",
              fingerprint);
    return STEP_FAIL;
}

/* Seal to the destination, for the define that follows. */
static enum step_result seal(struct work *work, const struct dek *dek, struct err *e)
{
    const struct pre_migrate_request *request = work->request;
    struct pre_migrate_notes *notes = work->notes;
    struct addressed to = {request->dst_host_uuid, request->to.key};
    struct seal_use use = {&to, &notes->secret_uuid};
    uint8_t ephemeral[HPKE_KEY_BYTES];
    bool ok;

    if (getrandom(ephemeral, sizeof(ephemeral), 0) != (ssize_t)sizeof(ephemeral)) {
        err_set(e, ERR_LOCAL, "the system gave no random bytes");
        return STEP_FAIL;
    }
    ok = seal_seal(work->host->envelope, ephemeral, &notes->recipient, &use, dek, &notes->sealed, e);
    wipe(ephemeral, sizeof(ephemeral));
    return ok ? STEP_NEXT : STEP_FAIL;
}

static enum step_result dek_ask(struct work *work)
{
    const struct pre_migrate_request *request = work->request;
    struct pre_migrate_notes *notes = work->notes;
    struct resource_key_request *ask = &notes->key.ask;

    *ask = (struct resource_key_request){
        .to = request->to,
        .resource_uuid = request->tpm_uuid,
        .resource_type = "TpmVO",
        .key_provider_uuid = request->key_provider_uuid,
        .dst_host_uuid = request->dst_host_uuid,
        .secret_uuid = notes->secret_uuid,
        .recipient_key = notes->recipient,
    };
    memcpy(ask->key_provider_name, request->key_provider_name, sizeof(ask->key_provider_name));
    return peer_call_service(work, &resource_key_message, "keymanager", "key", ask, &notes->key.answer);
}

/* From the host's own seal to the destination's. */
static enum step_result dek_reseal(struct work *work, struct err *e)
{
    const struct pre_migrate_request *request = work->request;
    struct pre_migrate_notes *notes = work->notes;
    struct addressed to = request->to;
    struct seal_use use = {&to, &notes->secret_uuid};
    struct secret_row row;
    enum step_result result = STEP_FAIL;
    bool found;

    if (!secret_row_get(work->ledger, &work->host->uuid, &notes->secret_uuid, &row, &found, e))
        return STEP_FAIL;
    if (found && host_keys_recall(work->host->keys, &use, &row.sealed, &notes->dek, e))
        result = seal(work, &notes->dek, e);
    else if (!found)
        err_set(e, ERR_NOT_FOUND, "secret %s was forgotten while its migration was prepared", notes->secret_uuid.text);
    wipe(&notes->dek, sizeof(notes->dek));
    return result;
}

static enum step_result dek_run(struct work *work, struct err *e)
{
    const struct pre_migrate_request *request = work->request;
    struct pre_migrate_notes *notes = work->notes;

    if (request->encrypted_dek.len > 0) {
        notes->sealed = request->encrypted_dek;
        return STEP_NEXT;
    }
    if (request->dek.len > 0)
        return seal(work, &request->dek, e);
    return notes->is_kept ? dek_reseal(work, e) : dek_ask(work);
}

static enum step_result dek_answered(struct work *work, struct err *e)
{
    struct pre_migrate_notes *notes = work->notes;
    const struct resource_key_reply *answer = &notes->key.answer;
    int64_t wanted = secret_key_of(work)->key_version;

    if (work->call.failed)
        return reading_failed(work, "the key manager", e);
    if (answer->key_version != wanted) {
        err_set(e, ERR_CONFLICT, "the key manager answered with version %lld of the key, not %lld",
                (long long)answer->key_version, (long long)wanted);
        return STEP_FAIL;
    }
    if (answer->dek.len > 0 && !work->host->accepts_clear_deks) {
        err_field(e, ERR_PLAINTEXT, "dekBase64",
                  "the key manager answered with dekBase64 in clear, which plaintext_dek in [worker] refuses on this "
                  "broker");
        return STEP_FAIL;
    }
    if (answer->dek.len > 0)
        return seal(work, &answer->dek, e);
    notes->sealed = answer->encrypted_dek;
    return STEP_NEXT;
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

    (void)e;
    wipe(&notes->key, sizeof(notes->key)); /* a clear DEK may have come */
    memset(ask, 0, sizeof(*ask));
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
        return STEP_NEXT;
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
    {.name = "host key", .run = host_key_run, .answered = host_key_answered},
    {.name = "dek", .run = dek_run, .answered = dek_answered},
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

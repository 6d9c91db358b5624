/*
 * SecretHostDefineMsg. The common case, a secret that is not there yet and no
 * UUID wanted, takes two calls to libvirt and no look-up: a UUID is made, and
 * libvirt's own refusal (1, 30) tells when the identity is held already.
 *
 * Before libvirt is asked for anything the ledger has the secret as it shall be, so
 * that it can be finished or undone by whoever finds it half made.
 */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "handlers/define_parts.h"
#include "handlers/handlers.h"
#include "handlers/host_keys.h"
#include "handlers/peer.h"

static bool unseal(const struct host *host, const struct define_request *request, struct dek *out, struct err *e)
{
    struct seal_use use = {&request->to, &request->secret_uuid};

    return host_keys_unseal(host->keys, host->envelope, &use, &request->encrypted_dek, out, e);
}

static enum step_result open_run(struct work *work, struct err *e)
{
    const struct define_request *request = work->request;
    struct define_notes *notes = work->notes;
    char usage_id[USAGE_ID_MAX_CHARS + 1];

    if (request->encrypted_dek.len > 0 && !unseal(work->host, request, &notes->dek, e))
        return STEP_FAIL;
    secret_usage_id(&request->to.key, usage_id);
    digest_dek(work->host->digest_key, usage_id, define_dek(work), work->record.dek);
    return STEP_NEXT;
}

/* The wanted UUID; else the one that the ledger knows; else that of an earlier attempt, or a new one. */
static bool uuid_choose(const struct work *work, const struct uuid *known, struct uuid *out, struct err *e)
{
    const struct define_request *request = work->request;
    const struct uuid *choices[] = {&request->secret_uuid, known, &work->record.secret_uuid};
    struct define_notes *notes = work->notes;
    uint8_t random[16];

    for (size_t i = 0; i < COUNT(choices); i++) {
        *out = *choices[i];
        if (uuid_is_set(out))
            return true;
    }
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return err_set(e, ERR_LOCAL, "the system gave no random bytes");
    uuid_from_random(random, out);
    notes->fresh = *out;
    return true;
}

/* What the ledger has under a UUID. It need not be asked for what this request has told it, whose lane is its own. */
static bool row_get(const struct work *work, const struct uuid *uuid, struct secret_row *out, struct err *e)
{
    const struct secret_row *told = &work->record.changes[0].row;
    const struct define_notes *notes = work->notes;
    bool found = false;

    if (told->sealed.len > 0 && uuid_equal(&told->uuid, uuid)) {
        *out = *told;
        return true;
    }
    if (!uuid_equal(&notes->fresh, uuid) && !secret_row_get(work->ledger, &work->host->uuid, uuid, out, &found, e))
        return false;
    if (!found)
        *out = (struct secret_row){.sealed.len = 0};
    return true;
}

/*
 * Into the record: the secret of a UUID as it is, or shall be. Nobody else's may be
 * written over: what the ledger knows, it would restore.
 */
static bool keep(struct work *work, const struct uuid *uuid, const struct mark *mark, enum secret_state state,
                 struct err *e)
{
    struct secret_row row;

    if (!row_get(work, uuid, &row, e))
        return false;
    if (uuid_is_set(&row.uuid) && !secret_key_equal(&row.key, secret_key_of(work)))
        return err_set(e, ERR_CONFLICT, "secret %s belongs to another identity", uuid->text);
    if (!kept_compose(work, uuid, mark, define_dek(work), state, &row, e))
        return false;
    kept_write(work, &row);
    return true;
}

/*
 * What the ledger has under another UUID may be replaced, as far as its DEK goes. Whoever found that half done, and libvirt
 * to have lost the old one, would have nothing to compare.
 */
static bool may_replace(const struct work *work, const struct secret_row *row, struct err *e)
{
    const struct define_notes *notes = work->notes;
    struct held held;

    if (!uuid_is_set(&notes->known) || uuid_equal(&notes->known, &notes->uuid))
        return true;
    kept_held(row, &held);
    return define_dek_is_same(work, &held, e);
}

/*
 * Under another UUID than it is to have: whoever finds this half done shall know that it is on its way out. Where it is
 * still there then, it stays.
 */
static bool intend_replacement(struct work *work, struct err *e)
{
    const struct define_notes *notes = work->notes;

    if (!uuid_is_set(&notes->known))
        return true;
    work->record.replaced_uuid = notes->known;
    return kept_state(work, &notes->known, SECRET_DELETING, e);
}

/* What the ledger does not know yet, it is told now; what it knows already must only be told of when it is done. */
static enum step_result intend_run(struct work *work, struct err *e)
{
    struct define_notes *notes = work->notes;
    struct secret_row row;
    struct mark mark;
    bool found;

    if (!kept_find(work, &row, &found, e))
        return STEP_FAIL;
    if (found && kept_is_due(&row))
        notes->known = row.uuid;
    notes->made = work->was_begun && work->record.is_new;
    if (!uuid_choose(work, &notes->known, &notes->uuid, e) || !may_replace(work, &row, e))
        return STEP_FAIL;
    work->record.secret_uuid = notes->uuid;
    if (uuid_equal(&notes->known, &notes->uuid))
        return STEP_RECORD;
    define_mark(work, NULL, &mark);
    if (uuid_is_set(&notes->known) && row.lease_until_ms == 0)
        mark.until_ms = 0; /* what has no lease is to be replaced */
    work->record.is_new = true;
    return keep(work, &notes->uuid, &mark, SECRET_DEFINING, e) && intend_replacement(work, e) ? STEP_RECORD : STEP_FAIL;
}

/* What was to be, or was, under another UUID than it is now, is not any more. */
static void forget(struct work *work, const struct uuid *now)
{
    const struct define_notes *notes = work->notes;
    const struct record *record = &work->record;
    const struct uuid *gone = !uuid_equal(&record->secret_uuid, &notes->known) ? &record->secret_uuid : now;

    if (uuid_equal(gone, now))
        gone = uuid_is_set(&record->replaced_uuid) ? &record->replaced_uuid
               : notes->old_is_gone                ? &notes->old.uuid
                                                   : now;
    if (!uuid_equal(gone, now))
        kept_remove(work, gone);
}

/* Of this attempt, or of an earlier one that was not answered. */
static struct uuid replaced(const struct work *work, const struct uuid *now)
{
    const struct define_notes *notes = work->notes;
    bool by_an_earlier_one = work->was_begun && notes->made && !notes->old_is_gone;
    struct uuid uuid = by_an_earlier_one    ? work->record.replaced_uuid
                       : notes->old_is_gone ? notes->old.uuid
                                            : (struct uuid){0};

    return uuid_equal(&uuid, now) ? (struct uuid){0} : uuid;
}

static enum step_result run(struct work *work, struct err *e)
{
    const struct define_request *request = work->request;
    const struct define_notes *notes = work->notes;
    struct define_reply *reply = (struct define_reply *)work->reply;

    if (!define_secret(work, e))
        return STEP_FAIL;
    if (!keep(work, &reply->secret_uuid, &notes->mark, SECRET_ACTIVE, e)) {
        e->effect = EFFECT_DONE;
        return STEP_FAIL;
    }
    forget(work, &reply->secret_uuid);
    if (request->digest_salt.len > 0)
        digest_dek_salted(&request->digest_salt, define_dek(work), reply->dek_digest);
    reply->created = notes->made && !(notes->old_is_gone && uuid_equal(&notes->old.uuid, &reply->secret_uuid));
    reply->replaced_secret_uuid = replaced(work, &reply->secret_uuid);
    return STEP_NEXT;
}

/* What cannot be known is found half made, and settled, when libvirt is back. */
static enum step_result undo(struct work *work)
{
    const struct record *record = &work->record;
    bool removed = define_secret_undo(work);
    struct err e;

    work->record.change_count = 0;
    if (removed && record->is_new)
        kept_remove(work, &record->secret_uuid);
    if (uuid_is_set(&record->replaced_uuid) && work->err.effect == EFFECT_NONE &&
        !kept_state(work, &record->replaced_uuid, SECRET_ACTIVE, &e))
        work->err.effect = EFFECT_UNKNOWN;
    return STEP_NEXT;
}

static const struct step steps[] = {
    {.name = "open", .run = open_run},
    {.name = "intend", .run = intend_run},
    {.name = "define", .run = run, .undo = undo},
};

/* The clear DEK of a request: its own, or what its envelope holds, written to `scratch`. NULL: it does not open. */
static const struct dek *clear_dek(const struct host *host, const struct define_request *request, struct dek *scratch)
{
    struct err e;

    if (request->encrypted_dek.len == 0)
        return &request->dek;
    return unseal(host, request, scratch, &e) ? scratch : NULL;
}

/* Another envelope of the same DEK is the same request. */
static bool dek_digest(const struct host *host, const void *request, char out[DIGEST_CHARS + 1])
{
    const struct define_request *m = request;
    struct dek *scratch = vault_take(host->keys->vault);
    const struct dek *dek = scratch == NULL ? NULL : clear_dek(host, m, scratch);
    char usage_id[USAGE_ID_MAX_CHARS + 1];

    secret_usage_id(&m->to.key, usage_id);
    if (dek != NULL)
        digest_dek(host->digest_key, usage_id, dek, out);
    vault_give(host->keys->vault, scratch);
    return dek != NULL;
}

/* One that was there already, and kept its UUID, is no news, whatever became of its mark. */
static bool event(const struct work *work, struct host_event *out)
{
    const struct define_request *request = work->request;
    const struct define_reply *reply = (const struct define_reply *)work->reply;
    bool replaced = uuid_is_set(&reply->replaced_secret_uuid);

    out->kind = replaced ? HOST_EVENT_SECRET_REPLACED : HOST_EVENT_SECRET_DEFINED;
    out->secret_uuid = reply->secret_uuid;
    memcpy(out->migration_id, request->migration_id, sizeof(out->migration_id));
    if (replaced)
        snprintf(out->reason, sizeof(out->reason), "in place of %s", reply->replaced_secret_uuid.text);
    return !work->failed && (reply->created || replaced);
}

static bool peer_may(const struct peer *peer, const void *request, struct err *e)
{
    const struct define_request *m = request;

    (void)peer;
    if (!peer_migrates(&m->to.key, m->migration_id, e))
        return false;
    return m->lease_seconds > 0 ||
           err_field(e, ERR_SENDER, "leaseSeconds",
                     "leaseSeconds must be given where a peer sends this: it may make nothing that stays");
}

const struct handler define_handler = {
    .message = &define_message,
    .senders = MAY_MANAGE | MAY_PEER,
    .peer_may = peer_may,
    .steps = steps,
    .count = COUNT(steps),
    .notes_bytes = sizeof(struct define_notes),
    .lane = LANE_IDENTITY,
    .dek_digest = dek_digest,
    .event = event,
};

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

#include "handlers/handlers.h"
#include "handlers/host_keys.h"
#include "handlers/kept.h"
#include "handlers/peer.h"

struct define_notes {
    struct dek dek;       /* what encryptedDek held; len 0: it came in clear */
    struct uuid uuid;     /* the secret's: wanted, known, or made here; a retry must use the same */
    struct uuid known;    /* under which the ledger has the identity, or "" */
    bool made;            /* we defined it, or may have; it was not there before */
    bool old_is_gone;     /* `old` was undefined to make room, or may have been */
    struct hv_secret old; /* uuid "": nothing is replaced */
    struct mark mark;     /* that it was given */
};

_Static_assert(sizeof(struct define_notes) <= VAULT_SLOT_BYTES, "notes fit their slot");

static const struct dek *dek_of(const struct work *work)
{
    const struct define_request *request = work->request;
    const struct define_notes *notes = work->notes;

    return notes->dek.len > 0 ? &notes->dek : &request->dek;
}

static bool unseal(const struct host *host, const struct define_request *request, struct dek *out, struct err *e)
{
    struct seal_use use = {&request->to, &request->secret_uuid};

    return host_keys_unseal(host->keys, host->envelope, &use, &request->encrypted_dek, out, e);
}

/* The UUID that the secret must have, or "": any. Once a replacement has begun, it is that of the replacement. */
static const struct uuid *uuid_bound(const struct work *work)
{
    const struct define_request *request = work->request;
    const struct define_notes *notes = work->notes;

    return uuid_is_set(&notes->old.uuid) ? &notes->uuid : &request->secret_uuid;
}

/*
 * The mark that this define leaves. `before` is the mark of the secret that keeps
 * its UUID, or NULL: one that a migration made is taken over by a newer one and
 * made permanent by a define outside of any; one that is permanent stays so, and
 * of it a peer changes nothing but that it is not leaving any more.
 */
static void mark_make(const struct work *work, const struct mark *before, struct mark *out)
{
    const struct define_request *request = work->request;
    char usage_id[USAGE_ID_MAX_CHARS + 1];
    bool by_migration = request->migration_id[0] != '\0';

    *out = before != NULL ? *before : (struct mark){0};
    out->leaving[0] = '\0';
    if (work->peer != NULL && before != NULL && !mark_is_provisional(before))
        return;
    if (!by_migration || before == NULL || mark_is_provisional(before)) {
        snprintf(out->by, sizeof(out->by), "%s", by_migration ? MADE_BY_MIGRATION : MADE_BY_REQUEST);
        snprintf(out->peer, sizeof(out->peer), "%s", work->peer != NULL ? work->peer->mark : "");
        memcpy(out->migration_id, request->migration_id, sizeof(out->migration_id));
        out->confirmed = false;
    }
    if (request->description[0] != '\0')
        memcpy(out->text, request->description, sizeof(out->text));
    memcpy(out->key_name, work->host->digest_key->name, sizeof(out->key_name));
    secret_usage_id(secret_key_of(work), usage_id);
    digest_dek(work->host->digest_key, usage_id, dek_of(work), out->digest);
}

/*
 * Nothing can be compared where no digest was kept, or one under a key that is not
 * ours: then the value is set, but not by a peer, which would change what is permanent.
 */
static bool dek_is_same(const struct work *work, const struct held *held, struct err *e)
{
    struct mark want;

    mark_make(work, NULL, &want);
    if (strcmp(held->mark.key_name, want.key_name) != 0 && work->peer != NULL && !mark_is_provisional(&held->mark))
        return err_set(e, ERR_SENDER,
                       "secret %s is permanent and its DEK cannot be compared here: a peer may not set it",
                       held->secret.uuid.text);
    if (strcmp(held->mark.key_name, want.key_name) != 0 || digest_equal(held->mark.digest, want.digest))
        return true;
    return err_set(e, ERR_CONFLICT, "secret %s holds another DEK for this identity and version",
                   held->secret.uuid.text);
}

/* Define what is not there under this UUID. */
static bool secret_create(struct work *work, struct err *e)
{
    const struct define_request *request = work->request;
    struct define_notes *notes = work->notes;
    bool same_uuid = notes->old_is_gone && uuid_equal(&notes->uuid, &notes->old.uuid);
    struct define_reply *reply = (struct define_reply *)work->reply;
    struct hv_secret secret;
    struct mark before;

    mark_read(notes->old.description, &before);
    mark_make(work, same_uuid ? &before : NULL, &notes->mark);
    secret_identify(&request->to.key, &secret);
    secret.uuid = reply->secret_uuid = notes->uuid;

    bool done = secret_define(work, &secret, &notes->mark, dek_of(work), e);
    notes->made |= done || e->effect != EFFECT_NONE;
    return done;
}

/* Put a new secret in the place of one that has another UUID, or is not ephemeral and private. */
static bool secret_replace(struct work *work, const struct held *held, const struct uuid *uuid, struct err *e)
{
    struct define_notes *notes = work->notes;
    struct hv_users users = {0};
    bool other_uuid = !uuid_equal(uuid, &held->secret.uuid), removed;

    if (other_uuid && !hv_secret_users(work->host->hv, &held->secret.uuid, NULL, &users, e))
        return false;
    if (users.named)
        return err_set(e, ERR_CONFLICT, "the identity is held by secret %s, which domain '%s' names",
                       held->secret.uuid.text, users.domain);
    notes->uuid = *uuid;
    notes->old = held->secret;
    if (!secret_remove(work, &held->secret.uuid, &notes->old_is_gone, &removed, e))
        return false;
    notes->old_is_gone = true;
    return secret_create(work, e);
}

/* The identity is there: see that it has the DEK, the mark, the form and the UUID that it should have. */
static bool secret_ensure(struct work *work, struct held *held, struct err *e)
{
    struct define_notes *notes = work->notes;
    struct define_reply *reply = (struct define_reply *)work->reply;
    const struct uuid *uuid = uuid_is_set(uuid_bound(work)) ? uuid_bound(work) : &held->secret.uuid;

    if (!uuid_equal(&notes->uuid, &held->secret.uuid))
        notes->made = false; /* an earlier try may have made one; this one shows that it did not */
    if (!dek_is_same(work, held, e))
        return false;
    if (!uuid_equal(uuid, &held->secret.uuid) || !held->secret.is_ours_in_form)
        return secret_replace(work, held, uuid, e);
    mark_make(work, &held->mark, &notes->mark);
    reply->secret_uuid = *uuid;
    return secret_define(work, &held->secret, &notes->mark, dek_of(work), e);
}

/* What libvirt has under a UUID that it must or should have. Another identity's is a conflict; *found: there is one. */
static bool uuid_find(const struct work *work, const struct uuid *uuid, struct held *out, bool *found, struct err *e)
{
    *found = false;
    if (!uuid_is_set(uuid))
        return true;
    if (!hv_secret_by_uuid(work->host->hv, uuid, &out->secret, e))
        return e->kind == ERR_NOT_FOUND;
    if (!secret_is(&out->secret, secret_key_of(work)))
        return err_set(e, ERR_CONFLICT, "secret %s belongs to another identity", uuid->text);
    mark_read(out->secret.description, &out->mark);
    *found = true;
    return true;
}

/* Libvirt's, or what it has lost as the ledger has it: both are there, for whoever defines the identity again. */
static bool known_find(const struct work *work, struct held *out, bool *found, struct err *e)
{
    const struct define_notes *notes = work->notes;
    struct secret_row row;

    if (!uuid_find(work, &notes->known, out, found, e) || *found)
        return *found;
    if (!secret_row_get(work->ledger, &work->host->uuid, &notes->known, &row, found, e))
        return false;
    if (*found)
        kept_held(&row, out);
    return true;
}

/*
 * What is there: under the UUID that it must have; else under the one that the
 * ledger knows, and where libvirt has lost that, as it should be; else under the
 * one that an earlier attempt chose.
 */
static bool sought_find(const struct work *work, struct held *out, bool *found, struct err *e)
{
    const struct define_notes *notes = work->notes;

    if (!uuid_find(work, uuid_bound(work), out, found, e) || *found)
        return *found;
    if (uuid_is_set(&notes->known))
        return known_find(work, out, found, e);
    return !work->was_begun || uuid_find(work, &notes->uuid, out, found, e);
}

static bool define(struct work *work, struct err *e)
{
    struct err conflict;
    struct held held;
    bool found;

    if (!sought_find(work, &held, &found, e))
        return false;
    if (found)
        return secret_ensure(work, &held, e);
    if (secret_create(work, e))
        return true;
    if (e->kind != ERR_CONFLICT)
        return false;

    conflict = *e;
    if (secret_find(work, &held, e))
        return secret_ensure(work, &held, e);
    if (e->kind == ERR_NOT_FOUND)
        *e = conflict;
    return false;
}

static enum step_result open_run(struct work *work, struct err *e)
{
    const struct define_request *request = work->request;
    struct define_notes *notes = work->notes;
    char usage_id[USAGE_ID_MAX_CHARS + 1];

    if (request->encrypted_dek.len > 0 && !unseal(work->host, request, &notes->dek, e))
        return STEP_FAIL;
    secret_usage_id(&request->to.key, usage_id);
    digest_dek(work->host->digest_key, usage_id, dek_of(work), work->record.dek);
    return STEP_NEXT;
}

/* The wanted UUID; else the one that the ledger knows; else that of an earlier attempt, or a new one. */
static bool uuid_choose(const struct work *work, const struct uuid *known, struct uuid *out, struct err *e)
{
    const struct define_request *request = work->request;
    const struct uuid *choices[] = {&request->secret_uuid, known, &work->record.secret_uuid};
    uint8_t random[16];

    for (size_t i = 0; i < COUNT(choices); i++) {
        *out = *choices[i];
        if (uuid_is_set(out))
            return true;
    }
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return err_set(e, ERR_LOCAL, "the system gave no random bytes");
    uuid_from_random(random, out);
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
    bool found;

    if (!secret_row_get(work->ledger, &work->host->uuid, uuid, &row, &found, e))
        return false;
    if (!found)
        memset(&row, 0, sizeof(row));
    if (found && !secret_key_equal(&row.key, secret_key_of(work)))
        return err_set(e, ERR_CONFLICT, "secret %s belongs to another identity", uuid->text);
    if (!kept_compose(work, uuid, mark, dek_of(work), state, &row, e))
        return false;
    kept_write(work, &row);
    return true;
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
    if (found && row.state == SECRET_ACTIVE)
        notes->known = row.uuid;
    notes->made = work->was_begun && work->record.is_new;
    if (!uuid_choose(work, &notes->known, &notes->uuid, e))
        return STEP_FAIL;
    work->record.secret_uuid = notes->uuid;
    if (uuid_equal(&notes->known, &notes->uuid))
        return STEP_RECORD;
    mark_make(work, NULL, &mark);
    work->record.is_new = true;
    return keep(work, &notes->uuid, &mark, SECRET_DEFINING, e) ? STEP_RECORD : STEP_FAIL;
}

/* What was to be, or was, under another UUID than it is now, is not any more. */
static void forget(struct work *work, const struct uuid *now)
{
    const struct define_notes *notes = work->notes;
    bool intended = !uuid_equal(&notes->known, &notes->uuid);

    if (intended && !uuid_equal(&notes->uuid, now))
        kept_remove(work, &notes->uuid);
    else if (notes->old_is_gone && !uuid_equal(&notes->old.uuid, now))
        kept_remove(work, &notes->old.uuid);
}

static enum step_result run(struct work *work, struct err *e)
{
    const struct define_notes *notes = work->notes;
    struct define_reply *reply = (struct define_reply *)work->reply;

    if (!define(work, e))
        return STEP_FAIL;
    if (!keep(work, &reply->secret_uuid, &notes->mark, SECRET_ACTIVE, e)) {
        e->effect = EFFECT_DONE;
        return STEP_FAIL;
    }
    forget(work, &reply->secret_uuid);
    reply->created = notes->made;
    if (notes->old_is_gone && uuid_equal(&notes->old.uuid, &reply->secret_uuid))
        reply->created = false;
    else if (notes->old_is_gone)
        reply->replaced_secret_uuid = notes->old.uuid;
    return STEP_NEXT;
}

static void say(struct err *e, bool done, const char *what, const char *failed)
{
    size_t used = strlen(e->text);

    snprintf(e->text + used, sizeof(e->text) - used, "; %s", done ? what : failed);
}

/* Undefine what we made, if it is there and still this identity's. */
static bool made_remove(struct work *work)
{
    const struct define_notes *notes = work->notes;
    struct hv_secret there;
    struct err e;

    if (!hv_secret_by_uuid(work->host->hv, &notes->uuid, &there, &e))
        return e.kind == ERR_NOT_FOUND;
    return !secret_is(&there, secret_key_of(work)) || secret_undefine(work, &notes->uuid, &e) ||
           e.kind == ERR_NOT_FOUND;
}

static bool old_restore(struct work *work)
{
    const struct define_notes *notes = work->notes;
    struct err e;

    return hv_secret_define(work->host->hv, &notes->old, dek_of(work), &e);
}

/* A secret without a value must not stay, nor the one that it was to replace be missing. */
static enum step_result undo(struct work *work)
{
    const struct define_notes *notes = work->notes;
    struct err *e = &work->err;
    bool removed = !notes->made || made_remove(work);
    bool restored = removed && (!notes->old_is_gone || old_restore(work));

    if (notes->made)
        say(e, removed, "the definition was undone", "the definition could not be undone");
    if (notes->old_is_gone)
        say(e, restored, "the secret it was to replace was put back",
            "the secret it was to replace could not be put back");
    if (notes->made || notes->old_is_gone)
        e->effect = restored ? EFFECT_NONE : e->effect == EFFECT_NONE ? EFFECT_DONE : e->effect;
    work->record.change_count = 0;
    if (removed && work->record.is_new)
        kept_remove(work, &notes->uuid); /* else it is found half made, and settled, when libvirt is back */
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
    return peer_migrates(&m->to.key, m->migration_id, e);
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

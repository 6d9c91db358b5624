/*
 * What SecretHostDefineMsg does to libvirt: look what is there under the UUID and
 * the identity, and make, ensure or replace it.
 */
#include "handlers/define_parts.h"

#include <stdio.h>
#include <string.h>

#include "handlers/peer.h"

const struct dek *define_dek(const struct work *work)
{
    const struct define_request *request = work->request;
    const struct define_notes *notes = work->notes;

    return notes->dek.len > 0 ? &notes->dek : &request->dek;
}

/* The UUID that the secret must have, or "": any. Once a replacement has begun, it is that of the replacement. */
static const struct uuid *uuid_bound(const struct work *work)
{
    const struct define_request *request = work->request;
    const struct define_notes *notes = work->notes;

    return uuid_is_set(&notes->old.uuid) ? &notes->uuid : &request->secret_uuid;
}

/*
 * When the lease is over; 0: never. `before`: the secret whose place it takes, or
 * NULL. One that has no lease, or is given none, has none.
 */
static int64_t lease_until(const struct work *work, const struct mark *before)
{
    const struct define_request *request = work->request;

    if (request->lease_seconds == 0 || (before != NULL && before->until_ms == 0))
        return 0;
    return work->now_ms + request->lease_seconds * 1000;
}

void define_mark(const struct work *work, const struct mark *before, struct mark *out)
{
    const struct define_request *request = work->request;
    bool by_migration = request->migration_id[0] != '\0';

    *out = before != NULL ? *before : (struct mark){0};
    out->leaving[0] = '\0';
    if (work->peer != NULL && before != NULL && !mark_is_provisional(before))
        return;
    out->until_ms = lease_until(work, before);
    if (!by_migration || before == NULL || mark_is_provisional(before)) {
        snprintf(out->by, sizeof(out->by), "%s", by_migration ? MADE_BY_MIGRATION : MADE_BY_REQUEST);
        snprintf(out->peer, sizeof(out->peer), "%s", work->peer != NULL ? work->peer->mark : "");
        memcpy(out->migration_id, request->migration_id, sizeof(out->migration_id));
        out->confirmed = false;
    }
    if (request->description[0] != '\0')
        memcpy(out->text, request->description, sizeof(out->text));
    memcpy(out->key_name, work->host->digest_key->name, sizeof(out->key_name));
    memcpy(out->digest, work->record.dek, sizeof(out->digest));
}

/*
 * Nothing can be compared where no digest was kept, or one under a key that is not
 * ours: then the value is set, but not by a peer, which would change what is permanent.
 */
bool define_dek_is_same(const struct work *work, const struct held *held, struct err *e)
{
    struct mark want;

    define_mark(work, NULL, &want);
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
    define_mark(work, same_uuid ? &before : NULL, &notes->mark);
    if (notes->old_is_gone)
        notes->mark.until_ms = lease_until(work, &before);
    secret_identify(&request->to.key, &secret);
    secret.uuid = reply->secret_uuid = notes->uuid;

    bool done = secret_define(work, &secret, &notes->mark, define_dek(work), e);
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
    if (!define_dek_is_same(work, held, e))
        return false;
    if (!uuid_equal(uuid, &held->secret.uuid) || !held->secret.is_ours_in_form)
        return secret_replace(work, held, uuid, e);
    define_mark(work, &held->mark, &notes->mark);
    reply->secret_uuid = *uuid;
    return secret_define(work, &held->secret, &notes->mark, define_dek(work), e);
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

bool define_secret(struct work *work, struct err *e)
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

    return hv_secret_define(work->host->hv, &notes->old, define_dek(work), &e);
}

bool define_secret_undo(struct work *work)
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
    return removed;
}

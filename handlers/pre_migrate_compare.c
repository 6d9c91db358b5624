/*
 * Of VtpmPreMigrateMsg: whether the DEK that travels is the one that the VM lives
 * with. With another one the VM would not start on the destination, and libvirt
 * would say nothing of why: "job 'migration out' unexpectedly failed".
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "handlers/host_keys.h"
#include "handlers/pre_migrate_parts.h"

bool pre_migrate_own_dek(struct work *work, struct err *e)
{
    const struct pre_migrate_request *request = work->request;
    struct pre_migrate_notes *notes = work->notes;
    struct addressed to = request->to;
    struct seal_use use = {&to, &notes->secret_uuid};
    struct secret_row row;
    bool found;

    if (!secret_row_get(work->ledger, &work->host->uuid, &notes->secret_uuid, &row, &found, e))
        return false;
    if (!found)
        return err_set(e, ERR_NOT_FOUND, "secret %s was forgotten while its migration was prepared",
                       notes->secret_uuid.text);
    return host_keys_recall(work->host->keys, &use, &row.sealed, &notes->dek, e);
}

static bool mismatch(const struct work *work, const char *where, struct err *e)
{
    const struct pre_migrate_notes *notes = work->notes;

    return err_set(e, ERR_DEK_MISMATCH, "the DEK %s is not the one of secret %s, which the VM lives with", where,
                   notes->secret_uuid.text);
}

/* A copy that does not open here can prove nothing, and the VM must not be held for it. */
bool pre_migrate_compare_clear(struct work *work, struct err *e)
{
    const struct pre_migrate_request *request = work->request;
    struct pre_migrate_notes *notes = work->notes;
    struct err ignored;
    bool is_same;

    if (request->dek.len == 0 || !notes->is_kept)
        return true;
    is_same = !pre_migrate_own_dek(work, &ignored) || dek_equal(&request->dek, &notes->dek);
    wipe(&notes->dek, sizeof(notes->dek));
    return is_same || mismatch(work, "that the request brings", e);
}

/* It follows from the request's id: whoever asks the destination again asks for the same, and gets the same. */
static void choose_salt(const struct work *work, struct salt *out)
{
    char what[UUID_CHARS + ID_MAX_CHARS + 2];

    snprintf(what, sizeof(what), "%s/%s", work->host->uuid.text, work->id);
    digest_salt(work->host->digest_key, what, out);
}

void pre_migrate_compare_ask(struct work *work, struct salt *out)
{
    const struct pre_migrate_request *request = work->request;
    struct pre_migrate_notes *notes = work->notes;
    bool is_ours =
        request->dek.len == 0 && request->encrypted_dek.len == 0; /* where it is kept, it is taken from there */
    struct err ignored;

    memset(out, 0, sizeof(*out));
    notes->dek_digest[0] = '\0';
    if (is_ours || !notes->is_kept)
        return;
    if (pre_migrate_own_dek(work, &ignored)) {
        choose_salt(work, out);
        digest_dek_salted(out, &notes->dek, notes->dek_digest);
    }
    wipe(&notes->dek, sizeof(notes->dek));
}

bool pre_migrate_compare_answer(const struct work *work, const struct define_reply *answer, struct err *e)
{
    const struct pre_migrate_notes *notes = work->notes;

    if (notes->dek_digest[0] == '\0' || answer->dek_digest[0] == '\0') /* a worker of an earlier version gives none */
        return true;
    return strcasecmp(notes->dek_digest, answer->dek_digest) == 0 || mismatch(work, "that the destination holds", e);
}

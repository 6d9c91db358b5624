/*
 * Of VtpmPreMigrateMsg: where the DEK comes from, and how it leaves: sealed to the
 * destination, never in clear.
 */
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "handlers/host_keys.h"
#include "handlers/peer.h"
#include "handlers/pre_migrate_parts.h"

/* The ledger's copy is of use only where it is of the very secret that the VM lives with. */
static bool kept_copy_find(struct work *work, struct err *e)
{
    struct pre_migrate_notes *notes = work->notes;
    struct secret_row row;
    bool found;

    if (!kept_find(work, &row, &found, e))
        return false;
    notes->is_kept = found && kept_is_due(&row) && uuid_equal(&row.uuid, &notes->secret_uuid);
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
enum step_result pre_migrate_host_key_run(struct work *work, struct err *e)
{
    const struct pre_migrate_request *request = work->request;
    struct pre_migrate_notes *notes = work->notes;

    if (!dek_can_be_had(work, e) || !pre_migrate_compare_clear(work, e))
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
enum step_result pre_migrate_host_key_answered(struct work *work, struct err *e)
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
    struct pre_migrate_notes *notes = work->notes;
    enum step_result result = STEP_FAIL;

    if (pre_migrate_own_dek(work, e))
        result = seal(work, &notes->dek, e);
    wipe(&notes->dek, sizeof(notes->dek));
    return result;
}

enum step_result pre_migrate_dek_run(struct work *work, struct err *e)
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

enum step_result pre_migrate_dek_answered(struct work *work, struct err *e)
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

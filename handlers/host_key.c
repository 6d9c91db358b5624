/* HostEnvelopeKeyGetMsg and HostEnvelopeKeyRotateMsg: what to seal this host's DEKs to. */
#include <stdio.h>

#include "handlers/handlers.h"
#include "handlers/host_keys.h"
#include "handlers/kept.h"
#include "handlers/work.h"

struct rotate_notes {
    bool is_new; /* the key was made by this request, now */
};

static void reply_fill(struct work *work, const struct public_key *key)
{
    struct host_key_reply *reply = (struct host_key_reply *)work->reply;

    reply->public_key = *key;
    seal_fingerprint(key->data, reply->fingerprint);
    reply->suites = seal_suites(work->host->envelope);
}

static enum step_result get_run(struct work *work, struct err *e)
{
    struct public_key key;

    if (!host_keys_current(work->host->keys, &key, e))
        return STEP_FAIL;
    reply_fill(work, &key);
    return STEP_NEXT;
}

/*
 * What is kept goes under the present key, or one that a rotation beside this makes
 * meanwhile: these stay.
 */
static bool retire(struct work *work, struct public_key *out, struct err *e)
{
    struct public_key present;

    return host_keys_current(work->host->keys, &present, e) && kept_reseal(work, e) &&
           host_keys_retire(work->host->keys, work->id, &present, out, e);
}

static enum step_result rotate_run(struct work *work, struct err *e)
{
    const struct host_key_rotate_request *request = work->request;
    struct rotate_notes *notes = work->notes;
    struct public_key key;
    bool ok =
        request->retire ? retire(work, &key, e) : host_keys_rotate(work->host->keys, work->id, &key, &notes->is_new, e);

    if (!ok)
        return STEP_FAIL;
    work->begun = true;
    reply_fill(work, &key);
    return STEP_NEXT;
}

static void recall(struct work *work)
{
    struct host_key_reply *reply = (struct host_key_reply *)work->reply;

    reply->suites = seal_suites(work->host->envelope);
}

static bool rotate_event(const struct work *work, struct host_event *out)
{
    const struct host_key_reply *reply = (const struct host_key_reply *)work->reply;
    const struct rotate_notes *notes = work->notes;

    out->kind = HOST_EVENT_KEY_ROTATED;
    snprintf(out->reason, sizeof(out->reason), "the fingerprint is now %s", reply->fingerprint);
    return notes->is_new;
}

static const struct step get_steps[] = {{.name = "get", .run = get_run}};
static const struct step rotate_steps[] = {{.name = "rotate", .run = rotate_run}};

const struct handler host_key_get_handler = {
    .message = &host_key_get_message,
    .senders = MAY_READ | MAY_MANAGE | MAY_PEER,
    .steps = get_steps,
    .count = COUNT(get_steps),
    .lane = LANE_NONE,
    .recall = recall,
};

const struct handler host_key_rotate_handler = {
    .message = &host_key_rotate_message,
    .senders = MAY_MANAGE,
    .steps = rotate_steps,
    .count = COUNT(rotate_steps),
    .notes_bytes = sizeof(struct rotate_notes),
    .lane = LANE_NONE,
    .recall = recall,
    .event = rotate_event,
};

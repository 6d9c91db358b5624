/* HostEnvelopeKeyGetMsg and HostEnvelopeKeyRotateMsg: what to seal this host's DEKs to. */
#include "handlers/handlers.h"
#include "handlers/host_keys.h"
#include "handlers/kept.h"
#include "handlers/work.h"

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

static enum step_result rotate_run(struct work *work, struct err *e)
{
    const struct host_key_rotate_request *request = work->request;
    struct public_key key;
    bool ok = request->retire ? kept_reseal(work, e) && host_keys_retire(work->host->keys, work->id, &key, e)
                              : host_keys_rotate(work->host->keys, work->id, &key, e);

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
    .lane = LANE_NONE,
    .recall = recall,
};

#include "handlers/handlers.h"
#include "handlers/hv.h"
#include "handlers/work.h"

static enum step_result run(struct work *work, struct err *e)
{
    const struct resolve_request *request = work->request;
    const struct uuid *vm = &request->to.key.vm_uuid;
    struct resolve_reply *reply = (struct resolve_reply *)work->reply;
    struct hv_tpm tpm;

    if (!hv_live_tpm(work->host->hv, vm, &tpm, e))
        return STEP_FAIL;
    if (!tpm.encrypted) {
        err_set(e, ERR_NOT_FOUND, tpm.present ? "the TPM of domain %s is not encrypted" : "domain %s has no TPM",
                vm->text);
        return STEP_FAIL;
    }
    reply->secret_uuid = tpm.secret_uuid;
    return STEP_NEXT;
}

static const struct step steps[] = {
    {.name = "resolve", .run = run},
};

const struct handler resolve_handler = {
    .message = &resolve_message,
    .senders = MAY_READ | MAY_MANAGE,
    .steps = steps,
    .count = COUNT(steps),
    .lane = LANE_NONE,
};

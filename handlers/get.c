#include "handlers/handlers.h"
#include "handlers/secret.h"

static enum step_result run(struct work *work, struct err *e)
{
    struct get_reply *reply = (struct get_reply *)work->reply;
    struct held held;

    if (!secret_find(work, &held, e))
        return STEP_FAIL;
    reply->secret_uuid = held.secret.uuid;
    return STEP_NEXT;
}

static const struct step steps[] = {
    {.name = "get", .run = run},
};

const struct handler get_handler = {
    .message = &get_message,
    .senders = MAY_READ | MAY_MANAGE,
    .steps = steps,
    .count = COUNT(steps),
    .lane = LANE_IDENTITY,
};

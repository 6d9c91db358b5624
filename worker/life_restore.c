/* What nobody asks for, as a request that nobody sent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/life_parts.h"

bool life_restore(struct life *life, size_t host, const struct restore_request *what)
{
    struct restore_request *slot;
    struct delivery *nobodys;
    struct request *r;

    if (life->is_draining || (slot = vault_take(life->config->vault)) == NULL)
        return false;
    nobodys = calloc(1, sizeof(*nobodys));
    if (nobodys == NULL)
        abort();
    nobodys->queue = host;
    *slot = *what;
    r = life_request(life, nobodys);
    r->is_internal = r->is_admitted = true;
    r->slot = slot;
    memcpy(r->id, what->secret_uuid.text, sizeof(what->secret_uuid.text));
    r->work.handler = &restore_handler;
    r->work.host = &life->config->hosts[host];
    r->work.id = r->id;
    r->work.request = slot;
    request_identify(r);
    if (lane_enter(&life->lanes, r, false))
        life_run(life, r);
    else
        life_enter(r, STAGE_LANE);
    life_pump(life);
    return true;
}

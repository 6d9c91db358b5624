/* What nobody asks for, as a request that nobody sent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/life_parts.h"

/* `what`, of which there are `bytes`, begins with the identity. `name` is the request's id, for the log. */
static bool begin(struct life *life, size_t host, const struct handler *handler, const void *what, size_t bytes,
                  const char *name)
{
    struct delivery *nobodys;
    struct request *r;
    void *slot;

    if (life->is_draining || (slot = vault_take(life->config->vault)) == NULL)
        return false;
    nobodys = calloc(1, sizeof(*nobodys));
    if (nobodys == NULL)
        abort();
    nobodys->queue = host;
    memcpy(slot, what, bytes);
    r = life_request(life, nobodys);
    r->is_internal = r->is_admitted = true;
    r->slot = slot;
    snprintf(r->id, sizeof(r->id), "%s", name);
    r->work.handler = handler;
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

bool life_restore(struct life *life, size_t host, const struct restore_request *what)
{
    return begin(life, host, &restore_handler, what, sizeof(*what), what->secret_uuid.text);
}

bool life_lease(struct life *life, size_t host, const struct lease_request *what)
{
    return begin(life, host, &lease_handler, what, sizeof(*what), what->secret_uuid.text);
}

/* What nobody asks for, as a request that nobody sent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/handlers.h"
#include "worker/life_parts.h"

/*
 * `what`, of which there are `bytes`, begins with an address. `name` is the request's
 * id, for the log; `parent` (NULL: nobody) waits for what comes of it.
 */
static bool begin(struct life *life, size_t host, const struct handler *handler, const void *what, size_t bytes,
                  const char *name, struct request *parent)
{
    struct vault *vault = life->config->vault;
    void *slot = NULL, *notes = NULL;
    struct delivery *nobodys;
    struct request *r;

    if (life->is_draining || life->of_host[host].is_left || (slot = vault_take(vault)) == NULL ||
        (handler->notes_bytes > 0 && (notes = vault_take(vault)) == NULL)) {
        vault_give(vault, slot);
        return false;
    }
    nobodys = calloc(1, sizeof(*nobodys));
    if (nobodys == NULL)
        abort();
    nobodys->queue = life->config->queue_count;
    memcpy(slot, what, bytes);
    r = life_request(life, nobodys, host);
    r->is_internal = r->is_admitted = true;
    r->slot = slot;
    r->parent = parent;
    snprintf(r->id, sizeof(r->id), "%s", name);
    r->work.handler = handler;
    r->work.host = &life->config->hosts[host];
    r->work.id = r->id;
    r->work.request = slot;
    r->work.notes = notes;
    if (parent != NULL) {
        parent->child = r;
        r->trace = parent->trace;
    }
    request_identify(r);
    life_run_in_turn(life, r);
    return true;
}

/* For nobody, from outside of the life cycle. */
static bool begin_alone(struct life *life, size_t host, const struct handler *handler, const void *what, size_t bytes,
                        const char *name)
{
    bool ok = begin(life, host, handler, what, bytes, name, NULL);

    life_pump(life);
    return ok;
}

bool life_restore(struct life *life, size_t host, const struct restore_request *what)
{
    return begin_alone(life, host, &restore_handler, what, sizeof(*what), what->secret_uuid.text);
}

bool life_lease(struct life *life, size_t host, const struct lease_request *what)
{
    return begin_alone(life, host, &lease_handler, what, sizeof(*what), what->secret_uuid.text);
}

bool life_reconcile(struct life *life, size_t host)
{
    const struct reconcile_request what = {.to.host_uuid = life->config->hosts[host].uuid};

    return begin_alone(life, host, &reconcile_handler, &what, sizeof(what), "(every hour)");
}

bool local_begin(struct life *life, struct request *r)
{
    const struct call *call = &r->work.call;

    return begin(life, r->host, call->local, call->request, call->request_bytes, r->id, r);
}

/* Its parent is told by `why`, or by the first of its reply. */
void local_ends(struct life *life, struct request *r, const struct err *why)
{
    struct request *parent = TAKE(r->parent);

    if (parent == NULL)
        return;
    parent->child = NULL;
    if (why == NULL)
        memcpy(parent->work.call.answer, r->work.reply, sizeof(int64_t));
    call_ends(life, parent, why);
}

#include "handlers/peer.h"

#include <stdio.h>
#include <string.h>

bool peer_serves(const struct peer *peer, const struct uuid *host)
{
    for (size_t i = 0; i < peer->host_count; i++)
        if (uuid_equal(&peer->hosts[i], host))
            return true;
    return peer->serves_any;
}

bool peer_migrates(const struct secret_key *key, const char *migration_id, struct err *e)
{
    if (strcmp(key->purpose, "vtpm") != 0)
        return err_field(e, ERR_SENDER, "purpose",
                         "purpose must be 'vtpm' where a peer sends this: only those migrate");
    if (migration_id[0] == '\0')
        return err_field(e, ERR_SENDER, "migrationId",
                         "migrationId must be given where a peer sends this: it may act for a migration only");
    return true;
}

bool peer_made(const struct work *work, const struct mark *mark)
{
    return work->peer == NULL || (mark_is_provisional(mark) && strcmp(mark->peer, work->peer->mark) == 0);
}

static enum step_result peer_call(struct work *work, const struct message *message, const char *step, void *request,
                                  void *answer)
{
    work->call.message = message;
    work->call.step = step;
    work->call.request = request;
    work->call.answer = answer;
    memset(answer, 0, message->reply->size);
    return STEP_CALL;
}

enum step_result peer_call_host(struct work *work, const struct message *message, const struct uuid *host,
                                const char *step, void *request, void *answer)
{
    char hex[UUID_HEX_CHARS + 1];

    work->call = (struct call){.host = *host};
    uuid_hex(host, hex);
    snprintf(work->call.route, sizeof(work->call.route), "host.%s", hex);
    return peer_call(work, message, step, request, answer);
}

enum step_result peer_call_service(struct work *work, const struct message *message, const char *service,
                                   const char *step, void *request, void *answer)
{
    work->call = (struct call){0};
    snprintf(work->call.route, sizeof(work->call.route), "service.%s", service);
    return peer_call(work, message, step, request, answer);
}

enum step_result peer_failed(const struct work *work, const char *peer, struct err *e)
{
    if (work->call.err.kind == ERR_NO_ROUTE)
        err_set(e, ERR_NO_ROUTE, "no queue is bound for %s (%s)", peer, work->call.route);
    else
        *e = work->call.err;
    if (work->begun && e->effect == EFFECT_NONE)
        e->effect = EFFECT_DONE;
    return STEP_FAIL;
}

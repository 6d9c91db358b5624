/*
 * Other workers: asking one, or a service, and what it means when that fails; and
 * what is the same of all that one may ask here.
 */
#ifndef HANDLERS_PEER_H
#define HANDLERS_PEER_H

#include "handlers/mark.h"
#include "handlers/work.h"

/*
 * Fill in work->call for the worker of `host`, or for the service `service`.
 * `request` and `answer` live in the work's notes; the answer is zeroed. `step`
 * derives the id of the request. Both give STEP_CALL.
 */
enum step_result peer_call_host(struct work *work, const struct message *message, const struct uuid *host,
                                const char *step, void *request, void *answer);
enum step_result peer_call_service(struct work *work, const struct message *message, const char *service,
                                   const char *step, void *request, void *answer);

/*
 * The failure of work->call, as the row's: unchanged, but that "no route" says
 * who `peer` is, and an effect that the row already had here is not denied.
 */
enum step_result peer_failed(const struct work *work, const char *peer, struct err *e);

/*
 * What a peer's request about a secret must be, for peer_may(): of a vTPM's, since
 * only those migrate here, and of a migration.
 */
MUST_CHECK bool peer_migrates(const struct secret_key *key, const char *migration_id, struct err *e);

/* True if who sent this request may undo, end or confirm what `mark` tells of: a peer only its own, unconfirmed. */
bool peer_made(const struct work *work, const struct mark *mark);

#endif

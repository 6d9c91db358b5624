/* Many questions to workers at once, over one session. */
#ifndef CLI_FLIGHT_H
#define CLI_FLIGHT_H

#include "cli/session.h"

struct flight;

/* What became of one. */
struct flight_answer {
    size_t tag; /* as it was sent with */
    int64_t took_us;
    bool
        is_reply; /* then `answer`, the caller's: bytes_free(&answer.body); else `why`: ERR_NO_ROUTE, ERR_TIMEOUT, ERR_BUS */
    struct client_answer answer;
    struct err why;
};

int64_t flight_now_us(void); /* monotonic */

/* At most `most` on their way. The session outlives it. NULL: no memory. */
struct flight *flight_new(struct session *session, size_t most);
void flight_free(struct flight *flight); /* NULL is fine; what is on its way is forgotten */

size_t flight_count(const struct flight *flight); /* on their way */

/*
 * Ask a host by `message`, with `request` of its type. Only while flight_count() is below
 * `most`. Fails with ERR_LOCAL.
 */
MUST_CHECK bool flight_ask(struct flight *flight, const struct message *message, const struct uuid *host,
                           const void *request, size_t tag, struct err *e);

/*
 * The next that has ended, waiting for it `wait_ms` at most. *ended: there was one. Fails
 * with ERR_BUS where the connection was lost: nothing will end any more.
 */
MUST_CHECK bool flight_next(struct flight *flight, unsigned wait_ms, bool *ended, struct flight_answer *out,
                            struct err *e);

#endif

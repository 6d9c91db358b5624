/* A connection to the broker, and questions to workers over it, one after the other. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "bus/client.h"
#include "cli/progress.h"
#include "cli/settings.h"

struct session {
    const struct settings *settings;
    unsigned timeout_ms; /* of each answer */
    struct client *client;
    struct progress progress; /* of the answer that is waited for */
};

int64_t session_now_ms(void);
void session_new_id(char out[UUID_HEX_CHARS + 1]);

/* The way to the broker, for a connection of its own; `name` is written, and both must outlive what is made of it. */
enum { SESSION_NAME_BYTES = 64 };
struct client_config session_config(const struct settings *settings, char name[SESSION_NAME_BYTES]);

/* As client_open(), to ask or, with a `queue`, to look through that. To be ended with session_close(). */
MUST_CHECK bool session_open(const struct settings *settings, int64_t timeout_ms, const char *queue,
                             struct session *out, struct err *e);

/* ... to ask, and to get the events that go by `key`. */
MUST_CHECK bool session_listen(const struct settings *settings, int64_t timeout_ms, const char *key,
                               struct session *out, struct err *e);
void session_close(struct session *session);

/* The routing key of requests to a host. */
void session_route(const struct uuid *host, char out[SHORTSTR_MAX_CHARS + 1]);

/* Send a body to a host, and wait for its answer. As client_call(); no route names the host. */
MUST_CHECK bool session_send(struct session *session, const struct uuid *host, const char *id, const struct bytes *body,
                             struct client_answer *out, struct err *e);

/*
 * Ask a host, with a request of the message's own type, and read its reply into
 * `reply`. *answered: the host has answered, and a failure is its answer.
 */
MUST_CHECK bool session_ask(struct session *session, const struct message *message, const struct uuid *host,
                            const void *request, void *reply, bool *answered, struct err *e);

#endif

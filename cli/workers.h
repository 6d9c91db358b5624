/* What the worker of each host says of itself, asked all at once. */
#ifndef CLI_WORKERS_H
#define CLI_WORKERS_H

#include "cli/flight.h"
#include "cli/hosts.h"

enum worker_state {
    WORKER_UNASKED,
    WORKER_SERVES,
    WORKER_AWAY,    /* it answers, and its libvirt is away */
    WORKER_REFUSES, /* it answers with an error */
    WORKER_SILENT,  /* somebody consumes, and does not answer in time */
    WORKER_NONE,    /* nobody consumes */
    WORKER_NO_QUEUE,
};

/* What is known of one host. */
struct worker_seen {
    enum worker_state state;
    struct capabilities_reply what; /* SERVES, AWAY */
    int64_t took_us;
    char details[320];
};

struct workers {
    const struct options *options;
    const struct settings *settings;
    const struct depths *depths;
    struct session session;
    struct flight *flight; /* NULL: there is no connection */
    struct progress progress;
    struct worker_seen *seen; /* one for each of depths->hosts */
};

/* All of them must outlive it. Nothing is asked yet. Fails with ERR_LOCAL. To be ended with workers_done(). */
MUST_CHECK bool workers_init(struct workers *workers, const struct options *options, const struct settings *settings,
                             const struct depths *depths, struct err *e);
void workers_done(struct workers *workers);

/*
 * Ask those who would answer, by what depths_ask() found; it connects where there is no connection. What would only
 * wait in a queue is not sent, nor anything to a queue that hosts share. Fails where the broker is lost or refuses.
 */
MUST_CHECK bool workers_ask(struct workers *workers, struct err *e);
void workers_disconnect(struct workers *workers);

bool worker_answers(const struct worker_seen *seen);

/* What is wrong, for people; or "". */
const char *worker_details(const struct worker_seen *seen);

#endif

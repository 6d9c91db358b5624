/*
 * Who may say what: [senders] of the configuration, and what it means for one
 * request. The broker vouches for a message's user_id (it closes the channel of
 * whoever gives another's), so names suffice here. Pure.
 */
#ifndef WORKER_SENDERS_H
#define WORKER_SENDERS_H

#include <stdio.h>

#include "handlers/work.h"

enum role { ROLE_READER, ROLE_MANAGER, ROLE_OPERATOR, ROLE_PEER };

/* One line of [senders]: a user, or all whose names begin so, and their role. */
struct sender {
    char user[SHORTSTR_MAX_CHARS + 1]; /* without the final '*' */
    bool is_prefix;
    enum role role;
    bool serves_any; /* peer * */
    struct uuid *hosts;
    size_t host_count;
};

/* All zero: there are no roles, and everyone may send everything. */
struct senders {
    struct sender *list;
    size_t count;
    int64_t require_user_id, require_signature;
};

/*
 * Add the line `user` = `value`. A line for a peer that is there already, with or
 * without the word "peer", adds to its hosts. ERR_CONFIG, ERR_LOCAL.
 */
MUST_CHECK bool senders_add(struct senders *senders, const char *user, const char *value, struct err *e);
void senders_print(const struct senders *senders, FILE *to); /* as lines of [senders] */
void senders_done(struct senders *senders);

/* The most specific line for a user: exact, else the longest prefix. NULL: none, or there is no user. */
const struct sender *senders_find(const struct senders *senders, const char *user);

/*
 * Whether a user may send anything at all. *out is his line, NULL where there are
 * no roles. ERR_SENDER, naming the user or saying what is missing.
 */
MUST_CHECK bool senders_know(const struct senders *senders, const char *user, const struct sender **out, struct err *e);

/*
 * Whether `user` may send in another's name: an operator, who sends a dead letter
 * again. Where not the broker but the letter says whose it was, `vouched_by` is who
 * wrote it, by the broker's word (NULL: nobody had to), and must be an operator or
 * the worker of `host`, whom it came to: else who writes a dead letter could have
 * anything done anywhere. ERR_SENDER, naming the header.
 */
MUST_CHECK bool senders_believe_claim(const struct senders *senders, const char *user, const char *vouched_by,
                                      const struct uuid *host, struct err *e);

/* Whether a sender (NULL: there are no roles) may send a handler's message. ERR_SENDER. */
MUST_CHECK bool sender_may(const struct sender *sender, const struct handler *handler, struct err *e);

/* Whether he manages: then his requests are his office's, not his own. NULL: there are no roles, and all do. */
bool sender_manages(const struct sender *sender);

/* True, and *out filled in, if the sender is a peer. *out points into the sender. */
bool sender_is_peer(const struct sender *sender, const char *user, struct peer *out);

/* True if an answer of this user to `call` can be believed: a host's peer, or for a service whoever manages. */
bool senders_believe(const struct senders *senders, const char *user, const struct call *call);

#endif

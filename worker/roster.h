/*
 * Who of the pool has the same queues, and what is whose: members (worker/members.h)
 * and placing (worker/placing.h) put together. Pure: time is handed in.
 */
#ifndef WORKER_ROSTER_H
#define WORKER_ROSTER_H

#include "worker/members.h"
#include "worker/placing.h"

struct roster {
    const char *name; /* of this worker; outlives it, as `queues` do */
    const char *const *queues;
    size_t queue_count;
    char digest[DIGEST_CHARS + 1]; /* of all names */
    struct members members;
    size_t *order;                              /* queues by name: announcements speak of them so */
    size_t *place_of;                           /* where each is in `order` */
    struct placing *placing;                    /* of each; worker 0 is this one, worker i + 1 is sharing[i] */
    size_t sharing[MEMBERS_MAX], sharing_count; /* members that have the same queues */
};

/* Fails with ERR_LOCAL. End it with roster_done(), also where it failed. */
MUST_CHECK bool roster_init(struct roster *roster, const char *name, const char *const *queues, size_t queue_count,
                            struct err *e);
void roster_done(struct roster *roster);

/* After `members` have changed. */
void roster_place(struct roster *roster);

/* For people: with whom. Cut off where it is longer than `size`. */
void roster_tell(const struct roster *roster, char *out, size_t size);

/* The member that is the first of this queue; NULL: this worker is. */
const struct member *roster_first(const struct roster *roster, size_t queue);
bool roster_is_second(const struct roster *roster, size_t queue); /* this worker */

/* True if this process is among the members. */
bool roster_has(const struct roster *roster, pid_t pid);

/* True if of all who have the same queues this worker is the one for something of that name. */
bool roster_is_best(const struct roster *roster, const char *name);

/* True if a member consumes from it, or stands by. */
bool roster_is_consumed(const struct roster *roster, size_t queue);

#endif

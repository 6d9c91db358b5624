/*
 * What dead.c and dead_acts.c share, and nobody else sees.
 *
 * One consumer takes all that lies in the queue when it begins, in its order, and
 * settles nothing but what is to leave it. So nobody else is served meanwhile what
 * is held here, and when the channel closes, or this program is killed, the broker
 * has all the rest again, in its order. What is sent again leaves the queue when the
 * broker has confirmed it and the audit says so: whatever fails before that, it
 * stays, and is sent once more some day under the same id.
 */
#ifndef CLI_DEAD_PARTS_H
#define CLI_DEAD_PARTS_H

#include "cli/audit.h"
#include "cli/dead.h"
#include "cli/progress.h"
#include "cli/session.h"

/* Letters in the order they came; zeroed: none. */
struct letter_list {
    struct letter *first, *last;
    size_t count, body_bytes;
};

void letter_list_add(struct letter_list *list, struct letter *letter);
struct letter *letter_list_take(struct letter_list *list);                  /* the first, or NULL */
struct letter *letter_list_find(struct letter_list *list, uint64_t number); /* taken out, or NULL */

struct counts {
    size_t waiting; /* lay there at first */
    size_t seen, meant, done;
    size_t no_route, refused, kept; /* of those meant: nobody's queue, by the broker, cannot be sent */
    size_t old;                     /* of those sent: workers may not know their ids any more */
    size_t left;                    /* no room for them in this run */
};

struct dead {
    const struct options *options;
    const struct settings *settings;
    struct selection selection;
    struct session session;
    struct bus *bus;
    struct audit *audit; /* NULL: nothing is done */
    struct progress progress;
    struct counts counts;
    struct letter_list to_send, on_the_way, to_settle;
    int64_t now_ms;                      /* when it began, since 1970 */
    int64_t begun_ms, came_ms, moved_ms; /* monotonic: it began; a letter came; a publication was begun or confirmed */
    size_t sent;
    size_t taken; /* deliveries, with those that are not looked at */
};

/* A line of stderr about a letter. */
void dead_say(struct dead *d, const struct letter *letter, const char *what, const char *why);

/* dead_acts.c: what becomes of a letter that is meant, which is theirs from now on. */
MUST_CHECK bool dead_take(struct dead *d, struct letter *letter, struct err *e);

/* Send on what may go now. */
MUST_CHECK bool dead_send(struct dead *d, struct err *e);

/* How long until that is possible again, in ms; -1: nothing waits to be sent. */
int64_t dead_send_wait_ms(const struct dead *d);

/* What became of a publication. */
MUST_CHECK bool dead_published(struct dead *d, const struct bus_news *news, struct err *e);

/* Have the audit on the disk, and then take out of the queue what is done. */
MUST_CHECK bool dead_settle(struct dead *d, struct err *e);

/* A line about the whole run. */
MUST_CHECK bool dead_note_run(struct dead *d, const char *result, const char *details, struct err *e);

/* What was on its way when it broke off. */
void dead_note_unconfirmed(struct dead *d);

#endif

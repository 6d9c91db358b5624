/*
 * The publishing half of a bus: one connection, one channel with confirms, and all
 * that was published and not yet confirmed, to be published again, in order, after
 * a reconnect.
 */
#ifndef BUS_PUBLISHER_H
#define BUS_PUBLISHER_H

#include "bus/tray.h"
#include "bus/url.h"

struct publisher;

/* In the loop; none may end the publisher. */
struct publisher_owner {
    void (*changed)(void *arg);                  /* publisher_is_ready() may be another than before */
    void (*lost)(void *arg, const char *why);    /* not ready */
    void (*blocked)(void *arg, const char *why); /* NULL: not any more */
};

/* `config`, `urls` and `tray` outlive it. Fails with ERR_LOCAL. */
MUST_CHECK bool publisher_new(struct event_base *base, const struct bus_config *config, const struct url_list *urls,
                              struct tray *tray, const struct publisher_owner *owner, void *arg, struct publisher **out,
                              struct err *e);
void publisher_free(struct publisher *publisher);          /* NULL is fine */
void publisher_stop(struct publisher *publisher);          /* as connection_stop() */
bool publisher_is_over(const struct publisher *publisher); /* as connection_is_over() */

/* True while the connection and its channel are open. */
bool publisher_is_ready(const struct publisher *publisher);

/* As bus_user(). */
const char *publisher_user(const struct publisher *publisher);

/* Let publications go, or hold them: there may be no exchange yet for them to go to. Held at first. */
void publisher_release(struct publisher *publisher, bool release);

/* As bus_publish() and bus_forget(). */
MUST_CHECK bool publisher_publish(struct publisher *publisher, const struct publication *publication, uint64_t *number,
                                  struct err *e);
void publisher_forget(struct publisher *publisher, uint64_t number);

#endif

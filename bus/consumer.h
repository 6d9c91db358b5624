/*
 * The consuming half of a bus: one connection, on it a channel that makes the
 * topology, one for the reply queue, one for notices and one for each host queue, and on these the
 * deliveries put together from their frames.
 */
#ifndef BUS_CONSUMER_H
#define BUS_CONSUMER_H

#include "bus/tray.h"
#include "bus/url.h"

struct consumer;

/* In the loop; neither may end the consumer. */
struct consumer_owner {
    void (*changed)(void *arg);                  /* consumer_is_ready() may be another than before */
    void (*lost)(void *arg, const char *why);    /* not ready: the connection or one of its own channels failed */
    void (*notices)(void *arg, const char *why); /* NULL: they come; else they do not, and why */
    bool (*send_canary)(void *arg, size_t queue,
                        uint64_t *number); /* through a host queue; then consumer_published() */
    void (*forget_canary)(void *arg, uint64_t number);
};

/*
 * `config`, `urls` and `tray` outlive it; so do the strings in `config`. Fails with
 * ERR_CONFIG where a queue has no channel number left, and ERR_LOCAL.
 */
MUST_CHECK bool consumer_new(struct event_base *base, const struct bus_config *config, const struct url_list *urls,
                             const char *reply_queue, const char *notices_queue, struct tray *tray,
                             const struct consumer_owner *owner, void *arg, struct consumer **out, struct err *e);
void consumer_free(struct consumer *consumer);          /* NULL is fine */
void consumer_stop(struct consumer *consumer);          /* as connection_stop() */
bool consumer_is_over(const struct consumer *consumer); /* as connection_is_over() */

/* True while the connection is open, the topology made and, if wanted, the reply queue consumed. */
bool consumer_is_ready(const struct consumer *consumer);

/* True while the topology is made on the connection that is open now: what is published has exchanges to go to. */
bool consumer_has_topology(const struct consumer *consumer);

/* As connection_broker() and connection_peer_name(). */
const struct broker *consumer_broker(const struct consumer *consumer);
const char *consumer_peer_name(const struct consumer *consumer);

/* As bus_settle(), bus_is_current(), bus_queue_count(), bus_queue_open(), bus_queue_close(), bus_queue_prove() and bus_queue_renew(); settling does not free. */
void consumer_settle(struct consumer *consumer, const struct delivery *delivery, enum verdict verdict);
bool consumer_is_current(const struct consumer *consumer, const struct delivery *delivery);
void consumer_queue_prove(struct consumer *consumer, size_t queue);
void consumer_queue_renew(struct consumer *consumer, size_t queue, const char *why);
void consumer_queue_count(struct consumer *consumer, size_t queue);
void consumer_queue_open(struct consumer *consumer, size_t queue);
void consumer_queue_close(struct consumer *consumer, size_t queue);

/* As bus_count(), bus_queue_depth() (behind the last queue: of the dead letters) and bus_queue_heard_ms(). */
void consumer_count(struct consumer *consumer);
struct bus_depth consumer_depth(const struct consumer *consumer, size_t queue);
uint64_t consumer_heard_ms(const struct consumer *consumer, size_t queue);

/* True if the publication was a canary: nobody else has to do with it. */
bool consumer_published(struct consumer *consumer, const struct bus_news *news);

/* As bus_is_deaf(). */
bool consumer_is_deaf(const struct consumer *consumer);

#endif

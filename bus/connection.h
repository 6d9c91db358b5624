/*
 * One AMQP connection that is kept: dials along the list of brokers, greets, logs
 * in, beats, and when it is lost begins again after a pause. What happens on its
 * channels is its owner's business.
 */
#ifndef BUS_CONNECTION_H
#define BUS_CONNECTION_H

#include "bus/broker.h"
#include "bus/outbox.h"
#include "bus/tls.h"
#include "bus/wire.h"

struct connection;
struct event_base;

enum {
    ATTEMPT_MS = 10000, /* from dialling to being open */
    GOODBYE_MS = 2000,  /* from our connection.close to the broker's answer */
};

/* Why a connection ended, or could not be had. */
struct loss {
    const char *text;  /* "host:port: " and what happened; of a whole round the failures of all URLs */
    uint32_t cause_id; /* of a connection.close: the method that caused it; else 0 */
    uint16_t code;     /* of a connection.close; else 0 */
};

/* How a connection tells its owner; in the loop. None of these may end or stop the connection. */
struct connection_owner {
    void (*opened)(void *arg);
    bool (*frame)(void *arg, const struct wire_frame *frame,
                  struct err *e);                     /* of a channel; false ends the connection */
    void (*lost)(void *arg, const struct loss *loss); /* was open, or no broker could be had in one round */
    void (*blocked)(void *arg, const char *why);      /* the broker reads nothing for now; NULL: it reads again */
};

struct connection_config {
    struct event_base *base;
    const struct url_list *urls; /* these two outlive the connection */
    const struct tls_config *tls;
    const char *name; /* for the broker's list of connections; copied */
    unsigned heartbeat_s;
    const struct connection_owner *owner;
    void *arg;
};

/* Made, and begins to dial as soon as the loop runs. Fails with ERR_LOCAL. */
MUST_CHECK bool connection_new(const struct connection_config *config, struct connection **out, struct err *e);

/* Drops it at once. NULL is fine. Tells the owner nothing. */
void connection_free(struct connection *connection);

/*
 * Say goodbye: `lost` follows, with the broker's answer, after GOODBYE_MS at most,
 * or before this returns if there is nobody to answer. Does not connect again.
 */
void connection_stop(struct connection *connection);

/* End it as if it had been lost for this reason, and begin anew. Not from within one of the owner's functions. */
void connection_cut(struct connection *connection, const char *why);

/* Where it waits to be tried again: now. From the owner's lost(), too. */
void connection_hurry(struct connection *connection);

bool connection_is_open(const struct connection *connection);
bool connection_is_over(const struct connection *connection); /* stopped, and told so */

/* Frames for the broker; while it is not open, what is put there is dropped. */
struct outbox *connection_out(struct connection *connection);

/* As agreed with the broker; only while open. channel_max is at least 1. */
uint32_t connection_frame_max(const struct connection *connection);
uint16_t connection_channel_max(const struct connection *connection);

/*
 * Whom the broker knows us as: the user of the URL in use. "" where the login is by
 * certificate and the URL names nobody: the broker makes the name out of the
 * certificate, and we cannot know how.
 */
const char *connection_user(const struct connection *connection);

/* What answered; until it is connected, the one before. */
const struct broker *connection_broker(const struct connection *connection);

/* "host:port" of the URL in use, and with what answered: "127.0.0.1:5672 (RabbitMQ 3.10.8)". */
const char *connection_peer(const struct connection *connection);
const char *connection_peer_name(const struct connection *connection);

#endif

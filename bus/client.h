/*
 * Ask and wait, or look through a queue: a bus of its own for a program that has
 * nothing else to do, such as the CLI. It declares nothing but its own exclusive
 * reply queue, if it asks.
 */
#ifndef BUS_CLIENT_H
#define BUS_CLIENT_H

#include "bus/bus.h"

struct client;

struct client_config {
    const char *urls;     /* as bus_config's */
    const char *password; /* or NULL: the URL's own */
    struct tls_config tls;
    const char *name;           /* unique among the programs that run: its reply queue is called after it */
    const char *reply_exchange; /* where answers come by; NULL or "": the default exchange */
    unsigned heartbeat_s;
    uint32_t body_max_bytes;                  /* a larger answer is dropped, and its call runs out of time */
    const char *events_exchange, *events_key; /* to get, beside answers, what goes by that key; key NULL: nothing */
    const char *queue;                        /* to look through, with client_next(); NULL: none, it asks */
};

/* What is asked. Points to the caller's memory, only during client_call(). */
struct client_request {
    const char *exchange, *routing_key;
    const char *content_type;
    const char *id;             /* AMQP message_id, and the correlation_id that the answer must carry */
    const char *const *headers; /* as a publication's; or NULL */
    const uint8_t *body;
    size_t body_bytes;
    void (*waits)(void *arg, unsigned waited_ms); /* again and again, while there is no answer; NULL: nobody asks */
    void *arg;
};

struct client_answer {
    char content_type[64]; /* "" where absent */
    struct bytes body;     /* the caller's: bytes_free() */
};

/*
 * Connect; blocks until all is ready (to look through a queue: until it is open), `timeout_ms` at most. Fails with ERR_CONFIG (a
 * URL cannot be read, TLS is not possible with these files), ERR_BUS (no broker could be reached, or it refused: told as
 * soon as all URLs were tried once) or ERR_LOCAL. *out is the caller's: client_close().
 */
MUST_CHECK bool client_open(const struct client_config *config, unsigned timeout_ms, struct client **out,
                            struct err *e);

/*
 * Send a request and wait for its answer, `timeout_ms` at most. Fails with
 * ERR_TIMEOUT (no answer in time), ERR_NO_ROUTE (no queue is bound, or there is no
 * such exchange), ERR_BUS (the connection was lost, or the broker refused the
 * request) or ERR_LOCAL. May be called again after each of these but ERR_BUS; a
 * late answer to an earlier request is dropped.
 */
MUST_CHECK bool client_call(struct client *client, const struct client_request *request, unsigned timeout_ms,
                            struct client_answer *out, struct err *e);

/*
 * The next thing that happens, `wait_ms` at most; BUS_QUIET: nothing did. To a client
 * that looks through a queue the messages come that lie there, the 65,535 that
 * AMQP's prefetch can name at most. What is not settled with VERDICT_ACK goes back,
 * in its order, when the client is closed.
 */
enum bus_event client_next(struct client *client, unsigned wait_ms, struct bus_news *news);

/* Copy what came as an answer; the caller's. False: no memory. */
MUST_CHECK bool client_answer_keep(const struct delivery *delivery, struct client_answer *out);

/* How many messages lay in the queue when it was opened. */
uint32_t client_waiting(const struct client *client);

/* To publish by and to settle deliveries; the client's. */
struct bus *client_bus(struct client *client);

/* Parts from the broker in good order where it answers soon. NULL is fine. */
void client_close(struct client *client);

#endif

/*
 * Ask the broker what is there and what may be done, and change nothing. A no closes
 * the channel it was asked on (AMQP 0-9-1 1.2), so each question has one of its own;
 * many are asked at once.
 */
#ifndef BUS_SURVEY_H
#define BUS_SURVEY_H

#include "bus/broker.h"
#include "bus/client.h"

enum survey_kind {
    SURVEY_QUEUE,      /* is it there, how much waits in it, how many consume; RabbitMQ tells everybody */
    SURVEY_EXCHANGE,   /* is it there; likewise */
    SURVEY_HOST_QUEUE, /* is it as a worker would declare a host's; of one that is there: else it would be made */
    SURVEY_DEAD_QUEUE, /* is it as a worker would declare that of dead letters; likewise */
    SURVEY_READ,       /* may it be consumed from: AMQP_INVALID is yes, since what is asked for cannot be */
    SURVEY_WRITE,      /* may it be published to, by `key`; likewise */
    SURVEY_TOPIC,      /* may this topic exchange be declared; of one that is there, as above */
    SURVEY_OWN,        /* may a queue of this name be made for a connection alone; likewise */
    SURVEY_BIND, /* may it be bound to `exchange` by `key`; of one that is not there, or another connection's alone */
};

enum { AMQP_DENIED = 403, AMQP_NOT_FOUND = 404, AMQP_INVALID = 406 }; /* AMQP 0-9-1 1.2 */

struct survey_question {
    enum survey_kind kind;
    const char *name;     /* of the queue or exchange */
    const char *key;      /* WRITE, BIND */
    const char *exchange; /* BIND */

    bool is_answered, is_granted;
    uint32_t messages, consumers; /* QUEUE, granted */
    uint16_t code;                /* not granted: AMQP's reply code */
    char text[384];               /* likewise: what was asked, and the broker's words */
};

struct survey {
    const char *dead_exchange; /* for the arguments of a host's queue */
    enum queue_type queue_type;
    struct survey_question *questions;
    size_t count;
    void (*tell)(void *arg, size_t done, size_t total); /* after each answer; NULL: nobody asks */
    void *arg;
    struct broker broker;              /* filled in: who answered, */
    char broker_at[384];               /* ... where, such as "127.0.0.1:5672 (RabbitMQ 3.10.8)", */
    char user[SHORTSTR_MAX_CHARS + 1]; /* ... and whom it knows us as; "" where that is not known */
};

/*
 * Ask them all; `timeout_ms` at most for the connection and from one answer to the next. The
 * config's reply_exchange, body_max_bytes and queue do not count. Fails as client_open()
 * does; what was answered until then is. Blocks.
 */
MUST_CHECK bool survey_ask(const struct client_config *config, unsigned timeout_ms, struct survey *survey,
                           struct err *e);

/* A question that was answered with yes: by a grant, or where that is how it is told, by AMQP_INVALID. */
bool survey_is_yes(const struct survey_question *question);

/* A question of OWN, BIND, READ or WRITE about what may not be there, or be another's: it is not the right to that is missing. */
bool survey_may(const struct survey_question *question);

#endif

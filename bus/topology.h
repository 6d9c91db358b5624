/*
 * What is asked of the broker when a channel is opened: the names of contract 1 as
 * static tables, one row of requests for each kind of channel. Pure but for the
 * frames it writes.
 */
#ifndef BUS_TOPOLOGY_H
#define BUS_TOPOLOGY_H

#include "bus/broker.h"
#include "bus/bus.h"
#include "bus/wire.h"

/* What a request is about; the names themselves come from the configuration. */
enum subject {
    SUBJECT_NONE,
    SUBJECT_REQUESTS,   /* the request exchange */
    SUBJECT_DEAD,       /* the dead letter exchange, and its queue of the same name */
    SUBJECT_EVENTS,     /* the events exchange */
    SUBJECT_REPLIES,    /* the reply exchange */
    SUBJECT_PARTITIONS, /* the exchange that spreads over the queues */
    SUBJECT_NOTICES,    /* the exchange of notices */
    SUBJECT_QUEUE,      /* the queue that the channel is for */
    SUBJECT_KEY,        /* its routing key */
    SUBJECT_EVENTS_KEY, /* which events are listened to */
    SUBJECT_COUNT,
    SUBJECT_LISTED = SUBJECT_COUNT, /* the queue of this number in the configuration */
};

/* The last two ask for what cannot be granted: RabbitMQ looks first whether it may be done, and then refuses it by 406. */
enum ask_kind {
    ASK_CHANNEL,
    ASK_EXCHANGE,
    ASK_LINK,
    ASK_QUEUE,
    ASK_BIND,
    ASK_QOS,
    ASK_CONSUME,
    ASK_CONFIRM,
    ASK_TRIAL_CONSUME,
    ASK_TRIAL_PUBLISH,
};

struct argument {
    const char *name;
    const char *text;     /* or NULL */
    enum subject subject; /* its text is this one's name; or SUBJECT_NONE */
    int32_t number;
    bool is_flag;
    bool quorum_only;    /* left out of a classic queue */
    unsigned from_major; /* not 0: left out where RabbitMQ is older, or not known */
};

struct ask {
    const char *type; /* of an exchange */
    const struct argument *arguments;
    size_t argument_count;
    enum ask_kind kind;
    enum subject exchange, queue; /* of ASK_LINK: from and to, both exchanges */
    size_t number;                /* of SUBJECT_LISTED */
    const char *key;              /* of a binding; NULL: that of the queue which the channel is for, else "" */
    unsigned flags; /* of ASK_QUEUE: QUEUE_...; of ASK_EXCHANGE: QUEUE_PASSIVE; of ASK_CONSUME: ASK_NO_ACK */
};

enum { ASK_NO_ACK = 1 };

/* All that one kind of channel asks, in order. */
struct ask_row {
    const struct ask *asks;
    size_t count;
};

/* The values a row is filled in with. */
struct ask_values {
    const char *names[SUBJECT_COUNT];
    const struct bus_queue *listed;
    const char *consumer_tag;
    uint16_t prefetch;
    enum queue_type queue_type;
    const struct broker
        *broker; /* who is asked, once it has said so; NULL: arguments of some versions only are left out */
};

extern const struct ask_row topology_shared; /* exchanges and dead letters: complete before any host queue */
extern const struct ask_row topology_publisher;
struct ask_row topology_host_queue(bool declare);
extern const struct ask_row topology_partition; /* a queue behind the exchange of partitions */

/*
 * topology_shared; and where `queue_count` is not 0 the exchange of partitions and each of them bound to it, in
 * their order: RabbitMQ's ring goes by the order in which they were bound, and after
 * a restart by that of their names (3.10.8, usort in the plugin's recover()). Where
 * both are the same a host stays with its queue. `asks` has room for as many as
 * topology_all_count().
 */
size_t topology_all_count(size_t queue_count);
struct ask_row topology_all(size_t queue_count, struct ask *asks);

/*
 * The ask of topology_all() with this number was refused. Where it is the queue of dead
 * letters, others may have declared it otherwise: next time it is only looked for; and
 * where it was looked for, declared. True if the next time may be better.
 */
bool topology_relent(struct ask *asks, size_t number);

extern const struct ask_row topology_counted;                  /* the same, only to ask how much it holds */
extern const struct ask_row topology_nothing;                  /* a channel, and no more */
struct ask_row topology_reply_queue(bool bound, bool listens); /* to the reply exchange, and to events */

/* For bus/survey.h, of the queue SUBJECT_QUEUE or the exchange SUBJECT_REQUESTS, each on a channel that does nothing else. */
extern const struct ask_row topology_exchange, topology_host, topology_dead;
extern const struct ask_row topology_trial_consume, topology_trial_publish, topology_trial_declare, topology_trial_bind;
extern const struct ask_row topology_topic;

struct ask_row topology_notices(bool declare); /* the exchange as well */

/* The values of a configuration; the queue's name and key are left for the caller to add. */
struct ask_values topology_values(const struct bus_config *config);

/* Write the frame of one request. */
void ask_write(const struct ask *ask, const struct ask_values *values, struct outbox *out, uint16_t channel);

/* The method that grants it. */
enum wire_method ask_answer(const struct ask *ask);

/* What is asked, for an error text: "declaring queue 'keyferry.dead'". */
void ask_describe(const struct ask *ask, const struct ask_values *values, char *out, size_t size);

#endif

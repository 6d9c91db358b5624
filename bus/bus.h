/*
 * The broker, as the rest of the program sees it: deliveries come in, publications
 * and verdicts go out. Knows queues and routing keys, and no message's meaning.
 *
 * A bus is two AMQP 0-9-1 connections on one libevent loop, one to consume and one
 * to publish (RabbitMQ stops reading from a connection that publishes when it
 * raises an alarm, and acks must not stall behind that). Both reconnect by
 * themselves, with exponential back-off and jitter, along the list of URLs. All of
 * it belongs to the loop's thread; nothing here ever blocks.
 *
 * What happened is taken with bus_next(), never told by a callback into another
 * room; `wake` only says that there is something to take.
 */
#ifndef BUS_BUS_H
#define BUS_BUS_H

#include "bus/broker.h"
#include "bus/tls.h"

struct bus;
struct event_base;

enum queue_type { QUEUE_QUORUM, QUEUE_CLASSIC };

/* One queue to consume from. The bus copies it. */
struct bus_queue {
    const char *name;        /* "keyferry.host.<hex>", "keyferry.partition.<number>" */
    const char *routing_key; /* "host.<hex>", "partition.<number>", bound to the request exchange */
};

/* The bus copies what it points to. */
struct bus_config {
    const char *urls;     /* one or more amqp:// and amqps:// URLs, comma-separated */
    const char *password; /* or NULL: the URL's own */
    struct tls_config tls;
    const char *name;     /* this program's, for the broker's list of connections and its reply queue */
    unsigned heartbeat_s; /* 0: none; the broker may ask for less */
    uint16_t prefetch;
    enum queue_type queue_type;
    bool declare;        /* make exchanges and queues; else they must be there */
    bool answers_wanted; /* consume from the reply queue "keyferry.reply.<name>" as well */
    const char *exchange, *dead_exchange, *events_exchange, *reply_exchange; /* reply_exchange "": the default one */
    const char *notices_exchange; /* a topic exchange: what comes by notices_key is BUS_NOTICE; NULL or "": none */
    const char *notices_key;
    const char *partition_exchange; /* spreads what comes by host.* over the queues; "" or NULL: none does */
    unsigned quiet_ms;              /* after so long without a delivery a queue's consumer must be proven; 0: never */
    uint32_t body_max_bytes;        /* a larger delivery is rejected from its header frame */
    const char *events_key;         /* bind the reply queue to events_exchange by this as well; NULL or "": not */
    bool queues_closed;             /* consume from no queue before bus_queue_open() */
    bool looks; /* only looks through its queues, which are there: a larger delivery comes without its body */
    const struct bus_queue *queues;
    size_t queue_count;
};

#define DELIVERY_ANSWER SIZE_MAX
#define DELIVERY_NOTICE (SIZE_MAX - 1)

/* What a header says of who somebody is: the broker vouches for user_id, and for this nobody does. */
struct claim {
    bool is_made;                      /* the header is there */
    char user[SHORTSTR_MAX_CHARS + 1]; /* "" too where it is no text, or cannot be a user's name */
};

/* A message that came. Flat: one free, by bus_settle() or delivery_free(). */
struct delivery {
    struct delivery *next; /* for lists of whoever holds it */
    size_t queue;          /* index into config->queues; of others: DELIVERY_ANSWER, DELIVERY_NOTICE */
    uint64_t tag;          /* the broker's, within its channel */
    uint64_t generation;   /* of the channel it came by: an ack for an older one is not sent */
    bool redelivered;
    char content_type[64];                   /* "" where absent or longer */
    char message_id[SHORTSTR_MAX_CHARS + 1]; /* these as the sender wrote them, any bytes but NUL; "" where absent */
    char correlation_id[SHORTSTR_MAX_CHARS + 1];
    char reply_to[SHORTSTR_MAX_CHARS + 1];
    char user_id[SHORTSTR_MAX_CHARS + 1];
    char routing_key[SHORTSTR_MAX_CHARS + 1];
    char signature[SIGNATURE_CHARS + 1]; /* the header x-keyferry-signature; "?" where that is no text, or longer */
    char traceparent[128];               /* the header of that name, as it came; "" where it is no text, or longer */
    struct claim on_behalf_of;           /* the header x-keyferry-on-behalf-of: whose message an operator sends again */
    struct claim vouched_by;             /* the header x-keyferry-vouched-by: who wrote down whose it was */
    uint64_t timestamp_s;                /* AMQP's timestamp; 0: absent */
    uint64_t whole_bytes;                /* of its body; more than body_bytes: that is too large, and is not here */
    size_t body_bytes;
    size_t headers_bytes; /* 0 but where the bus only looks; behind the body, for header_next() */
    uint8_t body[];       /* wiped, and the headers, when the delivery is freed */
};

void delivery_free(struct delivery *delivery); /* NULL is fine */

/* What is published. Nothing of it is kept: the bus copies, and wipes its copy when the broker has it. */
struct publication {
    const char *exchange; /* "" is the default exchange */
    const char *routing_key;
    const char *content_type;
    const char *message_id, *correlation_id, *reply_to; /* NULL or "": absent */
    const char *const *headers;                         /* pairs of name and text, NULL at the end; or NULL */
    const uint8_t *body;
    size_t body_bytes;
    bool mandatory;
};

enum verdict { VERDICT_ACK, VERDICT_REJECT };

enum bus_event {
    BUS_QUIET,      /* nothing more for now */
    BUS_DELIVERY,   /* a request; news.delivery is now the caller's */
    BUS_ANSWER,     /* a message on the reply queue; likewise; needs no verdict */
    BUS_NOTICE,     /* a message that came by notices_key; likewise */
    BUS_PUBLISHED,  /* what became of publication news.number */
    BUS_QUEUE_UP,   /* consuming from news.queue; news.text: but it cannot be proven, and why; or "" */
    BUS_QUEUE_DOWN, /* no longer, or not yet; news.text says why; it is tried again by itself */
    BUS_QUEUE_DEAF, /* a canary through news.queue was not delivered; it is consumed anew by itself, and must be proven */
    BUS_LINK_UP,    /* both connections are open and, if wanted, answers can come; news.text names the broker */
    BUS_LINK_DOWN,    /* no longer, or not yet; news.text says why; told again when the reason changes */
    BUS_BLOCKED,      /* the broker takes no publications for now (memory or disk alarm); news.text has its reason */
    BUS_UNBLOCKED,    /* it takes them again */
    BUS_NOTICES_UP,   /* notices come */
    BUS_NOTICES_DOWN, /* not any more, or not yet; news.text says why; tried again by itself; harms nothing else */
};

enum published {
    PUBLISHED_TAKEN,    /* the broker has taken charge of it */
    PUBLISHED_RETURNED, /* mandatory, and no queue is bound, or the broker fails on it (541); news.text has its words */
    PUBLISHED_REFUSED,  /* nacked, or its exchange does not exist, or we may not write to it; not tried again */
};

struct bus_news {
    enum bus_event event;
    struct delivery *delivery;
    uint64_t number;
    enum published how;
    size_t queue;
    uint32_t messages; /* BUS_QUEUE_UP, where the bus only looks or counts: how many wait in the queue */
    uint16_t code;     /* BUS_PUBLISHED: AMQP's reply code of a return or refusal, such as 312, 403, 404; else 0 */
    char text[512];
};

/* Refused, as it would be again: no such exchange, or no right to write there. That closes the channel of all we publish. */
static inline bool bus_refused_for_good(const struct bus_news *news)
{
    enum { ACCESS_REFUSED = 403, NOT_FOUND = 404 }; /* AMQP 0-9-1 1.2 */

    return news->how == PUBLISHED_REFUSED && (news->code == ACCESS_REFUSED || news->code == NOT_FOUND);
}

/* Called in the loop when bus_next() has something, at most once until it said BUS_QUIET. */
typedef void bus_wake(void *arg);

/*
 * A bus that begins to connect as soon as `base` runs. Fails with ERR_CONFIG where
 * a URL cannot be read (the text names it by its place in the list, quoting
 * nothing), TLS is not possible with these files (tls_check()) or a name is too
 * long, and ERR_LOCAL. Has the process ignore SIGPIPE,
 * unless it does something about it already.
 */
MUST_CHECK bool bus_open(struct event_base *base, const struct bus_config *config, bus_wake *wake, void *arg,
                         struct bus **out, struct err *e);

/*
 * Closes both connections at once and frees everything; NULL is fine. What is
 * unconfirmed is lost. To part in good order, bus_stop() first.
 */
void bus_close(struct bus *bus);

/*
 * The next thing that happened. Call until BUS_QUIET. How the link, the queues and
 * publications stand comes before deliveries; of the link and of each queue only
 * the latest is told, and a delivery whose channel is gone meanwhile is not told.
 */
enum bus_event bus_next(struct bus *bus, struct bus_news *news);

/*
 * Publish, persistent, with a confirm, and with the user of the connection's URL as
 * AMQP's user_id. *number comes back in BUS_PUBLISHED. While the broker is away it waits here, and what was not confirmed when a connection
 * ended is published again, in order. One that the broker refuses does not hold up
 * or harm the others. Fails with ERR_LOCAL only: memory, a name or id over 255
 * bytes, headers over 2 KiB or 16 pairs.
 */
MUST_CHECK bool bus_publish(struct bus *bus, const struct publication *publication, uint64_t *number, struct err *e);

/*
 * Forget a publication that nobody waits for any more: it is not published again
 * after a reconnect, nor at all if it still waits here. No BUS_PUBLISHED follows,
 * unless it was on its way to bus_next() already.
 */
void bus_forget(struct bus *bus, uint64_t number);

/* End a delivery and free it. Of a channel that is gone, this only frees. */
void bus_settle(struct bus *bus, struct delivery *delivery, enum verdict verdict);

/* True while the channel that brought the delivery is open: its verdict would still count. */
bool bus_is_current(const struct bus *bus, const struct delivery *delivery);

/*
 * Send a canary through a queue that is consumed from, without waiting until it was quiet for long: if the broker gives
 * this program what comes by it, bus_queue_heard_ms() tells; else whom it gives that has one more to ack.
 */
void bus_queue_prove(struct bus *bus, size_t queue);

/*
 * Close the channel of a queue and consume anew a second later, behind whoever
 * else consumes from it. BUS_QUEUE_DOWN with `why` follows, then BUS_QUEUE_UP.
 */
void bus_queue_renew(struct bus *bus, size_t queue, const char *why);

/*
 * Close the channel of a queue: the broker takes back what was not settled, in
 * order, ahead of newer messages. BUS_QUEUE_DOWN with the text "closed" follows when
 * it has. Not opened again, whatever becomes of the link, but by bus_queue_open().
 */
void bus_queue_close(struct bus *bus, size_t queue);

/* Consume from a queue that was closed, or never opened, as soon as the link allows. Nothing where it is consumed. */
void bus_queue_open(struct bus *bus, size_t queue);

/*
 * Ask how many messages wait in a queue that was closed: BUS_QUEUE_UP follows, with
 * `messages`, and nothing is consumed. To ask again, close it again.
 */
void bus_queue_count(struct bus *bus, size_t queue);

/* How many messages are ready in a queue, where it was asked and could be told. */
struct bus_depth {
    bool is_known;
    uint32_t messages;
};

/*
 * Ask the broker how many messages wait in each queue, and among the dead letters,
 * one after the other, unless that is being done: a while later the two below know.
 */
void bus_count(struct bus *bus);
struct bus_depth bus_queue_depth(const struct bus *bus, size_t queue);
struct bus_depth bus_dead_depth(const struct bus *bus);

/* When a queue last delivered anything, canaries too; of the clock of monotonic_ms(). 0: never. */
uint64_t bus_queue_heard_ms(const struct bus *bus, size_t queue);

/*
 * Tell the broker goodbye on both connections. BUS_LINK_DOWN with the text "closed"
 * follows when it has answered, or after 2 s. Nothing is opened again.
 */
void bus_stop(struct bus *bus);

/* Whose user_id publications carry now; "" where none is said. Valid as long as the bus. */
const char *bus_user(const struct bus *bus);

/* Which broker it is: the one that was connected to last. Valid as long as the bus. */
const struct broker *bus_broker(const struct bus *bus);

/* The name of this program's reply queue; valid as long as the bus. */
const char *bus_reply_queue(const struct bus *bus);

/* True when every URL names this machine: 127.0.0.0/8, ::1 or localhost. */
bool bus_is_loopback(const struct bus *bus);

bool bus_is_up(const struct bus *bus);

/* True while a queue is deaf although it was consumed anew: only a new process may help. */
bool bus_is_deaf(const struct bus *bus);

#endif

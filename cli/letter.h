/*
 * A dead letter: what its delivery says of how it came here, of whom, and where it
 * was to go. A worker writes letters to the dead letter exchange itself, and says so
 * in headers of ours; what the broker has put here carries its x-death, and headers
 * of ours on it are its sender's words, which count for nothing. Pure.
 */
#ifndef CLI_LETTER_H
#define CLI_LETTER_H

#include "bus/bus.h"
#include "schemas/envelope.h"
#include "schemas/messages.h"

enum { REF_CHARS = 11, CODE_ROOM = 64 };

/* How long workers know an id for sure: contract 7. */
#define ID_KNOWN_MS (INT64_C(7) * 24 * 3600 * 1000)

struct letter {
    struct letter *next;       /* for lists of whoever holds it */
    struct delivery *delivery; /* its own */
    uint64_t number;           /* of its publication */
    bool by_broker;
    char id[ID_MAX_CHARS + 1];     /* of the message, in its body or by AMQP; "": it has none */
    char ref[REF_CHARS + 1];       /* "#" and ten hex digits, from all but its body: for a letter without an id */
    const struct message *message; /* NULL: none that is known */
    char code[CODE_ROOM];          /* the worker's, or the broker's reason; "" where it has none */
    char details[sizeof((struct err *)0)->text]; /* the worker's, fit to print */
    char queue[SHORTSTR_MAX_CHARS + 1];          /* where it died */
    char route[SHORTSTR_MAX_CHARS + 1];          /* the routing key it came by */
    struct uuid host;                            /* of the route or the queue, or "" */
    char sender[SHORTSTR_MAX_CHARS + 1];         /* whose message it is; "": he did not say */
    bool is_vouched;    /* that is the word of who wrote the letter, by the broker's word the delivery's user_id */
    bool is_passed_on;  /* and he had it from another: a letter that was sent again, and then the broker put it here */
    int64_t dead_ms;    /* when it came here; 0: unknown */
    int64_t sent_ms;    /* the earliest time it tells of, or 0 */
    unsigned looks;     /* how often it was delivered here and given back */
    bool is_readable;   /* its body is an envelope */
    bool has_complaint; /* it is none, or has a field that cannot be read: what is wrong */
    struct err complaint;
};

/* The letter of a delivery, which is its own from now on; NULL: no memory, and the delivery is freed. */
struct letter *letter_new(struct delivery *delivery);
void letter_free(struct letter *letter); /* NULL is fine */

/* True: its id may not be known any more, and what it asks for may be done a second time. */
bool letter_is_old(const struct letter *letter, int64_t now_ms);

/* Why it cannot be sent again, or NULL. */
const char *letter_hindrance(const struct letter *letter);

enum { LETTER_HEADERS_ROOM = 2 * 16 + 1 };

/*
 * The headers to send it with again: for whom, and what its sender had written,
 * as far as it is text and there is room. They point into the letter. Gives how
 * many were left out.
 */
size_t letter_headers(const struct letter *letter, const char *out[LETTER_HEADERS_ROOM]);

#endif

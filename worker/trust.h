/*
 * [trust] of the configuration: the keys that destinations must have, and the keys
 * that requests are signed with. A signature is Ed25519 over the body, in AMQP's
 * header x-keyferry-signature. Pure.
 */
#ifndef WORKER_TRUST_H
#define WORKER_TRUST_H

#include "bus/bus.h"
#include "handlers/ledger.h"
#include "handlers/pins.h"
#include "schemas/envelope.h"
#include "worker/senders.h"

/*
 * How far from now a signed request's createdTime may be. Not shorter than outcomes
 * are known by their ids (contract 7): what is younger and comes again is known.
 */
#define SIGNED_PAST_MS   ((int64_t)INBOX_KEEP_DAYS * 24 * 3600 * 1000) /* as long as its id is remembered */
#define SIGNED_FUTURE_MS (INT64_C(5) * 60 * 1000)

/* sender.<user> */
struct sender_key {
    char user[SHORTSTR_MAX_CHARS + 1];
    uint8_t key[PUBLIC_KEY_BYTES];
};

struct trust {
    struct pins pins;
    struct sender_key *keys;
    size_t key_count;
};

/* Add the line `key` = `value`: host.<uuid> or sender.<user>. ERR_CONFIG, ERR_LOCAL. */
MUST_CHECK bool trust_add(struct trust *trust, const char *key, const char *value, struct err *e);
void trust_print(const struct trust *trust, FILE *to); /* as lines of [trust] */
void trust_done(struct trust *trust);

/*
 * Whether a request of `user` is signed as it must be. Where there are roles its signature
 * must be its user's, else that of any of the keys; one that is there must be
 * good even where none is required. What is signed has its own id and createdTime,
 * so that it cannot be used again. Workers of other hosts need not sign: they
 * may do little, and have no such keys. ERR_SENDER.
 */
MUST_CHECK bool trust_check(const struct trust *trust, const struct senders *senders, const struct sender *sender,
                            const char *user, const struct delivery *delivery, const struct envelope *envelope,
                            int64_t now_ms, struct err *e);

#endif

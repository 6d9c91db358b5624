/* Seals the DEK of a request that was composed to the host it is for. */
#ifndef CLI_SEALING_H
#define CLI_SEALING_H

#include "cli/compose.h"
#include "cli/session.h"
#include "schemas/seal.h"

/*
 * Where the request has a clear DEK, and options->seal does not forbid it: ask the
 * host that will hold it for its key (a pre-migrate's destination; its source is
 * asked for the secret's UUID first), and write the body anew with encryptedDek. A
 * host that has no key to give gets it in clear, which stderr is told, unless
 * options->seal insists. Fails with ERR_FOREIGN or the host's error where *answered,
 * else as session_send().
 */
MUST_CHECK bool sealing_apply(struct session *session, const struct options *options, struct composed *request,
                              bool *answered, struct err *e);

/* What an envelope for a host is made with. */
struct recipient {
    struct public_key key;
    enum seal_layout layout; /* in which it opens what it gets */
};

/* Ask it of the host; of one that does not tell its layout, the bound one. Fails as sealing_apply(). */
MUST_CHECK bool recipient_ask(struct session *session, const struct uuid *host, struct recipient *out, bool *answered,
                              struct err *e);

/* Seal `dek` to it, for a define that says `use`. Fails as seal_seal(), or with ERR_LOCAL without random bytes. */
MUST_CHECK bool recipient_seal(const struct recipient *recipient, const struct seal_use *use, const struct dek *dek,
                               struct sealed_dek *out, struct err *e);

#endif

/* From the command line, or a file, to the body of a request. */
#ifndef CLI_COMPOSE_H
#define CLI_COMPOSE_H

#include "cli/options.h"
#include "schemas/vault.h"

struct composed {
    char id[UUID_HEX_CHARS + 1];
    struct bytes body; /* JSON */
    struct uuid host;
    void *typed; /* what it decodes into, in a vault slot; NULL for an envelope from a file */
};

/*
 * The body of the command's message: its fields from the options, a new id, and the
 * time-out. Fails with ERR_CONFIG where the options do not make a good message (the
 * text names the option) and ERR_LOCAL for files and memory. The DEK passes through
 * `vault` only, beside the body. To be ended with composed_done().
 */
MUST_CHECK bool compose(const struct options *options, struct vault *vault, struct composed *out, struct err *e);

/* The envelope in `path` ("-" is stdin) as it is; ERR_CONFIG where it is none, or names no host. Likewise. */
MUST_CHECK bool compose_from_file(const char *path, struct composed *out, struct err *e);

/* Wipes what held a DEK. */
void composed_done(struct composed *composed, struct vault *vault);

#endif

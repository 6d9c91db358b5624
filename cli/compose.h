/* From the command line, or a file, to the body of a request. */
#ifndef CLI_COMPOSE_H
#define CLI_COMPOSE_H

#include "cli/options.h"
#include "schemas/vault.h"

struct composed {
    struct bytes body; /* JSON; the caller's: bytes_free() */
    struct uuid host;
};

/*
 * The body of the command's message: its fields from the options, an id, and the
 * time-out as its deadline. Fails with ERR_CONFIG where the options do not make a
 * good message (the text names the option) and ERR_LOCAL for files and memory.
 * The DEK passes through `vault` only, beside the body.
 */
MUST_CHECK bool compose(const struct options *options, const char *id, int64_t now_ms, struct vault *vault,
                        struct composed *out, struct err *e);

/* The envelope in `path` ("-" is stdin) as it is; ERR_CONFIG where it is none, or names no host. */
MUST_CHECK bool compose_from_file(const char *path, struct composed *out, struct err *e);

#endif

/* Who may look at the pages: whoever has the token, where there is one; else whoever is on this machine. */
#ifndef WORKER_HTTP_GUARD_H
#define WORKER_HTTP_GUARD_H

#include "schemas/err.h"

enum { TOKEN_MIN_CHARS = 16, TOKEN_MAX_CHARS = 255 };

struct http_guard {
    char token[TOKEN_MAX_CHARS + 1]; /* "": there is none */
};

/*
 * The first line of the file at `path`; "": there is no token. Fails with ERR_CONFIG
 * where it cannot be read, others may read it, or it is not TOKEN_MIN_CHARS to
 * TOKEN_MAX_CHARS visible ASCII characters.
 */
MUST_CHECK bool http_guard_read(const char *path, struct http_guard *out, struct err *e);

/*
 * True if a request with these headers (NULL: it has none) may see the pages. With
 * a token: "Authorization: Bearer <token>", or Basic with any user and the token as
 * password, compared in a time that tells nothing of it. Without: where "Host" is
 * this machine or absent, so that no page from elsewhere, open in a browser here,
 * can have it read this one under a name of its own (DNS rebinding).
 */
bool http_guard_admits(const struct http_guard *guard, const char *authorization, const char *host);

#endif

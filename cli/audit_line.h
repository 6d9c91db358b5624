/*
 * The lines of the audit file: one JSON object each, whose last two fields chain
 * it to the line before:
 *
 *     {"time":…,…,"prev":"<hash of the line before>","hash":"<SHA-256>"}
 *
 * The hash is that of the line's bytes up to its ',"hash":'. The first line's prev
 * is 64 zeros. Pure.
 */
#ifndef CLI_AUDIT_LINE_H
#define CLI_AUDIT_LINE_H

#include "schemas/digest.h"

enum { AUDIT_LINE_MAX_BYTES = 16 * 1024 };

extern const char audit_first_prev[SHA256_CHARS + 1];

/* Who did what to which letter, and what came of it. Texts may be "" and are then left out; they need not be clean. */
struct audit_entry {
    int64_t time_ms; /* since 1970 */
    int64_t uid;
    const char *login; /* of the person or service */
    const char *user;  /* AMQP's */
    const char *action, *result;
    const char *id, *ref, *host, *code, *sender; /* of the letter */
    const char *details;
};

/*
 * The line for an entry but for its chain: an object without its last brace. *out
 * is the caller's: bytes_free(). Fails with ERR_LOCAL.
 */
MUST_CHECK bool audit_line_write(const struct audit_entry *entry, struct bytes *out, struct err *e);

/* Bytes audit_line_chain() adds, the line's end included. */
size_t audit_chain_bytes(void);

/* Write chain and line's end behind the `len` bytes at `line`, where there is room. `hash` is `prev` for the next one. */
void audit_line_chain(char *line, size_t len, const char *prev, char hash[SHA256_CHARS + 1]);

/*
 * Check a whole line, its end not included, against the one before. NULL for
 * `prev`: only against itself. Fails with ERR_INVALID and what is wrong.
 */
MUST_CHECK bool audit_line_check(const char *line, size_t len, const char *prev, char hash[SHA256_CHARS + 1],
                                 struct err *e);

#endif

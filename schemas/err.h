/* What can go wrong, said once: for the caller, for the log, for the peer and for the delivery. */
#ifndef SCHEMAS_ERR_H
#define SCHEMAS_ERR_H

#include "schemas/base.h"

/* What becomes of the delivery that caused the error. */
enum fate {
    FATE_ANSWER,      /* reply with the error, then ack */
    FATE_DEAD_LETTER, /* to the dead letters, reply where there is an address and an id, then ack */
};

/* The kinds without a code never travel: they end a program, or a connection. */
#define SAYS_1006 "a required field is missing or blank, or libvirt refused"
#define SAYS_1007 "a field, or the form of the message, is not acceptable"

/* clang-format off */
/*   kind                  code on the wire                      the code's fixed meaning                                     retryable  fate */
#define ERR_KINDS(X)                                                                                                                            \
    X(ERR_NONE,            "",                                   "",                                                              false, FATE_ANSWER) \
    X(ERR_TIMEOUT,         "SYS.1001",                           "the message or one of its steps ran out of time",               true,  FATE_ANSWER) \
    X(ERR_WRONG_HOST,      "SYS.1003",                           "the message names another host than the queue it came by",      false, FATE_ANSWER) \
    X(ERR_REQUIRED,        "SYS.1006",                           SAYS_1006,                                                       false, FATE_ANSWER) \
    X(ERR_LIBVIRT,         "SYS.1006",                           SAYS_1006,                                                       false, FATE_ANSWER) \
    X(ERR_INVALID,         "SYS.1007",                           SAYS_1007,                                                       false, FATE_ANSWER) \
    X(ERR_MALFORMED,       "SYS.1007",                           SAYS_1007,                                                       false, FATE_DEAD_LETTER) \
    X(ERR_NO_HANDLER,      "SYS.1008",                           "no handler for this message",                                   false, FATE_ANSWER) \
    X(ERR_NO_ROUTE,        "SYS.1009",                           "no queue is bound for the addressee",                           true,  FATE_ANSWER) \
    X(ERR_NOT_FOUND,       "KEY_AGENT_SECRET_NOT_FOUND",         "no such secret, or no such live domain",                        false, FATE_ANSWER) \
    X(ERR_CONFLICT,        "KEY_AGENT_SECRET_CONFLICT",          "the wanted secret contradicts one that exists",                 false, FATE_ANSWER) \
    X(ERR_IN_USE,          "KEY_AGENT_SECRET_IN_USE",            "a running domain on this host names the secret",                false, FATE_ANSWER) \
    X(ERR_ENVELOPE,        "KEY_AGENT_ENVELOPE_INVALID",         "the sealed DEK does not open here for this use",                false, FATE_ANSWER) \
    X(ERR_PLAINTEXT,       "KEY_AGENT_PLAINTEXT_REFUSED",        "a clear DEK is refused on this link",                           false, FATE_ANSWER) \
    X(ERR_SENDER,          "KEY_AGENT_SENDER_REFUSED",           "this sender may not send this message or these fields",         false, FATE_ANSWER) \
    X(ERR_DEK_MISMATCH,    "KEY_AGENT_DEK_MISMATCH",             "source and destination would hold different DEKs",              false, FATE_ANSWER) \
    X(ERR_HYPERVISOR_AWAY, "KEY_AGENT_HYPERVISOR_UNAVAILABLE",   "libvirt could not be reached in time",                          true,  FATE_ANSWER) \
    X(ERR_BUSY,            "KEY_AGENT_BUSY",                     "too many requests already wait for other hosts",                true,  FATE_ANSWER) \
    X(ERR_KEYS_MISSING,    "KEY_AGENT_KEYS_NOT_ON_DISK",         "the host's own key pair is missing",                            false, FATE_ANSWER) \
    X(ERR_KEYS_DAMAGED,    "KEY_AGENT_KEY_FILES_INTEGRITY_MISMATCH", "the host's own key pair is damaged",                        false, FATE_ANSWER) \
    X(ERR_DEADLY,          "SYS.1006",                           SAYS_1006,                                                       false, FATE_DEAD_LETTER) \
    X(ERR_FOREIGN,         "SYS.1007",                           "another service answered with an error of its own, or with no reply", false, FATE_ANSWER) \
    X(ERR_BUS,             "",                                   "the broker could not be reached, or refused",                   true,  FATE_ANSWER) \
    X(ERR_CONFIG,          "",                                   "the configuration is not acceptable",                           false, FATE_ANSWER) \
    X(ERR_LEDGER,          "SYS.1006",                           SAYS_1006,                                                       false, FATE_ANSWER) \
    X(ERR_LOCAL,           "SYS.1006",                           SAYS_1006,                                                       false, FATE_ANSWER)
/* clang-format on */

enum err_kind {
#define X(kind, code, meaning, retryable, fate) kind,
    ERR_KINDS(X)
#undef X
};

/* What the failed request has done to the host all the same. */
enum effect { EFFECT_NONE, EFFECT_DONE, EFFECT_UNKNOWN };

/*
 * One failure. Always the last parameter, always a plain value on the caller's
 * stack: nothing to free. Written only on failure, and then wholly.
 */
struct err {
    enum err_kind kind;
    enum effect effect;
    bool retryable;
    int libvirt_code, libvirt_domain; /* both 0: not libvirt's */
    unsigned attempt;                 /* how often the request was begun; 0: not counted */
    char code[48];                    /* on the wire; "" where the kind never travels */
    char field[64];                   /* the field it is about, or "" */
    char text[384];                   /* for people: one sentence, UTF-8, never a secret value */
};

/*
 * Record a failure and return false, so that a function can fail in one line:
 *
 *     return err_set(e, ERR_NOT_FOUND, "no domain '%s'", name);
 */
bool err_set(struct err *e, enum err_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The same about one field, which programs find in the reply's opaque.field. */
bool err_field(struct err *e, enum err_kind kind, const char *field, const char *fmt, ...) PRINTF_LIKE(4, 5);

/*
 * Record a failure that another service reported: `code` is kept as it came
 * (48 bytes at most), and the kind is the one that has this code, else ERR_FOREIGN.
 * A code of several kinds gives the first of them. Returns false.
 */
bool err_from_wire(struct err *e, const char *code, const char *details, bool retryable);

/* Of its code; of a code that is not ours, that it is another's. */
const char *err_meaning(const struct err *e);
enum fate err_fate(const struct err *e);
const char *effect_name(enum effect effect);    /* "none", "done", "unknown" */
enum effect effect_from_name(const char *name); /* anything else: EFFECT_UNKNOWN */

#endif

/*
 * The ledger: what must survive the death of the process. One SQLite file for
 * each state_dir (WAL, full sync), shared by the workers of the machine, rows by
 * host; so that whoever takes a host over finds what was known of it.
 *
 * It holds ids and outcomes of requests (never a DEK), and of each secret its
 * identity, its mark, and its DEK sealed to the host's own key.
 *
 * One struct ledger is one connection to the file and belongs to one thread at a
 * time; every thread that needs one opens its own. All below block on the disk,
 * and for at most LEDGER_BUSY_MS on other writers. They fail with ERR_LEDGER where it
 * may pass by itself (a full or failing disk, others that write), else with ERR_LOCAL
 * (damaged, read-only); the text names the file, what to do, and what SQLite says.
 * Nothing of a failed transaction is kept: after a failed write, roll
 * back; after a failed commit that is done. *out and *row are untouched on failure,
 * unless said otherwise.
 *
 * The file is for the sqlite3 shell to read: texts, whole numbers, blobs. It refuses
 * rows that make no sense: UUIDs and digests of another length, a purpose, state or
 * size that there is not, an outcome that is missing from what has one.
 */
#ifndef HANDLERS_LEDGER_H
#define HANDLERS_LEDGER_H

#include "handlers/mark.h"
#include "schemas/messages.h"

struct ledger;

enum {
    LEDGER_BUSY_MS = 5000,
    LEDGER_VERSION = 2, /* PRAGMA user_version */
    INBOX_KEEP_DAYS = 7,
};

/*
 * Open the file, made with mode 0600 where it is missing, and bring it to
 * LEDGER_VERSION. Fails where it is of a newer version, is no ledger, is neither
 * ours nor root's or can be read by others, or is damaged as far as opening shows.
 */
MUST_CHECK bool ledger_open(const char *path, struct ledger **out, struct err *e);
void ledger_close(struct ledger *ledger); /* NULL is fine */

/* Of which version it is, 0: it is new, and whether this program could open it; changes nothing. Fails as ledger_open(). */
MUST_CHECK bool ledger_look(const char *path, int64_t *version, struct err *e);

/*
 * Everything written between the two is on disk when ledger_commit() has returned
 * true, or none of it. Writes outside a transaction are one of their own each.
 * ledger_rollback() is safe to call where none is open.
 */
MUST_CHECK bool ledger_begin(struct ledger *ledger, struct err *e);
MUST_CHECK bool ledger_commit(struct ledger *ledger, struct err *e);
void ledger_rollback(struct ledger *ledger);

/*
 * What is read between the two is of one moment, that of the first: many look-ups cost little more than one. Nothing is
 * written between, and they are soon over: what SQLite's log holds cannot be reused meanwhile.
 */
MUST_CHECK bool ledger_look_begin(struct ledger *ledger, struct err *e);
void ledger_look_end(struct ledger *ledger);

/* ---- inbox: what was asked, and what came of it ---- */

/* One request: ids of readers and peers are their own (`sender`), those of managers are common ("" ). */
struct inbox_id {
    struct uuid host;
    char sender[SHORTSTR_MAX_CHARS + 1];
    char id[ID_MAX_CHARS + 1];
};

enum inbox_state {
    INBOX_BEGUN,   /* it may have had an effect, and its outcome is not known */
    INBOX_UNDOING, /* it has failed, and what it did is being undone: `outcome` is its first error */
    INBOX_DONE,    /* `outcome` is what is answered */
};

enum { OUTCOME_MAX_BYTES = 4096 };

struct inbox_row {
    char name[NAME_MAX_CHARS + 1];  /* of the message */
    char content[DIGEST_CHARS + 1]; /* what it asks for, DEKs aside */
    char whole[DIGEST_CHARS + 1];   /* ... with the bytes of its DEKs, clear or sealed, as they came */
    char dek[DIGEST_CHARS + 1];     /* of the clear DEK, once it was known, or "" */
    enum inbox_state state;
    int64_t attempts;          /* how often it was begun */
    struct uuid secret_uuid;   /* that it set out to make or remove, or "" */
    struct uuid replaced_uuid; /* ... in whose place, or "" */
    bool is_new;               /* ... and that was not there before */
    int64_t changed_ms;        /* since 1970 */
    size_t outcome_bytes;      /* a reply as msgpack, addressed to nobody; 0: none yet */
    uint8_t outcome[OUTCOME_MAX_BYTES];
};

MUST_CHECK bool inbox_find(struct ledger *ledger, const struct inbox_id *id, struct inbox_row *row, bool *found,
                           struct err *e);

/* Write the row, whether it was there or not; of one that was, name, content and whole stay. */
MUST_CHECK bool inbox_write(struct ledger *ledger, const struct inbox_id *id, const struct inbox_row *row,
                            struct err *e);

/*
 * Forget finished requests, the oldest first, `limit` at most in one call: those
 * last changed before `before_ms`, and whatever is over `most` (of finished ones).
 * *forgotten is how many went, *youngest_ms when the last of those that went by
 * number alone was changed (0: none did). Part of a transaction that is open, else
 * one of its own. About 10 us a row, and 20 ms to count a hundred thousand, which
 * it only does where there may be too many.
 */
MUST_CHECK bool inbox_prune(struct ledger *ledger, int64_t before_ms, int64_t most, int64_t limit, int64_t *forgotten,
                            int64_t *youngest_ms, struct err *e);

/* ---- secrets: what should be in libvirt ---- */

enum secret_state {
    SECRET_DEFINING, /* begun: libvirt may have it, or half of it, or not */
    SECRET_ACTIVE,
    SECRET_RESTORING, /* as active, but libvirt had lost it, and may have it again, or half of it, or not */
    SECRET_DELETING,  /* begun: libvirt may still have it */
};

struct secret_row {
    struct uuid host, uuid; /* together they tell rows apart */
    struct secret_key key;  /* the identity; there may be two of one while one replaces the other */
    enum secret_state state;
    char mark[MARK_MAX_BYTES + 1]; /* the description as libvirt has it, or shall have it: mark_write() */
    struct sealed_dek sealed;      /* host_keys_keep() */
    int64_t lease_until_ms;        /* since 1970; 0: it has no lease */
    int64_t changed_ms;
};

/*
 * Of a row that is there, the identity stays. Without `sealed` (length 0) what the row has stays as well, and it must
 * be there then: so that no change of a mark undoes a sealing to a newer key.
 */
MUST_CHECK bool secret_row_write(struct ledger *ledger, const struct secret_row *row, struct err *e);
MUST_CHECK bool secret_row_remove(struct ledger *ledger, const struct uuid *host, const struct uuid *uuid,
                                  struct err *e);

MUST_CHECK bool secret_row_get(struct ledger *ledger, const struct uuid *host, const struct uuid *uuid,
                               struct secret_row *row, bool *found, struct err *e);

/* The row of an identity: one that should be there before the others. */
MUST_CHECK bool secret_row_find(struct ledger *ledger, const struct uuid *host, const struct secret_key *key,
                                struct secret_row *row, bool *found, struct err *e);

/* The first row of a host behind `after` in the order of UUIDs (unset or NULL: the very first): a walk over all, any change between. */
MUST_CHECK bool secret_row_next(struct ledger *ledger, const struct uuid *host, const struct uuid *after,
                                struct secret_row *row, bool *found, struct err *e);

/*
 * The same of those that have a lease, in the order in which they end, behind
 * `after_ms` and `after` (0, NULL: the very first).
 */
MUST_CHECK bool secret_row_next_lease(struct ledger *ledger, const struct uuid *host, int64_t after_ms,
                                      const struct uuid *after, struct secret_row *row, bool *found, struct err *e);

/* The same of those that have a lease and are a VM's, in the order of UUIDs. */
MUST_CHECK bool secret_row_next_lease_of(struct ledger *ledger, const struct uuid *host, const struct uuid *vm,
                                         const struct uuid *after, struct secret_row *row, bool *found, struct err *e);

/* ---- what a reconciliation found ---- */

/* `what` is there now: since when, as far as is known, and whether somebody was told. */
MUST_CHECK bool finding_note(struct ledger *ledger, const struct uuid *host, const struct uuid *uuid, const char *what,
                             int64_t now_ms, int64_t *since_ms, bool *is_told, struct err *e);
MUST_CHECK bool finding_told(struct ledger *ledger, const struct uuid *host, const struct uuid *uuid, const char *what,
                             struct err *e);

/* What was not seen any more since `before_ms` is over. */
MUST_CHECK bool findings_forget(struct ledger *ledger, const struct uuid *host, int64_t before_ms, struct err *e);

/* ---- what libvirt has lost of a host is being restored ---- */

/*
 * Begun before the first of its secrets is, over when all have been. Who dies between the two leaves one or the other
 * half made, and its row does not tell which: whoever comes next takes all of them for that, and the restoration for
 * his own. `by` is his, random: who has lost the host ends nothing any more.
 */
MUST_CHECK bool restoration_begin(struct ledger *ledger, const struct uuid *host, const struct uuid *by, struct err *e);
MUST_CHECK bool restoration_end(struct ledger *ledger, const struct uuid *host, const struct uuid *by, struct err *e);
MUST_CHECK bool restoration_is_on(struct ledger *ledger, const struct uuid *host, bool *is_on, struct err *e);

#endif

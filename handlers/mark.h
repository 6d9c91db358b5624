/*
 * The machine-readable part in front of a secret's description, from which a
 * worker that lost its own state can tell what it sees:
 *
 *     keyferry1 dek=<key name>:<digest> by=<who> mig=<id> peer=<user> leaving=<id> until=<ms> confirmed; <given text>
 *
 * Words that do not apply are left out; words not known here are passed over, so
 * that a newer worker may add some. A change that an older worker must not
 * misread is a new version. Pure.
 */
#ifndef HANDLERS_MARK_H
#define HANDLERS_MARK_H

#include "schemas/digest.h"
#include "schemas/limits.h"

enum {
    MARK_BY_MAX_CHARS = 15,
    MARK_MAX_BYTES = 640, /* every word at its longest is under 300, and the text 256 */
};

#define MADE_BY_REQUEST   "request"
#define MADE_BY_MIGRATION "migration"

/* What a description says. All of it is "" or false where it does not. */
struct mark {
    char key_name[DIGEST_KEY_NAME_CHARS + 1];      /* of the key that `digest` was made with */
    char digest[DIGEST_CHARS + 1];                 /* of the DEK: digest_dek() */
    char by[MARK_BY_MAX_CHARS + 1];                /* how it was made */
    char migration_id[MIGRATION_ID_MAX_CHARS + 1]; /* the migration that made it */
    char peer[DIGEST_CHARS + 1];                   /* ... and the mark of the peer that sent it, or "" */
    bool confirmed;                                /* ... and succeeded: the secret is permanent */
    char leaving[MIGRATION_ID_MAX_CHARS + 1];      /* the migration that is taking the VM elsewhere */
    int64_t until_ms;                              /* when its lease ends, since 1970; 0: it has none */
    char text[DESCRIPTION_MAX_BYTES + 1];          /* for people, as it was given */
};

/* Take a description apart. One that is not ours leaves *out all zero: nothing is known. */
void mark_read(const char *description, struct mark *out);

void mark_write(const struct mark *mark, char out[MARK_MAX_BYTES + 1]);

/* Leased, or made by a migration that nobody confirmed yet: it may be taken over, or undone. */
bool mark_is_provisional(const struct mark *mark);

#endif

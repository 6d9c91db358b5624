/* What define.c (the steps) and define_secret.c (what is done to libvirt) share, and nobody else sees. */
#ifndef HANDLERS_DEFINE_PARTS_H
#define HANDLERS_DEFINE_PARTS_H

#include "handlers/kept.h"

struct define_notes {
    struct dek dek;       /* what encryptedDek held; len 0: it came in clear */
    struct uuid uuid;     /* the secret's: wanted, known, or made here; a retry must use the same */
    struct uuid known;    /* under which the ledger has the identity, or "" */
    struct uuid fresh;    /* made here at random, so that nobody has it, or "" */
    bool made;            /* we defined it, or may have; it was not there before */
    bool old_is_gone;     /* `old` was undefined to make room, or may have been */
    struct hv_secret old; /* uuid "": nothing is replaced */
    struct mark mark;     /* that it was given */
};

_Static_assert(sizeof(struct define_notes) <= VAULT_SLOT_BYTES, "notes fit their slot");

/* The clear DEK, however it came. */
const struct dek *define_dek(const struct work *work);

/*
 * The mark that this define leaves. `before` is the mark of the secret that keeps
 * its UUID, or NULL: one that a migration made is taken over by a newer one and
 * made permanent by a define outside of any; one that is permanent stays so, with
 * or without a lease that is asked for, and of it a peer changes nothing but that it is not leaving any more.
 */
void define_mark(const struct work *work, const struct mark *before, struct mark *out);

/*
 * True if the secret that is there has the DEK of the request, or what it has cannot be compared. Fails with ERR_CONFLICT;
 * with ERR_SENDER where it cannot be compared and a peer would set it.
 */
MUST_CHECK bool define_dek_is_same(const struct work *work, const struct held *held, struct err *e);

/* See that libvirt has the secret as it is wanted; the reply gets its UUID, the notes its mark and what was done. */
MUST_CHECK bool define_secret(struct work *work, struct err *e);

/*
 * Undo that: undefine what was made, since a secret without a value must not stay,
 * and put back what was removed to make room. work->err says what came of it.
 * False: what was made may still be there.
 */
bool define_secret_undo(struct work *work);

#endif

/* What the handlers have in common: the secret of a request's identity, found, compared, marked and removed. */
#ifndef HANDLERS_SECRET_H
#define HANDLERS_SECRET_H

#include "handlers/hv.h"
#include "handlers/mark.h"
#include "handlers/work.h"

/* A secret as libvirt has it, and its description taken apart. */
struct held {
    struct hv_secret secret;
    struct mark mark;
};

/* The identity that a request is about. Every request begins with one. */
const struct secret_key *secret_key_of(const struct work *work);

/* The usage type and usage id of an identity, into an otherwise empty *out. */
void secret_identify(const struct secret_key *key, struct hv_secret *out);

/* True if a secret in libvirt is the one of this identity: by usage id and usage type, since libvirt mixes types. */
bool secret_is(const struct hv_secret *secret, const struct secret_key *key);

/*
 * The secret of the request's identity. One that libvirt has lost, as it does
 * when it is started again, is restored from the ledger first, and work->restored
 * set. ERR_NOT_FOUND where neither has it; otherwise as hv_secret_by_usage() and
 * kept_restore().
 */
MUST_CHECK bool secret_find(struct work *work, struct held *out, struct err *e);

/*
 * hv_secret_define() with the description written from `mark`, and
 * hv_secret_undefine(), remembered in work->begun where they had or may have had
 * an effect.
 */
MUST_CHECK bool secret_define(struct work *work, struct hv_secret *secret, const struct mark *mark,
                              const struct dek *dek, struct err *e);
MUST_CHECK bool secret_undefine(struct work *work, const struct uuid *uuid, struct err *e);

/*
 * Undefine what was just found. *removed: it was we who did it. *sent is kept in
 * the work's notes: it is set where the connection was lost on the way, and where
 * nothing is found by the next try, that was our doing.
 */
MUST_CHECK bool secret_remove(struct work *work, const struct uuid *uuid, bool *sent, bool *removed, struct err *e);

/*
 * Write a changed mark, in libvirt and into the record; the value stays. A secret that is not ephemeral and
 * private was not made by us and is left as it is, unmarked.
 */
MUST_CHECK bool secret_mark(struct work *work, const struct held *held, const struct mark *mark, struct err *e);

/* Take the mark "leaving" away, if it is this migration's. */
MUST_CHECK bool secret_stays(struct work *work, const struct held *held, const char *migration_id, struct err *e);

#endif

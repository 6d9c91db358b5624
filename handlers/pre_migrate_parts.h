/* What pre_migrate.c (the row) and pre_migrate_dek.c (the DEK, and whom to seal it to) share, and nobody else sees. */
#ifndef HANDLERS_PRE_MIGRATE_PARTS_H
#define HANDLERS_PRE_MIGRATE_PARTS_H

#include "handlers/kept.h"

struct pre_migrate_notes {
    struct uuid secret_uuid;
    char migration_id[MIGRATION_ID_MAX_CHARS + 1];
    struct public_key recipient;           /* the destination's */
    struct sealed_dek sealed;              /* what travels */
    bool is_kept;                          /* the ledger has the DEK that the VM lives with */
    char dek_digest[DEK_DIGEST_CHARS + 1]; /* ... and under the salt of the define it looks like this; or "" */
    bool on_destination;                   /* the destination defined it, or may have */
    union {                                /* one call after the other */
        struct {
            struct host_key_get_request ask;
            struct host_key_reply answer;
        } host_key;
        struct {
            struct resource_key_request ask;
            struct resource_key_reply answer;
        } key;
        struct dek dek; /* the ledger's, on its way from one seal to the other */
        struct {
            struct define_request ask;
            struct define_reply answer;
        } define;
        struct {
            struct delete_request ask;
            struct delete_reply answer;
        } undo;
    };
};

/* The destination's key, unless the request brings an envelope for it. */
enum step_result pre_migrate_host_key_run(struct work *work, struct err *e);
enum step_result pre_migrate_host_key_answered(struct work *work, struct err *e);

/* notes->sealed: the request's, or sealed here from the request's clear DEK, the ledger's or the key manager's. */
enum step_result pre_migrate_dek_run(struct work *work, struct err *e);
enum step_result pre_migrate_dek_answered(struct work *work, struct err *e);

/*
 * Of a DEK that came from elsewhere, while the ledger has the one that the VM lives
 * with: whether it is the same. A clear one is compared before anybody is asked for
 * anything; of a sealed one the destination's digest is, whose salt goes with the
 * define. Where nothing can be compared, nothing is said. ERR_DEK_MISMATCH.
 */
MUST_CHECK bool pre_migrate_compare_clear(struct work *work, struct err *e);
void pre_migrate_compare_ask(struct work *work, struct salt *out);
MUST_CHECK bool pre_migrate_compare_answer(const struct work *work, const struct define_reply *answer, struct err *e);

/* What the ledger has of the secret, into notes->dek, which is to be wiped. */
MUST_CHECK bool pre_migrate_own_dek(struct work *work, struct err *e);

#endif

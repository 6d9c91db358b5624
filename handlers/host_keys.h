/*
 * The key pairs of a host, to which DEKs are sealed. The file is the state: it is
 * read, checked and wiped from memory again for every use, so that several workers
 * may share it, and one that was removed or damaged is noticed at once. Private
 * keys are in vault slots only. Any thread; blocks on the disk.
 *
 * All below may fail with ERR_KEYS_MISSING or ERR_KEYS_DAMAGED, naming the file.
 */
#ifndef HANDLERS_HOST_KEYS_H
#define HANDLERS_HOST_KEYS_H

#include "schemas/seal.h"
#include "schemas/vault.h"

enum { HOST_KEYS_MAX = 16, HOST_KEYS_PATH_BYTES = 4096 };

struct host_keys {
    char path[HOST_KEYS_PATH_BYTES];
    bool is_credential;
    struct vault *vault; /* a slot for each thread that uses keys at once */
};

/*
 * Choose the file: "<host UUID as hex>.key" among the systemd credentials
 * (`credentials` is their folder, or NULL), else in `state_dir`, and there make it,
 * with a first key pair, where it is missing. ERR_LOCAL where it cannot be made.
 * One that is there is not looked at.
 */
MUST_CHECK bool host_keys_open(const char *state_dir, const char *credentials, const struct uuid *host,
                               struct vault *vault, struct host_keys *out, struct err *e);

/* The public key to seal to from now on. */
MUST_CHECK bool host_keys_current(const struct host_keys *keys, struct public_key *out, struct err *e);

/*
 * A new key pair, once for each request id: the same id again gives the same key, and
 * *is_new tells. The earlier ones go on opening. ERR_LOCAL where HOST_KEYS_MAX are kept already, or
 * the file is a credential.
 */
MUST_CHECK bool host_keys_rotate(const struct host_keys *keys, const char *id, struct public_key *out, bool *is_new,
                                 struct err *e);

/*
 * Forget those before `oldest`, once for an id: the last one again does nothing. Later ones, which a rotation beside this
 * may make, stay. *out is the current one. Fails as above.
 */
MUST_CHECK bool host_keys_retire(const struct host_keys *keys, const char *id, const struct public_key *oldest,
                                 struct public_key *out, struct err *e);

/* seal_open() with every key that is kept. */
MUST_CHECK bool host_keys_unseal(const struct host_keys *keys, enum seal_layout layouts, const struct seal_use *use,
                                 const struct sealed_dek *sealed, struct dek *out, struct err *e);

/*
 * seal_keep() to the current key, with randomness of the system, and seal_recall()
 * with every key that is kept: what was sealed to one that has been retired since is
 * lost, so it is to be kept anew before. ERR_LOCAL where the system gives no random
 * bytes.
 */
MUST_CHECK bool host_keys_keep(const struct host_keys *keys, const struct seal_use *use, const struct dek *dek,
                               struct sealed_dek *out, struct err *e);
MUST_CHECK bool host_keys_recall(const struct host_keys *keys, const struct seal_use *use,
                                 const struct sealed_dek *sealed, struct dek *out, struct err *e);

#endif

/* Keys of this machine, kept in state_dir. */
#ifndef WORKER_KEY_FILE_H
#define WORKER_KEY_FILE_H

#include "schemas/digest.h"

/*
 * Read "<state_dir>/digest.key", the key of the DEK digests in secrets'
 * descriptions; make it, and state_dir, where they are missing: 32 random bytes,
 * mode 0600, in a folder of mode 0700. Workers that start at once get the same one.
 * `out` should be in a vault slot. Fails with ERR_LOCAL, or as private_file_read(),
 * naming the file.
 */
MUST_CHECK bool key_file_digest_key(const char *state_dir, struct digest_key *out, struct err *e);

#endif

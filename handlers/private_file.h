/*
 * Files that only their owner may read: small ones that hold keys, of which there is
 * never half of one, and the ledger. Every path has a '/' in it. Any thread; blocks
 * on the disk.
 */
#ifndef HANDLERS_PRIVATE_FILE_H
#define HANDLERS_PRIVATE_FILE_H

#include "schemas/err.h"

/*
 * Read all of a file of `len` bytes. ERR_KEYS_MISSING where it cannot be opened,
 * ERR_KEYS_DAMAGED where it has another size, is neither ours nor root's, or others
 * may read it; of a systemd credential (systemd.exec(5)) the manager has seen to
 * that. On failure `out` is wiped.
 */
MUST_CHECK bool private_file_read(const char *path, bool is_credential, void *out, size_t len, struct err *e);

/*
 * Write a file of mode 0600 and have it on disk before anybody can see it.
 * private_file_make() leaves one that is there already as it is: of those who make
 * it at once, the first wins. ERR_LOCAL.
 */
MUST_CHECK bool private_file_make(const char *path, const void *data, size_t len, struct err *e);
MUST_CHECK bool private_file_replace(const char *path, const void *data, size_t len, struct err *e);

/*
 * See that it is a regular file, ours or root's, that nobody else may read, without
 * opening it: to close a file drops all the locks a process has on it (fcntl(2)), and
 * SQLite's are such. ERR_LOCAL.
 */
MUST_CHECK bool private_file_check(const char *path, struct err *e);

/* Hold the lock of the file's folder, and wait for whoever holds it; -1 with ERR_LOCAL. */
MUST_CHECK int private_folder_lock(const char *path, struct err *e);
void private_folder_unlock(const int *lock); /* for ON_EXIT; -1 is fine */

#endif

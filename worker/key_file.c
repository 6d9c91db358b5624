#include "worker/key_file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handlers/private_file.h"

static bool make_key(const char *path, struct digest_key *scratch, struct err *e)
{
    if (getrandom(scratch->bytes, sizeof(scratch->bytes), 0) != sizeof(scratch->bytes))
        return err_set(e, ERR_LOCAL, "cannot get random bytes for %s: %s", path, strerror(errno));
    return private_file_make(path, scratch->bytes, sizeof(scratch->bytes), e);
}

bool key_file_digest_key(const char *state_dir, struct digest_key *out, struct err *e)
{
    char path[PATH_MAX - 32];

    if (mkdir(state_dir, 0700) != 0 && errno != EEXIST)
        return err_set(e, ERR_LOCAL, "state_dir %s cannot be made: %s", state_dir, strerror(errno));
    if (access(state_dir, R_OK | W_OK | X_OK) != 0)
        return err_set(e, ERR_LOCAL, "state_dir %s: %s (give it to the worker's user, which is %u now: chown -R)",
                       state_dir, strerror(errno), geteuid());
    snprintf(path, sizeof(path), "%s/digest.key", state_dir);
    if (access(path, F_OK) != 0 && !make_key(path, out, e))
        return false;
    if (!private_file_read(path, false, out->bytes, sizeof(out->bytes), e))
        return false;
    digest_key_name(out);
    return true;
}

#include "worker/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_fd(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static bool fail(struct err *e, const char *doing, const char *path)
{
    return err_set(e, ERR_LOCAL, "cannot %s %s: %s", doing, path, strerror(errno));
}

static bool check_file(int fd, const char *path, struct err *e)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return fail(e, "look at", path);
    if ((st.st_mode & 077) != 0)
        return err_set(e, ERR_LOCAL, "%s may be read by others: chmod 600 it", path);
    if (st.st_size != DIGEST_KEY_BYTES)
        return err_set(e, ERR_LOCAL, "%s has %lld bytes instead of %d", path, (long long)st.st_size, DIGEST_KEY_BYTES);
    return true;
}

static bool read_key(const char *path, struct digest_key *out, struct err *e)
{
    ON_EXIT(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return fail(e, "open", path);
    if (!check_file(fd, path, e))
        return false;
    if (read(fd, out->bytes, sizeof(out->bytes)) != sizeof(out->bytes))
        return fail(e, "read", path);
    digest_key_name(out);
    return true;
}

/* A new key under a name of its own, on disk before anybody can see it. */
static bool write_key(const char *path, struct digest_key *scratch, struct err *e)
{
    ON_EXIT(close_fd) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0)
        return fail(e, "make", path);
    if (getrandom(scratch->bytes, sizeof(scratch->bytes), 0) != sizeof(scratch->bytes))
        return fail(e, "get random bytes for", path);
    if (write(fd, scratch->bytes, sizeof(scratch->bytes)) != sizeof(scratch->bytes) || fsync(fd) != 0)
        return fail(e, "write", path);
    return true;
}

/* link() decides between workers that start at once: the first one's key stays. */
static bool make_key(const char *path, struct digest_key *scratch, struct err *e)
{
    char fresh[PATH_MAX];
    bool ok;

    snprintf(fresh, sizeof(fresh), "%s.%d", path, (int)getpid());
    ok = write_key(fresh, scratch, e);
    if (ok && link(fresh, path) != 0 && errno != EEXIST)
        ok = fail(e, "make", path);
    unlink(fresh);
    return ok;
}

bool key_file_digest_key(const char *state_dir, struct digest_key *out, struct err *e)
{
    char path[PATH_MAX - 32];

    if (mkdir(state_dir, 0700) != 0 && errno != EEXIST)
        return fail(e, "make the folder", state_dir);
    snprintf(path, sizeof(path), "%s/digest.key", state_dir);
    if (access(path, F_OK) != 0 && !make_key(path, out, e))
        return false;
    return read_key(path, out, e);
}

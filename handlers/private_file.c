#include "handlers/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_fd(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static bool fail(struct err *e, enum err_kind kind, const char *doing, const char *path)
{
    return err_set(e, kind, "cannot %s %s: %s", doing, path, strerror(errno));
}

static bool check_owner(const struct stat *st, const char *path, enum err_kind kind, struct err *e)
{
    if (st->st_uid != geteuid() && st->st_uid != 0)
        return err_set(e, kind, "%s belongs to user %u: chown it", path, st->st_uid);
    if ((st->st_mode & 077) != 0)
        return err_set(e, kind, "%s may be read by others: chmod 600 it", path);
    return true;
}

static bool check_file(int fd, const char *path, bool is_credential, size_t len, struct err *e)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return fail(e, ERR_KEYS_MISSING, "look at", path);
    if (!is_credential && !check_owner(&st, path, ERR_KEYS_DAMAGED, e))
        return false;
    if (st.st_size != (off_t)len)
        return err_set(e, ERR_KEYS_DAMAGED, "%s has %lld bytes instead of %zu", path, (long long)st.st_size, len);
    return true;
}

bool private_file_check(const char *path, struct err *e)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return fail(e, ERR_LOCAL, "look at", path);
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_LOCAL, "%s is no regular file", path);
    return check_owner(&st, path, ERR_LOCAL, e);
}

/* O_NONBLOCK: a pipe in its place is no reason to wait for who never writes. */
bool private_file_read(const char *path, bool is_credential, void *out, size_t len, struct err *e)
{
    ON_EXIT(close_fd) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return fail(e, ERR_KEYS_MISSING, "open", path);
    if (!check_file(fd, path, is_credential, len, e))
        return false;
    if (read(fd, out, len) == (ssize_t)len)
        return true;
    wipe(out, len);
    return fail(e, ERR_KEYS_MISSING, "read", path);
}

/* What a crash has left under this name is of no use to anybody. */
static bool write_fresh(const char *path, const void *data, size_t len, struct err *e)
{
    ON_EXIT(close_fd) int fd = -1;

    unlink(path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(e, ERR_LOCAL, "make", path);
    errno = ENOSPC; /* as what a write that stops short does not tell */
    if (write(fd, data, len) != (ssize_t)len || fsync(fd) != 0)
        return fail(e, ERR_LOCAL, "write", path);
    return true;
}

static int open_folder(const char *path, char folder[PATH_MAX])
{
    snprintf(folder, PATH_MAX, "%.*s", (int)(strrchr(path, '/') - path), path);
    return open(folder[0] != '\0' ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* The name, too, must outlive a loss of power. */
static bool sync_folder(const char *path, struct err *e)
{
    char folder[PATH_MAX];
    ON_EXIT(close_fd) int fd = open_folder(path, folder);

    return (fd >= 0 && fsync(fd) == 0) || fail(e, ERR_LOCAL, "sync the folder", folder);
}

int private_folder_lock(const char *path, struct err *e)
{
    char folder[PATH_MAX];
    int fd = open_folder(path, folder);

    if (fd >= 0 && flock(fd, LOCK_EX) == 0)
        return fd;
    fail(e, ERR_LOCAL, "lock", folder);
    close_fd(&fd);
    return -1;
}

void private_folder_unlock(const int *lock)
{
    close_fd(lock);
}

static bool link_unless_there(const char *fresh, const char *path)
{
    return link(fresh, path) == 0 || errno == EEXIST;
}

static bool rename_over(const char *fresh, const char *path)
{
    return rename(fresh, path) == 0;
}

static bool publish(const char *path, const void *data, size_t len, bool (*name)(const char *, const char *),
                    struct err *e)
{
    char fresh[PATH_MAX];
    bool ok;

    snprintf(fresh, sizeof(fresh), "%s.%d", path, (int)getpid());
    ok = write_fresh(fresh, data, len, e);
    if (ok && !name(fresh, path))
        ok = fail(e, ERR_LOCAL, "make", path);
    unlink(fresh);
    return ok && sync_folder(path, e);
}

bool private_file_make(const char *path, const void *data, size_t len, struct err *e)
{
    return publish(path, data, len, link_unless_there, e);
}

bool private_file_replace(const char *path, const void *data, size_t len, struct err *e)
{
    return publish(path, data, len, rename_over, e);
}

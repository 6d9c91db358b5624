#include "worker/pool_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* `bytes` 0: to the end of all files. */
static struct flock lock_at(off_t start, off_t bytes)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = bytes};
}

bool pool_lock_open(const char *path, int *out, struct err *e)
{
    struct flock own = lock_at(getpid(), 1);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return err_set(e, ERR_LOCAL, "cannot open %s: %s", path, strerror(errno));
    if (fcntl(fd, F_SETLK, &own) != 0) {
        err_set(e, ERR_LOCAL, "cannot lock %s: %s", path, strerror(errno));
        close(fd);
        return false;
    }
    *out = fd;
    return true;
}

bool pool_lock_has(int fd, pid_t pid)
{
    struct flock probe = lock_at(pid, 1);

    return fcntl(fd, F_GETLK, &probe) == 0 && probe.l_type != F_UNLCK && probe.l_pid == pid;
}

bool pool_lock_has_others(int fd)
{
    struct flock probe = lock_at(0, 0);

    return fcntl(fd, F_GETLK, &probe) == 0 && probe.l_type != F_UNLCK;
}

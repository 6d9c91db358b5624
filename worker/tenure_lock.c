#include "worker/tenure_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The bytes that are locked, from where the host's begin; the file has none, which fcntl(2) allows. */
enum { HELD_BYTE, ASKED_BYTE };

/* FNV-1a of 64 bits over its hex digits (RFC 9923): UUIDs that were counted up must not end up in one file. */
static uint64_t hash_of(const struct uuid *host)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    char hex[UUID_HEX_CHARS + 1];

    uuid_hex(host, hex);
    for (const char *c = hex; *c != '\0'; c++)
        hash = (hash ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
    return hash;
}

struct tenure_place tenure_place_of(const struct uuid *host)
{
    uint64_t hash = hash_of(host);

    return (struct tenure_place){(unsigned)(hash % TENURE_FILES), (off_t)(hash / TENURE_FILES * 2)};
}

static struct flock byte_lock(short type, off_t byte)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
}

static bool set(struct tenure_lock lock, short type, off_t byte)
{
    struct flock flock = byte_lock(type, lock.at + byte);

    return fcntl(lock.fd, F_SETLK, &flock) == 0;
}

/* Which process's lock is in the way of ours: 0 none, -1 one that has no pid here (fcntl(2), l_pid). */
static pid_t find_other(struct tenure_lock lock, off_t byte)
{
    struct flock flock = byte_lock(F_WRLCK, lock.at + byte);

    if (fcntl(lock.fd, F_GETLK, &flock) != 0 || flock.l_type == F_UNLCK)
        return 0;
    return flock.l_pid > 0 ? flock.l_pid : -1;
}

bool tenure_lock_open(const char *path, int *out, struct err *e)
{
    struct flock probe = byte_lock(F_WRLCK, HELD_BYTE);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return err_set(e, ERR_LOCAL, "cannot open %s: %s", path, strerror(errno));
    if (fcntl(fd, F_GETLK, &probe) != 0) {
        err_set(e, ERR_LOCAL, "cannot lock %s: %s", path, strerror(errno));
        close(fd);
        return false;
    }
    *out = fd;
    return true;
}

bool tenure_lock_take(struct tenure_lock lock)
{
    return set(lock, F_WRLCK, HELD_BYTE);
}

void tenure_lock_drop(struct tenure_lock lock)
{
    set(lock, F_UNLCK, HELD_BYTE);
}

void tenure_lock_ask(struct tenure_lock lock, bool is_wanted)
{
    set(lock, is_wanted ? F_RDLCK : F_UNLCK, ASKED_BYTE);
}

bool tenure_lock_is_asked(struct tenure_lock lock)
{
    return find_other(lock, ASKED_BYTE) != 0;
}

void tenure_lock_ring(struct tenure_lock lock)
{
    futimens(lock.fd, NULL);
}

pid_t tenure_lock_holder(struct tenure_lock lock)
{
    return find_other(lock, HELD_BYTE);
}

/* By number: glibc has had a name for them since 2.36 only. */
static int open_process(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int kill_process(int process)
{
    return (int)syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0);
}

/*
 * The pid may have passed to another process before `process` was opened. If it
 * holds the lock now, it is the holder, whoever it is; if `process` has died since,
 * nobody is hit.
 */
static bool kill_if_holder(struct tenure_lock lock, pid_t holder, int process, struct err *e)
{
    if (tenure_lock_holder(lock) != holder)
        return err_set(e, ERR_LOCAL, "process %d does not hold it any more", (int)holder);
    if (kill_process(process) != 0)
        return err_set(e, ERR_LOCAL, "cannot kill process %d, which holds it: %s", (int)holder, strerror(errno));
    return true;
}

bool tenure_lock_kill(struct tenure_lock lock, pid_t holder, struct err *e)
{
    int process;
    bool ok;

    if (holder <= 0)
        return err_set(e, ERR_LOCAL, "a process of another PID namespace holds it, which cannot be killed from here");
    process = open_process(holder);
    if (process < 0)
        return err_set(e, ERR_LOCAL, "cannot reach process %d, which holds it: %s", (int)holder, strerror(errno));
    ok = kill_if_holder(lock, holder, process, e);
    close(process);
    return ok;
}

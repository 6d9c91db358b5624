#include "cli/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/session.h"

struct audit {
    int fd;
    char path[512];
    char login[64];
    struct bytes *lines; /* not yet written, without their chains */
    size_t count;
};

/* ---- where it is ---- */

static bool path_write(char *out, size_t room, const char *folder, const char *rest, struct err *e)
{
    if (snprintf(out, room, "%s/%s", folder, rest) < (int)room)
        return true;
    return err_set(e, ERR_CONFIG, "the path of the audit file is longer than %zu bytes", room - 1);
}

bool audit_path(const struct options *options, const struct settings *settings, char *out, size_t room, struct err *e)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

    if (options->audit_path != NULL)
        return snprintf(out, room, "%s", options->audit_path) < (int)room ||
               err_set(e, ERR_CONFIG, "--audit: the path is longer than %zu bytes", room - 1);
    if (settings->state_dir[0] != '\0')
        return path_write(out, room, settings->state_dir, "audit.log", e);
    if (state != NULL && state[0] == '/')
        return path_write(out, room, state, "keyferry/audit.log", e);
    if (home != NULL && home[0] == '/')
        return path_write(out, room, home, ".local/state/keyferry/audit.log", e);
    return err_set(e, ERR_CONFIG,
                   "where to write the audit is not known: give --audit FILE, or -c FILE for its state_dir");
}

/* ---- opening ---- */

static bool complain(const struct audit *a, const char *what, struct err *e)
{
    return err_set(e, ERR_LOCAL, "the audit file %.200s %s: %s", a->path, what, strerror(errno));
}

/* Its folder, and those it is in, as far as they are missing. What fails here is told by open(). */
static void folders_make(const char *path)
{
    char folder[sizeof(((struct audit *)0)->path)];

    snprintf(folder, sizeof(folder), "%s", path);
    for (char *slash = strchr(folder + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(folder, 0700);
        *slash = '/';
    }
}

/* That there is such a file must outlast a loss of power, too. */
static void folder_sync(const char *path)
{
    char folder[sizeof(((struct audit *)0)->path)];
    char *slash;
    int fd;

    snprintf(folder, sizeof(folder), "%s", path);
    slash = strrchr(folder, '/');
    if (slash != NULL)
        slash[slash == folder] = '\0';
    fd = open(slash != NULL ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

static void login_note(struct audit *a)
{
    const struct passwd *entry;

    if (getlogin_r(a->login, sizeof(a->login)) == 0)
        return;
    entry = getpwuid(getuid());
    snprintf(a->login, sizeof(a->login), "%s", entry != NULL ? entry->pw_name : "");
}

static bool file_check(const struct audit *a, struct err *e)
{
    struct stat st;

    if (fstat(a->fd, &st) != 0)
        return complain(a, "cannot be examined", e);
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_LOCAL, "the audit file %.200s is not a regular file", a->path);
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
        return true;
    return err_set(e, ERR_LOCAL, "the audit file %.200s can be written by others: its mode is %04o", a->path,
                   st.st_mode & 07777);
}

bool audit_open(const char *path, struct audit **out, struct err *e)
{
    struct audit *a = calloc(1, sizeof(*a));

    if (a == NULL)
        return err_set(e, ERR_LOCAL, "out of memory for the audit");
    snprintf(a->path, sizeof(a->path), "%s", path);
    login_note(a);
    folders_make(a->path);
    a->fd = open(a->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (a->fd < 0 ? !complain(a, "cannot be opened", e) : !file_check(a, e)) {
        audit_close(a);
        return false;
    }
    folder_sync(a->path);
    *out = a;
    return true;
}

void audit_close(struct audit *a)
{
    if (a == NULL)
        return;
    for (size_t i = 0; i < a->count; i++)
        bytes_free(&a->lines[i]);
    free(a->lines);
    if (a->fd >= 0)
        close(a->fd);
    free(a);
}

/* ---- writing ---- */

bool audit_add(struct audit *a, const struct audit_entry *entry, struct err *e)
{
    struct audit_entry whole = *entry;
    struct bytes *grown = realloc(a->lines, (a->count + 1) * sizeof(*grown));

    if (grown == NULL)
        return err_set(e, ERR_LOCAL, "out of memory for the audit");
    a->lines = grown;
    whole.time_ms = session_now_ms();
    whole.uid = getuid();
    whole.login = a->login;
    if (!audit_line_write(&whole, &a->lines[a->count], e))
        return false;
    a->count++;
    return true;
}

bool audit_has_lines(const struct audit *a)
{
    return a->count > 0;
}

static bool last_line_refuse(const struct audit *a, off_t size, off_t good, const char *what, struct err *e)
{
    return err_set(e, ERR_LOCAL,
                   "the audit file %.120s is not continued: %s; keep a copy of it, and then 'truncate -s %lld' it "
                   "(from %lld), or begin another",
                   a->path, what, (long long)good, (long long)size);
}

/* The hash of the last line there is, to go on from. */
static bool prev_find(const struct audit *a, off_t size, char prev[SHA256_CHARS + 1], struct err *e)
{
    char tail[AUDIT_LINE_MAX_BYTES + 1];
    off_t from = size > (off_t)sizeof(tail) ? size - (off_t)sizeof(tail) : 0;
    size_t len = (size_t)(size - from);
    const char *before;
    struct err why;

    strcpy(prev, audit_first_prev);
    if (size == 0)
        return true;
    if (pread(a->fd, tail, len, from) != (ssize_t)len)
        return complain(a, "cannot be read", e);
    before = memrchr(tail, '\n', len - (tail[len - 1] == '\n'));
    if (before == NULL && from > 0)
        return err_set(e, ERR_LOCAL, "the audit file %.200s ends in a line longer than %d bytes: it is another's",
                       a->path, AUDIT_LINE_MAX_BYTES);
    size_t at = before != NULL ? (size_t)(before + 1 - tail) : 0;
    if (tail[len - 1] != '\n')
        return last_line_refuse(a, size, from + (off_t)at, "its last line was not written to its end", e);
    if (audit_line_check(tail + at, len - 1 - at, NULL, prev, &why))
        return true;
    return last_line_refuse(a, size, from + (off_t)at, why.text, e);
}

/* All lines in one write(). One that fails in the middle is taken back. */
static bool lines_append(const struct audit *a, off_t size, const char *text, size_t len, struct err *e)
{
    ssize_t written = write(a->fd, text, len);

    if (written == (ssize_t)len && fdatasync(a->fd) == 0)
        return true;
    if (written >= 0 && written < (ssize_t)len)
        errno = ENOSPC;
    complain(a, "cannot be written", e);
    if (ftruncate(a->fd, size) != 0)
        return err_set(e, ERR_LOCAL, "the audit file %.200s is torn at its end, at %lld bytes: %s", a->path,
                       (long long)size, strerror(errno));
    return false;
}

static bool lines_write(struct audit *a, struct err *e)
{
    char hash[SHA256_CHARS + 1];
    size_t room = 0, len = 0;
    struct stat st;

    if (fstat(a->fd, &st) != 0)
        return complain(a, "cannot be examined", e);
    if (!prev_find(a, st.st_size, hash, e))
        return false;
    for (size_t i = 0; i < a->count; i++)
        room += a->lines[i].len + audit_chain_bytes();
    char *text = malloc(room + 1); /* for the NUL that sprintf() writes behind the last */
    if (text == NULL)
        return err_set(e, ERR_LOCAL, "out of memory for the audit");
    for (size_t i = 0; i < a->count; i++) {
        memcpy(text + len, a->lines[i].data, a->lines[i].len);
        audit_line_chain(text + len, a->lines[i].len, hash, hash);
        len += a->lines[i].len + audit_chain_bytes();
    }
    bool ok = lines_append(a, st.st_size, text, len, e);
    free(text);
    return ok;
}

bool audit_commit(struct audit *a, struct err *e)
{
    bool ok;

    if (a->count == 0)
        return true;
    while (flock(a->fd, LOCK_EX) != 0)
        if (errno != EINTR)
            return complain(a, "cannot be locked", e);
    ok = lines_write(a, e);
    flock(a->fd, LOCK_UN);
    for (size_t i = 0; ok && i < a->count; i++)
        bytes_free(&a->lines[i]);
    if (ok)
        a->count = 0;
    return ok;
}

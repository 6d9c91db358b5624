/* The doctor on state_dir: whether it can be used, its keys, its ledger, and the disk that it is on. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "handlers/host_keys.h"
#include "handlers/ledger.h"
#include "worker/doctor_parts.h"

enum { PATH_BYTES = 4096, KEY_SLOTS = 2, TOLD_MOST = 5, MIB = 1024 * 1024, LOW_MIB = 256, FULL_MIB = 16 };

/* False: there is nothing more to look at in it. */
static bool check_folder(struct doctor *d)
{
    const char *dir = d->config.state_dir;
    struct stat st;

    if (stat(dir, &st) != 0) {
        bool is_new = errno == ENOENT;
        doctor_say(d, is_new ? DOCTOR_WARN : DOCTOR_FAIL, "state_dir",
                   is_new ? "nothing, if this worker has never run" : "run this as the worker's user", "%s: %s", dir,
                   strerror(errno));
        return false;
    }
    if (access(dir, R_OK | W_OK | X_OK) != 0) {
        doctor_say(d, DOCTOR_FAIL, "state_dir", "give it to the worker's user, or run this as that user",
                   "%s: this user may not write there", dir);
        return false;
    }
    bool open = (st.st_mode & (S_IRWXG | S_IRWXO)) != 0;
    doctor_say(d, open ? DOCTOR_WARN : DOCTOR_OK, "state_dir", open ? "chmod 700 it" : NULL, "%s%s", dir,
               open ? ": others may look into it" : "");
    return true;
}

static void check_disk(struct doctor *d)
{
    struct statvfs fs;

    if (statvfs(d->config.state_dir, &fs) != 0)
        return;
    uint64_t free_mib = (uint64_t)fs.f_bavail * fs.f_frsize / MIB;
    enum verdict_of_doctor verdict = free_mib < FULL_MIB ? DOCTOR_FAIL : free_mib < LOW_MIB ? DOCTOR_WARN : DOCTOR_OK;

    doctor_say(d, verdict, "disk",
               verdict == DOCTOR_OK ? NULL : "make room: what cannot be recorded is not done, and requests wait",
               "%" PRIu64 " MiB are free where state_dir is", free_mib);
}

/* A worker may have it open: it is only looked at. */
static void check_ledger(struct doctor *d)
{
    char path[PATH_BYTES];
    int64_t version;
    struct err e;

    snprintf(path, sizeof(path), "%s/ledger.db", d->config.state_dir);
    if (access(path, F_OK) != 0 && errno == ENOENT)
        doctor_say(d, DOCTOR_OK, "ledger", NULL, "%s is made at the first start", path);
    else if (ledger_look(path, &version, &e))
        doctor_say(d, DOCTOR_OK, "ledger", NULL, "%s, of version %" PRId64, path, version);
    else
        doctor_say(d, DOCTOR_FAIL, "ledger", "without it a worker does not start: mend that, or put back a copy", "%s",
                   e.text);
}

/* Where a host's keys are; false: nowhere yet. */
static bool has_key_file(const struct doctor *d, const struct uuid *host)
{
    const char *folders[] = {getenv("CREDENTIALS_DIRECTORY"), d->config.state_dir};
    char hex[UUID_HEX_CHARS + 1], path[PATH_BYTES];

    uuid_hex(host, hex);
    for (size_t i = 0; i < COUNT(folders); i++) {
        if (folders[i] == NULL)
            continue;
        snprintf(path, sizeof(path), "%s/%s.key", folders[i], hex);
        if (access(path, F_OK) == 0)
            return true;
    }
    return false;
}

static bool check_key(struct doctor *d, const struct uuid *host, struct vault *vault, struct err *e)
{
    struct host_keys keys;
    struct public_key key;

    return host_keys_open(d->config.state_dir, getenv("CREDENTIALS_DIRECTORY"), host, vault, &keys, e) &&
           host_keys_current(&keys, &key, e);
}

static void check_keys(struct doctor *d)
{
    size_t good = 0, missing = 0, bad = 0;
    struct vault *vault;
    struct err e;

    if (!vault_open(KEY_SLOTS, &vault, &e)) {
        doctor_say(d, DOCTOR_FAIL, "keys", "raise LimitMEMLOCK of the service", "%s", e.text);
        return;
    }
    for (size_t i = 0; i < d->config.host_count; i++) {
        const struct uuid *host = &d->config.hosts[i].uuid;
        if (!has_key_file(d, host))
            missing++;
        else if (check_key(d, host, vault, &e))
            good++;
        else if (++bad <= TOLD_MOST)
            doctor_say(
                d, DOCTOR_FAIL, "keys",
                "put back a copy; without one, move it away: a new key is made, and what was sealed to the old is lost",
                "host %s: %s", host->text, e.text);
    }
    vault_close(vault);
    if (bad < TOLD_MOST || good + missing > 0)
        doctor_say(d, bad > 0 ? DOCTOR_FAIL : DOCTOR_OK, "keys", NULL,
                   "of %zu hosts %zu have good keys, %zu get them at the first start, %zu have bad ones",
                   d->config.host_count, good, missing, bad);
}

void doctor_state(struct doctor *d)
{
    if (!check_folder(d))
        return;
    check_disk(d);
    check_ledger(d);
    check_keys(d);
}

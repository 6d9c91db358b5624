#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "handlers/census.h"
#include "handlers/ledger_sql.h"
#include "handlers/reconcile_parts.h"

/* Left alone, the planner may go through whole rows. */
static const char secrets_text[] = "SELECT host, count(*) FROM secrets INDEXED BY secrets_identity GROUP BY host";
static const char leases_text[] =
    "SELECT host, count(*) FROM secrets INDEXED BY secrets_leased WHERE lease_until_ms > 0 GROUP BY host";
static const char findings_text[] =
    "SELECT host, count(*), what FROM findings WHERE what <> 'orphan' OR since_ms <= ?1 GROUP BY host, what";
static const char lease_list_text[] =
    "SELECT host, vm_uuid, uuid, lease_until_ms FROM secrets INDEXED BY secrets_leased WHERE lease_until_ms > 0"
    " ORDER BY lease_until_ms, uuid LIMIT ?1";
static const char finding_list_text[] =
    "SELECT host, uuid, what, since_ms FROM findings WHERE what <> 'orphan' OR since_ms <= ?1"
    " ORDER BY since_ms, uuid LIMIT ?2";

static const struct column lease_columns[] = {
    UUID_COLUMN(struct census_lease, host),
    UUID_COLUMN(struct census_lease, vm_uuid),
    UUID_COLUMN(struct census_lease, secret_uuid),
    WHOLE_COLUMN(struct census_lease, until_ms),
};

static const struct column finding_columns[] = {
    UUID_COLUMN(struct census_finding, host),
    UUID_COLUMN(struct census_finding, secret_uuid),
    TEXT_COLUMN(struct census_finding, what),
    WHOLE_COLUMN(struct census_finding, since_ms),
};

_Static_assert(FINDING_KINDS == SUSPECT_NOT_IN_LEDGER + 1, "every kind");

const char *finding_kind_name(size_t kind)
{
    return suspicion_name((enum suspicion)kind);
}

static int hosts_order(const void *a, const void *b)
{
    return strcmp(((const struct uuid *)a)->text, ((const struct census_host *)b)->host.text);
}

const struct census_host *census_of(const struct census *census, const struct uuid *host)
{
    return census->host_count == 0
               ? NULL
               : bsearch(host, census->hosts, census->host_count, sizeof(*census->hosts), hosts_order);
}

void census_done(struct census *census)
{
    free(census->hosts);
    *census = (struct census){0};
}

static bool make_room(struct census *census, struct err *e)
{
    size_t room = census->room == 0 ? 64 : 2 * census->room;
    void *grown;

    if (census->host_count < census->room)
        return true;
    grown = reallocarray(census->hosts, room, sizeof(*census->hosts));
    if (grown == NULL)
        return err_set(e, ERR_LOCAL, "out of memory for %zu hosts", room);
    census->hosts = grown;
    census->room = room;
    return true;
}

/* Its entry, made in its place where there is none. They mostly come in their order. NULL: no memory. */
static struct census_host *entry_of(struct census *census, const char *host, struct err *e)
{
    size_t at = census->host_count;

    while (at > 0 && strcmp(census->hosts[at - 1].host.text, host) > 0)
        at--;
    if (at > 0 && strcmp(census->hosts[at - 1].host.text, host) == 0)
        return &census->hosts[at - 1];
    if (!make_room(census, e))
        return NULL;
    memmove(&census->hosts[at + 1], &census->hosts[at], (census->host_count - at) * sizeof(*census->hosts));
    census->hosts[at] = (struct census_host){.secrets = 0};
    snprintf(census->hosts[at].host.text, sizeof(census->hosts[at].host.text), "%s", host);
    census->host_count++;
    return &census->hosts[at];
}

static void note_secrets(struct census_host *host, int64_t count, const char *what)
{
    (void)what;
    host->secrets = count;
}

static void note_leases(struct census_host *host, int64_t count, const char *what)
{
    (void)what;
    host->leases = count;
}

static void note_findings(struct census_host *host, int64_t count, const char *what)
{
    for (size_t i = 0; i < FINDING_KINDS; i++)
        if (strcmp(what, finding_kind_name(i)) == 0)
            host->findings[i] = count;
}

static bool count_each(struct ledger *ledger, sqlite3_stmt *statement, struct census *out,
                       void (*note)(struct census_host *, int64_t, const char *), struct err *e)
{
    struct census_host *host;
    bool has_row;

    for (;;) {
        if (!sql_step(ledger, statement, &has_row, e))
            return false;
        if (!has_row)
            return true;
        const char *name = (const char *)sqlite3_column_text(statement, 0);
        const char *what = sqlite3_column_count(statement) > 2 ? (const char *)sqlite3_column_text(statement, 2) : "";
        if (name == NULL || what == NULL)
            return err_set(e, ERR_LOCAL, "out of memory");
        host = entry_of(out, name, e);
        if (host == NULL)
            return false;
        note(host, sqlite3_column_int64(statement, 1), what);
    }
}

static bool count_hosts(struct ledger *ledger, int64_t orphaned_ms, struct census *out, struct err *e)
{
    ON_EXIT(sql_end) sqlite3_stmt *secrets = sql_use(ledger, KEPT_CENSUS_SECRETS, secrets_text, e);
    ON_EXIT(sql_end)
    sqlite3_stmt *leases = secrets == NULL ? NULL : sql_use(ledger, KEPT_CENSUS_LEASES, leases_text, e);
    ON_EXIT(sql_end)
    sqlite3_stmt *findings = leases == NULL ? NULL : sql_use(ledger, KEPT_CENSUS_FINDINGS, findings_text, e);

    if (findings == NULL)
        return false;
    sqlite3_bind_int64(findings, 1, orphaned_ms);
    return count_each(ledger, secrets, out, note_secrets, e) && count_each(ledger, leases, out, note_leases, e) &&
           count_each(ledger, findings, out, note_findings, e);
}

/* Rows into a list of structs of `bytes` each, which has room for as many as the statement gives. */
static bool list(const struct ledger *ledger, sqlite3_stmt *statement, struct columns columns, void *at, size_t bytes,
                 size_t *count, struct err *e)
{
    bool has_row;

    for (*count = 0;; ++*count) {
        if (!sql_step(ledger, statement, &has_row, e))
            return false;
        if (!has_row)
            return true;
        if (!columns_read(ledger, statement, columns, (char *)at + *count * bytes, e))
            return false;
    }
}

static bool list_leases(struct ledger *ledger, struct census *out, struct err *e)
{
    ON_EXIT(sql_end) sqlite3_stmt *statement = sql_use(ledger, KEPT_CENSUS_LEASE_LIST, lease_list_text, e);

    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, CENSUS_LIST_MAX);
    return list(ledger, statement, COLUMNS(lease_columns), out->leases, sizeof(out->leases[0]), &out->lease_count, e);
}

static bool list_findings(struct ledger *ledger, int64_t orphaned_ms, struct census *out, struct err *e)
{
    ON_EXIT(sql_end) sqlite3_stmt *statement = sql_use(ledger, KEPT_CENSUS_FINDING_LIST, finding_list_text, e);

    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, orphaned_ms);
    sqlite3_bind_int64(statement, 2, CENSUS_LIST_MAX);
    return list(ledger, statement, COLUMNS(finding_columns), out->findings, sizeof(out->findings[0]),
                &out->finding_count, e);
}

static int64_t bytes_of(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
}

static int64_t ledger_bytes(const struct ledger *ledger)
{
    char wal[4096];

    snprintf(wal, sizeof(wal), "%s-wal", ledger->path);
    return bytes_of(ledger->path) + bytes_of(wal);
}

bool census_take(struct ledger *ledger, int64_t now_ms, struct census *out, struct err *e)
{
    int64_t orphaned_ms = now_ms - ORPHAN_GRACE_MS;

    census_done(out);
    out->bytes = ledger_bytes(ledger);
    if (count_hosts(ledger, orphaned_ms, out, e) && list_leases(ledger, out, e) &&
        list_findings(ledger, orphaned_ms, out, e))
        return true;
    census_done(out);
    return false;
}

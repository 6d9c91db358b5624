#include "handlers/ledger_sql.h"

/*
 * The tables, as they came to be: text N brings version N to N + 1. What has been
 * released is never changed; the next version is a text more. The checks are
 * against our own mistakes; damage is found when a row is read. IN with more than two words is not used in them: SQLite
 * would make a table of the words for each row that is written, which costs as much as all else (EXPLAIN shows it:
 * OpenEphemeral).
 */
static const char *const steps[LEDGER_VERSION] = {
    /* "KFry", as LEDGER_APPLICATION_ID. */
    "PRAGMA application_id = 0x4b467279;"

    "CREATE TABLE inbox ("
    "  host TEXT NOT NULL CHECK (length(host) = 36),"
    "  sender TEXT NOT NULL,"
    "  id TEXT NOT NULL CHECK (id <> ''),"
    "  name TEXT NOT NULL CHECK (name <> ''),"
    "  content TEXT NOT NULL CHECK (length(content) = 32),"
    "  whole TEXT NOT NULL CHECK (length(whole) = 32),"
    "  dek TEXT NOT NULL CHECK (length(dek) IN (0, 32)),"
    "  state TEXT NOT NULL CHECK (state = 'begun' OR state = 'undoing' OR state = 'done'),"
    "  attempts INTEGER NOT NULL CHECK (attempts >= 0),"
    "  secret_uuid TEXT NOT NULL CHECK (length(secret_uuid) IN (0, 36)),"
    "  replaced_uuid TEXT NOT NULL"
    "    CHECK (length(replaced_uuid) IN (0, 36)),"
    "  is_new INTEGER NOT NULL CHECK (is_new IN (0, 1)),"
    "  changed_ms INTEGER NOT NULL CHECK (changed_ms >= 0),"
    "  outcome BLOB NOT NULL CHECK (length(outcome) <= 4096 AND (state = 'begun' OR length(outcome) > 0)),"
    "  UNIQUE (host, sender, id)"
    ") STRICT;"
    /* In the order in which they are forgotten. */
    "CREATE INDEX inbox_done ON inbox (changed_ms) WHERE state = 'done';"

    "CREATE TABLE secrets ("
    "  host TEXT NOT NULL CHECK (length(host) = 36),"
    "  uuid TEXT NOT NULL CHECK (length(uuid) = 36),"
    "  vm_uuid TEXT NOT NULL CHECK (length(vm_uuid) = 36),"
    "  purpose TEXT NOT NULL CHECK (purpose IN ('vtpm', 'volume')),"
    "  usage_instance TEXT NOT NULL CHECK (usage_instance <> ''),"
    "  key_version INTEGER NOT NULL CHECK (key_version BETWEEN 0 AND 2147483647),"
    "  state TEXT NOT NULL"
    "    CHECK (state = 'defining' OR state = 'active' OR state = 'restoring' OR state = 'deleting'),"
    "  mark TEXT NOT NULL,"
    "  sealed BLOB NOT NULL CHECK (length(sealed) BETWEEN 41 AND 1064),"
    "  lease_until_ms INTEGER NOT NULL CHECK (lease_until_ms >= 0),"
    "  changed_ms INTEGER NOT NULL CHECK (changed_ms >= 0),"
    "  UNIQUE (host, uuid)"
    ") STRICT;"
    "CREATE INDEX secrets_identity ON secrets (host, vm_uuid, purpose, usage_instance, key_version);"

    /* Hosts of which lost secrets are being restored. */
    "CREATE TABLE restorations ("
    "  host TEXT PRIMARY KEY NOT NULL CHECK (length(host) = 36),"
    "  by TEXT NOT NULL CHECK (length(by) = 36)"
    ") STRICT, WITHOUT ROWID;"

    "PRAGMA user_version = 1;",

    /* Leases in the order in which they end. */
    "CREATE INDEX secrets_leased ON secrets (host, lease_until_ms, uuid) WHERE lease_until_ms > 0;"

    /* What a reconciliation found, since when, and whether it was told. */
    "CREATE TABLE findings ("
    "  host TEXT NOT NULL CHECK (length(host) = 36),"
    "  uuid TEXT NOT NULL CHECK (length(uuid) = 36),"
    "  what TEXT NOT NULL CHECK (what <> ''),"
    "  since_ms INTEGER NOT NULL CHECK (since_ms >= 0),"
    "  seen_ms INTEGER NOT NULL CHECK (seen_ms >= 0),"
    "  is_told INTEGER NOT NULL CHECK (is_told IN (0, 1)),"
    "  PRIMARY KEY (host, uuid, what)"
    ") STRICT, WITHOUT ROWID;"

    "PRAGMA user_version = 2;",
};

static bool step_take(struct ledger *ledger, const char *text, struct err *e)
{
    bool ok = ledger_begin(ledger, e) && sql_run(ledger, text, e) && ledger_commit(ledger, e);

    if (!ok)
        ledger_rollback(ledger);
    return ok;
}

bool ledger_upgrade(struct ledger *ledger, int64_t version, struct err *e)
{
    for (; version < LEDGER_VERSION; version++)
        if (!step_take(ledger, steps[version], e))
            return false;
    return true;
}

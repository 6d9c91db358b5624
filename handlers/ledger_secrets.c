#include "handlers/ledger_sql.h"

static const char *const states[] = {
    [SECRET_DEFINING] = "defining",
    [SECRET_ACTIVE] = "active",
    [SECRET_RESTORING] = "restoring",
    [SECRET_DELETING] = "deleting",
};

static const struct column key_columns[] = {
    UUID_COLUMN(struct secret_key, vm_uuid),
    TEXT_COLUMN(struct secret_key, purpose),
    TEXT_COLUMN(struct secret_key, usage_instance),
    WHOLE_COLUMN(struct secret_key, key_version),
};

static const struct column row_columns[] = {
    UUID_COLUMN(struct secret_row, host),
    UUID_COLUMN(struct secret_row, uuid),
    UUID_COLUMN(struct secret_row, key.vm_uuid),
    TEXT_COLUMN(struct secret_row, key.purpose),
    TEXT_COLUMN(struct secret_row, key.usage_instance),
    WHOLE_COLUMN(struct secret_row, key.key_version),
    WORD_COLUMN(struct secret_row, state, states),
    TEXT_COLUMN(struct secret_row, mark),
    WHOLE_COLUMN(struct secret_row, lease_until_ms),
    WHOLE_COLUMN(struct secret_row, changed_ms),
};

#define ROW_COLUMNS                                                                                                    \
    "host, uuid, vm_uuid, purpose, usage_instance, key_version, state, mark, lease_until_ms, changed_ms, sealed"

static const char write_text[] =
    "INSERT INTO secrets (" ROW_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (host, uuid) DO UPDATE SET state = excluded.state, mark = excluded.mark, lease_until_ms = "
    "excluded.lease_until_ms, changed_ms = excluded.changed_ms,"
    " sealed = excluded.sealed";

static const char change_text[] =
    "UPDATE secrets SET state = ?7, mark = ?8, lease_until_ms = ?9, changed_ms = ?10 WHERE host = ?1 AND uuid = ?2";

static const char remove_text[] = "DELETE FROM secrets WHERE host = ?1 AND uuid = ?2";

static const char get_text[] = "SELECT " ROW_COLUMNS " FROM secrets WHERE host = ?1 AND uuid = ?2";

/* Left alone, the planner takes the primary key and goes through all of a host. */
static const char find_text[] =
    "SELECT " ROW_COLUMNS " FROM secrets INDEXED BY secrets_identity"
    " WHERE host = ?1 AND vm_uuid = ?2 AND purpose = ?3 AND usage_instance = ?4 AND key_version = ?5";

static const char next_text[] =
    "SELECT " ROW_COLUMNS " FROM secrets WHERE host = ?1 AND uuid > ?2 ORDER BY uuid LIMIT 1";

static const char next_lease_text[] = "SELECT " ROW_COLUMNS " FROM secrets INDEXED BY secrets_leased"
                                      " WHERE host = ?1 AND lease_until_ms > 0 AND (lease_until_ms, uuid) > (?2, ?3)"
                                      " ORDER BY lease_until_ms, uuid LIMIT 1";

static const char next_lease_of_text[] =
    "SELECT " ROW_COLUMNS " FROM secrets INDEXED BY secrets_identity"
    " WHERE host = ?1 AND vm_uuid = ?2 AND lease_until_ms > 0 AND uuid > ?3 ORDER BY uuid LIMIT 1";

bool secret_row_write(struct ledger *ledger, const struct secret_row *row, struct err *e)
{
    bool whole = row->sealed.len > 0;
    ON_EXIT(sql_end)
    sqlite3_stmt *statement =
        sql_use(ledger, whole ? KEPT_SECRET_WRITE : KEPT_SECRET_CHANGE, whole ? write_text : change_text, e);

    if (statement == NULL)
        return false;
    columns_bind(statement, 1, COLUMNS(row_columns), row);
    if (whole)
        sqlite3_bind_blob(statement, 1 + COUNT(row_columns), row->sealed.data, row->sealed.len, SQLITE_STATIC);
    return sql_finish(ledger, statement, e);
}

bool secret_row_remove(struct ledger *ledger, const struct uuid *host, const struct uuid *uuid, struct err *e)
{
    ON_EXIT(sql_end) sqlite3_stmt *statement = sql_use_of(ledger, KEPT_SECRET_REMOVE, remove_text, host, e);

    if (statement == NULL)
        return false;
    sqlite3_bind_text(statement, 2, uuid->text, -1, SQLITE_STATIC);
    return sql_finish(ledger, statement, e);
}

static bool row_read(const struct ledger *ledger, sqlite3_stmt *statement, struct secret_row *out, struct err *e)
{
    struct secret_row row = {.sealed.len = 0};
    size_t len;

    if (!columns_read(ledger, statement, COLUMNS(row_columns), &row, e) ||
        !bytes_read(ledger, statement, COUNT(row_columns), row.sealed.data, sizeof(row.sealed.data), &len, e))
        return false;
    row.sealed.len = (uint16_t)len;
    *out = row;
    return true;
}

static bool row_step(const struct ledger *ledger, sqlite3_stmt *statement, struct secret_row *row, bool *found,
                     struct err *e)
{
    return sql_step(ledger, statement, found, e) && (!*found || row_read(ledger, statement, row, e));
}

bool secret_row_get(struct ledger *ledger, const struct uuid *host, const struct uuid *uuid, struct secret_row *row,
                    bool *found, struct err *e)
{
    ON_EXIT(sql_end) sqlite3_stmt *statement = sql_use_of(ledger, KEPT_SECRET_GET, get_text, host, e);

    if (statement == NULL)
        return false;
    sqlite3_bind_text(statement, 2, uuid->text, -1, SQLITE_STATIC);
    return row_step(ledger, statement, row, found, e);
}

/* Of two rows of an identity. */
static bool is_before(const struct secret_row *a, const struct secret_row *b)
{
    bool a_is_due = a->state == SECRET_ACTIVE || a->state == SECRET_RESTORING;
    bool b_is_due = b->state == SECRET_ACTIVE || b->state == SECRET_RESTORING;

    return a_is_due != b_is_due ? a_is_due : a->changed_ms > b->changed_ms;
}

/* There are two at most, but for a moment: to have them sorted would cost more than all else. */
bool secret_row_find(struct ledger *ledger, const struct uuid *host, const struct secret_key *key,
                     struct secret_row *row, bool *found, struct err *e)
{
    struct secret_row first = {.sealed.len = 0}, another;
    ON_EXIT(sql_end) sqlite3_stmt *statement = sql_use_of(ledger, KEPT_SECRET_FIND, find_text, host, e);

    if (statement == NULL)
        return false;
    columns_bind(statement, 2, COLUMNS(key_columns), key);
    *found = false;
    for (bool has_row = true; has_row;) {
        if (!row_step(ledger, statement, &another, &has_row, e))
            return false;
        if (has_row && (!*found || is_before(&another, &first)))
            first = another;
        *found |= has_row;
    }
    if (*found)
        *row = first;
    return true;
}

bool secret_row_next(struct ledger *ledger, const struct uuid *host, const struct uuid *after, struct secret_row *row,
                     bool *found, struct err *e)
{
    ON_EXIT(sql_end) sqlite3_stmt *statement = sql_use_of(ledger, KEPT_SECRET_NEXT, next_text, host, e);

    if (statement == NULL)
        return false;
    sqlite3_bind_text(statement, 2, after != NULL ? after->text : "", -1, SQLITE_STATIC);
    return row_step(ledger, statement, row, found, e);
}

bool secret_row_next_lease(struct ledger *ledger, const struct uuid *host, int64_t after_ms, const struct uuid *after,
                           struct secret_row *row, bool *found, struct err *e)
{
    ON_EXIT(sql_end) sqlite3_stmt *statement = sql_use_of(ledger, KEPT_SECRET_NEXT_LEASE, next_lease_text, host, e);

    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 2, after_ms);
    sqlite3_bind_text(statement, 3, after != NULL ? after->text : "", -1, SQLITE_STATIC);
    return row_step(ledger, statement, row, found, e);
}

bool secret_row_next_lease_of(struct ledger *ledger, const struct uuid *host, const struct uuid *vm,
                              const struct uuid *after, struct secret_row *row, bool *found, struct err *e)
{
    ON_EXIT(sql_end)
    sqlite3_stmt *statement = sql_use_of(ledger, KEPT_SECRET_NEXT_LEASE_OF, next_lease_of_text, host, e);

    if (statement == NULL)
        return false;
    sqlite3_bind_text(statement, 2, vm->text, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 3, after != NULL ? after->text : "", -1, SQLITE_STATIC);
    return row_step(ledger, statement, row, found, e);
}

#include "handlers/ledger_sql.h"

static const char note_text[] = "INSERT INTO findings (host, uuid, what, since_ms, seen_ms, is_told)"
                                " VALUES (?1, ?2, ?3, ?4, ?4, 0)"
                                " ON CONFLICT (host, uuid, what) DO UPDATE SET seen_ms = excluded.seen_ms"
                                " RETURNING since_ms, is_told";
static const char told_text[] = "UPDATE findings SET is_told = 1 WHERE host = ?1 AND uuid = ?2 AND what = ?3";
static const char forget_text[] = "DELETE FROM findings WHERE host = ?1 AND seen_ms < ?2";

bool finding_note(struct ledger *ledger, const struct uuid *host, const struct uuid *uuid, const char *what,
                  int64_t now_ms, int64_t *since_ms, bool *is_told, struct err *e)
{
    ON_EXIT(sql_end) sqlite3_stmt *statement = sql_use_of(ledger, KEPT_FINDING_NOTE, note_text, host, e);
    int64_t since = 0;
    bool has_row, told = false;

    if (statement == NULL)
        return false;
    sqlite3_bind_text(statement, 2, uuid->text, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 3, what, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 4, now_ms);
    if (!sql_step(ledger, statement, &has_row, e))
        return false;
    if (has_row) {
        since = sqlite3_column_int64(statement, 0);
        told = sqlite3_column_int(statement, 1) != 0;
    }
    if (has_row && !sql_finish(ledger, statement, e)) /* only then it is written */
        return false;
    *since_ms = since;
    *is_told = told;
    return true;
}

bool finding_told(struct ledger *ledger, const struct uuid *host, const struct uuid *uuid, const char *what,
                  struct err *e)
{
    ON_EXIT(sql_end) sqlite3_stmt *statement = sql_use_of(ledger, KEPT_FINDING_TOLD, told_text, host, e);

    if (statement == NULL)
        return false;
    sqlite3_bind_text(statement, 2, uuid->text, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 3, what, -1, SQLITE_STATIC);
    return sql_finish(ledger, statement, e);
}

bool findings_forget(struct ledger *ledger, const struct uuid *host, int64_t before_ms, struct err *e)
{
    ON_EXIT(sql_end) sqlite3_stmt *statement = sql_use_of(ledger, KEPT_FINDING_FORGET, forget_text, host, e);

    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 2, before_ms);
    return sql_finish(ledger, statement, e);
}

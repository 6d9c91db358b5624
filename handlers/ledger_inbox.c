#include "handlers/ledger_sql.h"

#include <string.h>

static const char *const states[] = {[INBOX_BEGUN] = "begun", [INBOX_UNDOING] = "undoing", [INBOX_DONE] = "done"};

static const struct column id_columns[] = {
    UUID_COLUMN(struct inbox_id, host),
    TEXT_COLUMN(struct inbox_id, sender),
    TEXT_COLUMN(struct inbox_id, id),
};

static const struct column row_columns[] = {
    TEXT_COLUMN(struct inbox_row, name),          TEXT_COLUMN(struct inbox_row, content),
    TEXT_COLUMN(struct inbox_row, whole),         TEXT_COLUMN(struct inbox_row, dek),
    WORD_COLUMN(struct inbox_row, state, states), WHOLE_COLUMN(struct inbox_row, attempts),
    UUID_COLUMN(struct inbox_row, secret_uuid),   UUID_COLUMN(struct inbox_row, replaced_uuid),
    BOOL_COLUMN(struct inbox_row, is_new),        WHOLE_COLUMN(struct inbox_row, changed_ms),
};

enum { ROW_FIRST = 1 + COUNT(id_columns), OUTCOME_PARAMETER = ROW_FIRST + COUNT(row_columns) };

#define ROW_COLUMNS                                                                                                    \
    "name, content, whole, dek, state, attempts, secret_uuid, replaced_uuid, is_new, changed_ms, outcome"

static const char find_text[] = "SELECT " ROW_COLUMNS " FROM inbox WHERE host = ?1 AND sender = ?2 AND id = ?3";

static const char write_text[] =
    "INSERT INTO inbox (host, sender, id, " ROW_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (host, sender, id) DO UPDATE SET dek = excluded.dek, state = excluded.state, attempts = "
    "excluded.attempts,"
    " secret_uuid = excluded.secret_uuid, replaced_uuid = excluded.replaced_uuid, is_new = excluded.is_new,"
    " changed_ms = excluded.changed_ms, outcome = excluded.outcome";

static bool row_read(const struct ledger *ledger, sqlite3_stmt *statement, struct inbox_row *out, struct err *e)
{
    struct inbox_row row = {.outcome_bytes = 0};

    if (!columns_read(ledger, statement, COLUMNS(row_columns), &row, e) ||
        !bytes_read(ledger, statement, COUNT(row_columns), row.outcome, sizeof(row.outcome), &row.outcome_bytes, e))
        return false;
    *out = row;
    return true;
}

bool inbox_find(struct ledger *ledger, const struct inbox_id *id, struct inbox_row *row, bool *found, struct err *e)
{
    ON_EXIT(sql_end) sqlite3_stmt *statement = sql_use(ledger, KEPT_INBOX_FIND, find_text, e);

    if (statement == NULL)
        return false;
    columns_bind(statement, 1, COLUMNS(id_columns), id);
    return sql_step(ledger, statement, found, e) && (!*found || row_read(ledger, statement, row, e));
}

bool inbox_write(struct ledger *ledger, const struct inbox_id *id, const struct inbox_row *row, struct err *e)
{
    ON_EXIT(sql_end) sqlite3_stmt *statement = sql_use(ledger, KEPT_INBOX_WRITE, write_text, e);

    if (statement == NULL)
        return false;
    columns_bind(statement, 1, COLUMNS(id_columns), id);
    columns_bind(statement, ROW_FIRST, COLUMNS(row_columns), row);
    sqlite3_bind_blob(statement, OUTCOME_PARAMETER, row->outcome, (int)row->outcome_bytes, SQLITE_STATIC);
    return sql_finish(ledger, statement, e);
}

/* ---- forgetting ---- */

static const char count_aged_text[] =
    "SELECT count(*) FROM (SELECT 1 FROM inbox WHERE state = 'done' AND changed_ms < ?1 LIMIT ?2)";

/* To count is a walk over an index; but as long as the numbers of the rows lie close enough, there are not too many. */
static const char count_over_text[] =
    "SELECT CASE WHEN ifnull((SELECT max(rowid) FROM inbox) - (SELECT min(rowid) FROM inbox) + 1, 0) <= ?1 THEN 0"
    " ELSE (SELECT count(*) FROM inbox WHERE state = 'done') - ?1 END";

static const char forget_text[] =
    "DELETE FROM inbox WHERE rowid IN"
    " (SELECT rowid FROM inbox WHERE state = 'done' ORDER BY changed_ms, rowid LIMIT ?1) RETURNING changed_ms";

/* The one number of a query with up to two parameters. */
static bool rows_count(struct ledger *ledger, enum kept which, const char *text, const int64_t parameters[2],
                       int64_t *out, struct err *e)
{
    ON_EXIT(sql_end) sqlite3_stmt *statement = sql_use(ledger, which, text, e);
    bool has_row;

    if (statement == NULL)
        return false;
    for (int i = 0; i < sqlite3_bind_parameter_count(statement); i++)
        sqlite3_bind_int64(statement, i + 1, parameters[i]);
    if (!sql_step(ledger, statement, &has_row, e))
        return false;
    *out = sqlite3_column_int64(statement, 0);
    return true;
}

static bool forget_oldest(struct ledger *ledger, int64_t count, int64_t before_ms, int64_t *forgotten,
                          int64_t *youngest_ms, struct err *e)
{
    ON_EXIT(sql_end) sqlite3_stmt *statement = sql_use(ledger, KEPT_INBOX_FORGET, forget_text, e);
    bool has_row = true;

    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, count);
    for (;;) {
        int64_t changed_ms;

        if (!sql_step(ledger, statement, &has_row, e))
            return false;
        if (!has_row)
            return true;
        changed_ms = sqlite3_column_int64(statement, 0);
        ++*forgotten;
        if (changed_ms >= before_ms && changed_ms > *youngest_ms)
            *youngest_ms = changed_ms;
    }
}

/* Whether by age or by number, it is the oldest that go; so all there is to know is how many. */
static bool prune(struct ledger *ledger, int64_t before_ms, int64_t most, int64_t limit, int64_t *forgotten,
                  int64_t *youngest_ms, struct err *e)
{
    int64_t aged = 0, over = 0, count;

    if (!rows_count(ledger, KEPT_INBOX_COUNT_AGED, count_aged_text, (const int64_t[]){before_ms, limit}, &aged, e) ||
        !rows_count(ledger, KEPT_INBOX_COUNT_OVER, count_over_text, (const int64_t[]){most, 0}, &over, e))
        return false;
    count = aged > over ? aged : over;
    count = count < limit ? count : limit;
    return count <= 0 || forget_oldest(ledger, count, before_ms, forgotten, youngest_ms, e);
}

bool inbox_prune(struct ledger *ledger, int64_t before_ms, int64_t most, int64_t limit, int64_t *forgotten,
                 int64_t *youngest_ms, struct err *e)
{
    bool is_whole = !ledger->is_begun, ok;
    int64_t went = 0, youngest = 0;

    if (is_whole && !ledger_begin(ledger, e))
        return false;
    ok = prune(ledger, before_ms, most, limit, &went, &youngest, e);
    ok = ok && (!is_whole || ledger_commit(ledger, e));
    if (!ok && is_whole)
        ledger_rollback(ledger);
    if (!ok)
        return false;
    *forgotten = went;
    *youngest_ms = youngest;
    return true;
}

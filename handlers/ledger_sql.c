#include "handlers/ledger_sql.h"

#include <errno.h>
#include <string.h>

/* ---- what went wrong ---- */

enum { PRIMARY_RESULT = 0xff }; /* of an extended one: sqlite.org/rescode.html */

static const struct {
    int result;
    enum err_kind kind; /* LEDGER: it may be over soon */
    const char *says;
} troubles[] = {
    {SQLITE_BUSY, ERR_LEDGER, "others have kept it locked for too long"},
    {SQLITE_FULL, ERR_LEDGER, "its disk is full: make room there"},
    {SQLITE_IOERR, ERR_LEDGER, "its disk fails: see the kernel's log, quotas and limits"},
    {SQLITE_CANTOPEN, ERR_LOCAL, "it cannot be opened: see the modes of it and its folder"},
    {SQLITE_PERM, ERR_LOCAL, "it cannot be opened: see the modes of it and its folder"},
    {SQLITE_READONLY, ERR_LOCAL, "it cannot be written: see its owner, its mode and how its disk is mounted"},
    {SQLITE_CORRUPT, ERR_LOCAL,
     "it is damaged: stop the workers, then bring back a copy, or move it, -wal and -shm away"},
    {SQLITE_NOTADB, ERR_LOCAL, "it is no ledger, or its beginning is damaged: move it away, or name another state_dir"},
    {SQLITE_CONSTRAINT, ERR_LOCAL, "it refuses this row, which is a mistake of this program"},
    {SQLITE_NOMEM, ERR_LEDGER, "no memory is left"},
};

bool sql_fail(const struct ledger *ledger, int result, struct err *e)
{
    int system = sqlite3_system_errno(ledger->db);
    const char *says = "it cannot be used", *why = sqlite3_errmsg(ledger->db);
    enum err_kind kind = ERR_LOCAL;

    for (size_t i = 0; i < COUNT(troubles); i++)
        if (troubles[i].result == (result & PRIMARY_RESULT)) {
            says = troubles[i].says;
            kind = troubles[i].kind;
        }
    if ((result & PRIMARY_RESULT) == SQLITE_IOERR && system != 0)
        why = strerror(system);
    return err_set(e, kind, "the ledger %s: %s (SQLite %d: %s)", ledger->path, says, result, why);
}

bool sql_fail_damaged(const struct ledger *ledger, const char *what, struct err *e)
{
    return err_set(e, ERR_LOCAL,
                   "the ledger %s is damaged: %s; stop the workers, then bring back a copy, or move it away",
                   ledger->path, what);
}

/* ---- statements ---- */

bool sql_run(const struct ledger *ledger, const char *texts, struct err *e)
{
    int result = sqlite3_exec(ledger->db, texts, NULL, NULL, NULL);

    return result == SQLITE_OK || sql_fail(ledger, result, e);
}

/* After some failures SQLite has rolled back on its own (sqlite.org/lang_transaction.html, 3). */
static bool transaction_is_lost(const struct ledger *ledger)
{
    return ledger->is_begun && sqlite3_get_autocommit(ledger->db) != 0;
}

sqlite3_stmt *sql_use(struct ledger *ledger, enum kept which, const char *text, struct err *e)
{
    sqlite3_stmt **kept = &ledger->kept[which];
    int result;

    if (transaction_is_lost(ledger)) {
        err_set(e, ERR_LOCAL, "the ledger %s: an earlier failure has ended this transaction", ledger->path);
        return NULL;
    }
    if (*kept != NULL)
        return *kept;
    result = sqlite3_prepare_v3(ledger->db, text, -1, SQLITE_PREPARE_PERSISTENT, kept, NULL);
    if (result != SQLITE_OK)
        sql_fail(ledger, result, e);
    return *kept;
}

sqlite3_stmt *sql_use_of(struct ledger *ledger, enum kept which, const char *text, const struct uuid *host,
                         struct err *e)
{
    sqlite3_stmt *statement = sql_use(ledger, which, text, e);

    if (statement != NULL)
        sqlite3_bind_text(statement, 1, host->text, -1, SQLITE_STATIC);
    return statement;
}

void sql_end(sqlite3_stmt **statement)
{
    if (*statement == NULL)
        return;
    sqlite3_reset(*statement); /* says again what sql_step() said */
    sqlite3_clear_bindings(*statement);
}

bool sql_step(const struct ledger *ledger, sqlite3_stmt *statement, bool *has_row, struct err *e)
{
    int result = sqlite3_step(statement);

    *has_row = result == SQLITE_ROW;
    return *has_row || result == SQLITE_DONE || sql_fail(ledger, result, e);
}

bool sql_finish(const struct ledger *ledger, sqlite3_stmt *statement, struct err *e)
{
    bool has_row = true;

    while (has_row)
        if (!sql_step(ledger, statement, &has_row, e))
            return false;
    return true;
}

/* ---- rows ---- */

static void column_bind(sqlite3_stmt *statement, int index, const struct column *column, const void *member)
{
    if (column->type == COLUMN_TEXT)
        sqlite3_bind_text(statement, index, member, -1, SQLITE_STATIC);
    else if (column->type == COLUMN_WHOLE)
        sqlite3_bind_int64(statement, index, *(const int64_t *)member);
    else if (column->type == COLUMN_BOOL)
        sqlite3_bind_int(statement, index, *(const bool *)member);
    else
        sqlite3_bind_text(statement, index, column->words[*(const int *)member], -1, SQLITE_STATIC);
}

void columns_bind(sqlite3_stmt *statement, int first, struct columns columns, const void *row)
{
    for (int i = 0; i < columns.count; i++)
        column_bind(statement, first + i, &columns.all[i], (const uint8_t *)row + columns.all[i].offset);
}

static bool text_read(sqlite3_stmt *statement, int index, char *out, size_t room)
{
    const char *text = (const char *)sqlite3_column_text(statement, index);
    size_t len = (size_t)sqlite3_column_bytes(statement, index);

    if (text == NULL || len >= room || memchr(text, '\0', len) != NULL)
        return false;
    memcpy(out, text, len);
    memset(out + len, 0, room - len);
    return true;
}

static bool word_read(sqlite3_stmt *statement, int index, const struct column *column, int *out)
{
    const char *text = (const char *)sqlite3_column_text(statement, index);

    for (int i = 0; text != NULL && i < column->count; i++)
        if (strcmp(text, column->words[i]) == 0) {
            *out = i;
            return true;
        }
    return false;
}

static bool column_read(sqlite3_stmt *statement, int index, const struct column *column, void *member)
{
    int64_t number;

    if (column->type == COLUMN_TEXT)
        return text_read(statement, index, member, column->size);
    if (column->type == COLUMN_WORD)
        return word_read(statement, index, column, member);
    number = sqlite3_column_int64(statement, index);
    if (column->type == COLUMN_BOOL)
        *(bool *)member = number != 0;
    else
        *(int64_t *)member = number;
    return sqlite3_column_type(statement, index) == SQLITE_INTEGER;
}

bool columns_read(const struct ledger *ledger, sqlite3_stmt *statement, struct columns columns, void *row,
                  struct err *e)
{
    for (int i = 0; i < columns.count; i++)
        if (!column_read(statement, i, &columns.all[i], (uint8_t *)row + columns.all[i].offset))
            return sql_fail_damaged(ledger, sqlite3_column_name(statement, i), e);
    return true;
}

bool bytes_read(const struct ledger *ledger, sqlite3_stmt *statement, int index, uint8_t *out, size_t room, size_t *len,
                struct err *e)
{
    const void *data = sqlite3_column_blob(statement, index); /* NULL for none at all */

    *len = (size_t)sqlite3_column_bytes(statement, index);
    if (*len > room)
        return sql_fail_damaged(ledger, sqlite3_column_name(statement, index), e);
    if (data != NULL)
        memcpy(out, data, *len);
    return true;
}

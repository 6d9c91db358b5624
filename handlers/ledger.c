#include "handlers/ledger.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "handlers/ledger_sql.h"
#include "handlers/private_file.h"

/*
 * Full sync, so that what is committed outlives a loss of power, not only of the
 * process. What is removed is overwritten. The write-ahead log is cut back to 4 MiB
 * after a burst. No map: a disk that fails would be a SIGBUS.
 */
static const char settings[] = "PRAGMA synchronous = FULL;"
                               "PRAGMA secure_delete = ON;"
                               "PRAGMA journal_size_limit = 4194304;"
                               "PRAGMA cache_size = -256;"
                               "PRAGMA temp_store = MEMORY;"
                               "PRAGMA mmap_size = 0;"
                               "PRAGMA cell_size_check = ON;"
                               "PRAGMA trusted_schema = OFF;";

static void ledger_drop(struct ledger **ledger)
{
    ledger_close(*ledger);
}

void ledger_close(struct ledger *ledger)
{
    if (ledger == NULL)
        return;
    for (size_t i = 0; i < KEPT_COUNT; i++)
        sqlite3_finalize(ledger->kept[i]);
    sqlite3_close(ledger->db); /* rolls back what is open */
    free(ledger);
}

/* ---- opening ---- */

/* What SQLite counts of its memory nobody reads, and each of its allocations would take a lock of all threads for it. */
static void sqlite_configure(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/* `how`: SQLITE_OPEN_READWRITE or SQLITE_OPEN_READONLY. */
static struct ledger *ledger_connect(const char *path, int how, struct err *e)
{
    size_t path_bytes = strlen(path) + 1;
    ON_EXIT(ledger_drop) struct ledger *ledger = calloc(1, sizeof(*ledger) + path_bytes);
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int result;

    pthread_once(&once, sqlite_configure);
    if (ledger == NULL) {
        err_set(e, ERR_LOCAL, "no memory is left to open %s", path);
        return NULL;
    }
    memcpy(ledger->path, path, path_bytes);
    result = sqlite3_open_v2(path, &ledger->db, how | SQLITE_OPEN_NOMUTEX, NULL);
    if (result != SQLITE_OK) {
        sql_fail(ledger, result, e);
        return NULL;
    }
    sqlite3_extended_result_codes(ledger->db, 1);
    sqlite3_busy_timeout(ledger->db, LEDGER_BUSY_MS);
    return TAKE(ledger);
}

/* The one number that a query gives. */
static bool number_ask(const struct ledger *ledger, const char *query, int64_t *out, struct err *e)
{
    sqlite3_stmt *statement = NULL;
    bool ok, has_row = false;
    int result = sqlite3_prepare_v2(ledger->db, query, -1, &statement, NULL);

    if (result != SQLITE_OK)
        return sql_fail(ledger, result, e);
    ok = sql_step(ledger, statement, &has_row, e);
    if (ok && has_row)
        *out = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return ok;
}

/* What is not ours, or not ours yet, is not to be changed in the least. */
static bool ledger_recognise(const struct ledger *ledger, int64_t *version, struct err *e)
{
    int64_t application_id = 0, tables = 0;

    if (!number_ask(ledger, "PRAGMA application_id", &application_id, e) ||
        !number_ask(ledger, "PRAGMA user_version", version, e) ||
        !number_ask(ledger, "SELECT count(*) FROM sqlite_schema", &tables, e))
        return false;
    if (application_id == 0 && *version == 0 && tables == 0)
        return true; /* a new file, or one that a crash has left so */
    if (application_id != LEDGER_APPLICATION_ID || *version < 1)
        return err_set(e, ERR_LOCAL, "%s is a database of another program: move it away, or name another state_dir",
                       ledger->path);
    if (*version > LEDGER_VERSION)
        return err_set(e, ERR_LOCAL,
                       "the ledger %s is of version %lld, and this keyferryd knows none over %d: install the newer one "
                       "again that wrote it",
                       ledger->path, (long long)*version, LEDGER_VERSION);
    return true;
}

static bool ledger_log_ahead(const struct ledger *ledger, struct err *e)
{
    int64_t is_wal = 0;

    return sql_run(ledger, "PRAGMA journal_mode = WAL", e) &&
           number_ask(ledger, "SELECT journal_mode = 'wal' FROM pragma_journal_mode", &is_wal, e) &&
           (is_wal == 1 ||
            err_set(e, ERR_LOCAL, "%s is on a disk without shared memory, such as a network's: move it", ledger->path));
}

static bool file_make(const char *path, struct err *e)
{
    return access(path, F_OK) == 0 || private_file_make(path, "", 0, e);
}

/* One at a time: SQLite does not wait for those who turn the same file to write-ahead logging. */
bool ledger_open(const char *path, struct ledger **out, struct err *e)
{
    ON_EXIT(private_folder_unlock) int lock = private_folder_lock(path, e);
    ON_EXIT(ledger_drop) struct ledger *ledger = NULL;
    int64_t version = 0;

    if (lock < 0 || !file_make(path, e) || !private_file_check(path, e))
        return false;
    ledger = ledger_connect(path, SQLITE_OPEN_READWRITE, e);
    if (ledger == NULL || !ledger_recognise(ledger, &version, e) || !sql_run(ledger, settings, e) ||
        !ledger_log_ahead(ledger, e) || !ledger_upgrade(ledger, version, e))
        return false;
    *out = TAKE(ledger);
    return true;
}

bool ledger_look(const char *path, int64_t *version, struct err *e)
{
    ON_EXIT(ledger_drop) struct ledger *ledger = NULL;

    *version = 0;
    if (!private_file_check(path, e))
        return false;
    ledger = ledger_connect(path, SQLITE_OPEN_READONLY, e);
    return ledger != NULL && ledger_recognise(ledger, version, e);
}

/* ---- transactions ---- */

static bool transaction_run(struct ledger *ledger, enum kept which, const char *text, struct err *e)
{
    ON_EXIT(sql_end) sqlite3_stmt *statement = sql_use(ledger, which, text, e);

    return statement != NULL && sql_finish(ledger, statement, e);
}

bool ledger_begin(struct ledger *ledger, struct err *e)
{
    assert(!ledger->is_begun);
    ledger->is_begun = transaction_run(ledger, KEPT_BEGIN, "BEGIN IMMEDIATE", e);
    return ledger->is_begun;
}

bool ledger_commit(struct ledger *ledger, struct err *e)
{
    bool ok = transaction_run(ledger, KEPT_COMMIT, "COMMIT", e);

    if (!ok)
        ledger_rollback(ledger);
    ledger->is_begun = false;
    return ok;
}

void ledger_rollback(struct ledger *ledger)
{
    struct err ignored; /* what could not be undone now is undone by whoever reads the file next */

    ledger->is_begun = false;
    if (sqlite3_get_autocommit(ledger->db) == 0)
        (void)!transaction_run(ledger, KEPT_ROLLBACK, "ROLLBACK", &ignored);
}

bool ledger_look_begin(struct ledger *ledger, struct err *e)
{
    assert(!ledger->is_begun);
    ledger->is_begun = transaction_run(ledger, KEPT_LOOK, "BEGIN DEFERRED", e);
    return ledger->is_begun;
}

void ledger_look_end(struct ledger *ledger)
{
    ledger_rollback(ledger);
}

/* ---- restorations ---- */

static const char begin_text[] = "INSERT INTO restorations (host, by) VALUES (?1, ?2)"
                                 " ON CONFLICT (host) DO UPDATE SET by = excluded.by";
static const char end_text[] = "DELETE FROM restorations WHERE host = ?1 AND by = ?2";
static const char is_on_text[] = "SELECT 1 FROM restorations WHERE host = ?1";

static bool restoration_write(struct ledger *ledger, enum kept which, const char *text, const struct uuid *host,
                              const struct uuid *by, struct err *e)
{
    ON_EXIT(sql_end) sqlite3_stmt *statement = sql_use_of(ledger, which, text, host, e);

    if (statement == NULL)
        return false;
    sqlite3_bind_text(statement, 2, by->text, -1, SQLITE_STATIC);
    return sql_finish(ledger, statement, e);
}

bool restoration_begin(struct ledger *ledger, const struct uuid *host, const struct uuid *by, struct err *e)
{
    return restoration_write(ledger, KEPT_RESTORATION_BEGIN, begin_text, host, by, e);
}

bool restoration_end(struct ledger *ledger, const struct uuid *host, const struct uuid *by, struct err *e)
{
    return restoration_write(ledger, KEPT_RESTORATION_END, end_text, host, by, e);
}

bool restoration_is_on(struct ledger *ledger, const struct uuid *host, bool *is_on, struct err *e)
{
    ON_EXIT(sql_end) sqlite3_stmt *statement = sql_use_of(ledger, KEPT_RESTORATION_IS_ON, is_on_text, host, e);

    return statement != NULL && sql_step(ledger, statement, is_on, e);
}

/*
 * What one durable commit costs on this disk: COUNT transactions of one row of ROW_BYTES, SQLite with a write-ahead log and
 * full sync. commits FILE COUNT
 */
#include <sqlite3.h>

#include "bench.h"

enum { ROW_BYTES = 600 };

static void run(sqlite3 *db, const char *text)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        DIE("%s: %s", text, sqlite3_errmsg(db));
}

int main(int argc, char **argv)
{
    size_t count = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    int64_t *took = calloc(count + 1, sizeof(*took)), began = now_ns();
    static const char row[ROW_BYTES];
    sqlite3_stmt *insert;
    sqlite3 *db;

    if (count == 0)
        DIE("commits FILE COUNT");
    if (sqlite3_open(argv[1], &db) != SQLITE_OK)
        DIE("cannot open %s", argv[1]);
    run(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (b BLOB)");
    if (sqlite3_prepare_v2(db, "INSERT INTO t VALUES (?)", -1, &insert, NULL) != SQLITE_OK)
        DIE("%s", sqlite3_errmsg(db));
    sqlite3_bind_blob(insert, 1, row, sizeof(row), SQLITE_STATIC);
    for (size_t i = 0; i < count; i++) {
        took[i] = -now_ns();
        if (sqlite3_step(insert) != SQLITE_DONE || sqlite3_reset(insert) != SQLITE_OK)
            DIE("%s", sqlite3_errmsg(db));
        took[i] += now_ns();
    }
    bench_report(took, count, now_ns() - began, 0);
    return 0;
}

/*
 * What the files of the ledger share: one connection with its statements, and rows
 * as tables of columns. Only handlers/ledger* may include this, or <sqlite3.h>.
 */
#ifndef HANDLERS_LEDGER_SQL_H
#define HANDLERS_LEDGER_SQL_H

#include <sqlite3.h>

#include "handlers/ledger.h"

/* Statements that a connection keeps, once each was used. */
enum kept {
    KEPT_BEGIN,
    KEPT_COMMIT,
    KEPT_ROLLBACK,
    KEPT_LOOK,
    KEPT_INBOX_FIND,
    KEPT_INBOX_WRITE,
    KEPT_INBOX_COUNT_AGED,
    KEPT_INBOX_COUNT_OVER,
    KEPT_INBOX_FORGET,
    KEPT_SECRET_WRITE,
    KEPT_SECRET_CHANGE,
    KEPT_SECRET_REMOVE,
    KEPT_SECRET_GET,
    KEPT_SECRET_FIND,
    KEPT_SECRET_NEXT,
    KEPT_SECRET_NEXT_LEASE,
    KEPT_SECRET_NEXT_LEASE_OF,
    KEPT_FINDING_NOTE,
    KEPT_FINDING_TOLD,
    KEPT_FINDING_FORGET,
    KEPT_CENSUS_SECRETS,
    KEPT_CENSUS_LEASES,
    KEPT_CENSUS_FINDINGS,
    KEPT_CENSUS_LEASE_LIST,
    KEPT_CENSUS_FINDING_LIST,
    KEPT_RESTORATION_BEGIN,
    KEPT_RESTORATION_END,
    KEPT_RESTORATION_IS_ON,
    KEPT_COUNT,
};

struct ledger {
    sqlite3 *db;
    sqlite3_stmt *kept[KEPT_COUNT]; /* NULL: not used yet */
    bool is_begun;                  /* between ledger_begin() and its end */
    char path[];
};

/* One of a row, in the struct and in the file: the order of a table of these is that of its SQL text. */
enum column_type {
    COLUMN_TEXT,  /* char[], NUL at the end */
    COLUMN_WHOLE, /* int64_t */
    COLUMN_BOOL,  /* bool: 0 or 1 */
    COLUMN_WORD,  /* an enum, in the file as one of `words` */
};

struct column {
    enum column_type type;
    size_t offset, size;
    const char *const *words;
    int count; /* of words */
};

struct columns {
    const struct column *all;
    int count;
};

/* clang-format off */
#define TEXT_COLUMN(T, m)  {COLUMN_TEXT, offsetof(T, m), sizeof(((T *)0)->m), NULL, 0}
#define UUID_COLUMN(T, m)  TEXT_COLUMN(T, m.text)
#define WHOLE_COLUMN(T, m) {COLUMN_WHOLE, offsetof(T, m), sizeof(int64_t), NULL, 0}
#define BOOL_COLUMN(T, m)  {COLUMN_BOOL, offsetof(T, m), sizeof(bool), NULL, 0}
#define WORD_COLUMN(T, m, list) {COLUMN_WORD, offsetof(T, m), sizeof(int), (list), COUNT(list)}
#define COLUMNS(table)     ((struct columns){(table), COUNT(table)})
/* clang-format on */

/* Bring a connection's file from `version` to LEDGER_VERSION, each step whole or not at all. */
MUST_CHECK bool ledger_upgrade(struct ledger *ledger, int64_t version, struct err *e);

/* LEDGER_APPLICATION_ID is "KFry": PRAGMA application_id tells file(1) and us what this is. */
enum { LEDGER_APPLICATION_ID = 0x4b467279 };

/* Record what SQLite's result means to an operator. Returns false. */
bool sql_fail(const struct ledger *ledger, int result, struct err *e);

/* Record that a row holds what nobody writes there. Returns false. */
bool sql_fail_damaged(const struct ledger *ledger, const char *what, struct err *e);

/* Run texts that give no rows, or none that matter. */
MUST_CHECK bool sql_run(const struct ledger *ledger, const char *texts, struct err *e);

/*
 * A statement to bind and step, its own again after sql_end(), which is for
 * ON_EXIT; NULL on failure. What is bound must live until then. Fails where the
 * transaction it would be part of is lost.
 */
sqlite3_stmt *sql_use(struct ledger *ledger, enum kept which, const char *text, struct err *e);

/* The same, of which the first parameter is a host, and bound. */
sqlite3_stmt *sql_use_of(struct ledger *ledger, enum kept which, const char *text, const struct uuid *host,
                         struct err *e);

void sql_end(sqlite3_stmt **statement);

/* Step to the next row, or to the end. */
MUST_CHECK bool sql_step(const struct ledger *ledger, sqlite3_stmt *statement, bool *has_row, struct err *e);

/* Step to the end. */
MUST_CHECK bool sql_finish(const struct ledger *ledger, sqlite3_stmt *statement, struct err *e);

/* Bind those columns of `row` from parameter `first` on (the first of all is 1). Binding what lives on cannot fail. */
void columns_bind(sqlite3_stmt *statement, int first, struct columns columns, const void *row);

/* Read a row's columns from its first on. Whatever does not fit is damage; `row` is then half written. */
MUST_CHECK bool columns_read(const struct ledger *ledger, sqlite3_stmt *statement, struct columns columns, void *row,
                             struct err *e);

/* Column `index` (the first is 0) as at most `room` bytes. */
MUST_CHECK bool bytes_read(const struct ledger *ledger, sqlite3_stmt *statement, int index, uint8_t *out, size_t room,
                           size_t *len, struct err *e);

#endif

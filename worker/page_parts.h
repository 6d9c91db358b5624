/* What the files of the status page share, and nobody else sees. */
#ifndef WORKER_PAGE_PARTS_H
#define WORKER_PAGE_PARTS_H

#include "worker/page.h"

/* page_text.c. `put` takes our own words as they are; put_text() escapes what may be anybody's. */
void put(struct evbuffer *out, const char *html);
void putf(struct evbuffer *out, const char *fmt, ...) PRINTF_LIKE(2, 3);
void put_text(struct evbuffer *out, const char *text);
void put_age(struct evbuffer *out, uint64_t us);       /* "3 ms", "2 min", "4 h" */
void put_clock(struct evbuffer *out, int64_t ms);      /* a <time>, UTC */
void put_number(struct evbuffer *out, int64_t number); /* -1: a dash */
void put_uuid(struct evbuffer *out, const char *uuid); /* may be broken between lines */

/* One cell of a row, with what stands above it, for where a row is not in one line; then put_cell_end(). */
void put_cell(struct evbuffer *out, const char *heading, const char *class);
void put_cell_end(struct evbuffer *out);

/* A table's beginning: its caption, for who cannot see it, and the headings, NULL at the end. */
void put_table(struct evbuffer *out, const char *caption, const char *const *headings);
void put_table_end(struct evbuffer *out);

/* page_charts.c */
void put_rate_chart(const struct status *status, struct evbuffer *out);
void put_time_chart(const struct status *status, struct evbuffer *out);
void put_sparkline(const struct history *history, uint64_t now_us, struct evbuffer *out);

/* page_tables.c */
void put_hosts(const struct status *status, struct evbuffer *out);
void put_flights(const struct status *status, struct evbuffer *out);
void put_recent(const struct status *status, struct evbuffer *out);
void put_leases(const struct status *status, struct evbuffer *out);
void put_findings(const struct status *status, struct evbuffer *out);

/* "in libvirt", "behind another of its identity"...: for people. */
const char *stage_words(enum stage stage);

/* "ready", "libvirt away"..., and a class for its look: "ok", "warn" or "bad". */
const char *host_words(const struct host_status *host, const char **class);

#endif

/*
 * The status page. It is written here as a whole, for browsers without scripts as for
 * those with: a script (worker/page/page.js) only fetches it anew. Whatever came from
 * outside is escaped. Pure.
 */
#ifndef WORKER_PAGE_H
#define WORKER_PAGE_H

#include "worker/status.h"

struct evbuffer;

void page_write(const struct status *status, struct evbuffer *out);

/* The same for programs, as one JSON map; keys are only ever added. */
void page_json_write(const struct status *status, struct evbuffer *out);

#endif

/* Watches a folder (inotify(7)), so that what is changed in hosts_dir needs no signal. */
#ifndef WORKER_HOSTS_WATCH_H
#define WORKER_HOSTS_WATCH_H

#include "schemas/err.h"

struct event_base;
struct hosts_watch;

/* Called in the loop when files may be others than before: once they are left alone for a moment, and once some time after the start. */
typedef void hosts_watch_changed(void *arg);

/*
 * A folder that is not there, or is put in another's place, is looked for again every few
 * seconds, and counts as changed. Fails with ERR_LOCAL. `folder` must last as long.
 */
MUST_CHECK bool hosts_watch_open(struct event_base *base, const char *folder, hosts_watch_changed *changed, void *arg,
                                 struct hosts_watch **out, struct err *e);
void hosts_watch_close(struct hosts_watch *watch); /* NULL is fine */

#endif

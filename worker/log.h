/* One line per event on stderr: key=value, no secrets. Any thread; each line is one write(). */
#ifndef WORKER_LOG_H
#define WORKER_LOG_H

#include "schemas/base.h"
#include "worker/config.h"

/* Lines above `level` are not written. Set once at start. */
void log_set_level(enum log_level level);

/*
 * Write "ts=… level=… event=<event> <key>=<value> …". After `event` come pairs of
 * texts, key and value, and a NULL at the end; a pair with a NULL or empty value is
 * left out. Values are quoted where they need it, and control characters escaped:
 * what an outsider chose cannot forge a line. Longer lines than 4 KiB are cut off.
 */
void log_event(enum log_level level, const char *event, ...) __attribute__((sentinel));

#endif

/*
 * One line per event on stderr, no secrets. Any thread; each line is one write().
 * Lines that repeat themselves, but for the ids in them, are left out beyond a few,
 * and how many is told: log_repeats.h. Requests never are.
 */
#ifndef WORKER_LOG_H
#define WORKER_LOG_H

#include "schemas/base.h"
#include "worker/config.h"

/* Lines above `level` are not written. May change at any time. */
void log_set_level(enum log_level level);

/* False: a line of this level would not be written. */
bool log_is_on(enum log_level level);

/* May change at any time. */
void log_set_format(enum log_format format);

/* If stderr is journald's, lines begin with their priority from now on, as it wants it: sd-daemon(3). */
void log_open(void);

/*
 * Write "ts=… level=… event=<event> <key>=<value> …", or the same as a JSON object. After
 * `event` come pairs of texts, key and value, and a NULL at the end; a pair with a NULL or
 * empty value is left out. What an outsider chose cannot forge a line. Longer lines than
 * 4 KiB are cut off, and say so. `event` and keys are static.
 */
void log_event(enum log_level level, const char *event, ...) __attribute__((sentinel));

/* Tell what was left out, of what has not been said for a while; at the end (`all`) of everything. */
void log_tell_left_out(bool all);

#endif

/* One line of the log, in either form. Pure. */
#ifndef WORKER_LOG_LINE_H
#define WORKER_LOG_LINE_H

#include "worker/config.h"

enum { LOG_LINE_BYTES = 4096 };

struct log_line {
    enum log_format format;
    bool is_begun, is_cut;
    size_t len;
    char text[LOG_LINE_BYTES];
};

/* `prefix` stands before the line itself: "<4>" for journald, or "". */
void log_line_begin(struct log_line *line, enum log_format format, const char *prefix);

/*
 * Add a pair. The key is ours, plain; the value anything: it is quoted and escaped where that
 * is needed, as JSON does in both forms, and what is not UTF-8 becomes '?'. In JSON it is a
 * text, but where the key ends in _ms. What does not fit is cut off, and that is told.
 */
void log_line_pair(struct log_line *line, const char *key, const char *value);

/* The line is whole, with its newline; `len` bytes of it. */
void log_line_end(struct log_line *line);

#endif

/*
 * W3C Trace Context (https://www.w3.org/TR/trace-context/): the header traceparent, by
 * which a request is followed through every program that has to do with it.
 *
 *     00-<trace id, 32 hex>-<parent's span, 16 hex>-<flags, 2 hex>
 */
#ifndef SCHEMAS_TRACE_H
#define SCHEMAS_TRACE_H

#include "schemas/base.h"

enum { TRACE_ID_CHARS = 32, SPAN_ID_CHARS = 16, TRACEPARENT_CHARS = 55 };

/* All zero: none. */
struct trace {
    char id[TRACE_ID_CHARS + 1];
    char span[SPAN_ID_CHARS + 1]; /* whoever wrote it: for what is sent on, our own */
    bool is_sampled;
};

/*
 * Read a header. False where it is malformed, and *out is then all zero: a receiver
 * goes on as if there were none (section 3.2.2 and 4.3). Of a later version what is
 * known of this one is taken.
 */
MUST_CHECK bool trace_read(const char *text, struct trace *out);

void trace_write(const struct trace *trace, char out[TRACEPARENT_CHARS + 1]);

#endif

/* By which a request is followed through all programs that have to do with it. */
#include <string.h>

#include "schemas/headers.h"
#include "worker/life_parts.h"

/* As W3C wants it, whoever sends on names himself as the parent; and all of one request is one span. */
static void take_span(struct life *life, struct request *r)
{
    const struct world *w = &life->config->world;
    char id[UUID_HEX_CHARS + 1];

    w->new_id(w->ctx, id);
    memcpy(r->trace.span, id, SPAN_ID_CHARS);
    r->trace.span[SPAN_ID_CHARS] = '\0';
    r->has_span = true;
}

const char *const *life_trace(struct life *life, struct request *r, bool begins, struct trace_headers *out)
{
    const struct world *w = &life->config->world;

    if (r->trace.id[0] == '\0' && !begins)
        return NULL;
    if (r->trace.id[0] == '\0')
        w->new_id(w->ctx, r->trace.id);
    if (!r->has_span)
        take_span(life, r);
    trace_write(&r->trace, out->text);
    out->pairs[0] = TRACEPARENT_HEADER;
    out->pairs[1] = out->text;
    out->pairs[2] = NULL;
    return out->pairs;
}

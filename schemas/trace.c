#include "schemas/trace.h"

#include <stdio.h>
#include <string.h>

enum { VERSION_AT = 0, ID_AT = 3, SPAN_AT = 36, FLAGS_AT = 53, HEX_PAIR = 2 };

/* Lowercase: section 3.2.2, HEXDIGLC. */
static bool is_hex(const char *text, size_t len)
{
    return strspn(text, "0123456789abcdef") >= len;
}

static bool is_all_zero(const char *text, size_t len)
{
    return strspn(text, "0") >= len;
}

/* What stands where the fields are, of any version but ff, which is forbidden. */
static bool is_well_formed(const char *text)
{
    return is_hex(text + VERSION_AT, HEX_PAIR) && strncmp(text, "ff", HEX_PAIR) != 0 && text[ID_AT - 1] == '-' &&
           is_hex(text + ID_AT, TRACE_ID_CHARS) && !is_all_zero(text + ID_AT, TRACE_ID_CHARS) &&
           text[SPAN_AT - 1] == '-' && is_hex(text + SPAN_AT, SPAN_ID_CHARS) &&
           !is_all_zero(text + SPAN_AT, SPAN_ID_CHARS) && text[FLAGS_AT - 1] == '-' &&
           is_hex(text + FLAGS_AT, HEX_PAIR);
}

/* Version 00 ends with the flags; a later one may go on behind a dash. */
static bool ends_well(const char *text)
{
    bool is_first_version = strncmp(text, "00", HEX_PAIR) == 0;

    return text[TRACEPARENT_CHARS] == '\0' || (!is_first_version && text[TRACEPARENT_CHARS] == '-');
}

bool trace_read(const char *text, struct trace *out)
{
    *out = (struct trace){.id = ""};
    if (strnlen(text, TRACEPARENT_CHARS) < TRACEPARENT_CHARS || !is_well_formed(text) || !ends_well(text))
        return false;
    memcpy(out->id, text + ID_AT, TRACE_ID_CHARS);
    memcpy(out->span, text + SPAN_AT, SPAN_ID_CHARS);
    out->is_sampled = strchr("13579bdf", text[FLAGS_AT + 1]) != NULL; /* the lowest bit; the others are not passed on */
    return true;
}

void trace_write(const struct trace *trace, char out[TRACEPARENT_CHARS + 1])
{
    snprintf(out, TRACEPARENT_CHARS + 1, "00-%s-%s-%s", trace->id, trace->span, trace->is_sampled ? "01" : "00");
}

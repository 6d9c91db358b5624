/*
 * Any texts in a line of the log, and as a traceparent. In both forms the line is one
 * line, of plain UTF-8 and no more than it may have; as JSON it can be read. What is taken
 * for a trace is written and read again the same.
 */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>

#include "schemas/envelope.h"
#include "schemas/text.h"
#include "schemas/trace.h"
#include "worker/log_line.h"

static struct log_line line;

/* As an envelope, which is what our own reader of JSON takes. */
static void check_json(void)
{
    static char body[LOG_LINE_BYTES + 16];
    struct body *read;
    struct err e;
    int len = snprintf(body, sizeof(body), "{\"m\":%.*s}", (int)line.len - 1, line.text);

    MUST(body_read((const uint8_t *)body, (size_t)len, "application/json", &read, &e));
    body_free(read);
}

static void check_line(enum log_format format, char *const values[2])
{
    log_line_begin(&line, format, "");
    log_line_pair(&line, "event", "request");
    log_line_pair(&line, "id", values[0]);
    log_line_pair(&line, "total_ms", values[1]);
    log_line_end(&line);
    MUST(line.len <= LOG_LINE_BYTES && line.text[line.len - 1] == '\n');
    MUST(text_is_plain(line.text, line.len - 1));
    MUST(line.is_cut == (memmem(line.text, line.len, "cut", 3) != NULL) || strstr(values[0], "cut") != NULL ||
         strstr(values[1], "cut") != NULL);
    if (format == LOG_FORMAT_JSON)
        check_json();
}

static void check_trace(const char *text)
{
    char written[TRACEPARENT_CHARS + 1];
    struct trace trace, again;

    if (!trace_read(text, &trace))
        return;
    MUST(strlen(trace.id) == TRACE_ID_CHARS && strlen(trace.span) == SPAN_ID_CHARS);
    trace_write(&trace, written);
    MUST(trace_read(written, &again) && memcmp(&trace, &again, sizeof(trace)) == 0);
    MUST(memcmp(text + 3, written + 3, TRACE_ID_CHARS + 1 + SPAN_ID_CHARS) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *all = input_text(data, size), *end = strchr(all, '\n');
    char *values[2] = {all, end == NULL ? all : end + 1};

    check_trace(all);
    if (end != NULL && (size & 1) != 0)
        *end = '\0'; /* two different values, or one that has the other in it */
    check_line(LOG_FORMAT_LOGFMT, values);
    check_line(LOG_FORMAT_JSON, values);
    free(all);
    return 0;
}

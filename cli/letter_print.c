#include "cli/letter_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bus/headers.h"
#include "schemas/redact.h"
#include "schemas/text.h"

enum { WHEN_CHARS = 24, VALUE_SHOWN_BYTES = 400 };

static void when_write(int64_t ms, char out[WHEN_CHARS])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;

    if (ms == 0 || gmtime_r(&seconds, &tm) == NULL || strftime(out, WHEN_CHARS, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        strcpy(out, "?");
}

static const char *or_dash(const char *text)
{
    return text[0] != '\0' ? text : "-";
}

/* Fit to print: an outsider chose it. In one of a few buffers, so that a line can have several. */
static const char *clean(const char *text)
{
    static char rooms[4][VALUE_SHOWN_BYTES + 1];
    static unsigned next;
    char *room = rooms[next++ % COUNT(rooms)];

    text_copy_clean(room, sizeof(rooms[0]), text, strlen(text));
    return room;
}

static const char *name_of(const struct letter *l)
{
    return l->message != NULL ? l->message->name : "";
}

void letter_print_heading(void)
{
    printf("%-20s  %-26s  %-36s  %-22s  %-36s  %-12s  %s\n", "DIED", "CODE", "HOST", "MESSAGE", "ID", "SENDER",
           "BYTES");
}

void letter_print_line(const struct letter *l)
{
    char when[WHEN_CHARS];

    when_write(l->dead_ms, when);
    printf("%-20s  %-26s  %-36s  %-22s  %-36s  %-12s  %" PRIu64 "\n", when, or_dash(l->code), or_dash(l->host.text),
           or_dash(name_of(l)), l->id[0] != '\0' ? l->id : l->ref, or_dash(clean(l->sender)), l->delivery->whole_bytes);
}

/* ---- all of one ---- */

static void line(const char *name, const char *value)
{
    if (value[0] != '\0')
        printf("%-14s %s\n", name, clean(value));
}

/* "x-death.0.queue" */
static const char *name_show(const char *name)
{
    static char shown[VALUE_SHOWN_BYTES + 1];

    snprintf(shown, sizeof(shown), "%s", name);
    for (char *at = shown; (at = strchr(at, *HEADER_WITHIN)) != NULL;)
        *at = '.';
    return shown;
}

static void print_headers(const struct letter *l)
{
    struct header header;

    for (const char *at = NULL; header_next(l->delivery, &at, &header);)
        printf("header         %s: %s\n", name_show(header.name), clean(header.text));
}

/* The envelope as one line of JSON. */
static void print_envelope(const struct letter *l)
{
    const struct delivery *d = l->delivery;
    ON_EXIT(body_release) struct body *body = NULL;
    ON_EXIT(bytes_free) struct bytes text = {0};
    struct writer *w;
    struct err e;

    if (!body_read(d->body, d->body_bytes, d->content_type, &body, &e) || (w = writer_new(ENCODING_JSON)) == NULL)
        return;
    redact_write(body, w);
    if (writer_finish(w, &text, &e))
        printf("envelope       %.*s\n", (int)text.len, (const char *)text.data);
}

static void print_times(const struct letter *l)
{
    char when[WHEN_CHARS];

    when_write(l->dead_ms, when);
    printf("died           %s, by the %s\n", when, l->by_broker ? "broker" : "worker");
    if (l->sent_ms != 0 && l->sent_ms != l->dead_ms) {
        when_write(l->sent_ms, when);
        line("sent", when);
    }
    if (l->looks > 0)
        printf("looked at      %u time%s before\n", l->looks, l->looks == 1 ? "" : "s");
}

void letter_print_whole(const struct letter *l)
{
    const struct delivery *d = l->delivery;

    line("id", l->id[0] != '\0' ? l->id : l->ref);
    line("message", name_of(l));
    print_times(l);
    line("code", l->code);
    line("details", l->details);
    line("host", l->host.text);
    line("queue", l->queue);
    line("routing key", l->route);
    line("sender", l->sender);
    if (l->is_vouched)
        line("vouched by", or_dash(d->user_id));
    line("content type", d->content_type);
    line("correlation id", d->correlation_id);
    line("reply to", d->reply_to);
    print_headers(l);
    printf("body           %" PRIu64 " bytes of %s\n", d->whole_bytes,
           encoding_content_type(encoding_of(d->body, d->body_bytes, d->content_type)));
    if (l->has_complaint)
        line(l->is_readable ? "wrong in it" : "unreadable", l->complaint.text);
    if (l->is_readable)
        print_envelope(l);
}

/* ---- JSON ---- */

static void member(struct writer *w, const char *key, const char *text)
{
    writer_key(w, key), writer_text(w, clean(text));
}

static size_t count_headers(const struct letter *l)
{
    struct header header;
    size_t count = 0;

    for (const char *at = NULL; header_next(l->delivery, &at, &header);)
        count++;
    return count;
}

static void write_headers(const struct letter *l, struct writer *w)
{
    struct header header;

    writer_key(w, "headers");
    writer_map(w, count_headers(l));
    for (const char *at = NULL; header_next(l->delivery, &at, &header);)
        member(w, clean(name_show(header.name)), header.text);
}

static void write_rest(const struct letter *l, const struct body *body, struct writer *w)
{
    member(w, "contentType", l->delivery->content_type);
    member(w, "correlationId", l->delivery->correlation_id);
    member(w, "replyTo", l->delivery->reply_to);
    member(w, "complaint", l->has_complaint ? l->complaint.text : "");
    write_headers(l, w);
    if (body == NULL)
        return;
    writer_key(w, "envelope");
    redact_write(body, w);
}

static void write_line(const struct letter *l, struct writer *w)
{
    member(w, "id", l->id);
    member(w, "ref", l->ref);
    writer_key(w, "time"), writer_whole(w, l->dead_ms);
    writer_key(w, "sentTime"), writer_whole(w, l->sent_ms);
    member(w, "by", l->by_broker ? "broker" : "worker");
    member(w, "code", l->code);
    member(w, "details", l->details);
    member(w, "host", l->host.text);
    member(w, "queue", l->queue);
    member(w, "routingKey", l->route);
    member(w, "message", name_of(l));
    member(w, "sender", l->sender);
    member(w, "vouchedBy", l->is_vouched ? l->delivery->user_id : "");
    writer_key(w, "bytes"), writer_whole(w, (int64_t)l->delivery->whole_bytes);
    writer_key(w, "looks"), writer_whole(w, l->looks);
}

bool letter_print_json(const struct letter *l, bool whole, struct err *e)
{
    enum { LINE_PAIRS = 15, REST_PAIRS = 5 };
    const struct delivery *d = l->delivery;
    ON_EXIT(body_release) struct body *body = NULL;
    ON_EXIT(bytes_free) struct bytes text = {0};
    struct writer *w;
    struct err why;

    if (whole && l->is_readable && !body_read(d->body, d->body_bytes, d->content_type, &body, &why))
        body = NULL;
    w = writer_new(ENCODING_JSON);
    if (w == NULL)
        return err_set(e, ERR_LOCAL, "out of memory for a letter");
    writer_map(w, (size_t)LINE_PAIRS + (whole ? (size_t)REST_PAIRS : 0) + (body != NULL));
    write_line(l, w);
    if (whole)
        write_rest(l, body, w);
    if (!writer_finish(w, &text, e))
        return false;
    printf("%.*s\n", (int)text.len, (const char *)text.data);
    return true;
}

#include <event2/buffer.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "worker/page_parts.h"

void put(struct evbuffer *out, const char *html)
{
    evbuffer_add(out, html, strlen(html));
}

void putf(struct evbuffer *out, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    evbuffer_add_vprintf(out, fmt, args);
    va_end(args);
}

static const char *entity_of(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

/* Control characters, which HTML has no way to write, become spaces. */
void put_text(struct evbuffer *out, const char *text)
{
    while (*text != '\0') {
        size_t len = 0;

        while (text[len] != '\0' && entity_of(text[len]) == NULL && (unsigned char)text[len] >= ' ')
            len++;
        evbuffer_add(out, text, len);
        text += len;
        if (*text == '\0')
            return;
        put(out, entity_of(*text) != NULL ? entity_of(*text) : " ");
        text++;
    }
}

void put_age(struct evbuffer *out, uint64_t us)
{
    static const struct {
        uint64_t below_us, per_us;
        const char *unit;
    } units[] = {{UINT64_C(10000), 0, "ms"},
                 {UINT64_C(1000000), 1000, "ms"},
                 {UINT64_C(100000000), 1000000, "s"},
                 {UINT64_C(6000000000), 60000000, "min"},
                 {UINT64_C(172800000000), UINT64_C(3600000000), "h"},
                 {UINT64_MAX, UINT64_C(86400000000), "d"}};
    size_t i = 0;

    while (us >= units[i].below_us && i + 1 < COUNT(units))
        i++;
    if (units[i].per_us == 0)
        putf(out, "%.1f&nbsp;ms", (double)us / 1000);
    else
        putf(out, "%" PRIu64 "&nbsp;%s", us / units[i].per_us, units[i].unit);
}

void put_clock(struct evbuffer *out, int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    char day[16], clock[16];
    struct tm utc;

    gmtime_r(&seconds, &utc);
    strftime(day, sizeof(day), "%Y-%m-%d", &utc);
    strftime(clock, sizeof(clock), "%H:%M:%S", &utc);
    putf(out, "<time datetime=\"%sT%sZ\">%s</time>", day, clock, clock);
}

void put_number(struct evbuffer *out, int64_t number)
{
    if (number < 0)
        put(out, "<span class=\"none\" aria-label=\"not known\">–</span>");
    else
        putf(out, "%" PRId64, number);
}

void put_uuid(struct evbuffer *out, const char *uuid)
{
    put(out, "<code>");
    put_text(out, uuid);
    put(out, "</code>");
}

/* Where rows are blocks, browsers forget that they are rows: the roles say so all the same. */
void put_cell(struct evbuffer *out, const char *heading, const char *class)
{
    putf(out, "<td role=\"cell\" data-heading=\"%s\"%s%s%s><div>", heading, class[0] != '\0' ? " class=\"" : "", class,
         class[0] != '\0' ? "\"" : "");
}

void put_cell_end(struct evbuffer *out)
{
    put(out, "</div></td>");
}

void put_table(struct evbuffer *out, const char *caption, const char *const *headings)
{
    putf(out, "<table role=\"table\"><caption>%s</caption><thead role=\"rowgroup\"><tr role=\"row\">", caption);
    for (; *headings != NULL; headings++)
        putf(out, "<th role=\"columnheader\" scope=\"col\">%s</th>", *headings);
    put(out, "</tr></thead><tbody role=\"rowgroup\">\n");
}

void put_table_end(struct evbuffer *out)
{
    put(out, "</tbody></table>\n");
}

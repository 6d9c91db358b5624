#include "worker/page_parts.h"

#include <event2/buffer.h>
#include <inttypes.h>

#include "schemas/version.h"
#include "worker/trouble.h"

static void note_bad(void *arg, const struct trouble *trouble)
{
    bool *any = arg;

    *any |= trouble->is_bad;
}

static void put_trouble(void *arg, const struct trouble *trouble)
{
    struct evbuffer *out = arg;

    putf(out, "<li class=\"%s\">", trouble->is_bad ? "bad" : "warn");
    put_text(out, trouble->text);
    put(out, "</li>\n");
}

static void put_head(const struct status *status, size_t troubles, struct evbuffer *out)
{
    put(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
             "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
    if (troubles > 0)
        putf(out, "(%zu) ", troubles);
    put_text(out, status->worker);
    put(out,
        " – Keyferry</title>\n<link rel=\"icon\" href=\"/icon.svg\">\n<link rel=\"stylesheet\" href=\"/page.css\">\n"
        "<script src=\"/page.js\" defer></script>\n"
        "<noscript><meta http-equiv=\"refresh\" content=\"15\"></noscript>\n</head>\n<body>\n");
}

static void put_header(const struct status *status, struct evbuffer *out)
{
    put(out, "<header>\n<div><h1>Keyferry</h1><p id=\"live\"></p></div>\n"
             "<p id=\"who\" data-live>Worker <strong>");
    put_text(out, status->worker);
    put(out, "</strong>, version " KEYFERRY_VERSION);
    if (status->usage.started_ms > 0) {
        put(out, ", up for ");
        put_age(out, (uint64_t)(status->now_ms - status->usage.started_ms) * 1000);
    }
    put(out, ". It is ");
    put_clock(out, status->now_ms);
    put(out, " UTC.</p>\n</header>\n");
}

/* The one part that a screen reader tells of when it changes. */
static void put_banner(const struct status *status, size_t count, bool is_bad, struct evbuffer *out)
{
    putf(out, "<section id=\"state\" data-live class=\"banner %s\" role=\"status\" aria-live=\"polite\">\n<h2>",
         count == 0 ? "ok"
         : is_bad   ? "bad"
                    : "warn");
    if (count == 0)
        put(out, "All is well");
    else
        putf(out, "%zu thing%s need%s attention", count, count == 1 ? "" : "s", count == 1 ? "s" : "");
    put(out, "</h2>\n");
    if (count > 0) {
        put(out, "<ul>\n");
        (void)troubles_tell(status, put_trouble, out);
        put(out, "</ul>\n");
    }
    put(out, "</section>\n");
}

static void put_facts(const struct status *status, struct evbuffer *out)
{
    const struct {
        const char *name;
        int64_t number;
    } facts[] = {{"In flight", 0},
                 {"Hosts ready", status->hosts_ready},
                 {"Secrets", status->secrets},
                 {"Leases", status->leases},
                 {"Dead letters", status->dead_letters}};
    int64_t in_flight = 0;

    for (size_t i = 0; i < STAGE_SETTLED; i++)
        in_flight += status->in_flight[i];
    put(out, "<section id=\"now\" data-live aria-label=\"Now, and in the last hour\">\n<dl class=\"facts\">");
    for (size_t i = 0; i < COUNT(facts); i++) {
        putf(out, "<div><dt>%s</dt><dd>", facts[i].name);
        put_number(out, i == 0 ? in_flight : facts[i].number);
        if (i == 1)
            putf(out, "<small> of %" PRId64 "</small>", status->hosts);
        put(out, "</dd></div>");
    }
    put(out, "</dl>\n<div class=\"charts\">\n");
    put_rate_chart(status, out);
    put_time_chart(status, out);
    put(out, "</div>\n</section>\n");
}

typedef void put_section(const struct status *status, struct evbuffer *out);

static const struct {
    const char *id, *title, *says;
    put_section *put;
} sections[] = {
    {"hosts", "Hosts", "Waiting is what lies in a host’s queue beside what is in flight.", put_hosts},
    {"flights", "In flight", "", put_flights},
    {"recent", "Answered lately", "", put_recent},
    {"leases", "Leases", "A migration has put these secrets on a host, and they go when their VM does not come.",
     put_leases},
    {"findings", "Orphans and other findings", "What the last reconciliation found that nobody has mended since.",
     put_findings},
};

static void put_sections(const struct status *status, struct evbuffer *out)
{
    for (size_t i = 0; i < COUNT(sections); i++) {
        putf(out, "<section aria-labelledby=\"%s-title\">\n<h2 id=\"%s-title\">%s</h2>\n", sections[i].id,
             sections[i].id, sections[i].title);
        if (sections[i].says[0] != '\0')
            putf(out, "<p class=\"says\">%s</p>\n", sections[i].says);
        putf(out, "<div id=\"%s\" data-live>\n", sections[i].id);
        sections[i].put(status, out);
        put(out, "</div>\n</section>\n");
    }
}

static void put_footer(const struct status *status, struct evbuffer *out)
{
    put(out, "<footer id=\"foot\" data-live>");
    if (status->is_broker_up == 1) {
        put(out, "<p>Broker: ");
        put_text(out, status->broker);
        put(out, "</p>");
    }
    put(out, "<p>For programs: <a href=\"/status.json\">/status.json</a>, <a href=\"/metrics\">/metrics</a>, "
             "<a href=\"/readyz\">/readyz</a></p></footer>\n</body>\n</html>\n");
}

void page_write(const struct status *status, struct evbuffer *out)
{
    bool is_bad = false;
    size_t count = troubles_tell(status, note_bad, &is_bad);

    put_head(status, count, out);
    put_header(status, out);
    put(out, "<main>\n");
    put_banner(status, count, is_bad, out);
    put_facts(status, out);
    put_sections(status, out);
    put(out, "</main>\n");
    put_footer(status, out);
}

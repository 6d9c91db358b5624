#include <event2/buffer.h>
#include <string.h>

#include "worker/page_parts.h"

enum { RECENT_SHOWN = 25, SPARKLINES_MAX = 200, LIST_SHOWN = 25 };

const char *stage_words(enum stage stage)
{
    static const char *const words[STAGE_SETTLED] = {
        [STAGE_READING] = "being read",
        [STAGE_BACKLOG] = "waits for room",
        [STAGE_LANE] = "behind another for the same secret",
        [STAGE_JOINED] = "waits for the same request",
        [STAGE_RUNNING] = "in libvirt",
        [STAGE_RECORDING] = "being written down",
        [STAGE_WAITING] = "waits for another host",
        [STAGE_AWAY] = "waits for libvirt to be back",
        [STAGE_CONCLUDING] = "its outcome is written down",
        [STAGE_DEAD_LETTER] = "goes to the dead letters",
        [STAGE_REPLYING] = "its reply is under way",
        [STAGE_RESENDING] = "its reply is tried again soon",
    };

    return words[stage];
}

const char *host_words(const struct host_status *host, const char **class)
{
    *class = host->is_ready == 1 ? "ok" : "bad";
    if (host->is_libvirt_up != 1)
        return "libvirt away";
    if (host->is_left == 1)
        return "with another worker";
    if (host->is_consuming != 1)
        return "not consumed";
    if (host->is_ready != 1)
        return "not ready";
    return host->is_served == 1 ? "ready" : "standby";
}

/* How long a request took on average. */
static void put_average(const struct history *history, uint64_t now_us, struct evbuffer *out)
{
    uint64_t us = 0, count = 0;

    for (size_t ago = 0; ago < HISTORY_MINUTES; ago++) {
        const struct minute *minute = history_ago(history, now_us, ago);

        us += minute->took_us;
        count += minute->ok + minute->failed;
    }
    if (count == 0)
        put_number(out, -1);
    else
        put_age(out, us / count);
}

static void put_numbers(const struct host_status *host, struct evbuffer *out)
{
    const struct {
        const char *heading;
        int64_t number;
    } cells[] = {{"In flight", host->in_flight},
                 {"Waiting", host->messages},
                 {"Secrets", host->secrets},
                 {"Leases", host->leases}};

    for (size_t i = 0; i < COUNT(cells); i++) {
        put_cell(out, cells[i].heading, "number");
        put_number(out, cells[i].number);
        put_cell_end(out);
    }
}

static void put_host(const struct status *status, const struct host_status *host, bool has_chart, struct evbuffer *out)
{
    const char *class, *words = host_words(host, &class);

    put(out, "<tr role=\"row\"><th role=\"rowheader\" scope=\"row\">");
    put_uuid(out, host->uuid);
    put(out, "</th>");
    put_cell(out, "State", "");
    putf(out, "<span class=\"state %s\">%s</span>", class, words);
    put_cell_end(out);
    put_numbers(host, out);
    put_cell(out, "On average", "number");
    put_average(host->history, status->now_us, out);
    put_cell_end(out);
    put_cell(out, "Last hour", "chart");
    if (has_chart)
        put_sparkline(host->history, status->now_us, out);
    put_cell_end(out);
    put(out, "</tr>\n");
}

/* First those that are not ready: on a page of thousands nobody finds them otherwise. */
void put_hosts(const struct status *status, struct evbuffer *out)
{
    static const char *const headings[] = {"Host",   "State",      "In flight", "Waiting", "Secrets",
                                           "Leases", "On average", "Last hour", NULL};
    size_t charts = 0;

    put_table(out, "Hosts, and how it is with each", headings);
    for (int is_ready = 0; is_ready <= 1; is_ready++)
        for (size_t i = 0; i < (size_t)status->hosts; i++) {
            struct host_status host;

            status->host(status->arg, i, &host);
            if ((host.is_ready == 1) != is_ready)
                continue;
            put_host(status, &host, host.history == NULL || charts < SPARKLINES_MAX, out);
            charts += host.history != NULL;
        }
    put_table_end(out);
}

static void put_text_cell(struct evbuffer *out, const char *heading, const char *class, const char *text)
{
    put_cell(out, heading, class);
    put_text(out, text);
    put_cell_end(out);
}

static void put_uuid_cell(struct evbuffer *out, const char *heading, const char *uuid)
{
    put_cell(out, heading, "");
    put_uuid(out, uuid);
    put_cell_end(out);
}

void put_flights(const struct status *status, struct evbuffer *out)
{
    static const char *const headings[] = {"For", "Request", "Where it is", "Host", "Id", NULL};

    if (status->flight_count == 0) {
        put(out, "<p class=\"empty\">Nothing: no request is in hand.</p>\n");
        return;
    }
    put_table(out, "Requests in hand, the oldest first", headings);
    for (size_t i = 0; i < status->flight_count; i++) {
        const struct flight *flight = &status->flights[i];

        put(out, "<tr role=\"row\">");
        put_cell(out, "For", "number");
        put_age(out, flight->for_us);
        put_cell_end(out);
        put_text_cell(out, "Request", "", flight->message);
        put_text_cell(out, "Where it is", "", stage_words(flight->stage));
        put_uuid_cell(out, "Host", flight->host);
        put_text_cell(out, "Id", "id", flight->id);
        put(out, "</tr>\n");
    }
    put_table_end(out);
}

static void put_outcome(const struct recent *recent, struct evbuffer *out)
{
    put_cell(out, "Outcome", "");
    if (recent->code[0] == '\0') {
        put(out, "<span class=\"state ok\">done</span>");
    } else {
        put(out, "<span class=\"state warn\">");
        put_text(out, recent->code);
        put(out, "</span> <span class=\"details\">");
        put_text(out, recent->details);
        put(out, "</span>");
    }
    if (recent->is_duplicate)
        put(out, " <span class=\"mark\">answered before</span>");
    if (recent->is_redelivered)
        put(out, " <span class=\"mark\">redelivered</span>");
    put_cell_end(out);
}

static void put_line_of(struct evbuffer *out, const char *what, const char *text)
{
    if (text[0] == '\0')
        return;
    putf(out, "<div>%s", what);
    put_uuid(out, text);
    put(out, "</div>");
}

static void put_recent_one(const struct recent *recent, struct evbuffer *out)
{
    put(out, "<tr role=\"row\">");
    put_cell(out, "At", "number");
    put_clock(out, recent->at_ms);
    put_cell_end(out);
    put_text_cell(out, "Request", "", recent->message);
    put_outcome(recent, out);
    put_cell(out, "Took", "number");
    put_age(out, recent->took_us);
    put_cell_end(out);
    put_cell(out, "About", "id");
    put_line_of(out, "", recent->identity);
    put_line_of(out, "host ", recent->host);
    put_line_of(out, "id ", recent->id);
    put_cell_end(out);
    put(out, "</tr>\n");
}

void put_recent(const struct status *status, struct evbuffer *out)
{
    static const char *const headings[] = {"At", "Request", "Outcome", "Took", "About", NULL};
    const struct recent *recent;

    if (status->journal->recent_count == 0) {
        put(out, "<p class=\"empty\">None since this worker was started.</p>\n");
        return;
    }
    put_table(out, "Requests that were answered, the latest first", headings);
    for (size_t ago = 0; ago < RECENT_SHOWN && (recent = journal_recent(status->journal, ago)) != NULL; ago++)
        put_recent_one(recent, out);
    put_table_end(out);
}

static void put_rest(size_t count, struct evbuffer *out)
{
    if (count > LIST_SHOWN)
        putf(out, "<p class=\"empty\">These are the first %d.</p>\n", LIST_SHOWN);
}

void put_leases(const struct status *status, struct evbuffer *out)
{
    static const char *const headings[] = {"Ends in", "VM", "Host", "Secret", NULL};
    size_t count = status->census == NULL ? 0 : status->census->lease_count;

    if (count == 0) {
        put(out, status->census == NULL ? "<p class=\"empty\">The ledger is being counted.</p>\n"
                                        : "<p class=\"empty\">None: no migration is under way.</p>\n");
        return;
    }
    put_table(out, "Secrets with a lease, the first to end first", headings);
    for (size_t i = 0; i < count && i < LIST_SHOWN; i++) {
        const struct census_lease *lease = &status->census->leases[i];
        int64_t left_ms = lease->until_ms - status->now_ms;

        put(out, "<tr role=\"row\">");
        put_cell(out, "Ends in", "number");
        put_age(out, left_ms > 0 ? (uint64_t)left_ms / 1000 * 1000000 : 0);
        put_cell_end(out);
        put_uuid_cell(out, "VM", lease->vm_uuid.text);
        put_uuid_cell(out, "Host", lease->host.text);
        put_uuid_cell(out, "Secret", lease->secret_uuid.text);
        put(out, "</tr>\n");
    }
    put_table_end(out);
    put_rest(count, out);
}

void put_findings(const struct status *status, struct evbuffer *out)
{
    static const char *const headings[] = {"What", "For", "Host", "Secret", NULL};
    size_t count = status->census == NULL ? 0 : status->census->finding_count;

    if (count == 0) {
        put(out, "<p class=\"empty\">None: ledger, libvirt and VMs fit together, as far as was looked.</p>\n");
        return;
    }
    put_table(out, "Orphans, and what else reconciling has found, the oldest first", headings);
    for (size_t i = 0; i < count && i < LIST_SHOWN; i++) {
        const struct census_finding *finding = &status->census->findings[i];
        int64_t age_ms = status->now_ms - finding->since_ms;

        put(out, "<tr role=\"row\">");
        put_text_cell(out, "What", "", finding->what);
        put_cell(out, "For", "number");
        put_age(out, age_ms > 0 ? (uint64_t)age_ms * 1000 : 0);
        put_cell_end(out);
        put_uuid_cell(out, "Host", finding->host.text);
        put_uuid_cell(out, "Secret", finding->secret_uuid.text);
        put(out, "</tr>\n");
    }
    put_table_end(out);
    put_rest(count, out);
}

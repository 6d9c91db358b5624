#include "worker/metrics_table.h"

#include <event2/buffer.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "schemas/version.h"

/* As labels. Of two kinds with one code the first speaks for both. */
static const char *const codes[METRICS_KINDS] = {
#define X(kind, code, meaning, retryable, fate) [kind] = code,
    ERR_KINDS(X)
#undef X
};

static const char *const stages[STAGE_SETTLED] = {
    [STAGE_READING] = "reading",         [STAGE_BACKLOG] = "backlog",   [STAGE_LANE] = "lane",
    [STAGE_JOINED] = "joined",           [STAGE_RUNNING] = "running",   [STAGE_RECORDING] = "recording",
    [STAGE_WAITING] = "waiting",         [STAGE_AWAY] = "away",         [STAGE_CONCLUDING] = "concluding",
    [STAGE_DEAD_LETTER] = "dead-letter", [STAGE_REPLYING] = "replying", [STAGE_RESENDING] = "resending",
};

static const char *const outcomes[] = {
    [PUBLISHED_TAKEN] = "taken", [PUBLISHED_RETURNED] = "returned", [PUBLISHED_REFUSED] = "refused"};

/* ---- counting ---- */

static size_t message_index(const struct request *r)
{
    const struct message *m = r->work.handler != NULL ? r->work.handler->message : NULL;

    for (size_t i = 0; m != NULL && message_at(i) != NULL; i++)
        if (message_at(i) == m)
            return i;
    return METRICS_MESSAGES;
}

void metrics_answered(struct metrics *metrics, const struct request *r, uint64_t now_us)
{
    size_t i = message_index(r);

    metrics->requests[i][r->work.failed ? r->work.err.kind : ERR_NONE]++;
    histogram_add(&metrics->total[i], now_us - r->arrived_us);
    if (r->begun_us != 0) {
        histogram_add(&metrics->waiting, r->begun_us - r->arrived_us);
        histogram_add(&metrics->libvirt[i], r->work.libvirt_us);
    }
    metrics->duplicates += r->is_duplicate;
    metrics->dead_letters += r->was_dead_lettered;
}

/* ---- writing: names and labels are our own words, UUIDs, and two that are escaped ---- */

static void write_number(struct evbuffer *out, uint64_t value, int64_t per)
{
    uint64_t whole = value / (uint64_t)per, rest = value % (uint64_t)per;

    if (per == 1)
        evbuffer_add_printf(out, " %" PRIu64 "\n", value);
    else
        evbuffer_add_printf(out, " %" PRIu64 ".%0*" PRIu64 "\n", whole, per == 1000 ? 3 : 6, rest);
}

/* -1: it is not known, and not said. */
static void write_sample(const struct metric *m, struct evbuffer *out, const char *label, const char *value,
                         int64_t number)
{
    if (number < 0)
        return;
    if (label == NULL)
        evbuffer_add_printf(out, "%s", m->name);
    else
        evbuffer_add_printf(out, "%s{%s=\"%s\"}", m->name, label, value);
    write_number(out, (uint64_t)number, m->per);
}

void write_count(const struct metric *m, const struct status *status, struct evbuffer *out)
{
    const uint64_t *value = (const void *)((const char *)status->metrics + m->offset);

    write_sample(m, out, NULL, NULL, (int64_t)*value);
}

void write_value(const struct metric *m, const struct status *status, struct evbuffer *out)
{
    const int64_t *value = (const void *)((const char *)status + m->offset);

    write_sample(m, out, NULL, NULL, *value);
}

void write_host(const struct metric *m, const struct status *status, struct evbuffer *out)
{
    bool has_room = status->hosts <= METRICS_HOSTS_MAX;
    size_t written = 0;

    for (size_t i = 0; i < (size_t)status->hosts && written < METRICS_HOSTS_MAX; i++) {
        struct host_status host;

        status->host(status->arg, i, &host);
        if (!has_room && host.is_ready == 1)
            continue;
        write_sample(m, out, "host", host.uuid, *(const int64_t *)(const void *)((const char *)&host + m->offset));
        written++;
    }
}

/* `labels`: "" or 'message="…",' and the like. */
static void write_histogram(const struct metric *m, const struct histogram *h, const char *label, const char *value,
                            struct evbuffer *out)
{
    char labels[128] = "", braced[130] = "";
    uint64_t count = 0;

    if (label != NULL) {
        snprintf(labels, sizeof(labels), "%s=\"%s\",", label, value);
        snprintf(braced, sizeof(braced), "{%.*s}", (int)strlen(labels) - 1, labels);
    }
    for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
        count += h->counts[i];
        evbuffer_add_printf(out, "%s_bucket{%sle=\"%g\"} %" PRIu64 "\n", m->name, labels,
                            (double)histogram_bounds_us[i] / 1e6, count);
    }
    count += h->counts[HISTOGRAM_BOUNDS];
    evbuffer_add_printf(out, "%s_bucket{%sle=\"+Inf\"} %" PRIu64 "\n", m->name, labels, count);
    evbuffer_add_printf(out, "%s_sum%s", m->name, braced);
    write_number(out, h->sum_us, m->per);
    evbuffer_add_printf(out, "%s_count%s %" PRIu64 "\n", m->name, braced, count);
}

void write_times(const struct metric *m, const struct status *status, struct evbuffer *out)
{
    write_histogram(m, (const void *)((const char *)status->metrics + m->offset), NULL, NULL, out);
}

static const char *message_label(size_t i)
{
    return i == METRICS_MESSAGES ? "other" : message_at(i)->name;
}

/* Past the last message there is, the one for all others. */
static size_t message_after(size_t i)
{
    return i == METRICS_MESSAGES ? i + 1 : message_at(i + 1) != NULL ? i + 1 : METRICS_MESSAGES;
}

/* Of messages that never came there is nothing to say but that, and requests_total does. */
void write_messages(const struct metric *m, const struct status *status, struct evbuffer *out)
{
    const struct histogram *all = (const void *)((const char *)status->metrics + m->offset);

    for (size_t i = 0; i <= METRICS_MESSAGES; i = message_after(i))
        if (histogram_count(&all[i]) > 0)
            write_histogram(m, &all[i], "message", message_label(i), out);
}

/* How many of a kind, and of the later ones that have the same code; false: an earlier one spoke for it. */
static bool count_code(const uint64_t counts[METRICS_KINDS], size_t kind, uint64_t *out)
{
    *out = counts[kind];
    if (kind == ERR_FOREIGN)
        return true;
    for (size_t i = 0; i < METRICS_KINDS; i++) {
        bool is_same = i != kind && i != ERR_FOREIGN && strcmp(codes[i], codes[kind]) == 0;

        if (is_same && i < kind)
            return false;
        *out += is_same ? counts[i] : 0;
    }
    return true;
}

/* Successes are there from the start, so that their rate is right from the first one on. */
void write_requests(const struct metric *m, const struct status *status, struct evbuffer *out)
{
    for (size_t i = 0; i <= METRICS_MESSAGES; i = message_after(i))
        for (size_t kind = 0; kind < METRICS_KINDS; kind++) {
            const char *code = kind == ERR_NONE ? "ok" : kind == ERR_FOREIGN ? "other" : codes[kind];
            uint64_t count;

            if (count_code(status->metrics->requests[i], kind, &count) && (count > 0 || kind == ERR_NONE))
                evbuffer_add_printf(out, "%s{message=\"%s\",code=\"%s\"} %" PRIu64 "\n", m->name, message_label(i),
                                    code, count);
        }
}

void write_stages(const struct metric *m, const struct status *status, struct evbuffer *out)
{
    for (size_t i = STAGE_BACKLOG; i < STAGE_SETTLED; i++)
        write_sample(m, out, "stage", stages[i], status->in_flight[i]);
}

void write_published(const struct metric *m, const struct status *status, struct evbuffer *out)
{
    for (size_t i = 0; i < COUNT(outcomes); i++)
        write_sample(m, out, "outcome", outcomes[i], (int64_t)status->metrics->published[i]);
}

void write_events(const struct metric *m, const struct status *status, struct evbuffer *out)
{
    for (size_t i = 0; i < HOST_EVENT_COUNT; i++)
        write_sample(m, out, "event", host_event_name((enum host_event_kind)i), (int64_t)status->metrics->events[i]);
}

void write_findings(const struct metric *m, const struct status *status, struct evbuffer *out)
{
    for (size_t i = 0; i < FINDING_KINDS; i++)
        write_sample(m, out, "kind", finding_kind_name(i), status->findings[i]);
}

static void write_escaped(struct evbuffer *out, const char *value)
{
    for (; *value != '\0'; value++)
        if (*value == '\n')
            evbuffer_add_printf(out, "\\n");
        else
            evbuffer_add_printf(out, *value == '"' || *value == '\\' ? "\\%c" : "%c", *value);
}

void write_build(const struct metric *m, const struct status *status, struct evbuffer *out)
{
    evbuffer_add_printf(out, "%s{version=\"" KEYFERRY_VERSION "\",worker=\"", m->name);
    write_escaped(out, status->worker);
    evbuffer_add_printf(out, "\"} 1\n");
}

static void write_help(const struct metric *m, struct evbuffer *out)
{
    static const char *const types[] = {
        [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};

    evbuffer_add_printf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, types[m->type]);
}

void metrics_write(const struct status *status, struct evbuffer *out)
{
    for (size_t i = 0; i < metric_count; i++) {
        write_help(&metric_table[i], out);
        metric_table[i].write(&metric_table[i], status, out);
    }
}

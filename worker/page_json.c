#include <event2/buffer.h>
#include <string.h>

#include "schemas/version.h"
#include "schemas/writer.h"
#include "worker/page_parts.h"
#include "worker/trouble.h"

/* What is not known is left out by its reader: null cannot be written, and 0 would be a lie; so it is -1. */
static void pair(struct writer *w, const char *key, int64_t value)
{
    writer_key(w, key);
    writer_whole(w, value);
}

static void flag(struct writer *w, const char *key, bool value)
{
    writer_key(w, key);
    writer_bool(w, value);
}

static void text(struct writer *w, const char *key, const char *value)
{
    writer_key(w, key);
    writer_text(w, value);
}

static void write_trouble(void *arg, const struct trouble *trouble)
{
    struct writer *w = arg;

    writer_map(w, 2);
    text(w, "level", trouble->is_bad ? "bad" : "warn");
    text(w, "text", trouble->text);
}

static void write_troubles(struct writer *w, const struct status *s)
{
    writer_key(w, "troubles");
    writer_list(w, troubles_tell(s, NULL, NULL));
    (void)troubles_tell(s, write_trouble, w);
}

static void write_host(struct writer *w, const struct status *s, size_t index)
{
    struct host_status host;
    const char *class;

    s->host(s->arg, index, &host);
    writer_map(w, 13);
    text(w, "hostUuid", host.uuid);
    text(w, "libvirtUri", host.uri);
    text(w, "state", host_words(&host, &class));
    text(w, "why", host.why);
    flag(w, "ready", host.is_ready == 1);
    flag(w, "served", host.is_served == 1);
    flag(w, "libvirtUp", host.is_libvirt_up == 1);
    pair(w, "inFlight", host.in_flight);
    pair(w, "oldestUs", host.oldest_us);
    pair(w, "waiting", host.messages);
    pair(w, "heardTime", host.heard_ms);
    pair(w, "secrets", host.secrets);
    pair(w, "leases", host.leases);
}

static void write_hosts(struct writer *w, const struct status *s)
{
    writer_key(w, "hosts");
    writer_list(w, (size_t)s->hosts);
    for (size_t i = 0; i < (size_t)s->hosts; i++)
        write_host(w, s, i);
}

static void write_flights(struct writer *w, const struct status *s)
{
    writer_key(w, "inFlight");
    writer_list(w, s->flight_count);
    for (size_t i = 0; i < s->flight_count; i++) {
        const struct flight *flight = &s->flights[i];

        writer_map(w, 5);
        text(w, "message", flight->message);
        text(w, "id", flight->id);
        text(w, "hostUuid", flight->host);
        text(w, "stage", stage_words(flight->stage));
        pair(w, "forUs", (int64_t)flight->for_us);
    }
}

static void write_recent(struct writer *w, const struct status *s)
{
    uint64_t count = s->journal->recent_count < RECENT_MAX ? s->journal->recent_count : RECENT_MAX;

    writer_key(w, "recent");
    writer_list(w, (size_t)count);
    for (size_t ago = 0; ago < count; ago++) {
        const struct recent *recent = journal_recent(s->journal, ago);

        writer_map(w, 10);
        text(w, "message", recent->message);
        text(w, "id", recent->id);
        text(w, "hostUuid", recent->host);
        text(w, "identity", recent->identity);
        text(w, "code", recent->code);
        text(w, "details", recent->details);
        pair(w, "time", recent->at_ms);
        pair(w, "tookUs", (int64_t)recent->took_us);
        flag(w, "duplicate", recent->is_duplicate);
        flag(w, "redelivered", recent->is_redelivered);
    }
}

static void write_hour(struct writer *w, const struct status *s)
{
    writer_key(w, "minutes");
    writer_list(w, HISTORY_MINUTES);
    for (size_t ago = HISTORY_MINUTES; ago-- > 0;) {
        const struct minute *minute = history_ago(&s->journal->all, s->now_us, ago);
        const struct histogram *times = journal_times_ago(s->journal, s->now_us, ago);

        writer_map(w, 4);
        pair(w, "ok", minute->ok);
        pair(w, "failed", minute->failed);
        pair(w, "halfUs", times == NULL ? -1 : (int64_t)histogram_quantile_us(times, 0.5));
        pair(w, "mostUs", times == NULL ? -1 : (int64_t)histogram_quantile_us(times, 0.95));
    }
}

static void write_ledger(struct writer *w, const struct status *s)
{
    size_t leases = s->census == NULL ? 0 : s->census->lease_count;
    size_t findings = s->census == NULL ? 0 : s->census->finding_count;

    writer_key(w, "leases");
    writer_list(w, leases);
    for (size_t i = 0; i < leases; i++) {
        writer_map(w, 4);
        text(w, "hostUuid", s->census->leases[i].host.text);
        text(w, "vmUuid", s->census->leases[i].vm_uuid.text);
        text(w, "secretUuid", s->census->leases[i].secret_uuid.text);
        pair(w, "until", s->census->leases[i].until_ms);
    }
    writer_key(w, "findings");
    writer_list(w, findings);
    for (size_t i = 0; i < findings; i++) {
        writer_map(w, 4);
        text(w, "hostUuid", s->census->findings[i].host.text);
        text(w, "secretUuid", s->census->findings[i].secret_uuid.text);
        text(w, "what", s->census->findings[i].what);
        pair(w, "since", s->census->findings[i].since_ms);
    }
}

static void write_all(struct writer *w, const struct status *s)
{
    writer_map(w, 19);
    text(w, "worker", s->worker);
    text(w, "version", KEYFERRY_VERSION);
    pair(w, "time", s->now_ms);
    pair(w, "startedTime", s->usage.started_ms);
    flag(w, "draining", s->is_draining == 1);
    text(w, "broker", s->broker);
    flag(w, "brokerUp", s->is_broker_up == 1);
    flag(w, "brokerBlocked", s->is_broker_blocked == 1);
    flag(w, "ledgerUp", s->is_ledger_up == 1);
    pair(w, "ledgerBytes", s->ledger_bytes);
    pair(w, "secrets", s->secrets);
    pair(w, "deadLetters", s->dead_letters);
    write_troubles(w, s);
    write_hosts(w, s);
    write_flights(w, s);
    write_recent(w, s);
    write_hour(w, s);
    write_ledger(w, s);
}

void page_json_write(const struct status *status, struct evbuffer *out)
{
    struct writer *w = writer_new(ENCODING_JSON);
    struct bytes json = {0};
    struct err e;

    if (w == NULL)
        return;
    write_all(w, status);
    if (writer_finish(w, &json, &e))
        evbuffer_add(out, json.data, json.len);
    bytes_free(&json);
}

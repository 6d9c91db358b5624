#include "cli/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exit.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/paint.h"
#include "cli/print.h"
#include "cli/session.h"
#include "schemas/host_event.h"

enum { SLICE_MS = 200, KEY_CHARS = 128 };

struct watching {
    const struct options *options;
    struct session session;
    int64_t printed;
    bool was_lost;
};

/* What the broker can choose by itself: one host, one event. Of more than one, what is wanted is picked out here. */
static void key_of(const struct options *o, char out[KEY_CHARS])
{
    bool is_one = o->events != NULL && strchr(o->events, ',') == NULL;
    char hex[UUID_HEX_CHARS + 1] = "*";

    if (o->host_count > 0)
        uuid_hex(&o->hosts[0], hex);
    snprintf(out, KEY_CHARS, "host.%s.%s", hex, is_one ? o->events : "*");
}

static bool is_wanted(const char *events, const char *name)
{
    size_t len;

    if (events == NULL)
        return true;
    for (; *events != '\0'; events += len + (events[len] == ',')) {
        len = strcspn(events, ",");
        if (strlen(name) == len && memcmp(events, name, len) == 0)
            return true;
    }
    return false;
}

static enum tone tone_of(enum host_event_kind kind)
{
    static const enum tone tones[HOST_EVENT_COUNT] = {
        [HOST_EVENT_WORKER_UP] = TONE_GOOD,       [HOST_EVENT_HYPERVISOR_UP] = TONE_GOOD,
        [HOST_EVENT_SECRET_RESTORED] = TONE_GOOD, [HOST_EVENT_WORKER_DOWN] = TONE_WARNING,
        [HOST_EVENT_LEASE_ENDED] = TONE_WARNING,  [HOST_EVENT_ORPHAN_FOUND] = TONE_WARNING,
        [HOST_EVENT_HYPERVISOR_DOWN] = TONE_BAD,  [HOST_EVENT_SECRET_LOST] = TONE_BAD,
    };

    return tones[kind];
}

static void print_fact(const char *name, const char *value)
{
    if (value[0] != '\0')
        printf("  %s %s", name, value);
}

static void print_line(const struct host_event_said *said)
{
    const struct host_event *event = &said->event;
    char when[TIME_CHARS + 1], usage_id[USAGE_ID_MAX_CHARS + 1];
    enum tone tone = tone_of(event->kind);

    print_time(said->created_ms, when);
    printf("%s  %s%-16s%s  %s", when, paint_on(stdout, tone), host_event_name(event->kind), paint_off(stdout, tone),
           event->host_uuid.text);
    if (uuid_is_set(&event->key.vm_uuid)) {
        secret_usage_id(&event->key, usage_id);
        print_fact("of", usage_id);
    }
    print_fact("secret", event->secret_uuid.text);
    print_fact("migration", event->migration_id);
    print_fact("by", said->worker);
    printf("%s%s\n", event->reason[0] != '\0' ? "  " : "", event->reason);
}

/* As it came, in one line: what is no text in JSON may be broken anywhere between two tokens, and nowhere else. */
static void print_json(struct delivery *d)
{
    for (size_t i = 0; i < d->body_bytes; i++)
        if (d->body[i] < ' ')
            d->body[i] = ' ';
    printf("%.*s\n", (int)d->body_bytes, (const char *)d->body);
}

static void take_event(struct watching *w, struct delivery *d)
{
    struct host_event_said said;
    struct err e;

    if (!host_event_read(d->body, d->body_bytes, &said, &e)) {
        fprintf(stderr, "keyferry: what came is no event that this version knows: %s\n", e.text);
        return;
    }
    if (!is_wanted(w->options->events, host_event_name(said.event.kind)))
        return;
    if (w->options->json)
        print_json(d);
    else
        print_line(&said);
    fflush(stdout);
    w->printed++;
}

static void tell_link(struct watching *w, const struct bus_news *news)
{
    if (news->event == BUS_LINK_DOWN)
        fprintf(stderr, "keyferry: %s; what happens until it is back is not seen\n", news->text);
    else if (w->was_lost)
        fprintf(stderr, "keyferry: watching again: %s\n", news->text);
    w->was_lost = news->event == BUS_LINK_DOWN;
}

static void watch(struct watching *w)
{
    while (!interrupt_came() && (w->options->count == 0 || w->printed < w->options->count)) {
        struct bus_news news;

        switch (client_next(w->session.client, SLICE_MS, &news)) {
        case BUS_ANSWER:
        case BUS_NOTICE:
        case BUS_DELIVERY:
            take_event(w, news.delivery);
            delivery_free(news.delivery);
            break;
        case BUS_LINK_UP:
        case BUS_LINK_DOWN:
            tell_link(w, &news);
            break;
        case BUS_QUIET:
        case BUS_PUBLISHED:
        case BUS_QUEUE_UP:
        case BUS_QUEUE_DOWN:
        case BUS_QUEUE_DEAF:
        case BUS_BLOCKED:
        case BUS_UNBLOCKED:
        case BUS_NOTICES_UP:
        case BUS_NOTICES_DOWN:
            break;
        }
        if (ferror(stdout))
            return; /* nobody reads any more */
    }
}

int watch_run(const struct options *options)
{
    struct watching w = {.options = options};
    struct settings settings;
    char key[KEY_CHARS];
    struct err e;
    bool ok;

    if (!settings_read(options, &settings, &e))
        return exit_explain(&e);
    key_of(options, key);
    interrupt_note();
    ok = session_listen(&settings, options->timeout_ms, key, &w.session, &e);
    if (ok) {
        fprintf(stderr, "keyferry: watching %s\n", key);
        watch(&w);
    }
    session_close(&w.session);
    settings_done(&settings);
    return ok ? EXIT_SUCCESS : exit_explain(&e);
}

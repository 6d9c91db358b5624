#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "schemas/harden.h"
#include "worker/log.h"
#include "worker/page.h"
#include "worker/status.h"
#include "worker/worker_parts.h"

static void tell_all(struct worker *w, enum host_event_kind kind)
{
    for (size_t i = 0; i < w->config.host_count; i++)
        events_tell(w->events, &w->hosts[i].uuid, kind, NULL);
}

/* ---- the loop ---- */

/* When all that was begun is answered, whoever listens is told; when the broker has that, too, it is bidden goodbye. */
static void stop_when_idle(struct worker *w)
{
    serving_step(w);
    if (!w->is_draining || w->is_stopping || !life_is_idle(w->life))
        return;
    if (!w->drained)
        tell_all(w, HOST_EVENT_WORKER_DOWN);
    w->drained = true;
    if (events_are_pending(w->events))
        return;
    w->is_stopping = true;
    bus_stop(w->bus);
}

void worker_on_timer(int fd, short what, void *arg)
{
    struct worker *w = arg;

    (void)fd, (void)what;
    w->timer_ms = 0;
    life_tick(w->life);
    leases_tick(w->leases, w->life_config.world.now_ms(w));
    rounds_tick(w->rounds, w->life_config.world.now_ms(w));
    worker_mind_time(w);
    stop_when_idle(w);
}

void worker_on_job_done(void *arg, struct work *work)
{
    struct worker *w = arg;

    life_advanced(w->life, work, work->state);
    stop_when_idle(w);
}

void worker_on_recorded(void *arg, struct entry *entry)
{
    struct worker *w = arg;

    for (size_t i = 0; i < entry->record->change_count; i++)
        if (!entry->record->changes[i].is_removed && leases_note(w->leases, &entry->record->changes[i].row))
            worker_mind_time(w);
    life_recorded(w->life, entry);
    stop_when_idle(w);
}

/* Nothing is done, and nothing acked, that could not be recorded: until it can, requests wait, and the broker has them. */
void worker_on_recorder(void *arg, bool works, const char *why)
{
    struct worker *w = arg;

    if (w->ledger_works == works && strcmp(w->ledger_why, why) == 0)
        return;
    w->ledger_works = works;
    snprintf(w->ledger_why, sizeof(w->ledger_why), "%s", why);
    http_changed(w->http);
    log_event(works ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, works ? "ledger-up" : "ledger-down", "details", why,
              (char *)NULL);
}

/* Another reason for being down is no event of its own. */
static void tell_hypervisor(struct worker *w, size_t host, bool up, const char *why)
{
    struct served *s = &w->served[host];

    if (s->hypervisor == (up ? SAID_UP : SAID_DOWN))
        return;
    s->hypervisor = up ? SAID_UP : SAID_DOWN;
    s->libvirt_connections += up;
    events_tell(w->events, &w->hosts[host].uuid, up ? HOST_EVENT_HYPERVISOR_UP : HOST_EVENT_HYPERVISOR_DOWN,
                up ? NULL : why);
}

void worker_on_hypervisor(void *arg, size_t host, bool up, const char *why)
{
    struct worker *w = arg;

    log_event(up ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, up ? "hypervisor-up" : "hypervisor-down", "host",
              w->hosts[host].uuid.text, "uri", w->config.hosts[host].libvirt_uri, "details", why, (char *)NULL);
    tell_hypervisor(w, host, up, why);
    http_changed(w->http);
    if (up)
        serving_hypervisor_up(w, host);
}

void worker_on_arrival(void *arg, size_t host, const struct uuid *vm)
{
    struct worker *w = arg;

    leases_arrival(w->leases, host, vm);
}

static void tell_status(const struct worker *w, const char *text)
{
    sd_notifyf(0, "STATUS=%s; consuming from %zu of %zu queues", text, w->consuming_count, w->queue_count);
}

static void on_queue(struct worker *w, const struct bus_news *news)
{
    struct queue *q = &w->queues[news->queue];
    bool up = news->event == BUS_QUEUE_UP, is_left = !up && !q->is_open;
    bool is_plain = is_left || (up && news->text[0] == '\0');
    const char *why = is_left ? "left to the other workers of the pool" : news->text;
    const char *event = up ? "queue-up" : news->event == BUS_QUEUE_DEAF ? "queue-deaf" : "queue-down";

    if (q->is_consuming == up && strcmp(q->why, why) == 0)
        return;
    w->consuming_count += (size_t)up - (size_t)q->is_consuming;
    q->is_consuming = up;
    snprintf(q->why, sizeof(q->why), "%s", why);
    log_event(is_plain ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, event, "queue", q->route.queue, "details", why, (char *)NULL);
    serving_queue(w, news->queue, up);
    pool_changed(w->pool);
    http_changed(w->http);
    tell_status(w, "serving");
}

/* What its version costs is told each time it is another one. */
static void tell_broker(struct worker *w)
{
    const struct broker *b = bus_broker(w->bus);
    const struct broker_trait *t;

    if (strcmp(w->broker_version, b->version) == 0)
        return;
    snprintf(w->broker_version, sizeof(w->broker_version), "%s", b->version);
    for (size_t at = 0; (t = broker_trait(b, &at)) != NULL;)
        if (t->is_trouble)
            log_event(LOG_LEVEL_WARN, "broker-version", "product", b->product, "version", b->version, "details",
                      t->is_so, "advice", t->advice, (char *)NULL);
}

static void on_link(struct worker *w, const struct bus_news *news, bool up)
{
    log_event(up ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, up ? "broker-up" : "broker-down", "details", news->text,
              (char *)NULL);
    w->metrics.broker_connections += up && !w->was_broker_up;
    w->metrics.broker_losses += !up && w->was_broker_up;
    w->was_broker_up = up;
    snprintf(up ? w->broker : w->broker_why, WHY_BYTES, "%s", news->text);
    http_changed(w->http);
    events_link(w->events, up);
    pool_link(w->pool, up);
    tell_status(w, up ? "connected to the broker" : "waiting for the broker");
    if (up)
        tell_broker(w);
    if (up)
        life_answers_lost(w->life);
    else if (w->is_stopping)
        event_base_loopbreak(w->base);
}

/* What is refused with a code, as no such exchange and no right are, will not be taken by another try: nobody gets it. */
static enum published fate_of(const struct bus_news *news)
{
    return news->how == PUBLISHED_REFUSED && news->code != 0 ? PUBLISHED_RETURNED : news->how;
}

static void on_news(struct worker *w, struct bus_news *news)
{
    switch (news->event) {
    case BUS_QUIET:
        return;
    case BUS_DELIVERY:
        w->metrics.deliveries++;
        http_changed(w->http);
        w->metrics.redeliveries += news->delivery->redelivered;
        serving_delivery(w, news->delivery);
        return;
    case BUS_ANSWER:
        life_answer(w->life, news->delivery);
        delivery_free(news->delivery);
        return;
    case BUS_NOTICE:
        pool_notice(w->pool, news->delivery);
        delivery_free(news->delivery);
        return;
    case BUS_PUBLISHED:
        if (pool_published(w->pool, news))
            return;
        w->metrics.published[news->how]++;
        if (!events_published(w->events, news))
            life_published(w->life, news->number, fate_of(news), news->text);
        return;
    case BUS_QUEUE_UP:
    case BUS_QUEUE_DOWN:
    case BUS_QUEUE_DEAF:
        on_queue(w, news);
        return;
    case BUS_LINK_UP:
    case BUS_LINK_DOWN:
        on_link(w, news, news->event == BUS_LINK_UP);
        return;
    case BUS_NOTICES_UP:
    case BUS_NOTICES_DOWN:
        pool_notices(w->pool, news->event == BUS_NOTICES_UP, news->text);
        return;
    case BUS_BLOCKED:
        w->is_broker_blocked = true;
        snprintf(w->blocked_why, sizeof(w->blocked_why), "%s", news->text);
        http_changed(w->http);
        events_link(w->events, false); /* nothing of what is sent goes out */
        log_event(LOG_LEVEL_WARN, "broker-blocked", "details", news->text, (char *)NULL);
        return;
    case BUS_UNBLOCKED:
        w->is_broker_blocked = false;
        http_changed(w->http);
        events_link(w->events, bus_is_up(w->bus));
        log_event(LOG_LEVEL_INFO, "broker-unblocked", (char *)NULL);
    }
}

void worker_on_bus(void *arg)
{
    struct worker *w = arg;
    struct bus_news news;

    w->look = LOOK_SOON;
    while (bus_next(w->bus, &news) != BUS_QUIET)
        on_news(w, &news);
    worker_look_over(w);
    w->look = LOOK_NONE;
    stack_wipe();
    stop_when_idle(w);
}

void worker_on_drain_timeout(int fd, short what, void *arg)
{
    struct worker *w = arg;
    char left[24];

    (void)fd, (void)what;
    if (!w->drained) {
        snprintf(left, sizeof(left), "%zu", life_in_hand(w->life));
        log_event(LOG_LEVEL_WARN, "drain-timeout", "unfinished", left, (char *)NULL);
    }
    event_base_loopbreak(w->base);
}

void worker_drain(struct worker *w)
{
    int64_t ms = w->config.drain_timeout_ms;
    struct timeval limit = {ms / 1000, ms % 1000 * 1000};

    w->is_draining = true;
    http_changed(w->http);
    pool_bye(w->pool);
    life_drain(w->life);
    evtimer_add(w->drain_timer, &limit);
    stop_when_idle(w);
}

void worker_on_stop_signal(int fd, short what, void *arg)
{
    struct worker *w = arg;

    (void)what;
    if (w->is_draining && !w->is_renewing) { /* asked twice: at once */
        event_base_loopbreak(w->base);
        return;
    }
    log_event(LOG_LEVEL_INFO, "stopping", "signal", fd == SIGTERM ? "SIGTERM" : "SIGINT", (char *)NULL);
    sd_notify(0, "STOPPING=1\nSTATUS=finishing what runs");
    w->is_renewing = false;
    if (!w->is_draining)
        worker_drain(w);
}

void worker_on_log_timer(int fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    log_tell_left_out(false);
}

bool worker_is_well(void *arg)
{
    const struct worker *w = arg;

    return !bus_is_deaf(w->bus);
}

bool worker_readiness(void *arg, size_t index, struct readiness *out)
{
    const struct worker *w = arg;
    const struct queue *missing;
    const char *why;

    if (index >= w->config.host_count)
        return false;
    missing = serving_missing(w, index);
    out->host = w->hosts[index].uuid.text;
    out->is_consuming = missing == NULL && w->ledger_works && !w->is_draining;
    out->is_left = sharing_is_left(w, index) && w->ledger_works && !w->is_draining && bus_is_up(w->bus);
    out->is_hypervisor_up = hypervisors_up(w->hypervisors, index, &why);
    out->why = w->is_draining ? "stopping" : !w->ledger_works ? w->ledger_why : missing != NULL ? missing->why : why;
    return true;
}

void worker_view(void *arg, enum http_view view, struct evbuffer *out)
{
    static void (*const write[])(const struct status *, struct evbuffer *) = {
        [HTTP_METRICS] = metrics_write,
        [HTTP_PAGE] = page_write,
        [HTTP_JSON] = page_json_write,
    };
    struct status status;

    worker_status(arg, &status);
    write[view](&status, out);
}

void worker_on_counted(void *arg)
{
    struct worker *w = arg;

    http_changed(w->http);
}

/* While there is no loop to take them, signals wait. */
static void hold_signals(bool held)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(held ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

enum worker_end worker_run(struct worker *w)
{
    log_event(LOG_LEVEL_INFO, "worker-up", "worker", w->config.name, "clear_deks",
              w->life_config.accepts_clear_deks ? "accepted" : "refused", (char *)NULL);
    tell_all(w, HOST_EVENT_WORKER_UP);
    sd_notify(0, "READY=1\nSTATUS=waiting for the broker");
    hold_signals(false);
    event_base_dispatch(w->base);
    if (w->is_renewing) {
        hold_signals(true);
        event_base_loop(w->base, EVLOOP_NONBLOCK); /* one that came before */
    }
    log_tell_left_out(true);
    log_event(LOG_LEVEL_INFO, "worker-down", "worker", w->config.name, "drained", w->drained ? "yes" : "no",
              (char *)NULL);
    return w->is_renewing ? WORKER_RENEWS : w->drained ? WORKER_DRAINED : WORKER_UNFINISHED;
}

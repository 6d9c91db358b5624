#include "worker/worker.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "worker/http.h"
#include "worker/hypervisors.h"
#include "worker/jobs.h"
#include "worker/key_file.h"
#include "worker/life.h"
#include "worker/log.h"

enum {
    QUEUE_NAME_BYTES = 64,
    WHY_BYTES = 256,
    IN_HAND_MAX = 1024,   /* requests whose fields are in the vault at once; more wait undecoded */
    SLOTS_EACH = 2,       /* the request and its handler's notes */
};

/* The names of one host on the broker, and how it is with its queue. */
struct served {
    char queue[QUEUE_NAME_BYTES], routing_key[QUEUE_NAME_BYTES];
    bool is_consuming;
    char why[WHY_BYTES];
};

struct worker {
    struct config config;         /* but for `hosts`, which main() owns, a copy */
    const char *path;
    struct event_base *base;
    struct event *timer, *drain_timer, *signals[3];
    int64_t timer_ms;             /* when `timer` goes off; 0: it is not set */
    struct vault *vault;
    struct digest_key *digest_key, *content_key;
    struct hypervisors *hypervisors;
    struct host *hosts;
    struct served *served;
    const char **queue_names;
    struct jobs *jobs;
    struct bus *bus;
    struct http *http;
    struct life_config life_config;
    struct life *life;
    bool is_draining, is_stopping, drained;
};

/* ---- the world, as the life cycle sees it ---- */

static int64_t world_now_ms(void *ctx)
{
    struct timespec now;

    (void)ctx;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void world_run(void *ctx, struct work *work)
{
    struct worker *w = ctx;

    jobs_run(w->jobs, work);
}

static bool world_publish(void *ctx, const struct publication *what, uint64_t *number)
{
    struct worker *w = ctx;
    struct err e;

    return bus_publish(w->bus, what, number, &e);
}

static void world_forget(void *ctx, uint64_t number)
{
    struct worker *w = ctx;

    bus_forget(w->bus, number);
}

static void world_settle(void *ctx, struct delivery *delivery, enum verdict verdict)
{
    struct worker *w = ctx;

    bus_settle(w->bus, delivery, verdict);
}

static bool world_host_is_up(void *ctx, size_t host)
{
    struct worker *w = ctx;

    return hv_is_up(hypervisors_of(w->hypervisors, host));
}

static void world_wake_at(void *ctx, int64_t when_ms)
{
    struct worker *w = ctx;
    int64_t wait_ms = when_ms - world_now_ms(NULL);
    struct timeval wait = { 0, 0 };

    if (w->timer_ms != 0 && w->timer_ms <= when_ms)
        return;
    w->timer_ms = when_ms;
    if (wait_ms > 0)
        wait = (struct timeval){ wait_ms / 1000, wait_ms % 1000 * 1000 };
    evtimer_add(w->timer, &wait);
}

static void world_new_id(void *ctx, char out[UUID_HEX_CHARS + 1])
{
    uint8_t random[16];
    struct uuid uuid;

    (void)ctx;
    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        abort();  /* cannot fail for 16 bytes once the system has started: getrandom(2) */
    uuid_from_random(random, &uuid);
    uuid_hex(&uuid, out);
}

/* ---- the loop ---- */

static void stop_when_idle(struct worker *w)
{
    if (!w->is_draining || w->is_stopping || !life_is_idle(w->life))
        return;
    w->drained = true;
    w->is_stopping = true;
    bus_stop(w->bus);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct worker *w = arg;

    (void)fd, (void)what;
    w->timer_ms = 0;
    life_tick(w->life);
    stop_when_idle(w);
}

static void on_job_done(void *arg, struct work *work)
{
    struct worker *w = arg;

    life_advanced(w->life, work, work->state);
    stop_when_idle(w);
}

static void on_hypervisor(void *arg, size_t host, bool up, const char *why)
{
    struct worker *w = arg;

    log_event(up ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, up ? "hypervisor-up" : "hypervisor-down", "host",
              w->hosts[host].uuid.text, "uri", w->config.hosts[host].libvirt_uri, "details", why, (char *)NULL);
    if (up)
        life_host_up(w->life, host);
}

static void tell_status(const struct worker *w, const char *text)
{
    size_t consuming = 0;

    for (size_t i = 0; i < w->config.host_count; i++)
        consuming += w->served[i].is_consuming;
    sd_notifyf(0, "STATUS=%s; consuming for %zu of %zu hosts", text, consuming, w->config.host_count);
}

static void on_queue(struct worker *w, const struct bus_news *news, bool up)
{
    struct served *s = &w->served[news->queue];

    if (s->is_consuming == up && strcmp(s->why, news->text) == 0)
        return;
    s->is_consuming = up;
    snprintf(s->why, sizeof(s->why), "%s", news->text);
    log_event(up ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, up ? "queue-up" : "queue-down", "queue", s->queue, "details",
              news->text, (char *)NULL);
    if (!up)
        life_queue_down(w->life, news->queue);
    tell_status(w, "serving");
}

static void on_link(struct worker *w, const struct bus_news *news, bool up)
{
    log_event(up ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, up ? "broker-up" : "broker-down", "details", news->text,
              (char *)NULL);
    tell_status(w, up ? "connected to the broker" : "waiting for the broker");
    if (!up && w->is_stopping)
        event_base_loopbreak(w->base);
}

static void on_news(struct worker *w, struct bus_news *news)
{
    switch (news->event) {
    case BUS_QUIET:
        return;
    case BUS_DELIVERY:
        life_delivery(w->life, news->delivery);
        return;
    case BUS_ANSWER:
        life_answer(w->life, news->delivery);
        delivery_free(news->delivery);
        return;
    case BUS_PUBLISHED:
        life_published(w->life, news->number, news->how, news->text);
        return;
    case BUS_QUEUE_UP:
    case BUS_QUEUE_DOWN:
        on_queue(w, news, news->event == BUS_QUEUE_UP);
        return;
    case BUS_LINK_UP:
    case BUS_LINK_DOWN:
        on_link(w, news, news->event == BUS_LINK_UP);
    }
}

static void on_bus(void *arg)
{
    struct worker *w = arg;
    struct bus_news news;

    while (bus_next(w->bus, &news) != BUS_QUIET)
        on_news(w, &news);
    stop_when_idle(w);
}

static void on_drain_timeout(evutil_socket_t fd, short what, void *arg)
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

static void on_stop_signal(evutil_socket_t fd, short what, void *arg)
{
    struct worker *w = arg;
    int64_t ms = w->config.drain_timeout_ms;
    struct timeval limit = { ms / 1000, ms % 1000 * 1000 };

    (void)what;
    if (w->is_draining) {  /* asked twice: at once */
        event_base_loopbreak(w->base);
        return;
    }
    log_event(LOG_LEVEL_INFO, "stopping", "signal", fd == SIGTERM ? "SIGTERM" : "SIGINT", (char *)NULL);
    sd_notify(0, "STOPPING=1\nSTATUS=finishing what runs");
    w->is_draining = true;
    life_drain(w->life);
    evtimer_add(w->drain_timer, &limit);
    stop_when_idle(w);
}

/* What may change while requests are in hand: the log level and how long to wait. */
static void on_reload_signal(evutil_socket_t fd, short what, void *arg)
{
    struct worker *w = arg;
    struct config fresh;
    struct err e;

    (void)fd, (void)what;
    if (!config_read(w->path, &fresh, &e)) {
        log_event(LOG_LEVEL_ERROR, "reload-failed", "details", e.text, (char *)NULL);
        return;
    }
    log_set_level((enum log_level)fresh.log_level);
    w->life_config.request_timeout_ms = fresh.request_timeout_ms;
    w->life_config.hypervisor_wait_ms = fresh.hypervisor_wait_ms;
    w->config.drain_timeout_ms = fresh.drain_timeout_ms;
    config_done(&fresh);
    log_event(LOG_LEVEL_INFO, "reloaded", "details",
              "log_level, request_timeout_ms, hypervisor_wait_ms and drain_timeout_ms are in force; the rest at the next start",
              (char *)NULL);
}

static bool readiness_of(void *arg, size_t index, struct readiness *out)
{
    const struct worker *w = arg;
    const struct served *s = &w->served[index];
    const char *why;

    if (index >= w->config.host_count)
        return false;
    out->host = w->hosts[index].uuid.text;
    out->is_consuming = s->is_consuming && !w->is_draining;
    out->is_hypervisor_up = hypervisors_up(w->hypervisors, index, &why);
    out->why = w->is_draining ? "stopping" : !s->is_consuming ? s->why : why;
    return true;
}

/* ---- setting up ---- */

static bool open_loop(struct worker *w, struct err *e)
{
    static const struct { int number; event_callback_fn fn; } signals[] = {
        { SIGTERM, on_stop_signal }, { SIGINT, on_stop_signal }, { SIGHUP, on_reload_signal }
    };

    w->base = event_base_new();
    if (w->base == NULL)
        return err_set(e, ERR_LOCAL, "cannot make an event loop");
    w->timer = evtimer_new(w->base, on_timer, w);
    w->drain_timer = evtimer_new(w->base, on_drain_timeout, w);
    for (size_t i = 0; i < COUNT(signals); i++) {
        w->signals[i] = evsignal_new(w->base, signals[i].number, signals[i].fn, w);
        if (w->signals[i] == NULL || evsignal_add(w->signals[i], NULL) != 0)
            return err_set(e, ERR_LOCAL, "cannot watch for signals");
    }
    if (w->timer == NULL || w->drain_timer == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    return true;
}

static bool open_keys(struct worker *w, struct err *e)
{
    size_t in_hand = (size_t)w->config.prefetch * w->config.host_count;

    if (in_hand > IN_HAND_MAX)
        in_hand = IN_HAND_MAX;
    if (!vault_open(2 + SLOTS_EACH * in_hand, &w->vault, e))
        return false;
    w->digest_key = vault_take(w->vault);
    w->content_key = vault_take(w->vault);
    if (getrandom(w->content_key->bytes, DIGEST_KEY_BYTES, 0) != DIGEST_KEY_BYTES)
        return err_set(e, ERR_LOCAL, "cannot get random bytes");
    return key_file_digest_key(w->config.state_dir, w->digest_key, e);
}

static bool name_hosts(struct worker *w, struct err *e)
{
    size_t count = w->config.host_count;
    char hex[UUID_HEX_CHARS + 1];

    w->hosts = calloc(count, sizeof(*w->hosts));
    w->served = calloc(count, sizeof(*w->served));
    w->queue_names = calloc(count, sizeof(*w->queue_names));
    if (w->hosts == NULL || w->served == NULL || w->queue_names == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    for (size_t i = 0; i < count; i++) {
        uuid_hex(&w->config.hosts[i].uuid, hex);
        snprintf(w->served[i].queue, QUEUE_NAME_BYTES, "keyferry.host.%s", hex);
        snprintf(w->served[i].routing_key, QUEUE_NAME_BYTES, "host.%s", hex);
        strcpy(w->served[i].why, "not connected to the broker yet");
        w->queue_names[i] = w->served[i].queue;
        w->hosts[i].uuid = w->config.hosts[i].uuid;
        w->hosts[i].digest_key = w->digest_key;
    }
    return true;
}

static bool open_bus(struct worker *w, struct err *e)
{
    const struct config *c = &w->config;
    struct bus_queue *queues = calloc(c->host_count, sizeof(*queues));
    struct bus_config config = { .urls = c->urls, .name = c->name, .heartbeat_s = (unsigned)c->heartbeat_s,
                                 .prefetch = (uint16_t)c->prefetch, .queue_type = (enum queue_type)c->queue_type,
                                 .declare = c->declare != 0, .answers_wanted = true, .exchange = c->exchange,
                                 .dead_exchange = c->dead_exchange, .events_exchange = c->events_exchange,
                                 .reply_exchange = c->reply_exchange, .body_max_bytes = BODY_MAX_BYTES,
                                 .queues = queues, .queue_count = c->host_count };
    char *password = NULL;
    bool ok;

    if (queues == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    for (size_t i = 0; i < c->host_count; i++)
        queues[i] = (struct bus_queue){ w->served[i].queue, w->served[i].routing_key };
    ok = config_password(c, &password, e);
    config.password = password;
    ok = ok && bus_open(w->base, &config, on_bus, w, &w->bus, e);
    if (password != NULL)
        wipe(password, strlen(password));
    free(password);
    free(queues);
    return ok;
}

static bool accepts_clear_deks(const struct worker *w)
{
    return w->config.plaintext_dek == PLAINTEXT_ALLOW ||
           (w->config.plaintext_dek == PLAINTEXT_LOOPBACK && bus_is_loopback(w->bus));
}

static void open_life(struct worker *w)
{
    const struct config *c = &w->config;
    bool clear = accepts_clear_deks(w);

    w->life_config = (struct life_config){
        .world = { w, world_now_ms, world_run, world_publish, world_forget, world_settle, world_host_is_up,
                   world_wake_at, world_new_id },
        .hosts = w->hosts, .host_count = c->host_count, .vault = w->vault, .content_key = w->content_key,
        .prefetch = (size_t)c->prefetch, .request_timeout_ms = c->request_timeout_ms,
        .hypervisor_wait_ms = c->hypervisor_wait_ms, .request_exchange = c->exchange,
        .reply_exchange = c->reply_exchange, .dead_exchange = c->dead_exchange, .queue_names = w->queue_names,
        .reply_queue = bus_reply_queue(w->bus), .accepts_clear_deks = clear,
    };
    w->life = life_new(&w->life_config);
    for (size_t i = 0; i < c->host_count; i++) {
        w->hosts[i].sends_clear_deks = clear;
        w->hosts[i].hv = hypervisors_of(w->hypervisors, i);
    }
}

static bool open_all(struct worker *w, struct err *e)
{
    if (!open_loop(w, e) || !open_keys(w, e) || !name_hosts(w, e) || !open_bus(w, e) ||
        !hypervisors_open(w->base, &w->config, on_hypervisor, w, &w->hypervisors, e) ||
        !jobs_open(w->base, (size_t)w->config.threads, on_job_done, w, &w->jobs, e))
        return false;
    open_life(w);
    return w->config.http[0] == '\0' || http_open(w->base, w->config.http, readiness_of, w, &w->http, e);
}

bool worker_open(const struct config *config, const char *path, struct worker **out, struct err *e)
{
    struct worker *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    w->config = *config;
    w->path = path;
    log_set_level((enum log_level)config->log_level);
    if (!open_all(w, e)) {
        worker_close(w);
        return false;
    }
    *out = w;
    return true;
}

bool worker_run(struct worker *w)
{
    log_event(LOG_LEVEL_INFO, "worker-up", "worker", w->config.name, "clear_deks",
              w->life_config.accepts_clear_deks ? "accepted" : "refused", (char *)NULL);
    sd_notify(0, "READY=1\nSTATUS=waiting for the broker");
    event_base_dispatch(w->base);
    log_event(LOG_LEVEL_INFO, "worker-down", "worker", w->config.name, "drained", w->drained ? "yes" : "no",
              (char *)NULL);
    return w->drained;
}

void worker_close(struct worker *w)
{
    if (w == NULL)
        return;
    http_close(w->http);
    jobs_close(w->jobs);
    if (w->life != NULL)
        life_free(w->life);
    bus_close(w->bus);
    hypervisors_close(w->hypervisors);
    vault_give(w->vault, w->digest_key);
    vault_give(w->vault, w->content_key);
    vault_close(w->vault);
    for (size_t i = 0; i < COUNT(w->signals); i++)
        if (w->signals[i] != NULL)
            event_free(w->signals[i]);
    if (w->timer != NULL)
        event_free(w->timer);
    if (w->drain_timer != NULL)
        event_free(w->drain_timer);
    if (w->base != NULL)
        event_base_free(w->base);
    free(w->hosts);
    free(w->served);
    free(w->queue_names);
    wipe(&w->config, sizeof(w->config));
    free(w);
}

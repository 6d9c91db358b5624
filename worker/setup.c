#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "worker/config_options.h"
#include "worker/key_file.h"
#include "worker/log.h"
#include "worker/worker_parts.h"

enum {
    IN_HAND_MAX = 1024, /* requests whose fields are in the vault at once; more wait undecoded */
    LEFT_OUT_S = 10,    /* how soon it is told that lines of the log were left out */
    QUIET_MS = 60000,   /* without a delivery, until a queue's consumer must be proven */
    SLOTS_EACH = 2,     /* the request and its handler's notes */
    LOOP_KEY_SLOTS = 2, /* keys, and DEKs to compare */
    CHANGE_MS = 1000,   /* between two changes that are told to who looks at the status page */
    HOST_CHANGE_MS = 5, /* ... and longer for each host on it: a page of thousands is no small thing */
    JOB_KEY_SLOTS = 2,  /* of each job thread: keys, and a DEK from the ledger */
};

static bool open_loop(struct worker *w, struct err *e)
{
    static const struct timeval left_out = {.tv_sec = LEFT_OUT_S};
    static const struct {
        int number;
        event_callback_fn fn;
    } signals[] = {
        {SIGTERM, worker_on_stop_signal}, {SIGINT, worker_on_stop_signal}, {SIGHUP, worker_on_reload_signal}};

    w->base = event_base_new();
    if (w->base == NULL)
        return err_set(e, ERR_LOCAL, "cannot make an event loop");
    w->timer = evtimer_new(w->base, worker_on_timer, w);
    w->drain_timer = evtimer_new(w->base, worker_on_drain_timeout, w);
    for (size_t i = 0; i < COUNT(signals); i++) {
        w->signals[i] = evsignal_new(w->base, signals[i].number, signals[i].fn, w);
        if (w->signals[i] == NULL || evsignal_add(w->signals[i], NULL) != 0)
            return err_set(e, ERR_LOCAL, "cannot watch for signals");
    }
    w->log_timer = event_new(w->base, -1, EV_PERSIST, worker_on_log_timer, NULL);
    if (w->timer == NULL || w->drain_timer == NULL || w->log_timer == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    return event_add(w->log_timer, &left_out) == 0 || err_set(e, ERR_LOCAL, "cannot set a timer");
}

static bool open_keys(struct worker *w, struct err *e)
{
    size_t in_hand = (size_t)w->config.prefetch * routes_queue_count(&w->config);

    if (in_hand > IN_HAND_MAX)
        in_hand = IN_HAND_MAX;
    if (!vault_open(1 + SLOTS_EACH * in_hand, &w->vault, e))
        return false;
    w->digest_key = vault_take(w->vault);
    return key_file_digest_key(w->config.state_dir, w->digest_key, e);
}

/* What is wrong with a key that is there is told to whoever needs it: the rest can be served without. */
static void log_host_key(const struct host *host)
{
    char fingerprint[FINGERPRINT_CHARS + 1];
    struct public_key key;
    struct err e;

    if (!host_keys_current(host->keys, &key, &e)) {
        log_event(LOG_LEVEL_ERROR, "host-key", "host", host->uuid.text, "code", e.code, "details", e.text,
                  (char *)NULL);
        return;
    }
    seal_fingerprint(key.data, fingerprint);
    log_event(LOG_LEVEL_INFO, "host-key", "host", host->uuid.text, "fingerprint", fingerprint, (char *)NULL);
}

static bool open_host_keys(struct worker *w, struct err *e)
{
    const char *state_dir = w->config.state_dir, *credentials = getenv("CREDENTIALS_DIRECTORY");

    if (w->config.envelope == SEAL_COMPATIBLE && !hpke_has_aead(HPKE_AES_256_GCM))
        return err_set(e, ERR_CONFIG, "envelope = compatible needs AES-256-GCM, and this processor has no AES");
    w->host_keys = calloc(w->config.host_count, sizeof(*w->host_keys));
    if (w->host_keys == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    if (!vault_open(JOB_KEY_SLOTS * (size_t)w->config.threads + LOOP_KEY_SLOTS, &w->key_vault, e))
        return false;
    for (size_t i = 0; i < w->config.host_count; i++) {
        if (!host_keys_open(state_dir, credentials, &w->hosts[i].uuid, w->key_vault, &w->host_keys[i], e))
            return false;
        w->hosts[i].keys = &w->host_keys[i];
        w->hosts[i].envelope = (enum seal_layout)w->config.envelope;
        log_host_key(&w->hosts[i]);
    }
    return true;
}

static bool name_hosts(struct worker *w, struct err *e)
{
    size_t count = w->config.host_count;

    w->hosts = calloc(count, sizeof(*w->hosts));
    w->served = calloc(count + 1, sizeof(*w->served));
    if (w->hosts == NULL || w->served == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    for (size_t i = 0; i < count; i++) {
        w->hosts[i].uuid = w->config.hosts[i].uuid;
        w->hosts[i].digest_key = w->digest_key;
        w->hosts[i].pins = w->config.trust.pins;
    }
    return true;
}

static bool name_queues(struct worker *w, struct err *e)
{
    w->queue_count = routes_queue_count(&w->config);
    w->queues = calloc(w->queue_count, sizeof(*w->queues));
    w->queue_names = calloc(w->queue_count, sizeof(*w->queue_names));
    w->routes = routes_new(&w->config);
    if (w->queues == NULL || w->queue_names == NULL || w->routes == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    for (size_t i = 0; i < w->config.host_count; i++)
        w->served[i].came_by = w->queue_count;
    for (size_t i = 0; i < w->queue_count; i++) {
        routes_queue(&w->config, i, &w->queues[i].route);
        strcpy(w->queues[i].why, "not connected to the broker yet");
        w->queue_names[i] = w->queues[i].route.queue;
    }
    return true;
}

static bool open_bus(struct worker *w, struct err *e)
{
    const struct config *c = &w->config;
    struct bus_queue *queues = calloc(w->queue_count, sizeof(*queues));
    struct bus_config config = {.urls = c->urls,
                                .tls = {c->ca_file, c->cert_file, c->key_file, c->sasl == SASL_EXTERNAL},
                                .name = c->name,
                                .heartbeat_s = (unsigned)c->heartbeat_s,
                                .prefetch = (uint16_t)c->prefetch,
                                .queue_type = (enum queue_type)c->queue_type,
                                .declare = c->declare != 0,
                                .partition_exchange = c->partitions > 0 ? ROUTES_PARTITION_EXCHANGE : NULL,
                                .answers_wanted = true,
                                .notices_exchange = POOL_EXCHANGE,
                                .notices_key = w->pool_key,
                                .queues_closed = true,
                                .exchange = c->exchange,
                                .dead_exchange = c->dead_exchange,
                                .events_exchange = c->events_exchange,
                                .reply_exchange = c->reply_exchange,
                                .quiet_ms = QUIET_MS,
                                .body_max_bytes = BODY_MAX_BYTES,
                                .queues = queues,
                                .queue_count = w->queue_count};
    char *password = NULL;
    bool ok;

    if (queues == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    for (size_t i = 0; i < w->queue_count; i++)
        queues[i] = (struct bus_queue){w->queues[i].route.queue, w->queues[i].route.key};
    pool_key(w->digest_key, w->pool_key);
    ok = config_password(c, &password, e);
    config.password = password;
    ok = ok && bus_open(w->base, &config, worker_on_bus, w, &w->bus, e);
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

static bool open_life(struct worker *w, struct err *e)
{
    const struct config *c = &w->config;
    bool clear = accepts_clear_deks(w);

    w->life_config = (struct life_config){
        .world = world_ops,
        .hosts = w->hosts,
        .host_count = c->host_count,
        .vault = w->vault,
        .content_key = w->digest_key,
        .prefetch = (size_t)c->prefetch,
        .request_timeout_ms = c->request_timeout_ms,
        .hypervisor_wait_ms = c->hypervisor_wait_ms,
        .request_exchange = c->exchange,
        .reply_exchange = c->reply_exchange,
        .dead_exchange = c->dead_exchange,
        .queue_names = w->queue_names,
        .queue_count = w->queue_count,
        .reply_queue = bus_reply_queue(w->bus),
        .accepts_clear_deks = clear,
        .senders = c->senders,
        .trust = c->trust,
    };
    w->life_config.world.ctx = w;
    w->life = life_new(&w->life_config);
    for (size_t i = 0; i < c->host_count; i++) {
        w->hosts[i].accepts_clear_deks = clear;
        w->hosts[i].plaintext_dek = plaintext_words[c->plaintext_dek];
        w->hosts[i].deletes_orphans = c->orphan_policy == ORPHANS_DELETE;
        w->hosts[i].hv = hypervisors_of(w->hypervisors, i);
    }
    w->events = events_new(&w->life_config.world, w->config.events_exchange, w->config.name, &w->metrics);
    return w->events != NULL || err_set(e, ERR_LOCAL, "out of memory");
}

static bool open_ledger(struct worker *w, struct err *e)
{
    struct recorder_config config = {w->ledger_path, &w->metrics.commit, worker_on_recorded, worker_on_recorder, w};

    snprintf(w->ledger_path, sizeof(w->ledger_path), "%s/ledger.db", w->config.state_dir);
    w->ledger_works = true;
    return ledger_open(w->ledger_path, &w->ledger, e) && recorder_open(w->base, &config, &w->recorder, e);
}

static bool open_leases(struct worker *w, struct err *e)
{
    struct leases_config config = {w->ledger, w->hosts, w->config.host_count, worker_lease, serving_is_whole, w};
    struct rounds_config rounds = {w->config.host_count, serving_is_whole, worker_reconcile, w};

    w->leases = leases_new(&config);
    w->rounds = rounds_new(&rounds);
    return (w->leases != NULL && w->rounds != NULL) || err_set(e, ERR_LOCAL, "out of memory");
}

static bool open_pool(struct worker *w, struct err *e)
{
    struct pool_config config = {
        w->base,        &w->life_config.world, w->config.name,   w->config.state_dir, w->digest_key,
        w->queue_names, w->queue_count,        sharing_consumes, sharing_look,        w};

    if (!pool_open(&config, &w->pool, e))
        return false;
    sharing_begin(w);
    return true;
}

static bool open_recovery(struct worker *w, struct err *e)
{
    struct recovery_config config = {w->ledger_path, w->hosts, w->config.host_count, worker_restore, serving_may, w};

    return recovery_open(w->base, &config, &w->recovery, e);
}

/* What is only there for those who look. */
static bool open_http(struct worker *w, struct err *e)
{
    const struct http_config config = {.address = w->config.http,
                                       .token_file = w->config.http_token_file,
                                       .pause_ms = CHANGE_MS + HOST_CHANGE_MS * (unsigned)w->config.host_count,
                                       .readiness = worker_readiness,
                                       .write = worker_view,
                                       .arg = w};

    strcpy(w->broker_why, "it was not connected to yet");
    if (w->config.http[0] == '\0')
        return true;
    w->journal = calloc(1, sizeof(*w->journal));
    if (w->journal == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    if (!inventory_open(w->base, w->ledger_path, worker_on_counted, w, &w->inventory, e) ||
        !http_open(w->base, &config, &w->http, e))
        return false;
    log_event(LOG_LEVEL_INFO, "http", "address", w->config.http, "access",
              w->config.http_token_file[0] != '\0'
                  ? "with the token of http_token_file; /healthz and /readyz for everybody"
                  : "for everybody on this machine",
              (char *)NULL);
    return true;
}

static bool watch_hosts(struct worker *w, struct err *e)
{
    const char *folder = w->config.hosts_dir;

    return folder[0] == '\0' || hosts_watch_open(w->base, folder, worker_on_hosts, w, &w->hosts_watch, e);
}

/* What may be in its way here is told before libvirt is connected to. */
static bool open_all(struct worker *w, struct err *e)
{
    if (!open_loop(w, e) || !open_keys(w, e) || !name_hosts(w, e) || !name_queues(w, e) || !open_host_keys(w, e) ||
        !open_ledger(w, e) || !open_bus(w, e) || !open_http(w, e) ||
        !hypervisors_open(w->base, &w->config, worker_on_hypervisor, worker_on_arrival, w, &w->hypervisors, e) ||
        !jobs_open(w->base, (size_t)w->config.threads, w->ledger_path, worker_on_job_done, w, &w->jobs, e) ||
        !open_recovery(w, e) || !open_leases(w, e) || !open_life(w, e) ||
        !tenures_open(w->base, &w->config, TENURE_FENCE_MS, serving_tenure, w, &w->tenures, e) || !open_pool(w, e))
        return false;
    return watchdog_open(w->base, worker_is_well, w, &w->watchdog, e) && watch_hosts(w, e);
}

bool worker_open(const struct config *config, const char *path, const struct refused *refused, struct worker **out,
                 struct err *e)
{
    struct worker *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    w->config = *config;
    w->path = path;
    w->refused = refused;
    if (refused != NULL)
        memcpy(w->config_why, refused->why.text, sizeof(w->config_why));
    log_open();
    log_set_level((enum log_level)config->log_level);
    log_set_format((enum log_format)config->log_format);
    if (!open_all(w, e)) {
        worker_close(w);
        return false;
    }
    *out = w;
    return true;
}

static void close_served(struct worker *w)
{
    serving_forget_all(w);
    for (size_t i = 0; w->served != NULL && i <= w->config.host_count; i++)
        free(w->served[i].history);
}

void worker_close(struct worker *w)
{
    if (w == NULL)
        return;
    hosts_watch_close(w->hosts_watch);
    http_close(w->http);
    inventory_close(w->inventory);
    free(w->journal);
    watchdog_close(w->watchdog);
    recovery_close(w->recovery);
    leases_free(w->leases);
    rounds_free(w->rounds);
    jobs_close(w->jobs);
    recorder_close(w->recorder);
    ledger_close(w->ledger);
    close_served(w);
    if (w->life != NULL)
        life_free(w->life);
    events_free(w->events);
    bus_close(w->bus);
    pool_close(w->pool);
    tenures_close(w->tenures); /* nothing acts any more; what is closed now may take a second */
    hypervisors_close(w->hypervisors);
    vault_give(w->vault, w->digest_key);
    vault_close(w->vault);
    vault_close(w->key_vault);
    for (size_t i = 0; i < COUNT(w->signals); i++)
        if (w->signals[i] != NULL)
            event_free(w->signals[i]);
    if (w->timer != NULL)
        event_free(w->timer);
    if (w->drain_timer != NULL)
        event_free(w->drain_timer);
    if (w->log_timer != NULL)
        event_free(w->log_timer);
    if (w->base != NULL)
        event_base_free(w->base);
    free(w->hosts);
    free(w->host_keys);
    free(w->served);
    free(w->queues);
    free(w->queue_names);
    routes_free(w->routes);
    wipe(&w->config, sizeof(w->config));
    free(w);
}

#include "worker/status.h"

#include <stdio.h>
#include <string.h>

#include "bus/timer.h"
#include "worker/clock.h"
#include "worker/worker_parts.h"

static int64_t depth(struct bus_depth depth)
{
    return depth.is_known ? (int64_t)depth.messages : -1;
}

/* Of the clock that is not set, as one of since 1970. */
static int64_t real_ms(uint64_t ms)
{
    return ms == 0 ? -1 : clock_now_ms() - (int64_t)(monotonic_ms() - ms);
}

static void count_host(const struct worker *w, size_t index, struct host_status *out)
{
    const struct census *census = inventory_last(w->inventory);
    const struct census_host *counted = census == NULL ? NULL : census_of(census, &w->hosts[index].uuid);

    out->secrets = counted != NULL ? counted->secrets : census != NULL ? 0 : -1;
    out->leases = counted != NULL ? counted->leases : census != NULL ? 0 : -1;
}

static void host_status(void *arg, size_t index, struct host_status *out)
{
    struct worker *w = arg;
    bool has_own = !worker_has_partitions(w); /* queue */
    struct readiness r;
    struct load load;

    worker_readiness(w, index, &r);
    life_load(w->life, index, NULL, &load);
    *out = (struct host_status){
        .uuid = w->hosts[index].uuid.text,
        .uri = w->config.hosts[index].libvirt_uri,
        .why = r.why,
        .is_ready = (r.is_consuming || r.is_left) && r.is_hypervisor_up,
        .is_left = r.is_left && !r.is_consuming,
        .is_consuming = serving_missing(w, index) == NULL,
        .is_served = serving_may(w, index),
        .is_libvirt_up = r.is_hypervisor_up,
        .libvirt_connections = (int64_t)w->served[index].libvirt_connections,
        .in_flight = (int64_t)life_of_host(w->life, index),
        .oldest_us = load.oldest_ms * 1000,
        .messages = has_own ? depth(bus_queue_depth(w->bus, index)) : -1,
        .history = w->served[index].history,
        .heard_ms = has_own ? real_ms(bus_queue_heard_ms(w->bus, index)) : -1,
    };
    count_host(w, index, out);
}

static void count_stage(void *arg, const struct request *r)
{
    struct status *out = arg;

    struct flight *flight = &out->flights[out->flight_count];

    out->in_flight[r->stage]++;
    if (out->flight_count == FLIGHTS_MAX)
        return;
    out->flight_count++;
    *flight = (struct flight){.stage = r->stage, .for_us = out->now_us - r->arrived_us};
    snprintf(flight->message, sizeof(flight->message), "%s",
             r->is_internal ? r->work.handler->message->name : r->envelope.name);
    snprintf(flight->id, sizeof(flight->id), "%s", r->id);
    snprintf(flight->host, sizeof(flight->host), "%s", r->work.host != NULL ? r->work.host->uuid.text : "");
}

static void count_hosts(struct worker *w, struct status *out)
{
    struct readiness r;

    for (size_t i = 0; worker_readiness(w, i, &r); i++)
        out->hosts_ready += (r.is_consuming || r.is_left) && r.is_hypervisor_up;
}

/* Of the hosts that are this worker's: others who share the ledger tell of theirs. */
static void add_census(struct worker *w, struct status *out)
{
    const struct census *census = out->census;

    out->ledger_bytes = census == NULL ? -1 : census->bytes;
    if (census == NULL) {
        out->secrets = out->leases = -1;
        memset(out->findings, 0xff, sizeof(out->findings));
        return;
    }
    for (size_t i = 0; i < w->config.host_count; i++) {
        const struct census_host *host = serving_may(w, i) ? census_of(census, &w->hosts[i].uuid) : NULL;

        if (host == NULL)
            continue;
        out->secrets += host->secrets;
        out->leases += host->leases;
        for (size_t kind = 0; kind < FINDING_KINDS; kind++)
            out->findings[kind] += host->findings[kind];
    }
}

void worker_status(struct worker *w, struct status *out)
{
    if (w->inventory != NULL)
        inventory_want(w->inventory);
    bus_count(w->bus);
    *out = (struct status){
        .metrics = &w->metrics,
        .worker = w->config.name,
        .now_ms = clock_now_ms(),
        .now_us = clock_monotonic_us(),
        .is_draining = w->is_draining,
        .broker = w->broker,
        .broker_why = w->broker_why,
        .blocked_why = w->blocked_why,
        .ledger_why = w->ledger_why,
        .config_why = w->config_why,
        .is_config_read = w->config_why[0] == '\0',
        .census = inventory_last(w->inventory),
        .journal = w->journal,
        .threads = w->config.threads,
        .is_broker_up = bus_is_up(w->bus),
        .is_broker_blocked = w->is_broker_blocked,
        .dead_letters = depth(bus_dead_depth(w->bus)),
        .is_ledger_up = w->ledger_works,
        .hosts = (int64_t)w->config.host_count,
        .host = host_status,
        .arg = w,
    };
    life_each(w->life, count_stage, out);
    count_hosts(w, out);
    add_census(w, out);
    usage_read(&out->usage);
}

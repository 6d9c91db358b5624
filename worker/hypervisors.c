#include "worker/hypervisors.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/timer.h"
#include "worker/wakeup.h"

enum {
    WHY_BYTES = 200,
    CLOSE_WAIT_MS = 1000,
    ARRIVALS_MAX = 256, /* untold; what is over is dropped: the end of a lease sees it, too */
};

struct hypervisor {
    const char *uri;
    struct hv *hv;
    struct hypervisors *all;
    bool is_up, is_changed; /* under the lock: what its keeper last said */
    char why[WHY_BYTES];    /* likewise */
    size_t arrival_count;   /* likewise */
    struct uuid arrivals[ARRIVALS_MAX];
    bool shown_up; /* the loop's copy */
    char shown_why[WHY_BYTES];
};

struct hypervisors {
    pthread_mutex_t lock;
    struct wakeup *wakeup;
    hypervisors_watch *watch;
    hypervisors_arrival *on_arrival;
    void *arg;
    struct hypervisor *list; /* one for each URI */
    size_t count;
    size_t *of_host; /* index into `list` */
    size_t host_count;
};

/* On a keeper's thread. */
static void on_change(void *arg, bool up, const char *why)
{
    struct hypervisor *h = arg;

    pthread_mutex_lock(&h->all->lock);
    h->is_up = up;
    h->is_changed = true;
    snprintf(h->why, sizeof(h->why), "%s", why != NULL ? why : "");
    pthread_mutex_unlock(&h->all->lock);
    wakeup_call(h->all->wakeup);
}

/* On libvirt's thread. */
static void on_arrival(void *arg, const struct uuid *vm)
{
    struct hypervisor *h = arg;

    pthread_mutex_lock(&h->all->lock);
    if (h->arrival_count < ARRIVALS_MAX)
        h->arrivals[h->arrival_count++] = *vm;
    pthread_mutex_unlock(&h->all->lock);
    wakeup_call(h->all->wakeup);
}

static size_t take_arrivals(struct hypervisor *h, struct uuid out[ARRIVALS_MAX])
{
    size_t count;

    pthread_mutex_lock(&h->all->lock);
    count = h->arrival_count;
    memcpy(out, h->arrivals, count * sizeof(out[0]));
    h->arrival_count = 0;
    pthread_mutex_unlock(&h->all->lock);
    return count;
}

static void tell_arrivals(struct hypervisors *all, size_t index)
{
    struct uuid arrivals[ARRIVALS_MAX];
    size_t count = take_arrivals(&all->list[index], arrivals);

    for (size_t i = 0; i < count; i++)
        for (size_t host = 0; host < all->host_count; host++)
            if (all->of_host[host] == index)
                all->on_arrival(all->arg, host, &arrivals[i]);
}

static bool take_change(struct hypervisor *h)
{
    bool changed;

    pthread_mutex_lock(&h->all->lock);
    changed = h->is_changed && (h->is_up != h->shown_up || strcmp(h->why, h->shown_why) != 0);
    h->is_changed = false;
    h->shown_up = h->is_up;
    strcpy(h->shown_why, h->why);
    pthread_mutex_unlock(&h->all->lock);
    return changed;
}

static void on_wakeup(void *arg)
{
    struct hypervisors *all = arg;

    for (size_t i = 0; i < all->count; i++) {
        bool is_changed = take_change(&all->list[i]);

        for (size_t host = 0; host < all->host_count && is_changed; host++)
            if (all->of_host[host] == i)
                all->watch(all->arg, host, all->list[i].shown_up, all->list[i].shown_why);
        tell_arrivals(all, i);
    }
}

/* The index of `uri` in the list, which grows by it if it is new. */
static size_t index_of(struct hypervisors *all, const char *uri)
{
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->list[i].uri, uri) == 0)
            return i;
    all->list[all->count].uri = uri;
    all->list[all->count].all = all;
    return all->count++;
}

static bool open_all(struct hypervisors *all, const struct config *config, struct err *e)
{
    for (size_t host = 0; host < config->host_count; host++)
        all->of_host[host] = index_of(all, config->hosts[host].libvirt_uri);
    for (size_t i = 0; i < all->count; i++) {
        if (!hv_open(all->list[i].uri, on_change, &all->list[i], &all->list[i].hv, e))
            return false;
        hv_watch_arrivals(all->list[i].hv, on_arrival, &all->list[i]);
    }
    return true;
}

bool hypervisors_open(struct event_base *base, const struct config *config, hypervisors_watch *watch,
                      hypervisors_arrival *arrival, void *arg, struct hypervisors **out, struct err *e)
{
    struct hypervisors *all = calloc(1, sizeof(*all));

    if (all == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    pthread_mutex_init(&all->lock, NULL);
    all->watch = watch;
    all->on_arrival = arrival;
    all->arg = arg;
    all->host_count = config->host_count;
    all->list = calloc(config->host_count, sizeof(*all->list));
    all->of_host = calloc(config->host_count, sizeof(*all->of_host));
    if (all->list == NULL || all->of_host == NULL)
        err_set(e, ERR_LOCAL, "out of memory");
    else if (wakeup_open(base, on_wakeup, all, &all->wakeup, e) && open_all(all, config, e)) {
        *out = all;
        return true;
    }
    hypervisors_close(all);
    return false;
}

static unsigned ms_until(uint64_t until_ms)
{
    uint64_t now_ms = monotonic_ms();

    return now_ms < until_ms ? (unsigned)(until_ms - now_ms) : 1;
}

void hypervisors_close(struct hypervisors *all)
{
    uint64_t until_ms = monotonic_ms() + CLOSE_WAIT_MS;

    if (all == NULL)
        return;
    for (size_t i = 0; i < all->count; i++)
        hv_bid(all->list[i].hv);
    for (size_t i = 0; i < all->count; i++) /* those that hang are waited for together */
        hv_close_within(all->list[i].hv, ms_until(until_ms));
    wakeup_close(all->wakeup);
    pthread_mutex_destroy(&all->lock);
    free(all->list);
    free(all->of_host);
    free(all);
}

struct hv *hypervisors_of(const struct hypervisors *all, size_t host)
{
    return all->list[all->of_host[host]].hv;
}

bool hypervisors_up(const struct hypervisors *all, size_t host, const char **why)
{
    const struct hypervisor *h = &all->list[all->of_host[host]];

    if (why != NULL)
        *why = h->shown_up ? "" : h->shown_why;
    return h->shown_up;
}

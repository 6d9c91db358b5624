#include "worker/leases.h"

#include <stdlib.h>
#include <string.h>

#include "worker/map.h"

/* One way through what is due on a host: from the first to end, up to now. */
struct pass {
    bool is_wanted;
    int64_t next_ms;   /* when it begins, or goes on */
    bool is_looking;   /* at `after`, in the life cycle */
    int64_t after_ms;  /* it has come as far as this */
    struct uuid after; /* ... and this */
    bool some_wait;    /* some of them could not end */
};

struct leases {
    struct leases_config config;
    struct map *by_host; /* its UUID's text: its pass */
    struct pass passes[];
};

struct leases *leases_new(const struct leases_config *config)
{
    struct leases *leases = calloc(1, sizeof(*leases) + config->host_count * sizeof(leases->passes[0]));

    if (leases == NULL)
        return NULL;
    leases->config = *config;
    for (size_t i = 0; i < config->host_count; i++)
        map_add(&leases->by_host, config->hosts[i].uuid.text, UUID_CHARS, &leases->passes[i]);
    return leases;
}

void leases_free(struct leases *leases)
{
    if (leases == NULL)
        return;
    while (map_take(&leases->by_host) != NULL)
        continue;
    free(leases);
}

void leases_begin(struct leases *leases, size_t host)
{
    leases->passes[host] = (struct pass){.is_wanted = true};
}

bool leases_note(struct leases *leases, const struct secret_row *row)
{
    struct pass *pass = row->lease_until_ms == 0 ? NULL : map_find(leases->by_host, row->host.text, UUID_CHARS);

    if (pass == NULL || row->lease_until_ms >= pass->next_ms)
        return false;
    pass->next_ms = row->lease_until_ms;
    return true;
}

static void begin_again(struct pass *pass, int64_t when_ms)
{
    *pass = (struct pass){.is_wanted = true, .next_ms = when_ms};
}

static bool look(const struct leases *leases, size_t host, const struct secret_row *row)
{
    const struct lease_request what = {.to = {row->host, row->key}, .secret_uuid = row->uuid};

    return leases->config.look(leases->config.arg, host, &what);
}

/* The next that is due; or the pass is over, and the next one begins when the first of the rest ends. */
static void go_on(struct leases *leases, size_t host, int64_t now_ms)
{
    const struct leases_config *c = &leases->config;
    struct pass *pass = &leases->passes[host];
    int64_t again_ms = pass->some_wait ? now_ms + LEASE_AGAIN_MS : INT64_MAX;
    struct secret_row row;
    bool found;
    struct err e;

    if (!secret_row_next_lease(c->ledger, &c->hosts[host].uuid, pass->after_ms, &pass->after, &row, &found, &e)) {
        begin_again(pass, now_ms + LEASE_AGAIN_MS);
    } else if (!found || row.lease_until_ms > now_ms) {
        begin_again(pass, found && row.lease_until_ms < again_ms ? row.lease_until_ms : again_ms);
    } else if (!look(leases, host, &row)) {
        pass->next_ms = now_ms + LEASE_NO_ROOM_MS;
    } else {
        pass->is_looking = true;
        pass->after_ms = row.lease_until_ms;
        pass->after = row.uuid;
    }
}

void leases_tick(struct leases *leases, int64_t now_ms)
{
    for (size_t i = 0; i < leases->config.host_count; i++) {
        struct pass *pass = &leases->passes[i];

        if (!pass->is_wanted || pass->is_looking || pass->next_ms > now_ms)
            continue;
        if (leases->config.may(leases->config.arg, i))
            go_on(leases, i, now_ms);
        else
            pass->is_wanted = false;
    }
}

int64_t leases_next(const struct leases *leases, int64_t now_ms)
{
    int64_t next_ms = INT64_MAX;

    for (size_t i = 0; i < leases->config.host_count; i++) {
        const struct pass *pass = &leases->passes[i];

        if (pass->is_wanted && !pass->is_looking && pass->next_ms < next_ms)
            next_ms = pass->next_ms;
    }
    if (next_ms == INT64_MAX || next_ms < now_ms + LEASE_CLOCK_CHECK_MS)
        return next_ms;
    return now_ms + LEASE_CLOCK_CHECK_MS;
}

void leases_arrival(struct leases *leases, size_t host, const struct uuid *vm)
{
    const struct leases_config *c = &leases->config;
    struct uuid after = {0};
    struct secret_row row;
    bool found = c->may(c->arg, host);
    struct err e;

    while (found) {
        if (!secret_row_next_lease_of(c->ledger, &c->hosts[host].uuid, vm, &after, &row, &found, &e) || !found ||
            !look(leases, host, &row))
            return;
        after = row.uuid;
    }
}

void leases_looked(struct leases *leases, size_t host, const struct work *work)
{
    struct pass *pass = &leases->passes[host];

    if (!pass->is_looking || strcmp(pass->after.text, work->id) != 0)
        return; /* it was of an arrival, or of an earlier pass */
    pass->is_looking = false;
    pass->next_ms = 0;
    pass->some_wait |= work->failed || ((const struct lease_reply *)work->reply)->what == LEASED_WAITS;
}

#include "worker/rounds.h"

#include <assert.h>
#include <stdlib.h>

struct rounds {
    struct rounds_config config;
    size_t running;
    int64_t due_ms[]; /* of each host; 0: it is not wanted */
};

struct rounds *rounds_new(const struct rounds_config *config)
{
    struct rounds *rounds = calloc(1, sizeof(*rounds) + config->host_count * sizeof(rounds->due_ms[0]));

    if (rounds != NULL)
        rounds->config = *config;
    return rounds;
}

void rounds_free(struct rounds *rounds)
{
    free(rounds);
}

void rounds_want(struct rounds *r, size_t host, int64_t now_ms)
{
    if (r->due_ms[host] == 0)
        r->due_ms[host] = now_ms + ROUNDS_FIRST_MS;
}

/* When the host's next one is; 0: never. */
static int64_t begin(struct rounds *r, size_t host, int64_t now_ms)
{
    if (!r->config.is_whole(r->config.arg, host))
        return 0;
    if (!r->config.begin(r->config.arg, host))
        return now_ms + ROUNDS_NO_ROOM_MS;
    r->running++;
    return now_ms + ROUNDS_EVERY_MS;
}

void rounds_tick(struct rounds *r, int64_t now_ms)
{
    for (size_t i = 0; i < r->config.host_count && r->running < ROUNDS_AT_ONCE; i++)
        if (r->due_ms[i] != 0 && r->due_ms[i] <= now_ms)
            r->due_ms[i] = begin(r, i, now_ms);
}

int64_t rounds_next(const struct rounds *r)
{
    int64_t next_ms = INT64_MAX;

    for (size_t i = 0; i < r->config.host_count && r->running < ROUNDS_AT_ONCE; i++)
        if (r->due_ms[i] != 0 && r->due_ms[i] < next_ms)
            next_ms = r->due_ms[i];
    return next_ms;
}

void rounds_over(struct rounds *r)
{
    assert(r->running > 0);
    r->running--;
}

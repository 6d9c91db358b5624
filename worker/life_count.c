/* What is in hand: how much, and for how long. */
#include "worker/life_parts.h"

bool life_is_idle(const struct life *life)
{
    return life->in_hand == 0;
}

size_t life_in_hand(const struct life *life)
{
    return life->in_hand;
}

size_t life_of_host(const struct life *life, size_t host)
{
    return life->of_host[host].in_hand;
}

/* When it was made, as its sender says: within what ids are remembered for, else his clock is wrong; or else when it came. */
static int64_t since_ms(const struct request *r, int64_t now_ms)
{
    enum { DAY_MS = 86400000 };
    int64_t made_ms = r->envelope.created_ms;

    return made_ms < r->arrived_ms && made_ms > now_ms - INT64_C(7) * DAY_MS ? made_ms : r->arrived_ms;
}

void life_load(const struct life *life, size_t host, const struct request *but, struct load *out)
{
    int64_t now_ms = life_now(life), oldest_ms = now_ms;
    const struct request *r;

    *out = (struct load){0};
    TAILQ_FOREACH(r, &life->of_host[host].asked, asked)
    {
        int64_t made_ms = since_ms(r, now_ms);

        if (r == but)
            continue;
        out->in_hand++;
        oldest_ms = made_ms < oldest_ms ? made_ms : oldest_ms;
    }
    out->oldest_ms = now_ms - oldest_ms;
}

size_t life_of_queue(const struct life *life, size_t queue)
{
    return life->of_queue[queue].in_hand;
}

bool life_waits_for_others(const struct life *life, size_t queue)
{
    return life->of_queue[queue].waiting > 0;
}

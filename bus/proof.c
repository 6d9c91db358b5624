#include "bus/proof.h"

/*
 * A little earlier than need be, at one of a few moments: the canaries of many queues go together, by few writes and
 * reads, instead of waking both ends for each.
 */
static void be_quiet(struct proof *p, uint64_t now_ms)
{
    uint64_t round_ms = p->quiet_ms / PROOF_ROUNDS + 1;

    p->state = PROOF_QUIET;
    p->next_ms = (now_ms + p->quiet_ms) / round_ms * round_ms;
}

static void be_proven(struct proof *p, uint64_t now_ms)
{
    p->strikes = 0;
    be_quiet(p, now_ms);
}

/*
 * Alone with its queue, one that is doubted is tried at once; where that was tried and
 * did not help, in its own time.
 */
void proof_opened(struct proof *p, unsigned others, uint64_t now_ms)
{
    bool is_urgent = p->is_asking || p->strikes == 1;

    p->has_delivered = p->is_asking = false;
    p->is_alone = others == 0;
    if (!p->is_alone) {
        be_proven(p, now_ms);
        return;
    }
    be_quiet(p, now_ms);
    if (is_urgent)
        p->next_ms = now_ms;
}

void proof_shut(struct proof *p)
{
    p->state = PROOF_SHUT;
}

void proof_anew(struct proof *p)
{
    p->state = PROOF_SHUT;
    p->strikes = 0;
    p->is_muted = p->is_asking = false;
}

void proof_hurry(struct proof *p, uint64_t now_ms)
{
    if (p->state == PROOF_QUIET && now_ms < p->next_ms)
        p->next_ms = now_ms;
}

void proof_delivered(struct proof *p, uint64_t now_ms)
{
    p->has_delivered = true;
    be_proven(p, now_ms);
}

void proof_sent(struct proof *p)
{
    p->state = PROOF_ON_ITS_WAY;
}

void proof_taken(struct proof *p, uint64_t now_ms)
{
    if (p->state != PROOF_ON_ITS_WAY)
        return;
    p->state = PROOF_AWAITED;
    p->next_ms = now_ms + p->quiet_ms / PROOF_PATIENCE;
}

/* Where nothing can be known, nothing is held against it. */
void proof_unsent(struct proof *p, uint64_t now_ms)
{
    if (p->state == PROOF_ON_ITS_WAY)
        be_proven(p, now_ms);
}

void proof_mute(struct proof *p, uint64_t now_ms)
{
    proof_unsent(p, now_ms);
    p->is_muted = true;
}

static enum proof_step time_is_up(struct proof *p)
{
    if (p->state == PROOF_QUIET)
        return p->is_muted ? PROOF_NOTHING : PROOF_SEND;
    p->state = PROOF_SHUT;
    p->is_asking = !p->is_alone && !p->has_delivered;
    if (p->is_asking)
        return PROOF_ASK;
    p->strikes++;
    return PROOF_DEAF;
}

static void forgive_stall(struct proof *p, uint64_t now_ms)
{
    uint64_t gap_ms = p->ticked_ms == 0 ? 0 : now_ms - p->ticked_ms;

    if (gap_ms > PROOF_STALL_MS)
        p->next_ms += gap_ms;
    p->ticked_ms = now_ms;
}

enum proof_step proof_tick(struct proof *p, bool window_is_full, uint64_t now_ms)
{
    forgive_stall(p, now_ms);
    if (p->state == PROOF_SHUT || p->quiet_ms == 0)
        return PROOF_NOTHING;
    if (window_is_full) { /* it can get no more than it has */
        be_proven(p, now_ms);
        return PROOF_PROVEN;
    }
    return p->state == PROOF_ON_ITS_WAY || now_ms < p->next_ms ? PROOF_NOTHING : time_is_up(p);
}

bool proof_is_doubted(const struct proof *p)
{
    return p->strikes > 0;
}

bool proof_is_hopeless(const struct proof *p)
{
    return p->strikes > 1;
}

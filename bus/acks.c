#include "bus/acks.h"

enum { OPEN, WAITING, TOLD };

static uint8_t *state_of(struct acks *acks, uint64_t tag)
{
    return &acks->states[tag % ACKS_WINDOW];
}

bool acks_add(struct acks *acks, uint64_t tag)
{
    if (tag - acks->before > ACKS_WINDOW)
        return false;
    *state_of(acks, tag) = WAITING;
    acks->waiting++;
    return true;
}

void acks_told(struct acks *acks, uint64_t tag)
{
    if (tag - acks->before <= ACKS_WINDOW)
        *state_of(acks, tag) = TOLD;
}

/* Go on to the first that is not settled; the last on the way that waits, or 0. */
static uint64_t go_on(struct acks *acks)
{
    uint64_t last = 0;

    for (uint8_t *state; *(state = state_of(acks, acks->before + 1)) != OPEN; *state = OPEN) {
        acks->before++;
        if (*state == WAITING) {
            last = acks->before;
            acks->waiting--;
        }
    }
    return last;
}

void acks_tell(struct acks *acks, struct outbox *out, uint16_t channel)
{
    uint64_t last = go_on(acks);

    if (last != 0)
        wire_put_ack(out, channel, last, true);
    for (uint64_t tag = acks->before + 1; acks->waiting > 0; tag++)
        if (*state_of(acks, tag) == WAITING) {
            wire_put_ack(out, channel, tag, false);
            *state_of(acks, tag) = TOLD;
            acks->waiting--;
        }
}

void acks_are_even(struct acks *acks, uint64_t tag)
{
    *acks = (struct acks){.before = tag};
}

#include "worker/log_repeats.h"

static bool is_over(const struct repeated *r, int64_t now_ms)
{
    return now_ms - r->since_ms >= REPEATS_WINDOW_MS;
}

/* The kind's own place, else a free one, else that of the oldest. */
static struct repeated *place_of(struct repeats *repeats, uint64_t kind)
{
    struct repeated *oldest = &repeats->kinds[0];

    for (size_t i = 0; i < REPEATS_KINDS; i++) {
        struct repeated *r = &repeats->kinds[i];
        if (r->kind == kind)
            return r;
        if (oldest->kind != 0 && (r->kind == 0 || r->since_ms < oldest->since_ms))
            oldest = r;
    }
    return oldest;
}

bool repeats_note(struct repeats *repeats, uint64_t kind, const char *event, enum log_level level, int64_t now_ms,
                  struct repeated *told)
{
    struct repeated *r = place_of(repeats, kind);

    *told = (struct repeated){.left_out = 0};
    if (r->kind != kind || is_over(r, now_ms)) {
        *told = *r;
        *r = (struct repeated){.kind = kind, .event = event, .level = level, .since_ms = now_ms};
    }
    if (r->written < REPEATS_WRITTEN) {
        r->written++;
        return true;
    }
    r->left_out++;
    return false;
}

bool repeats_next(struct repeats *repeats, int64_t now_ms, bool all, struct repeated *told)
{
    for (size_t i = 0; i < REPEATS_KINDS; i++) {
        struct repeated *r = &repeats->kinds[i];
        if (r->left_out == 0 || (!all && !is_over(r, now_ms)))
            continue;
        *told = *r;
        *r = (struct repeated){.kind = 0};
        return true;
    }
    return false;
}

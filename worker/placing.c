#include "worker/placing.h"

#include <stdlib.h>

struct pair {
    uint64_t score;
    size_t queue, worker;
};

static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3); /* FNV-1a */
    return hash;
}

/* FNV leaves the last bytes in the low bits: MurmurHash3's finalizer spreads them. */
static uint64_t score_of(const char *queue, const char *worker)
{
    uint64_t h = hash_text(hash_text(UINT64_C(0xcbf29ce484222325), queue) * 31, worker);

    h = (h ^ (h >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ (h >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ (h >> 33);
}

static int by_score(const void *left, const void *right)
{
    const struct pair *a = left, *b = right;

    return (a->score < b->score) - (a->score > b->score);
}

static struct pair *pairs_new(const char *const *queues, size_t queue_count, const char *const *workers,
                              size_t worker_count)
{
    struct pair *pairs = calloc(queue_count * worker_count + 1, sizeof(*pairs)), *at = pairs;

    if (pairs == NULL)
        abort();
    for (size_t q = 0; q < queue_count; q++)
        for (size_t w = 0; w < worker_count; w++)
            *at++ = (struct pair){score_of(queues[q], workers[w]), q, w};
    qsort(pairs, queue_count * worker_count, sizeof(*pairs), by_score);
    return pairs;
}

void placing_make(const char *const *queues, size_t queue_count, const char *const *workers, size_t worker_count,
                  struct placing *out)
{
    size_t share = worker_count == 0 ? 0 : (queue_count + worker_count - 1) / worker_count;
    size_t count = queue_count * worker_count;
    struct pair *pairs = pairs_new(queues, queue_count, workers, worker_count);
    size_t *taken = calloc(worker_count + 1, sizeof(*taken));

    if (taken == NULL)
        abort();
    for (size_t q = 0; q < queue_count; q++)
        out[q] = (struct placing){PLACING_NOBODY, PLACING_NOBODY};
    for (size_t i = 0; i < count; i++)
        if (out[pairs[i].queue].first == PLACING_NOBODY && taken[pairs[i].worker] < share) {
            out[pairs[i].queue].first = pairs[i].worker;
            taken[pairs[i].worker]++;
        }
    for (size_t i = 0; i < count; i++)
        if (out[pairs[i].queue].second == PLACING_NOBODY && out[pairs[i].queue].first != pairs[i].worker)
            out[pairs[i].queue].second = pairs[i].worker;
    free(taken);
    free(pairs);
}

size_t placing_best(const char *name, const char *const *workers, size_t worker_count)
{
    size_t best = PLACING_NOBODY;
    uint64_t most = 0;

    for (size_t i = 0; i < worker_count; i++) {
        uint64_t score = score_of(name, workers[i]);

        if (best == PLACING_NOBODY || score > most) {
            best = i;
            most = score;
        }
    }
    return best;
}

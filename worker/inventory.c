#include "worker/inventory.h"

#include <stdlib.h>
#include <string.h>

#include "bus/timer.h"
#include "worker/clock.h"
#include "worker/side_thread.h"

enum { REST = 100 }; /* of the time one takes: a hundredth of a core at most */

struct inventory {
    struct side_thread side;
    void (*told)(void *arg);
    void *arg;
    struct census last; /* the loop's */
    bool has_last;

    bool is_wanted, is_done, is_good; /* these under the lock */
    struct census taken;
    uint64_t not_before_ms;
};

/* False: it is time to end. */
static bool wait_for_work(struct inventory *inventory)
{
    bool goes_on;

    pthread_mutex_lock(&inventory->side.lock);
    while (!inventory->side.is_closing && (!inventory->is_wanted || inventory->is_done))
        pthread_cond_wait(&inventory->side.wanted, &inventory->side.lock);
    goes_on = !inventory->side.is_closing;
    pthread_mutex_unlock(&inventory->side.lock);
    return goes_on;
}

static void hand_over(struct inventory *inventory, struct census *census, bool is_good, uint64_t began_ms)
{
    uint64_t now_ms = monotonic_ms(), rest_ms = REST * (now_ms - began_ms);

    pthread_mutex_lock(&inventory->side.lock);
    inventory->taken = *census;
    inventory->is_good = is_good;
    inventory->is_done = true;
    inventory->is_wanted = false;
    inventory->not_before_ms = now_ms + (rest_ms > INVENTORY_MIN_MS ? rest_ms : INVENTORY_MIN_MS);
    pthread_mutex_unlock(&inventory->side.lock);
    wakeup_call(inventory->side.wakeup);
}

static void *thread_main(void *arg)
{
    struct inventory *inventory = arg;
    struct err e;

    while (wait_for_work(inventory)) {
        uint64_t began_ms = monotonic_ms();
        struct census census = {0};
        bool is_good = census_take(inventory->side.ledger, clock_now_ms(), &census, &e);

        hand_over(inventory, &census, is_good, began_ms);
    }
    return NULL;
}

/* ---- the loop ---- */

static bool are_same_hosts(const struct census *a, const struct census *b)
{
    for (size_t i = 0; i < a->host_count; i++) {
        const struct census_host *x = &a->hosts[i], *y = &b->hosts[i];

        if (!uuid_equal(&x->host, &y->host) || x->secrets != y->secrets || x->leases != y->leases ||
            memcmp(x->findings, y->findings, sizeof(x->findings)) != 0)
            return false;
    }
    return true;
}

static bool are_same_lists(const struct census *a, const struct census *b)
{
    for (size_t i = 0; i < a->lease_count; i++)
        if (!uuid_equal(&a->leases[i].secret_uuid, &b->leases[i].secret_uuid) ||
            a->leases[i].until_ms != b->leases[i].until_ms)
            return false;
    for (size_t i = 0; i < a->finding_count; i++)
        if (!uuid_equal(&a->findings[i].secret_uuid, &b->findings[i].secret_uuid))
            return false;
    return true;
}

static bool is_same(const struct census *a, const struct census *b)
{
    return a->host_count == b->host_count && a->lease_count == b->lease_count && a->finding_count == b->finding_count &&
           are_same_hosts(a, b) && are_same_lists(a, b);
}

/* Nobody is told that nothing has changed: who looks would look again, and have it counted again. */
static void on_wakeup(void *arg)
{
    struct inventory *inventory = arg;
    bool is_done, is_news = false;

    pthread_mutex_lock(&inventory->side.lock);
    is_done = inventory->is_done;
    if (is_done) {
        is_news = inventory->has_last != inventory->is_good || !is_same(&inventory->last, &inventory->taken);
        census_done(&inventory->last);
        inventory->last = inventory->taken;
        inventory->has_last = inventory->is_good;
        inventory->taken = (struct census){0};
        inventory->is_done = false;
    }
    pthread_mutex_unlock(&inventory->side.lock);
    if (is_news && inventory->told != NULL)
        inventory->told(inventory->arg);
}

void inventory_want(struct inventory *inventory)
{
    pthread_mutex_lock(&inventory->side.lock);
    if (!inventory->is_wanted && monotonic_ms() >= inventory->not_before_ms) {
        inventory->is_wanted = true;
        pthread_cond_signal(&inventory->side.wanted);
    }
    pthread_mutex_unlock(&inventory->side.lock);
}

const struct census *inventory_last(const struct inventory *inventory)
{
    return inventory != NULL && inventory->has_last ? &inventory->last : NULL;
}

bool inventory_open(struct event_base *base, const char *ledger_path, void (*told)(void *arg), void *arg,
                    struct inventory **out, struct err *e)
{
    struct inventory *inventory = calloc(1, sizeof(*inventory));
    struct side_thread_config side = {"inventory", ledger_path, thread_main, on_wakeup, inventory};

    if (inventory == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    inventory->told = told;
    inventory->arg = arg;
    if (!side_thread_open(&inventory->side, base, &side, e)) {
        inventory_close(inventory);
        return false;
    }
    *out = inventory;
    return true;
}

void inventory_close(struct inventory *inventory)
{
    if (inventory == NULL)
        return;
    side_thread_close(&inventory->side);
    census_done(&inventory->last);
    census_done(&inventory->taken);
    free(inventory);
}

#include "schemas/vault.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct vault {
    pthread_mutex_t lock;
    uint8_t *slots;
    size_t bytes;
    size_t free_count;
    void *free_slots[]; /* a stack: what was given back last is still in the cache */
};

static void vault_release(struct vault **vault)
{
    vault_close(*vault);
}

/* sodium_malloc() locks what it gives, but does not tell when it could not. */
static bool slots_lock(struct vault *vault, size_t bytes, struct err *e)
{
    vault->slots = sodium_malloc(bytes);
    if (vault->slots == NULL || sodium_mlock(vault->slots, bytes) != 0)
        return err_set(e, ERR_LOCAL, "cannot lock %zu bytes of memory for secrets: %s; RLIMIT_MEMLOCK must allow it",
                       bytes, strerror(errno));
    memset(vault->slots, 0, bytes);
    return true;
}

bool vault_open(size_t slots, struct vault **out, struct err *e)
{
    ON_EXIT(vault_release) struct vault *vault = NULL;

    if (sodium_init() < 0)
        return err_set(e, ERR_LOCAL, "libsodium found no source of randomness");
    vault = calloc(1, sizeof(*vault) + slots * sizeof(vault->free_slots[0]));
    if (vault == NULL)
        return err_set(e, ERR_LOCAL, "out of memory for a vault of %zu slots", slots);
    pthread_mutex_init(&vault->lock, NULL);
    if (!slots_lock(vault, slots * VAULT_SLOT_BYTES, e))
        return false;

    vault->bytes = slots * VAULT_SLOT_BYTES;
    vault->free_count = slots;
    for (size_t i = 0; i < slots; i++)
        vault->free_slots[i] = vault->slots + (slots - 1 - i) * VAULT_SLOT_BYTES;
    *out = TAKE(vault);
    return true;
}

void vault_close(struct vault *vault)
{
    if (vault == NULL)
        return;
    sodium_free(vault->slots);
    pthread_mutex_destroy(&vault->lock);
    free(vault);
}

void *vault_take(struct vault *vault)
{
    void *slot = NULL;

    pthread_mutex_lock(&vault->lock);
    if (vault->free_count > 0)
        slot = vault->free_slots[--vault->free_count];
    pthread_mutex_unlock(&vault->lock);
    return slot;
}

void vault_give(struct vault *vault, void *slot)
{
    if (slot == NULL)
        return;

    size_t at = (size_t)((uint8_t *)slot - vault->slots);
    assert(at < vault->bytes && at % VAULT_SLOT_BYTES == 0);
    wipe(slot, VAULT_SLOT_BYTES);

    pthread_mutex_lock(&vault->lock);
    assert(vault->free_count < vault->bytes / VAULT_SLOT_BYTES);
    vault->free_slots[vault->free_count++] = slot;
    pthread_mutex_unlock(&vault->lock);
}

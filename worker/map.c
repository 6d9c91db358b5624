#include "worker/map.h"

#include <stdlib.h>
#include <uthash.h>

/* GCC 12's analyzer loses sight of what uthash's macros keep, and calls it leaked. */
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#else /* Clang does not read the comments by which uthash says that it falls through */
#pragma clang diagnostic ignored "-Wimplicit-fallthrough"
#endif

struct map {
    void *value;
    UT_hash_handle hh;
};

static struct map *find(const struct map *map, const void *key, size_t key_bytes)
{
    struct map *entry;

    HASH_FIND(hh, map, key, key_bytes, entry);
    return entry;
}

void map_add(struct map **map, const void *key, size_t key_bytes, void *value)
{
    struct map *entry = calloc(1, sizeof(*entry));

    if (entry == NULL)
        abort();
    entry->value = value;
    HASH_ADD_KEYPTR(hh, *map, key, key_bytes, entry);
}

void *map_find(const struct map *map, const void *key, size_t key_bytes)
{
    const struct map *entry = find(map, key, key_bytes);

    return entry != NULL ? entry->value : NULL;
}

static void *take(struct map **map, struct map *entry)
{
    void *value = entry->value;

    HASH_DEL(*map, entry);
    free(entry);
    return value;
}

void *map_remove(struct map **map, const void *key, size_t key_bytes)
{
    struct map *entry = find(*map, key, key_bytes);

    return entry != NULL ? take(map, entry) : NULL;
}

void *map_take(struct map **map)
{
    return *map != NULL ? take(map, *map) : NULL;
}

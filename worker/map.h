/*
 * A map from bytes to pointers: uthash behind five functions, because its macros,
 * spread over the code, keep compilers and analyzers from seeing the rest.
 */
#ifndef WORKER_MAP_H
#define WORKER_MAP_H

#include "schemas/base.h"

/* An empty map is NULL. */
struct map;

/* `key` must not be in the map; it is not copied, and must stay as it is until map_remove(). Ends the process without memory. */
void map_add(struct map **map, const void *key, size_t key_bytes, void *value);

/* The value, or NULL where the key is not in the map. */
void *map_find(const struct map *map, const void *key, size_t key_bytes);

/* Take the key out; gives its value, or NULL where it was not there. */
void *map_remove(struct map **map, const void *key, size_t key_bytes);

/* Take any key out and give its value; NULL when the map is empty. */
void *map_take(struct map **map);

#endif

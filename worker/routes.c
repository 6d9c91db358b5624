#include "worker/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/map.h"

enum { KEY_BYTES = sizeof("host.") + UUID_HEX_CHARS };

struct routes {
    const struct config *config;
    struct map *by_key; /* with partitions: to where in `keys` it is */
    char keys[][KEY_BYTES];
};

static void host_key(const struct uuid *host, char out[KEY_BYTES])
{
    char hex[UUID_HEX_CHARS + 1];

    uuid_hex(host, hex);
    snprintf(out, KEY_BYTES, "host.%s", hex);
}

size_t routes_queue_count(const struct config *config)
{
    return config->partitions > 0 ? (size_t)config->partitions : config->host_count;
}

/* Of four digits each, so that they are in order when they are sorted, as the broker does (bus/topology.h). */
void routes_queue(const struct config *config, size_t queue, struct route *out)
{
    char key[KEY_BYTES];

    if (config->partitions > 0)
        snprintf(key, sizeof(key), "partition.%04u", (unsigned)queue);
    else
        host_key(&config->hosts[queue].uuid, key);
    snprintf(out->key, sizeof(out->key), "%s", key);
    snprintf(out->queue, sizeof(out->queue), "keyferry.%s", key);
}

struct routes *routes_new(const struct config *config)
{
    size_t hosts = config->partitions > 0 ? config->host_count : 0;
    struct routes *routes = calloc(1, sizeof(*routes) + hosts * sizeof(routes->keys[0]));

    if (routes == NULL)
        return NULL;
    routes->config = config;
    for (size_t i = 0; i < hosts; i++) {
        host_key(&config->hosts[i].uuid, routes->keys[i]);
        map_add(&routes->by_key, routes->keys[i], strlen(routes->keys[i]), routes->keys[i]);
    }
    return routes;
}

void routes_free(struct routes *routes)
{
    if (routes == NULL)
        return;
    while (map_take(&routes->by_key) != NULL)
        continue;
    free(routes);
}

size_t routes_host(const struct routes *routes, const struct delivery *delivery)
{
    const char(*key)[KEY_BYTES];

    if (routes->config->partitions == 0)
        return delivery->queue;
    key = map_find(routes->by_key, delivery->routing_key, strlen(delivery->routing_key));
    return key == NULL ? routes->config->host_count : (size_t)(key - routes->keys);
}

#include "bus/bus_config.h"

#include <stdlib.h>
#include <string.h>

static size_t text_bytes(const char *text)
{
    return text == NULL ? 1 : strlen(text) + 1;
}

/* NULL is kept as "". */
static char *text_keep(char **at, const char *text)
{
    char *kept = *at;
    size_t size = text_bytes(text);

    memcpy(kept, text == NULL ? "" : text, size);
    *at += size;
    return kept;
}

/* Its texts, but for the URLs and the password. */
static const size_t texts[] = {
    offsetof(struct bus_config, name),
    offsetof(struct bus_config, exchange),
    offsetof(struct bus_config, dead_exchange),
    offsetof(struct bus_config, events_exchange),
    offsetof(struct bus_config, reply_exchange),
    offsetof(struct bus_config, events_key),
    offsetof(struct bus_config, notices_exchange),
    offsetof(struct bus_config, notices_key),
    offsetof(struct bus_config, tls.ca_file),
    offsetof(struct bus_config, tls.cert_file),
    offsetof(struct bus_config, tls.key_file),
    offsetof(struct bus_config, partition_exchange),
};

static const char **text_at(struct bus_config *config, size_t i)
{
    return (const char **)(void *)((char *)config + texts[i]);
}

static size_t config_bytes(struct bus_config config)
{
    size_t bytes = config.queue_count * sizeof(*config.queues);

    for (size_t i = 0; i < COUNT(texts); i++)
        bytes += text_bytes(*text_at(&config, i));
    for (size_t i = 0; i < config.queue_count; i++)
        bytes += text_bytes(config.queues[i].name) + text_bytes(config.queues[i].routing_key);
    return bytes;
}

bool bus_config_keep(const struct bus_config *config, struct bus_config *own, void **memory, struct err *e)
{
    struct bus_queue *queues = malloc(config_bytes(*config));
    char *at = (char *)(queues + config->queue_count);

    if (queues == NULL)
        return err_set(e, ERR_LOCAL, "no memory for the bus");
    *memory = queues;
    *own = *config;
    own->urls = own->password = NULL;
    for (size_t i = 0; i < COUNT(texts); i++)
        *text_at(own, i) = text_keep(&at, *text_at(own, i));
    for (size_t i = 0; i < config->queue_count; i++) {
        queues[i].name = text_keep(&at, config->queues[i].name);
        queues[i].routing_key = text_keep(&at, config->queues[i].routing_key);
    }
    own->queues = queues;
    return true;
}

/* AMQP 0-9-1 4.2.5.3: names are short strings. */
static bool name_fits(const char *what, const char *name, struct err *e)
{
    return strlen(name) <= SHORTSTR_MAX_CHARS ||
           err_set(e, ERR_CONFIG, "the name of the %s is longer than %d bytes", what, SHORTSTR_MAX_CHARS);
}

bool bus_config_fits(const struct bus_config *config, struct err *e)
{
    if (!name_fits("request exchange", config->exchange, e) || !name_fits("worker", config->name, e) ||
        !name_fits("dead letter exchange", config->dead_exchange, e) ||
        !name_fits("events exchange", config->events_exchange, e) ||
        !name_fits("reply exchange", config->reply_exchange, e))
        return false;
    for (size_t i = 0; i < config->queue_count; i++)
        if (!name_fits("queue", config->queues[i].name, e) ||
            !name_fits("routing key", config->queues[i].routing_key, e))
            return false;
    return true;
}

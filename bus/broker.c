#include "bus/broker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
static const struct broker_trait traits[] = {
    { 0, 0, 3, 8, true,  "knows no quorum queues", "update it to 3.10 or newer, or set queue_type = classic" },
    { 3, 8, 3, 10, true, "ignores x-dead-letter-strategy: a message that dies while its node fails can be lost", "update it to 3.10 or newer" },
    { 0, 0, 4, 0, false, "checks topic permissions by the routing key alone, and not by the keys of a CC header", NULL },
    { 0, 0, 4, 3, false, "counts each reject and nack as a delivery, as each lost connection", NULL },
    { 4, 0, 0, 0, false, "gives quorum queues without x-delivery-limit one of 20: with declare = no, whoever declares the queues must set it", NULL },
};
/* clang-format on */

/* One to three digits, and the dot behind them where there is one. */
static bool number_read(const char **at, unsigned *out)
{
    size_t digits = strspn(*at, "0123456789");

    if (digits < 1 || digits > 3)
        return false;
    *out = (unsigned)strtoul(*at, NULL, 10);
    *at += digits + ((*at)[digits] == '.');
    return true;
}

void broker_name(struct broker *broker, const char *product, const char *version)
{
    const char *at = version; /* "3.10.8", "4.1.0-rc.2", "3.13.7+12.gabc" */

    *broker = (struct broker){.major = 0};
    snprintf(broker->product, sizeof(broker->product), "%s", product);
    snprintf(broker->version, sizeof(broker->version), "%s", version);
    broker->is_known =
        strcmp(product, "RabbitMQ") == 0 && number_read(&at, &broker->major) && number_read(&at, &broker->minor);
    if (broker->is_known)
        (void)!number_read(&at, &broker->patch);
}

/* -1, 0 or 1, as the broker's version is before, the same as or behind another. */
static int compare(const struct broker *b, unsigned major, unsigned minor)
{
    if (b->major != major)
        return b->major < major ? -1 : 1;
    return b->minor == minor ? 0 : b->minor < minor ? -1 : 1;
}

bool broker_is_from(const struct broker *broker, unsigned major, unsigned minor)
{
    return broker->is_known && compare(broker, major, minor) >= 0;
}

const struct broker_trait *broker_trait(const struct broker *broker, size_t *at)
{
    while (broker->is_known && *at < COUNT(traits)) {
        const struct broker_trait *t = &traits[(*at)++];
        bool is_ended = t->before_major != 0 && compare(broker, t->before_major, t->before_minor) >= 0;

        if (compare(broker, t->from_major, t->from_minor) >= 0 && !is_ended)
            return t;
    }
    return NULL;
}

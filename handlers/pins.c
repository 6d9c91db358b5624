#include "handlers/pins.h"

#include <strings.h>

static size_t pins_of(const struct pins *pins, const struct uuid *host)
{
    size_t count = 0;

    for (size_t i = 0; i < pins->count; i++)
        count += uuid_equal(&pins->list[i].host, host);
    return count;
}

bool pins_allow(const struct pins *pins, const struct uuid *host, struct err *e)
{
    if (pins->dst_key == DST_KEY_ANY || pins_of(pins, host) > 0)
        return true;
    return err_set(e, ERR_ENVELOPE, "[trust] has dst_key = pinned and no key for the destination, host.%s", host->text);
}

bool pins_accept(const struct pins *pins, const struct uuid *host, const char *fingerprint, struct err *e)
{
    if (pins_of(pins, host) == 0)
        return pins_allow(pins, host, e);
    for (size_t i = 0; i < pins->count; i++)
        if (uuid_equal(&pins->list[i].host, host) && strcasecmp(pins->list[i].fingerprint, fingerprint) == 0)
            return true;
    return err_set(e, ERR_ENVELOPE, "the destination's key, %s, is not the one that [trust] pins for host.%s",
                   fingerprint, host->text);
}

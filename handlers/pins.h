/* The keys that hosts must have, where the configuration says so: [trust]. Pure. */
#ifndef HANDLERS_PINS_H
#define HANDLERS_PINS_H

#include "schemas/messages.h"

/* One key that a host may have. It may have several, so that one can follow another. */
struct pin {
    struct uuid host;
    char fingerprint[FINGERPRINT_CHARS + 1];
};

enum dst_key { DST_KEY_ANY, DST_KEY_PINNED };

/* All zero: a host may have any key. What it points to is somebody else's. */
struct pins {
    int64_t dst_key; /* enum dst_key */
    struct pin *list;
    size_t count;
};

/* Whether a host's key could be accepted at all. ERR_ENVELOPE names the option that is missing. */
MUST_CHECK bool pins_allow(const struct pins *pins, const struct uuid *host, struct err *e);

/* Whether it may have this key: one of its pins, if it has any. ERR_ENVELOPE. */
MUST_CHECK bool pins_accept(const struct pins *pins, const struct uuid *host, const char *fingerprint, struct err *e);

#endif

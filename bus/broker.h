/*
 * Which broker it is, as connection.start tells it, and what follows from that. What
 * differs between versions is looked up here by the version; of another product, or
 * a version that cannot be read, nothing is assumed.
 */
#ifndef BUS_BROKER_H
#define BUS_BROKER_H

#include "schemas/base.h"

/* Zeroed: not known. */
struct broker {
    char product[64], version[32]; /* "" where it does not tell */
    unsigned major, minor, patch;
    bool is_known; /* it is RabbitMQ, of the version that these three are */
};

/* Both texts as they came. */
void broker_name(struct broker *broker, const char *product, const char *version);

/* False too where it is not known. */
bool broker_is_from(const struct broker *broker, unsigned major, unsigned minor);

/* What is so from one version on and before another; 0.0: no such end. */
struct broker_trait {
    unsigned from_major, from_minor, before_major, before_minor;
    bool is_trouble;    /* it costs something that Keyferry promises */
    const char *is_so;  /* for people */
    const char *advice; /* what to do about it, or NULL */
};

/* The next trait that this version has, *at 0 before the first; NULL past the last, and of what is not known. */
const struct broker_trait *broker_trait(const struct broker *broker, size_t *at);

#endif

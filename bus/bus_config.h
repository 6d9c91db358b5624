/* What a bus is told, checked and copied. For bus.c alone. */
#ifndef BUS_BUS_CONFIG_H
#define BUS_BUS_CONFIG_H

#include "bus/bus.h"

/* ERR_CONFIG where a name is longer than AMQP has them. */
MUST_CHECK bool bus_config_fits(const struct bus_config *config, struct err *e);

/*
 * Copy it into *own, but for the URLs and the password, which are kept elsewhere; a text
 * that is NULL is kept as "". *memory is the caller's, to be freed. ERR_LOCAL.
 */
MUST_CHECK bool bus_config_keep(const struct bus_config *config, struct bus_config *own, void **memory, struct err *e);

#endif

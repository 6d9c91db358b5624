/* The payloads of whole frames, decoded by librabbitmq after a look at what it would believe. Of bus/wire_read.c. */
#ifndef BUS_WIRE_DECODE_H
#define BUS_WIRE_DECODE_H

#include "bus/wire.h"

#include <amqp.h>

/*
 * Decode the payload of a method, header or heartbeat frame into *out, whose
 * channel is set. Texts in *out point into `payload`. `pool` is for librabbitmq,
 * to be recycled when *out is of no use any more. Fails with ERR_BUS.
 */
MUST_CHECK bool wire_decode_method(amqp_pool_t *pool, amqp_bytes_t payload, struct wire_frame *out, struct err *e);
MUST_CHECK bool wire_decode_header(amqp_pool_t *pool, amqp_bytes_t payload, struct wire_frame *out, struct err *e);

/* Two and four bytes, in network order. */
uint16_t wire_get16(const uint8_t *at);
uint32_t wire_get32(const uint8_t *at);

#endif

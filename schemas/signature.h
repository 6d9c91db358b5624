/* Ed25519 signatures (RFC 8032) over the bytes of a body, by those who send requests. Pure. */
#ifndef SCHEMAS_SIGNATURE_H
#define SCHEMAS_SIGNATURE_H

#include "schemas/base.h"
#include "schemas/limits.h"

#define SIGNATURE_HEADER "x-keyferry-signature"

/* A public key, from base64. False where it is not one of 32 bytes. */
MUST_CHECK bool signature_key_read(const char *base64, uint8_t out[PUBLIC_KEY_BYTES]);

/* True if `base64` is this key's signature of the body. */
MUST_CHECK bool signature_is_of(const char *base64, const uint8_t key[PUBLIC_KEY_BYTES], const uint8_t *body,
                                size_t len);

#endif

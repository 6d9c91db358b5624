#include "schemas/signature.h"

#include <sodium.h>
#include <string.h>

#include "schemas/base64.h"

_Static_assert(PUBLIC_KEY_BYTES == crypto_sign_ed25519_PUBLICKEYBYTES, "a signing key is as long as a sealing one");

bool signature_key_read(const char *base64, uint8_t out[PUBLIC_KEY_BYTES])
{
    size_t len;

    return base64_read(base64, strlen(base64), out, PUBLIC_KEY_BYTES, &len) && len == PUBLIC_KEY_BYTES;
}

bool signature_is_of(const char *base64, const uint8_t key[PUBLIC_KEY_BYTES], const uint8_t *body, size_t len)
{
    uint8_t signature[crypto_sign_ed25519_BYTES];
    size_t bytes;

    return base64_read(base64, strlen(base64), signature, sizeof(signature), &bytes) && bytes == sizeof(signature) &&
           crypto_sign_ed25519_verify_detached(signature, body, len, key) == 0;
}

/*
 * Hybrid Public Key Encryption (RFC 9180): base mode, one message a context, with
 * KEM DHKEM(X25519, HKDF-SHA256) and KDF HKDF-SHA256. Pure: the randomness of the
 * sender is handed in. Nothing here tells by its time or its failure what a secret
 * holds. Whatever is made on the way is wiped.
 */
#ifndef SCHEMAS_HPKE_H
#define SCHEMAS_HPKE_H

#include "schemas/base.h"

enum {
    HPKE_KEY_BYTES = 32,   /* Npk, Nsk, Nenc and Nsecret of the KEM; Nk of both AEADs (RFC 9180 7.1, 7.3) */
    HPKE_NONCE_BYTES = 12, /* Nn */
    HPKE_TAG_BYTES = 16,   /* Nt */
};

/* AEAD ids (RFC 9180 7.3). */
enum { HPKE_AES_256_GCM = 0x0002, HPKE_CHACHA20_POLY1305 = 0x0003 };

/* A recipient's. Lives in a vault slot. */
struct hpke_key_pair {
    uint8_t private_key[HPKE_KEY_BYTES];
    uint8_t public_key[HPKE_KEY_BYTES];
};

/* What single encryption needs of a context (RFC 9180 5.1). A secret: to be wiped. */
struct hpke_context {
    uint8_t key[HPKE_KEY_BYTES];
    uint8_t base_nonce[HPKE_NONCE_BYTES];
};

/* Some bytes that are somebody else's. */
struct hpke_text {
    const uint8_t *data;
    size_t len;
};

/* True for the two ids above; AES-256-GCM only where the processor has AES and PCLMUL. */
bool hpke_has_aead(uint16_t aead_id);

/* Fill in the public key. Any 32 random bytes are a private one (RFC 7748 5). */
void hpke_public_key(struct hpke_key_pair *pair);

/*
 * Encap() with the private key `ephemeral` for skE, and Decap(), RFC 9180 4.1. The
 * shared secret is the caller's to wipe. False for a public key of low order, with
 * which there is no secret (7.1.4); then nothing is written.
 */
MUST_CHECK bool hpke_encap(const uint8_t ephemeral[HPKE_KEY_BYTES], const uint8_t recipient[HPKE_KEY_BYTES],
                           uint8_t enc[HPKE_KEY_BYTES], uint8_t shared_secret[HPKE_KEY_BYTES]);
MUST_CHECK bool hpke_decap(const uint8_t enc[HPKE_KEY_BYTES], const struct hpke_key_pair *recipient,
                           uint8_t shared_secret[HPKE_KEY_BYTES]);

/* KeySchedule() in base mode, RFC 9180 5.1. */
void hpke_key_schedule(uint16_t aead_id, const uint8_t shared_secret[HPKE_KEY_BYTES], struct hpke_text info,
                       struct hpke_context *out);

/*
 * SealBase() and OpenBase(), RFC 9180 6.1. What is sealed is the ciphertext and its
 * tag: HPKE_TAG_BYTES more than the plaintext. `ephemeral` must be random, used
 * once, and wiped. False as above; of a hpke_open() also where anything differs
 * from what was sealed; `plain` then holds nothing. hpke_has_aead(aead_id) must hold.
 */
MUST_CHECK bool hpke_seal(uint16_t aead_id, const uint8_t ephemeral[HPKE_KEY_BYTES],
                          const uint8_t recipient[HPKE_KEY_BYTES], struct hpke_text info, struct hpke_text aad,
                          struct hpke_text plain, uint8_t enc[HPKE_KEY_BYTES], uint8_t *sealed);
MUST_CHECK bool hpke_open(uint16_t aead_id, const struct hpke_key_pair *recipient, const uint8_t enc[HPKE_KEY_BYTES],
                          struct hpke_text info, struct hpke_text aad, struct hpke_text sealed, uint8_t *plain);

#endif

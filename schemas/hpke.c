#include "schemas/hpke.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

_Static_assert(crypto_scalarmult_BYTES == HPKE_KEY_BYTES && crypto_scalarmult_SCALARBYTES == HPKE_KEY_BYTES, "X25519");
_Static_assert(crypto_auth_hmacsha256_BYTES == HPKE_KEY_BYTES, "Nh: every LabeledExpand() is one block of HKDF");
_Static_assert(crypto_aead_chacha20poly1305_ietf_NPUBBYTES == HPKE_NONCE_BYTES &&
                   crypto_aead_aes256gcm_NPUBBYTES == HPKE_NONCE_BYTES,
               "Nn");

enum { KEM_ID = 0x0020, KDF_ID = 0x0001, MODE_BASE = 0x00, HASH_BYTES = HPKE_KEY_BYTES };

#define NO_TEXT ((struct hpke_text){(const uint8_t *)"", 0})

/* ---- 4. Cryptographic Dependencies ---- */

/* suite_id of the KEM (4.1), or of the whole (5.1). */
struct suite {
    uint8_t id[10];
    size_t len;
};

static const struct suite kem_suite = {{'K', 'E', 'M', KEM_ID >> 8, KEM_ID & 0xff}, 5};

static struct suite hpke_suite(uint16_t aead_id)
{
    return (struct suite){{'H', 'P', 'K', 'E', KEM_ID >> 8, KEM_ID & 0xff, KDF_ID >> 8, KDF_ID & 0xff,
                           (uint8_t)(aead_id >> 8), (uint8_t)(aead_id & 0xff)},
                          10};
}

static void hmac_label(crypto_auth_hmacsha256_state *hmac, const struct suite *suite, const char *label)
{
    crypto_auth_hmacsha256_update(hmac, (const uint8_t *)"HPKE-v1", 7);
    crypto_auth_hmacsha256_update(hmac, suite->id, suite->len);
    crypto_auth_hmacsha256_update(hmac, (const uint8_t *)label, strlen(label));
}

/* LabeledExtract(salt, label, ikm), 4; Extract() is HMAC-SHA256 (RFC 5869 2.2). */
static void labeled_extract(const struct suite *suite, struct hpke_text salt, const char *label, struct hpke_text ikm,
                            uint8_t prk[HASH_BYTES])
{
    crypto_auth_hmacsha256_state hmac;

    crypto_auth_hmacsha256_init(&hmac, salt.data, salt.len);
    hmac_label(&hmac, suite, label);
    crypto_auth_hmacsha256_update(&hmac, ikm.data, ikm.len);
    crypto_auth_hmacsha256_final(&hmac, prk);
    wipe(&hmac, sizeof(hmac));
}

/* LabeledExpand(prk, label, info, len), 4; T(1) of Expand() (RFC 5869 2.3) is enough for every `len` here. */
static void labeled_expand(const struct suite *suite, const uint8_t prk[HASH_BYTES], const char *label,
                           struct hpke_text info, uint8_t *out, size_t len)
{
    const uint8_t length[2] = {0, (uint8_t)len}, one = 1;
    crypto_auth_hmacsha256_state hmac;
    uint8_t block[HASH_BYTES];

    assert(len <= sizeof(block));
    crypto_auth_hmacsha256_init(&hmac, prk, HASH_BYTES);
    crypto_auth_hmacsha256_update(&hmac, length, sizeof(length));
    hmac_label(&hmac, suite, label);
    crypto_auth_hmacsha256_update(&hmac, info.data, info.len);
    crypto_auth_hmacsha256_update(&hmac, &one, 1);
    crypto_auth_hmacsha256_final(&hmac, block);
    memcpy(out, block, len);
    wipe(&hmac, sizeof(hmac));
    wipe(block, sizeof(block));
}

/* ExtractAndExpand(dh, kem_context) with kem_context = enc || pkRm, 4.1. */
static void extract_and_expand(const uint8_t dh[HPKE_KEY_BYTES], const uint8_t enc[HPKE_KEY_BYTES],
                               const uint8_t recipient[HPKE_KEY_BYTES], uint8_t shared_secret[HPKE_KEY_BYTES])
{
    uint8_t eae_prk[HASH_BYTES], kem_context[2 * HPKE_KEY_BYTES];

    memcpy(kem_context, enc, HPKE_KEY_BYTES);
    memcpy(kem_context + HPKE_KEY_BYTES, recipient, HPKE_KEY_BYTES);
    labeled_extract(&kem_suite, NO_TEXT, "eae_prk", (struct hpke_text){dh, HPKE_KEY_BYTES}, eae_prk);
    labeled_expand(&kem_suite, eae_prk, "shared_secret", (struct hpke_text){kem_context, sizeof(kem_context)},
                   shared_secret, HPKE_KEY_BYTES);
    wipe(eae_prk, sizeof(eae_prk));
}

void hpke_public_key(struct hpke_key_pair *pair)
{
    crypto_scalarmult_curve25519_base(pair->public_key, pair->private_key);
}

/* DH() with the check of 7.1.4: libsodium refuses a result that is all zero. */
static bool diffie_hellman(const uint8_t private_key[HPKE_KEY_BYTES], const uint8_t public_key[HPKE_KEY_BYTES],
                           uint8_t dh[HPKE_KEY_BYTES])
{
    return crypto_scalarmult_curve25519(dh, private_key, public_key) == 0;
}

bool hpke_encap(const uint8_t ephemeral[HPKE_KEY_BYTES], const uint8_t recipient[HPKE_KEY_BYTES],
                uint8_t enc[HPKE_KEY_BYTES], uint8_t shared_secret[HPKE_KEY_BYTES])
{
    uint8_t dh[HPKE_KEY_BYTES];

    if (!diffie_hellman(ephemeral, recipient, dh))
        return false;
    crypto_scalarmult_curve25519_base(enc, ephemeral);
    extract_and_expand(dh, enc, recipient, shared_secret);
    wipe(dh, sizeof(dh));
    return true;
}

bool hpke_decap(const uint8_t enc[HPKE_KEY_BYTES], const struct hpke_key_pair *recipient,
                uint8_t shared_secret[HPKE_KEY_BYTES])
{
    uint8_t dh[HPKE_KEY_BYTES];

    if (!diffie_hellman(recipient->private_key, enc, dh))
        return false;
    extract_and_expand(dh, enc, recipient->public_key, shared_secret);
    wipe(dh, sizeof(dh));
    return true;
}

/* ---- 5. Hybrid Public Key Encryption ---- */

void hpke_key_schedule(uint16_t aead_id, const uint8_t shared_secret[HPKE_KEY_BYTES], struct hpke_text info,
                       struct hpke_context *out)
{
    const struct suite suite = hpke_suite(aead_id);
    uint8_t context[1 + 2 * HASH_BYTES] = {MODE_BASE}, secret[HASH_BYTES];
    const struct hpke_text key_schedule_context = {context, sizeof(context)};

    labeled_extract(&suite, NO_TEXT, "psk_id_hash", NO_TEXT, context + 1);
    labeled_extract(&suite, NO_TEXT, "info_hash", info, context + 1 + HASH_BYTES);
    labeled_extract(&suite, (struct hpke_text){shared_secret, HPKE_KEY_BYTES}, "secret", NO_TEXT, secret);
    labeled_expand(&suite, secret, "key", key_schedule_context, out->key, sizeof(out->key));
    labeled_expand(&suite, secret, "base_nonce", key_schedule_context, out->base_nonce, sizeof(out->base_nonce));
    wipe(secret, sizeof(secret));
}

bool hpke_has_aead(uint16_t aead_id)
{
    if (aead_id == HPKE_AES_256_GCM)
        return sodium_init() >= 0 && crypto_aead_aes256gcm_is_available() != 0;
    return aead_id == HPKE_CHACHA20_POLY1305;
}

/* ContextS.Seal() and ContextR.Open() of the first message, 5.2: its nonce is base_nonce. */
static void aead_seal(uint16_t aead_id, const struct hpke_context *c, struct hpke_text aad, struct hpke_text plain,
                      uint8_t *sealed)
{
    if (aead_id == HPKE_AES_256_GCM)
        (void)crypto_aead_aes256gcm_encrypt(sealed, NULL, plain.data, plain.len, aad.data, aad.len, NULL, c->base_nonce,
                                            c->key);
    else
        (void)crypto_aead_chacha20poly1305_ietf_encrypt(sealed, NULL, plain.data, plain.len, aad.data, aad.len, NULL,
                                                        c->base_nonce, c->key);
}

static bool aead_open(uint16_t aead_id, const struct hpke_context *c, struct hpke_text aad, struct hpke_text sealed,
                      uint8_t *plain)
{
    if (aead_id == HPKE_AES_256_GCM)
        return crypto_aead_aes256gcm_decrypt(plain, NULL, NULL, sealed.data, sealed.len, aad.data, aad.len,
                                             c->base_nonce, c->key) == 0;
    return crypto_aead_chacha20poly1305_ietf_decrypt(plain, NULL, NULL, sealed.data, sealed.len, aad.data, aad.len,
                                                     c->base_nonce, c->key) == 0;
}

/* ---- 6. Single-Shot APIs ---- */

bool hpke_seal(uint16_t aead_id, const uint8_t ephemeral[HPKE_KEY_BYTES], const uint8_t recipient[HPKE_KEY_BYTES],
               struct hpke_text info, struct hpke_text aad, struct hpke_text plain, uint8_t enc[HPKE_KEY_BYTES],
               uint8_t *sealed)
{
    uint8_t shared_secret[HPKE_KEY_BYTES];
    struct hpke_context context;

    assert(hpke_has_aead(aead_id));
    if (!hpke_encap(ephemeral, recipient, enc, shared_secret))
        return false;
    hpke_key_schedule(aead_id, shared_secret, info, &context);
    aead_seal(aead_id, &context, aad, plain, sealed);
    wipe(shared_secret, sizeof(shared_secret));
    wipe(&context, sizeof(context));
    return true;
}

bool hpke_open(uint16_t aead_id, const struct hpke_key_pair *recipient, const uint8_t enc[HPKE_KEY_BYTES],
               struct hpke_text info, struct hpke_text aad, struct hpke_text sealed, uint8_t *plain)
{
    uint8_t shared_secret[HPKE_KEY_BYTES];
    struct hpke_context context;
    bool ok;

    assert(hpke_has_aead(aead_id));
    if (!hpke_decap(enc, recipient, shared_secret))
        return false;
    hpke_key_schedule(aead_id, shared_secret, info, &context);
    ok = aead_open(aead_id, &context, aad, sealed, plain);
    wipe(shared_secret, sizeof(shared_secret));
    wipe(&context, sizeof(context));
    return ok;
}

#include "schemas/seal.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum {
    AEAD_ID_BYTES = 2,
    AROUND_BYTES = HPKE_KEY_BYTES + HPKE_TAG_BYTES, /* enc before, tag behind */
    KEPT_AROUND_BYTES = KEPT_NONCE_BYTES + crypto_aead_xchacha20poly1305_ietf_ABYTES,
    AAD_MAX_CHARS = 3 * UUID_CHARS + PURPOSE_MAX_CHARS + USAGE_MAX_CHARS + 20 + 5,
};
_Static_assert((int)SEALED_MIN_BYTES == AROUND_BYTES + 1, "a byte of DEK");
_Static_assert((int)SEALED_MAX_BYTES == AEAD_ID_BYTES + AROUND_BYTES + DEK_MAX_BYTES, "all of it");
_Static_assert((int)KEPT_NONCE_BYTES == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "XChaCha20");
_Static_assert((int)PUBLIC_KEY_BYTES == HPKE_KEY_BYTES, "X25519");

static const char bound_info[] = "keyferry dek v1", compatible_info[] = "key-agent hpke info";
static const char kept_context[crypto_kdf_CONTEXTBYTES] = {'k', 'f', 'l', 'e', 'd', 'g', 'e', 'r'};

const char *const seal_layout_names[] = {
    [SEAL_BOUND] = "bound", [SEAL_COMPATIBLE] = "compatible", [SEAL_BOTH] = "both", NULL};

/* How one envelope is taken apart, or put together: everything but the keys. */
struct plan {
    uint16_t aead_id;
    size_t prefix; /* bytes before enc */
    struct hpke_text info, aad;
    char aad_text[AAD_MAX_CHARS + 1];
};

static struct hpke_text text_of(const char *text)
{
    return (struct hpke_text){(const uint8_t *)text, strlen(text)};
}

/* What a DEK is for, as additional data. Its length. */
static size_t aad_write(const struct seal_use *use, char out[AAD_MAX_CHARS + 1])
{
    const struct secret_key *key = &use->to->key;

    return (size_t)snprintf(out, AAD_MAX_CHARS + 1, "%s\n%s\n%s\n%s\n%lld\n%s", use->to->host_uuid.text,
                            key->vm_uuid.text, key->purpose, key->usage_instance, (long long)key->key_version,
                            use->secret_uuid->text);
}

static void plan_bound(uint16_t aead_id, const struct seal_use *use, struct plan *out)
{
    out->aead_id = aead_id;
    out->prefix = AEAD_ID_BYTES;
    out->info = text_of(bound_info);
    (void)aad_write(use, out->aad_text);
    out->aad = text_of(out->aad_text);
}

static void plan_compatible(struct plan *out)
{
    *out = (struct plan){.aead_id = HPKE_AES_256_GCM, .info = text_of(compatible_info)};
    out->aad = text_of(out->aad_text);
}

static bool aead_check(uint16_t aead_id, struct err *e)
{
    if (hpke_has_aead(aead_id))
        return true;
    return err_field(e, ERR_ENVELOPE, "encryptedDek",
                     "encryptedDek needs AES-256-GCM, and this machine's processor has no AES: seal with "
                     "ChaCha20-Poly1305");
}

static bool open_with_any(const struct plan *plan, const struct hpke_key_pair *pairs, size_t count,
                          const struct sealed_dek *sealed, struct dek *out)
{
    size_t around = plan->prefix + AROUND_BYTES;
    const uint8_t *enc = sealed->data + plan->prefix;
    struct hpke_text rest = {enc + HPKE_KEY_BYTES, 0};

    if (sealed->len <= around || sealed->len - around > sizeof(out->data))
        return false;
    rest.len = sealed->len - plan->prefix - HPKE_KEY_BYTES;
    for (size_t i = 0; i < count; i++)
        if (hpke_open(plan->aead_id, &pairs[i], enc, plan->info, plan->aad, rest, out->data)) {
            out->len = (uint16_t)(sealed->len - around);
            return true;
        }
    return false;
}

/* The AEAD that a bound envelope names, or 0. */
static uint16_t aead_named(const struct sealed_dek *sealed)
{
    uint16_t id = (uint16_t)(sealed->data[0] << 8 | sealed->data[1]);

    return id == HPKE_AES_256_GCM || id == HPKE_CHACHA20_POLY1305 ? id : 0;
}

bool seal_open(enum seal_layout layouts, const struct hpke_key_pair *pairs, size_t count, const struct seal_use *use,
               const struct sealed_dek *sealed, struct dek *out, struct err *e)
{
    uint16_t aead_id = aead_named(sealed);
    struct plan plan;

    memset(out, 0, sizeof(*out));
    if (layouts != SEAL_COMPATIBLE && aead_id != 0) {
        if (layouts == SEAL_BOUND && !aead_check(aead_id, e))
            return false;
        plan_bound(aead_id, use, &plan);
        if (hpke_has_aead(aead_id) && open_with_any(&plan, pairs, count, sealed, out))
            return true;
    }
    if (layouts != SEAL_BOUND) {
        if (!aead_check(HPKE_AES_256_GCM, e))
            return false;
        plan_compatible(&plan);
        if (open_with_any(&plan, pairs, count, sealed, out))
            return true;
    }
    wipe(out, sizeof(*out));
    return err_field(e, ERR_ENVELOPE, "encryptedDek",
                     "encryptedDek does not open here: it is damaged, or was sealed for another host, identity, "
                     "version, secretUuid or key, or in a layout that `envelope` in [worker] refuses");
}

static bool seal_by(const struct plan *plan, const uint8_t ephemeral[HPKE_KEY_BYTES],
                    const struct public_key *recipient, const struct dek *dek, struct sealed_dek *out, struct err *e)
{
    struct hpke_text plain = {dek->data, dek->len};
    uint8_t *enc = out->data + plan->prefix;

    memset(out, 0, sizeof(*out));
    out->data[0] = (uint8_t)(plan->aead_id >> 8); /* of a compatible one, enc is written over them */
    out->data[1] = (uint8_t)(plan->aead_id & 0xff);
    if (recipient->len != PUBLIC_KEY_BYTES ||
        !hpke_seal(plan->aead_id, ephemeral, recipient->data, plan->info, plan->aad, plain, enc, enc + HPKE_KEY_BYTES))
        return err_set(e, ERR_ENVELOPE, "what the recipient gave as its public key is none");
    out->len = (uint16_t)(plan->prefix + AROUND_BYTES + dek->len);
    return true;
}

bool seal_seal(enum seal_layout layout, const uint8_t ephemeral[HPKE_KEY_BYTES], const struct public_key *recipient,
               const struct seal_use *use, const struct dek *dek, struct sealed_dek *out, struct err *e)
{
    struct plan plan;

    if (layout == SEAL_COMPATIBLE)
        plan_compatible(&plan);
    else
        plan_bound(HPKE_CHACHA20_POLY1305, use, &plan);
    return aead_check(plan.aead_id, e) && seal_by(&plan, ephemeral, recipient, dek, out, e);
}

/* ---- what a worker keeps for itself ---- */

/* The key for it, derived from a private key of the host: libsodium's crypto_kdf, BLAKE2b. To be wiped. */
static void keeping_key(const struct hpke_key_pair *own, uint8_t out[crypto_aead_xchacha20poly1305_ietf_KEYBYTES])
{
    _Static_assert(sizeof(own->private_key) == crypto_kdf_KEYBYTES, "a private key is what a subkey is derived from");
    (void)crypto_kdf_derive_from_key(out, crypto_aead_xchacha20poly1305_ietf_KEYBYTES, 1, kept_context,
                                     own->private_key);
}

void seal_keep(const uint8_t nonce[KEPT_NONCE_BYTES], const struct hpke_key_pair *own, const struct seal_use *use,
               const struct dek *dek, struct sealed_dek *out)
{
    uint8_t key[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];
    char aad[AAD_MAX_CHARS + 1];
    size_t aad_bytes = aad_write(use, aad);

    memset(out, 0, sizeof(*out));
    memcpy(out->data, nonce, KEPT_NONCE_BYTES);
    keeping_key(own, key);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(out->data + KEPT_NONCE_BYTES, NULL, dek->data, dek->len,
                                                     (const uint8_t *)aad, aad_bytes, NULL, nonce, key);
    wipe(key, sizeof(key));
    out->len = (uint16_t)(KEPT_AROUND_BYTES + dek->len);
}

static bool recall_with(const struct hpke_key_pair *own, const char *aad, size_t aad_bytes,
                        const struct sealed_dek *sealed, struct dek *out)
{
    uint8_t key[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];
    bool ok;

    keeping_key(own, key);
    ok = crypto_aead_xchacha20poly1305_ietf_decrypt(out->data, NULL, NULL, sealed->data + KEPT_NONCE_BYTES,
                                                    sealed->len - KEPT_NONCE_BYTES, (const uint8_t *)aad, aad_bytes,
                                                    sealed->data, key) == 0;
    wipe(key, sizeof(key));
    return ok;
}

bool seal_recall(const struct hpke_key_pair *pairs, size_t count, const struct seal_use *use,
                 const struct sealed_dek *sealed, struct dek *out, struct err *e)
{
    bool fits = sealed->len > KEPT_AROUND_BYTES && sealed->len - KEPT_AROUND_BYTES <= (int)sizeof(out->data);
    char aad[AAD_MAX_CHARS + 1];
    size_t aad_bytes = aad_write(use, aad);

    memset(out, 0, sizeof(*out));
    for (size_t i = 0; fits && i < count; i++)
        if (recall_with(&pairs[i], aad, aad_bytes, sealed, out)) {
            out->len = (uint16_t)(sealed->len - KEPT_AROUND_BYTES);
            return true;
        }
    wipe(out, sizeof(*out));
    return err_set(e, ERR_ENVELOPE,
                   "the DEK kept of secret %s does not open: the key it was sealed to is no longer among the host's "
                   "own, or the ledger is damaged",
                   use->secret_uuid->text);
}

void seal_fingerprint(const uint8_t public_key[PUBLIC_KEY_BYTES], char out[FINGERPRINT_CHARS + 1])
{
    uint8_t hash[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(hash, public_key, PUBLIC_KEY_BYTES);
    sodium_bin2hex(out, FINGERPRINT_CHARS + 1, hash, sizeof(hash));
}

struct text_list seal_suites(enum seal_layout layouts)
{
    static const char *const suites[] = {"0x0020/0x0001/0x0003", "0x0020/0x0001/0x0002"};
    bool chacha = layouts != SEAL_COMPATIBLE, aes = hpke_has_aead(HPKE_AES_256_GCM);

    return (struct text_list){suites + !chacha, (size_t)chacha + aes};
}

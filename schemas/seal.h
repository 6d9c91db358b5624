/*
 * Sealed DEKs: HPKE (schemas/hpke.h) in the two layouts of the protocol.
 *
 *     bound        AEAD id (2, big-endian) | enc (32) | ciphertext | tag (16)
 *     compatible                             enc (32) | ciphertext | tag (16)
 *
 * A bound one has as additional data what the DEK is for: hostUuid, vmUuid,
 * purpose, usageInstance, keyVersion and secretUuid of the SecretHostDefineMsg
 * that delivers it. It opens in no other. A compatible one, always AES-256-GCM, is
 * bound to nothing.
 */
#ifndef SCHEMAS_SEAL_H
#define SCHEMAS_SEAL_H

#include "schemas/err.h"
#include "schemas/hpke.h"
#include "schemas/messages.h"

/* In the order of the words of `envelope`. Of SEAL_BOTH: bound where it opens as that, else compatible. */
enum seal_layout { SEAL_BOUND, SEAL_COMPATIBLE, SEAL_BOTH };

/* The words of `envelope`, NULL at the end. */
extern const char *const seal_layout_names[];

/* What a DEK is for. `secret_uuid` may be "". */
struct seal_use {
    const struct addressed *to;
    const struct uuid *secret_uuid;
};

/*
 * Open with the first of `count` key pairs that fits. `out` should be in a vault
 * slot. ERR_ENVELOPE, naming encryptedDek, does not tell which part was wrong; but
 * it does tell of AES-256-GCM on a processor without AES. `out` is then all zero.
 */
MUST_CHECK bool seal_open(enum seal_layout layouts, const struct hpke_key_pair *pairs, size_t count,
                          const struct seal_use *use, const struct sealed_dek *sealed, struct dek *out, struct err *e);

/*
 * Seal to `recipient`: with ChaCha20-Poly1305 as bound, with AES-256-GCM as
 * compatible; SEAL_BOTH is as bound. `ephemeral` is 32 random bytes, for this once,
 * the caller's to wipe. ERR_ENVELOPE where the recipient's key is none, or the
 * processor has no AES.
 */
MUST_CHECK bool seal_seal(enum seal_layout layout, const uint8_t ephemeral[HPKE_KEY_BYTES],
                          const struct public_key *recipient, const struct seal_use *use, const struct dek *dek,
                          struct sealed_dek *out, struct err *e);

enum { KEPT_NONCE_BYTES = 24 };

/*
 * What a worker seals to itself, to keep it in the ledger. No public key is needed for that, and a key agreement for
 * each secret would cost more than all else of a define; so it is XChaCha20-Poly1305 under a key that is derived
 * from the host's private key, and neither this nor an envelope ever opens as the other:
 *
 *     nonce (24) | ciphertext | tag (16)
 *
 * bound to its use as above, with the secret's own UUID. `nonce` is random. ERR_ENVELOPE names no field.
 */
void seal_keep(const uint8_t nonce[KEPT_NONCE_BYTES], const struct hpke_key_pair *own, const struct seal_use *use,
               const struct dek *dek, struct sealed_dek *out);
MUST_CHECK bool seal_recall(const struct hpke_key_pair *pairs, size_t count, const struct seal_use *use,
                            const struct sealed_dek *sealed, struct dek *out, struct err *e);

/* Hex SHA-256 of the 32 bytes. */
void seal_fingerprint(const uint8_t public_key[PUBLIC_KEY_BYTES], char out[FINGERPRINT_CHARS + 1]);

/* What can be opened here, such as "0x0020/0x0001/0x0003": ids of KEM, KDF and AEAD. */
struct text_list seal_suites(enum seal_layout layouts);

#endif

/* Keyed digests: to compare what must not be kept, and to derive ids from ids. */
#ifndef SCHEMAS_DIGEST_H
#define SCHEMAS_DIGEST_H

#include "schemas/err.h"
#include "schemas/schema.h"

enum {
    DIGEST_KEY_BYTES = 32,
    DIGEST_KEY_NAME_CHARS = 8, /* hex: tells keys apart, says nothing about them */
    DIGEST_CHARS = 32,         /* hex of 128 bits */
    DIGEST_STEP_MAX_CHARS = 31,
    SHA256_CHARS = 64, /* hex */
};

/* A secret of this machine: lives in a vault slot. */
struct digest_key {
    uint8_t bytes[DIGEST_KEY_BYTES];
    char name[DIGEST_KEY_NAME_CHARS + 1];
};

/* Fill in `name` from `bytes`: BLAKE2b under a fixed personalisation. */
void digest_key_name(struct digest_key *key);

/* Keyed BLAKE2b of `context`, a NUL and the DEK, as hex. Equal DEKs of two identities look different. */
void digest_dek(const struct digest_key *key, const char *context, const struct dek *dek, char out[DIGEST_CHARS + 1]);

/*
 * What a message asks for, as hex: keyed BLAKE2b of its name, a NUL and each of its
 * decoded fields, but for DEKs, clear and sealed: their own comparison is the
 * handler's.
 */
void digest_content(const struct digest_key *key, const struct schema *schema, const void *message,
                    char out[DIGEST_CHARS + 1]);

/* The same with its DEKs, clear and sealed, as they came: equal only where not a byte was changed, or sealed anew. */
void digest_whole(const struct digest_key *key, const struct schema *schema, const void *message,
                  char out[DIGEST_CHARS + 1]);

/*
 * For two hosts to see whether they hold the same DEK, without either's keys: hex
 * HMAC-SHA256 (RFC 2104, FIPS 180-4) of the DEK under a salt of one use.
 */
void digest_dek_salted(const struct salt *salt, const struct dek *dek, char out[DEK_DIGEST_CHARS + 1]);

/* A salt that follows from `what` and the key, and that nobody without the key can tell in advance. */
void digest_salt(const struct digest_key *key, const char *what, struct salt *out);

/* Of what a file holds: shows damage, and says little of secrets in it. Unkeyed, so it shows no malice. */
void digest_damage(const void *data, size_t len, char out[DIGEST_CHARS + 1]);

/* SHA-256, as hex: for what others check with tools of their own. */
void digest_sha256(const void *data, size_t len, char out[SHA256_CHARS + 1]);

/* A name of any length and form, as one word. Unkeyed: it hides nothing. */
void digest_name(const char *name, char out[DIGEST_CHARS + 1]);

/* Compare two digests, or two DEKs of one length, in constant time. */
bool digest_equal(const char a[DIGEST_CHARS + 1], const char b[DIGEST_CHARS + 1]);
bool dek_equal(const struct dek *a, const struct dek *b);

/*
 * An id that follows from `id` and `step` and nothing else: 32 hex digits, '.',
 * and the step's name (at most DIGEST_STEP_MAX_CHARS of [a-z-]). Not secret.
 */
void digest_derived_id(const char *id, const char *step, char out[ID_MAX_CHARS + 1]);

#endif

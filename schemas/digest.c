#include "schemas/digest.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

/* Each use has its own personalisation (BLAKE2, 2.8), so that no digest of one can stand for another's. */
#define USE_KEY_NAME   "keyferry keyname"
#define USE_DEK        "keyferry dek    "
#define USE_CONTENT    "keyferry content"
#define USE_WHOLE      "keyferry whole  "
#define USE_DERIVED_ID "keyferry step id"
#define USE_DAMAGE     "keyferry damage "
#define USE_NAME       "keyferry name   "
#define USE_SALT       "keyferry salt   "

_Static_assert(sizeof(USE_KEY_NAME) == crypto_generichash_blake2b_PERSONALBYTES + 1, "personalisations are 16 bytes");
_Static_assert(sizeof(USE_DEK) == sizeof(USE_KEY_NAME) && sizeof(USE_CONTENT) == sizeof(USE_KEY_NAME) &&
                   sizeof(USE_DERIVED_ID) == sizeof(USE_KEY_NAME) && sizeof(USE_DAMAGE) == sizeof(USE_KEY_NAME) &&
                   sizeof(USE_NAME) == sizeof(USE_KEY_NAME) && sizeof(USE_WHOLE) == sizeof(USE_KEY_NAME) &&
                   sizeof(USE_SALT) == sizeof(USE_KEY_NAME),
               "as above");

enum { DIGEST_BYTES = DIGEST_CHARS / 2 };

typedef crypto_generichash_blake2b_state digesting;

/* Begin with `context` and a NUL; keyed with DIGEST_KEY_BYTES, unless `key` is NULL. */
static void digest_begin(digesting *state, const char *use, const uint8_t *key, const char *context)
{
    crypto_generichash_blake2b_init_salt_personal(state, key, key != NULL ? DIGEST_KEY_BYTES : 0, DIGEST_BYTES, NULL,
                                                  (const uint8_t *)use);
    crypto_generichash_blake2b_update(state, (const uint8_t *)context, strlen(context) + 1);
}

static void digest_end(digesting *state, char out[DIGEST_CHARS + 1])
{
    uint8_t raw[DIGEST_BYTES];

    crypto_generichash_blake2b_final(state, raw, sizeof(raw));
    sodium_bin2hex(out, DIGEST_CHARS + 1, raw, sizeof(raw));
    wipe(state, sizeof(*state));
}

static void digest(const char *use, const uint8_t *key, const char *context, const void *data, size_t len,
                   char out[DIGEST_CHARS + 1])
{
    digesting state;

    digest_begin(&state, use, key, context);
    crypto_generichash_blake2b_update(&state, data, len);
    digest_end(&state, out);
}

void digest_key_name(struct digest_key *key)
{
    char hex[DIGEST_CHARS + 1];

    digest(USE_KEY_NAME, key->bytes, "", NULL, 0, hex);
    memcpy(key->name, hex, DIGEST_KEY_NAME_CHARS);
    key->name[DIGEST_KEY_NAME_CHARS] = '\0';
}

void digest_dek(const struct digest_key *key, const char *context, const struct dek *dek, char out[DIGEST_CHARS + 1])
{
    digest(USE_DEK, key->bytes, context, dek->data, dek->len, out);
}

/* Of a DEK, clear or sealed, only what there is: nearly all of its room is empty. */
static size_t used_bytes(const struct field *f, const uint8_t *member)
{
    uint16_t len;

    if (!f->secret && !f->sealed)
        return f->size;
    memcpy(&len, member, sizeof(len));
    return sizeof(len) + len;
}

static void digest_fields(const char *use, const struct digest_key *key, const struct schema *schema,
                          const void *message, bool with_deks, char out[DIGEST_CHARS + 1])
{
    digesting state;

    digest_begin(&state, use, key->bytes, schema->name);
    for (size_t i = 0; i < schema->count; i++) {
        const struct field *f = &schema->fields[i];
        const uint8_t *member = (const uint8_t *)message + f->offset;

        if (with_deks || (!f->secret && !f->sealed))
            crypto_generichash_blake2b_update(&state, member, used_bytes(f, member));
    }
    digest_end(&state, out);
}

void digest_content(const struct digest_key *key, const struct schema *schema, const void *message,
                    char out[DIGEST_CHARS + 1])
{
    digest_fields(USE_CONTENT, key, schema, message, false, out);
}

void digest_whole(const struct digest_key *key, const struct schema *schema, const void *message,
                  char out[DIGEST_CHARS + 1])
{
    digest_fields(USE_WHOLE, key, schema, message, true, out);
}

_Static_assert(crypto_auth_hmacsha256_KEYBYTES == SALT_BYTES && crypto_auth_hmacsha256_BYTES * 2 == DEK_DIGEST_CHARS,
               "a salt is a key, and a digest its hex");

void digest_dek_salted(const struct salt *salt, const struct dek *dek, char out[DEK_DIGEST_CHARS + 1])
{
    uint8_t raw[crypto_auth_hmacsha256_BYTES];

    crypto_auth_hmacsha256(raw, dek->data, dek->len, salt->data);
    sodium_bin2hex(out, DEK_DIGEST_CHARS + 1, raw, sizeof(raw));
}

void digest_salt(const struct digest_key *key, const char *what, struct salt *out)
{
    crypto_generichash_blake2b_salt_personal(out->data, SALT_BYTES, (const uint8_t *)what, strlen(what), key->bytes,
                                             DIGEST_KEY_BYTES, NULL, (const uint8_t *)USE_SALT);
    out->len = SALT_BYTES;
}

void digest_damage(const void *data, size_t len, char out[DIGEST_CHARS + 1])
{
    digest(USE_DAMAGE, NULL, "", data, len, out);
}

void digest_sha256(const void *data, size_t len, char out[SHA256_CHARS + 1])
{
    uint8_t hash[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(hash, data, len);
    sodium_bin2hex(out, SHA256_CHARS + 1, hash, sizeof(hash));
}

void digest_name(const char *name, char out[DIGEST_CHARS + 1])
{
    digest(USE_NAME, NULL, name, NULL, 0, out);
}

bool digest_equal(const char a[DIGEST_CHARS + 1], const char b[DIGEST_CHARS + 1])
{
    return sodium_memcmp(a, b, DIGEST_CHARS) == 0;
}

bool dek_equal(const struct dek *a, const struct dek *b)
{
    return a->len == b->len && sodium_memcmp(a->data, b->data, a->len) == 0;
}

void digest_derived_id(const char *id, const char *step, char out[ID_MAX_CHARS + 1])
{
    size_t step_len = strlen(step);

    assert(step_len <= DIGEST_STEP_MAX_CHARS);
    digest(USE_DERIVED_ID, NULL, id, step, step_len, out);
    out[DIGEST_CHARS] = '.';
    memcpy(out + DIGEST_CHARS + 1, step, step_len + 1);
}

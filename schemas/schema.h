/*
 * A schema says, as data, what one message looks like: which keys, which types,
 * which limits, and where each value lands in a C struct. msgpack and JSON are
 * both read and written from it. Nothing past schema_decode() ever sees an
 * unchecked value.
 *
 * Decoded messages are flat: fixed-size members, no pointers. They fit a vault
 * slot, may be handed to another thread as they are, and because schema_decode()
 * zeroes what it does not write, two that say the same are equal byte for byte.
 */
#ifndef SCHEMAS_SCHEMA_H
#define SCHEMAS_SCHEMA_H

#include "schemas/err.h"
#include "schemas/limits.h"
#include "schemas/uuid.h"
#include "schemas/writer.h"

struct msgpack_object;

enum field_type {
    FIELD_TEXT,     /* char[]: UTF-8 without control characters, NUL at the end */
    FIELD_UUID,     /* struct uuid: any form in, libvirt's form out */
    FIELD_WHOLE,    /* int64_t */
    FIELD_BOOL,     /* bool */
    FIELD_CHOICE,   /* enum choice: a bool on the wire that may also be absent */
    FIELD_BYTES,    /* struct dek and its like: bin, or base64 text */
    FIELD_TEXTS,    /* struct text_list: a list of static texts. Written; when read, only its form is checked */
    FIELD_FINDINGS, /* struct finding_list: a list of maps */
    FIELD_MAP,      /* a map with any keys, nothing of it kept. Only its form is checked */
};

enum presence {
    REQUIRED, /* absent, null or blank is ERR_REQUIRED; always written, so false and 0 too */
    OPTIONAL, /* absent, null or blank leaves the member zero; zero is not written */
};

/* Short runs of bytes: a length, and right behind it room for as many as there may be. */
struct dek {
    uint16_t len;
    uint8_t data[DEK_MAX_BYTES];
};

struct sealed_dek {
    uint16_t len;
    uint8_t data[SEALED_MAX_BYTES];
};

struct public_key {
    uint16_t len; /* PUBLIC_KEY_BYTES, or 0: none */
    uint8_t data[PUBLIC_KEY_BYTES];
};

struct salt {
    uint16_t len; /* SALT_BYTES, or 0: none */
    uint8_t data[SALT_BYTES];
};

enum choice { UNSAID, NO, YES };

/* For replies that list what is known at compile time. */
struct text_list {
    const char *const *texts;
    size_t count;
};

/* What a reconciliation has found: {"what": "orphan", "secretUuid": ..., "since": ms since 1970}. */
struct finding {
    char what[FINDING_MAX_CHARS + 1];
    struct uuid secret_uuid;
    int64_t since_ms;
};

struct finding_list {
    size_t count;
    struct finding at[FINDINGS_MAX];
};

struct field {
    const char *name; /* key on the wire */
    enum field_type type;
    enum presence presence;
    bool secret; /* never printed, logged or put in an error; wiped with its struct */
    bool sealed; /* ciphertext: the same again looks different, so it says nothing of what is asked for */
    size_t offset;
    size_t size;      /* room in the struct, in bytes, NUL included; 0: checked, not kept, not written */
    int64_t min, max; /* WHOLE: value; TEXT: bytes without NUL; BYTES: bytes */
    bool (*accept)(const char *text); /* TEXT: extra rule, or NULL */
    const char *wants;                /* for people: what is accepted, e.g. "'vtpm' or 'volume'" */
};

struct schema {
    const char *name;     /* "SecretHostDefineMsg" */
    const char *required; /* begins the text about a missing field it names; NULL, or others: "<field> is required" */
    size_t size;          /* sizeof the struct it decodes into; at most VAULT_SLOT_BYTES */
    const struct field *fields;
    size_t count;                                /* at most 64 */
    bool (*check)(void *message, struct err *e); /* rules between fields, and last normalisations; or NULL */
};

/* clang-format off */
/* sizeof(T.member), refused by the compiler unless the member has that type. */
#define MEMBER(T, m) (((T *)0)->m)
#define SIZE_IF(T, m, want) \
    (sizeof(MEMBER(T, m)) + _Generic(&MEMBER(T, m), __typeof__(want) *: (size_t)0))
#define SIZE_IF_TEXT(T, m) \
    (sizeof(MEMBER(T, m)) + _Generic(&MEMBER(T, m), char (*)[sizeof(MEMBER(T, m))]: (size_t)0))

#define TEXT(T, m, key, must, lo, hi, rule, says) \
    { .name = (key), .type = FIELD_TEXT, .presence = (must), .offset = offsetof(T, m), \
      .size = SIZE_IF_TEXT(T, m), .min = (lo), .max = (hi), .accept = (rule), .wants = (says) }
#define UUID(T, m, key, must) \
    { .name = (key), .type = FIELD_UUID, .presence = (must), .offset = offsetof(T, m), \
      .size = SIZE_IF(T, m, struct uuid), .wants = "a UUID that is not nil" }
#define WHOLE(T, m, key, must, lo, hi) \
    { .name = (key), .type = FIELD_WHOLE, .presence = (must), .offset = offsetof(T, m), \
      .size = SIZE_IF(T, m, int64_t), .min = (lo), .max = (hi) }
#define BOOL(T, m, key, must) \
    { .name = (key), .type = FIELD_BOOL, .presence = (must), .offset = offsetof(T, m), \
      .size = SIZE_IF(T, m, bool), .wants = "true or false" }
#define CHOICE(T, m, key) \
    { .name = (key), .type = FIELD_CHOICE, .presence = OPTIONAL, .offset = offsetof(T, m), \
      .size = SIZE_IF(T, m, enum choice), .wants = "true or false" }
#define SECRET_BYTES(T, m, key, must, lo, hi) \
    { .name = (key), .type = FIELD_BYTES, .presence = (must), .secret = true, .offset = offsetof(T, m), \
      .size = SIZE_IF(T, m, struct dek), .min = (lo), .max = (hi) }
#define SEALED_DEK(T, m, key, must) \
    { .name = (key), .type = FIELD_BYTES, .presence = (must), .sealed = true, .offset = offsetof(T, m), \
      .size = SIZE_IF(T, m, struct sealed_dek), .min = 1, .max = SEALED_MAX_BYTES }
#define PUBLIC_KEY(T, m, key, must) \
    { .name = (key), .type = FIELD_BYTES, .presence = (must), .offset = offsetof(T, m), \
      .size = SIZE_IF(T, m, struct public_key), .min = PUBLIC_KEY_BYTES, .max = PUBLIC_KEY_BYTES }
#define SALT(T, m, key, must) \
    { .name = (key), .type = FIELD_BYTES, .presence = (must), .offset = offsetof(T, m), \
      .size = SIZE_IF(T, m, struct salt), .min = SALT_BYTES, .max = SALT_BYTES }
#define TEXTS(T, m, key, must) \
    { .name = (key), .type = FIELD_TEXTS, .presence = (must), .offset = offsetof(T, m), \
      .size = SIZE_IF(T, m, struct text_list), .max = TEXT_LIST_MAX }
#define FINDINGS(T, m, key) \
    { .name = (key), .type = FIELD_FINDINGS, .presence = REQUIRED, .offset = offsetof(T, m), \
      .size = SIZE_IF(T, m, struct finding_list), .max = FINDINGS_MAX }
#define CHECKED(key, kind, lo, hi) \
    { .name = (key), .type = (kind), .presence = OPTIONAL, .min = (lo), .max = (hi) }

#define SCHEMA(label, says_required, T, table, rule) \
    { .name = (label), .required = (says_required), .size = sizeof(T), .fields = (table), \
      .count = COUNT(table), .check = (rule) }
/* clang-format on */

/*
 * Decode `map` into `out`, which must have room for schema->size bytes. Keys that
 * `beside` knows (NULL: none) are passed over; any other unknown key, a repeated
 * key, a wrong type and a value out of range are refused: ERR_REQUIRED for what is
 * missing or blank, ERR_INVALID for the rest, e->field naming the field and the
 * text never its value. On failure `out` is all zero, wiped where it was secret.
 */
MUST_CHECK bool schema_decode(const struct schema *schema, const struct schema *beside,
                              const struct msgpack_object *map, void *out, struct err *e);

/* Write each present field of `message` as a key and a value; schema_present() pairs. */
void schema_encode(const struct schema *schema, const void *message, struct writer *w);
size_t schema_present(const struct schema *schema, const void *message);

/* True if the field would be written: it is set, or must always be there. */
bool field_is_written(const struct field *field, const void *message);

/* True if a field flagged secret is present: a clear DEK. *name is its wire name. */
bool schema_has_secret(const struct schema *schema, const void *message, const char **name);

#endif

/* Every size that somebody outside can choose, and why it ends where it does. */
#ifndef SCHEMAS_LIMITS_H
#define SCHEMAS_LIMITS_H

/* clang-format off */
enum {
    BODY_MAX_BYTES     = 64 * 1024,  /* the largest message has under 8 KiB of fields; rejected from its header frame */
    BODY_MAX_DEPTH     = 8,          /* envelope, message, headers, and room for a sender's own headers */
    NAME_MAX_CHARS     = 64,         /* a message's own name */
    PREFIX_MAX_CHARS   = 128,        /* its dotted prefix, last dot included */
    ID_MAX_CHARS       = 128,
    SHORTSTR_MAX_CHARS = 255,        /* AMQP 0-9-1 4.2.5.3: reply_to, correlation_id, user_id, routing keys */
    UUID_CHARS         = 36,         /* with dashes */
    UUID_HEX_CHARS     = 32,         /* without */
    PURPOSE_MAX_CHARS  = 7,          /* "volume" */
    USAGE_MAX_CHARS    = 64,         /* usageInstance: "volume-" and a UUID are 43 */
    USAGE_ID_MAX_CHARS = 160,        /* "keyferry/volume/<uuid>/volume-<uuid>/v2147483647" is 110 */
    DESCRIPTION_MAX_BYTES = 256,
    MIGRATION_ID_MAX_CHARS = 64,
    PROVIDER_MAX_BYTES = 255,        /* keyProviderName */
    DEK_MAX_BYTES      = 1024,
    SEALED_MIN_BYTES   = 32 + 1 + 16,             /* enc, a byte, tag: RFC 9180 7 */
    SEALED_MAX_BYTES   = 2 + 32 + DEK_MAX_BYTES + 16, /* and the id of the AEAD before them */
    PUBLIC_KEY_BYTES   = 32,         /* X25519 */
    FINGERPRINT_CHARS  = 64,         /* hex SHA-256 */
    SALT_BYTES         = 32,         /* digestSalt: a key of HMAC-SHA256 */
    DEK_DIGEST_CHARS   = 64,         /* dekDigest: hex HMAC-SHA256 */
    SIGNATURE_CHARS    = 88,         /* base64 of Ed25519's 64 bytes */
    LEASE_MIN_SECONDS  = 30,         /* shorter, and a live migration of a small VM would outlast it */
    LEASE_MAX_SECONDS  = 86400,
    LEASE_MIGRATION_SECONDS = 900,   /* of a migration that names none */
    FINDINGS_MAX       = 32,         /* of a reconciliation, in one reply: about 80 bytes each */
    FINDING_MAX_CHARS  = 15,
    VERSION_MAX_CHARS  = 31,
    CONFIG_WORD_MAX_CHARS = 15,      /* "compatible" */
    REASON_MAX_BYTES   = 255,        /* why something is not well, for people */
    TEXT_LIST_MAX      = 64,         /* systemTags, userTags: elements */
    MAP_MAX_PAIRS      = 128,        /* headers, and any map in them: finding a key given twice takes time squared */
};
/* clang-format on */

/* Whole numbers stay exact in every JSON reader up to 2^53 - 1 (RFC 8259, 6). */
#define WHOLE_MAX INT64_C(9007199254740991)

#endif

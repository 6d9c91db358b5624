/* An acceptable value for each field of each message, by the field's name. */
#ifndef TESTS_SAMPLES_H
#define TESTS_SAMPLES_H

#include "say.h"

#include "schemas/messages.h"

#define HOST_A   "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
#define HOST_B   "3f2504e0-4f89-41d3-9a0c-0305e82c3302"
#define VM       "3f2504e0-4f89-41d3-9a0c-0305e82c3303"
#define SECRET   "3f2504e0-4f89-41d3-9a0c-0305e82c3304"
#define VOLUME   "volume-" SECRET
#define PROVIDER "3f2504e0-4f89-41d3-9a0c-0305e82c3305"

enum { FIELDS_MAX = 20 };

static inline struct say sample_of(const char *field)
{
    const struct say samples[] = {
        STRING("hostUuid", HOST_A),
        STRING("vmUuid", VM),
        STRING("purpose", "vtpm"),
        NUMBER("keyVersion", 7),
        STRING("usageInstance", "tpm0"),
        STRING("secretUuid", SECRET),
        STRING("replacedSecretUuid", PROVIDER),
        STRING("description", "a \"quoted\" description \xe2\x82\xac"),
        STRING("migrationId", "m-1"),
        NUMBER("leaseSeconds", 900),
        BIN("digestSalt", "a salt, as of a key, of 32 bytes", 32),
        STRING("dekDigest", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
        BIN("dekBase64", "0123456789\0\1\2\3\4\5\xff", 17),
        BIN("encryptedDek", "\0\3 enc, ciphertext and tag, which nobody opens: 49 bytes", 56),
        BIN("publicKey", "a public key of thirty-two bytes", 32),
        BIN("recipientKey", "a public key of thirty-two bytes", 32),
        STRING("fingerprint", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
        STRING("dstKeyFingerprint", "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef"),
        LIST("suites", NULL, 0),
        STRING("version", "0.1.0"),
        LIST("messages", NULL, 0),
        STRING("envelope", "bound"),
        STRING("plaintextDek", "loopback"),
        TRUTH("libvirtUp", false),
        STRING("why", "not connected yet"),
        NUMBER("inFlight", 3),
        NUMBER("oldestMs", 12345),
        TRUTH("retire", true),
        TRUTH("force", true),
        STRING("srcHostUuid", HOST_A),
        STRING("dstHostUuid", HOST_B),
        STRING("tpmUuid", VM),
        STRING("keyProviderUuid", PROVIDER),
        STRING("keyProviderName", "vault \xc3\xa9"),
        STRING("outcome", "failure"),
        STRING("resourceUuid", VM),
        STRING("resourceType", "TpmVO"),
        TRUTH("created", true),
        TRUTH("deleted", true),
        TRUTH("skipped", false),
        STRING("dekSource", "request"),
        STRING("deletedOn", "destination"),
        TRUTH("dryRun", true),
        LIST("found", NULL, 0),
        NUMBER("foundCount", 3),
        NUMBER("mended", 2),
    };

    for (size_t i = 0; i < COUNT(samples); i++)
        if (strcmp(samples[i].key, field) == 0)
            return samples[i];
    fail_msg("no sample of '%s'", field);
    return NUL("");
}

/* Of a clear and a sealed DEK a message has only one. */
static inline bool is_sealed_dek(const char *field)
{
    return strcmp(field, "encryptedDek") == 0;
}

static inline bool has_field(const struct schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->count; i++)
        if (strcmp(schema->fields[i].name, name) == 0)
            return true;
    return false;
}

/* One of each field, but no sealed DEK; their number. */
static inline size_t sample_fields(const struct schema *schema, struct say out[FIELDS_MAX])
{
    size_t count = 0;

    assert_true(schema->count < FIELDS_MAX);
    for (size_t i = 0; i < schema->count; i++)
        if (!is_sealed_dek(schema->fields[i].name))
            out[count++] = sample_of(schema->fields[i].name);
    return count;
}

static inline bool is_absent(const struct say *value)
{
    if (value->kind == SAY_TEXT)
        return strspn(value->text, " \t\n") == value->len;
    return value->kind == SAY_NULL || (value->kind == SAY_BIN && value->len == 0);
}

/* The same with another value for one of them, or one more. A DEK in one form takes the place of that in the other. */
static inline size_t sample_fields_with(const struct schema *schema, struct say value, struct say out[FIELDS_MAX])
{
    size_t count = sample_fields(schema, out), last = count;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(out[i].key, "dekBase64") == 0)
            last = i;
        if (strcmp(out[i].key, value.key) == 0) {
            out[i] = value;
            if (i == last && is_absent(&value) && has_field(schema, "encryptedDek"))
                out[count++] = sample_of("encryptedDek");
            return count;
        }
    }
    if (is_sealed_dek(value.key) && !is_absent(&value) && last < count) {
        out[last] = value;
        return count;
    }
    out[count] = value;
    return count + 1;
}

/* `out` has room for any message. */
static inline bool read_request(enum encoding encoding, const struct schema *schema, const struct say *fields,
                                size_t count, void *out, struct err *e)
{
    const struct said *s = say_body(encoding, schema->name, fields, count);
    struct body *body;

    memset(out, 0xee, schema->size);
    if (!body_read(s->bytes, s->len, NULL, &body, e))
        fail_msg("%s", e->text);
    bool ok = message_read(body, schema, out, e);
    body_free(body);
    return ok;
}

/* Refused in both encodings for that field, and nothing left behind. */
static inline void assert_value_refused(const struct schema *schema, struct say value, enum err_kind kind,
                                        const char *field, const char *text)
{
    for (int encoding = ENCODING_MSGPACK; encoding <= ENCODING_JSON; encoding++) {
        static _Alignas(8) uint8_t out[4096];
        struct say fields[FIELDS_MAX];
        size_t count = sample_fields_with(schema, value, fields);
        struct err e;

        if (read_request((enum encoding)encoding, schema, fields, count, out, &e))
            fail_msg("%s: accepted a bad '%s' (%s)", schema->name, field, encoding ? "JSON" : "msgpack");
        if (e.kind != kind || strcmp(e.field, field) != 0)
            fail_msg("%s: a bad '%s' is told as %s: %s", schema->name, field, e.code, e.text);
        if (text != NULL)
            assert_string_equal(e.text, text);
        for (size_t i = 0; i < schema->size; i++)
            assert_int_equal(out[i], 0);
    }
}

static inline void assert_value_accepted(const struct schema *schema, struct say value, void *out)
{
    for (int encoding = ENCODING_MSGPACK; encoding <= ENCODING_JSON; encoding++) {
        struct say fields[FIELDS_MAX];
        size_t count = sample_fields_with(schema, value, fields);
        struct err e;

        if (!read_request((enum encoding)encoding, schema, fields, count, out, &e))
            fail_msg("%s: refused '%s': %s", schema->name, value.key, e.text);
    }
}

#endif

/*
 * Opens envelopes that somebody else has sealed: open_envelope FILE.json, a file of
 * the form of tests/vectors/hpke-interop.json. For each case the sealed DEK must open to
 * the DEK given, in its layout and, but for a compatible one, for its use; the key
 * pair and the fingerprint must be ours of the same private key. Prints
 * `N passed, N failed`.
 */
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "schemas/base64.h"
#include "schemas/seal.h"

struct sample {
    enum seal_layout layout;
    struct addressed to;
    struct uuid secret_uuid;
    struct hpke_key_pair pair;
    struct dek dek;
    struct sealed_dek sealed;
};

/* "" where there is no such text. */
static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

static bool hex_at(const json_t *object, const char *key, uint8_t *out, size_t room, size_t *len)
{
    const char *hex = text_at(object, key);

    return sodium_hex2bin(out, room, hex, strlen(hex), NULL, len, NULL) == 0 && strlen(hex) == 2 * *len;
}

static bool uuid_at(const json_t *object, const char *key, struct uuid *out)
{
    const char *text = text_at(object, key);

    return text[0] == '\0' || uuid_parse(text, strlen(text), out);
}

static bool read_sample(const json_t *object, struct sample *out)
{
    const char *layout = text_at(object, "layout"), *sealed = text_at(object, "encryptedDekBase64");
    struct secret_key *key = &out->to.key;
    size_t len;

    memset(out, 0, sizeof(*out));
    out->layout = strcmp(layout, "compatible") == 0 ? SEAL_COMPATIBLE : SEAL_BOUND;
    snprintf(key->purpose, sizeof(key->purpose), "%s", text_at(object, "purpose"));
    snprintf(key->usage_instance, sizeof(key->usage_instance), "%s", text_at(object, "usageInstance"));
    key->key_version = json_integer_value(json_object_get(object, "keyVersion"));
    if (!uuid_at(object, "hostUuid", &out->to.host_uuid) || !uuid_at(object, "vmUuid", &key->vm_uuid) ||
        !uuid_at(object, "secretUuid", &out->secret_uuid))
        return false;
    if (!hex_at(object, "recipientPrivateKey", out->pair.private_key, HPKE_KEY_BYTES, &len) || len != HPKE_KEY_BYTES)
        return false;
    if (!hex_at(object, "dek", out->dek.data, sizeof(out->dek.data), &len))
        return false;
    out->dek.len = (uint16_t)len;
    if (!base64_read(sealed, strlen(sealed), out->sealed.data, sizeof(out->sealed.data), &len))
        return false;
    out->sealed.len = (uint16_t)len;
    return true;
}

/* NULL, or what is wrong. */
static const char *check(const json_t *object)
{
    static struct sample s;
    struct seal_use use = {&s.to, &s.secret_uuid};
    char fingerprint[FINGERPRINT_CHARS + 1], public_key[2 * PUBLIC_KEY_BYTES + 1];
    struct dek dek;
    struct err e;

    if (!read_sample(object, &s))
        return "it cannot be read";
    hpke_public_key(&s.pair);
    sodium_bin2hex(public_key, sizeof(public_key), s.pair.public_key, PUBLIC_KEY_BYTES);
    seal_fingerprint(s.pair.public_key, fingerprint);
    if (strcmp(public_key, text_at(object, "recipientPublicKey")) != 0)
        return "the public key differs";
    if (strcmp(fingerprint, text_at(object, "fingerprint")) != 0)
        return "the fingerprint differs";
    if (!seal_open(s.layout, &s.pair, 1, &use, &s.sealed, &dek, &e))
        return "it does not open";
    return dek.len == s.dek.len && memcmp(dek.data, s.dek.data, dek.len) == 0 ? NULL : "it opens to another DEK";
}

int main(int argc, char **argv)
{
    json_error_t why = {.text = "usage: open_envelope FILE.json"};
    json_t *file = argc == 2 ? json_load_file(argv[1], 0, &why) : NULL, *object;
    unsigned passed = 0, failed = 0;
    size_t i;

    if (file == NULL || sodium_init() < 0) {
        fprintf(stderr, "open_envelope: %s\n", why.text);
        return 2;
    }
    json_array_foreach(json_object_get(file, "cases"), i, object)
    {
        const char *wrong = check(object);

        if (wrong != NULL)
            printf("case %zu: %s\n", i, wrong);
        wrong == NULL ? passed++ : failed++;
    }
    json_decref(file);
    printf("%u passed, %u failed\n", passed, failed);
    return failed != 0 || passed == 0;
}

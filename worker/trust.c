#include "worker/trust.h"

#include <stdlib.h>
#include <string.h>

#include "schemas/base64.h"
#include "schemas/signature.h"
#include "worker/config_line.h"

/* ---- the section, line by line ---- */

static bool pin_append(struct pins *pins, const struct pin *pin, struct err *e)
{
    struct pin *grown = realloc(pins->list, (pins->count + 1) * sizeof(*grown));

    if (grown == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    pins->list = grown;
    grown[pins->count++] = *pin;
    return true;
}

/* A host that is named again may have that key too. */
static bool pin_add(struct trust *trust, const char *host, const char *fingerprint, struct err *e)
{
    struct pin pin = {.fingerprint = ""};

    if (!uuid_parse(host, strlen(host), &pin.host))
        return err_set(e, ERR_CONFIG, "host.%.60s in [trust]: not a host's UUID", host);
    if (strlen(fingerprint) != FINGERPRINT_CHARS || fingerprint[strspn(fingerprint, "0123456789abcdefABCDEF")] != '\0')
        return err_set(e, ERR_CONFIG, "host.%s in [trust] must be a fingerprint: %d hex digits", pin.host.text,
                       FINGERPRINT_CHARS);
    memcpy(pin.fingerprint, fingerprint, FINGERPRINT_CHARS);
    return pin_append(&trust->pins, &pin, e);
}

static const struct sender_key *key_of(const struct trust *trust, const char *user)
{
    for (size_t i = 0; i < trust->key_count; i++)
        if (strcmp(trust->keys[i].user, user) == 0)
            return &trust->keys[i];
    return NULL;
}

static bool sender_key_add(struct trust *trust, const char *user, const char *base64, struct err *e)
{
    struct sender_key key = {.user = ""}, *grown;

    if (user[0] == '\0' || strlen(user) >= sizeof(key.user))
        return err_set(e, ERR_CONFIG, "sender.<user> in [trust]: the user has 1 to %zu characters",
                       sizeof(key.user) - 1);
    if (key_of(trust, user) != NULL)
        return err_set(e, ERR_CONFIG, "sender.%.60s is given twice in [trust]", user);
    strcpy(key.user, user);
    if (!signature_key_read(base64, key.key))
        return err_set(e, ERR_CONFIG, "sender.%.60s in [trust] must be an Ed25519 public key: base64 of %d bytes", user,
                       PUBLIC_KEY_BYTES);
    grown = realloc(trust->keys, (trust->key_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    trust->keys = grown;
    grown[trust->key_count++] = key;
    return true;
}

bool trust_add(struct trust *trust, const char *key, const char *value, struct err *e)
{
    static const char host[] = "host.", sender[] = "sender.";

    if (strncmp(key, host, strlen(host)) == 0)
        return pin_add(trust, key + strlen(host), value, e);
    if (strncmp(key, sender, strlen(sender)) == 0)
        return sender_key_add(trust, key + strlen(sender), value, e);
    return err_set(e, ERR_CONFIG, "unknown key '%.60s' in [trust]", key);
}

void trust_print(const struct trust *trust, FILE *to)
{
    char base64[64], key[SHORTSTR_MAX_CHARS + 16];

    for (size_t i = 0; i < trust->pins.count; i++)
        fprintf(to, "host.%s = %s\n", trust->pins.list[i].host.text, trust->pins.list[i].fingerprint);
    for (size_t i = 0; i < trust->key_count; i++) {
        base64_write(trust->keys[i].key, PUBLIC_KEY_BYTES, base64, sizeof(base64));
        snprintf(key, sizeof(key), "sender.%s", trust->keys[i].user);
        config_line_print(key, base64, to);
    }
}

void trust_done(struct trust *trust)
{
    free(trust->pins.list);
    free(trust->keys);
    *trust = (struct trust){0};
}

/* ---- what it means ---- */

static bool is_signed_by_any(const struct trust *trust, const struct delivery *d)
{
    for (size_t i = 0; i < trust->key_count; i++)
        if (signature_is_of(d->signature, trust->keys[i].key, d->body, d->body_bytes))
            return true;
    return false;
}

static bool verify(const struct trust *trust, const struct senders *senders, const char *user, const struct delivery *d,
                   struct err *e)
{
    const struct sender_key *key = key_of(trust, user);

    if (senders->count > 0 && key == NULL)
        return err_set(e, ERR_SENDER, "the message is signed, and [trust] has no key sender.%.120s", user);
    if (senders->count > 0 ? signature_is_of(d->signature, key->key, d->body, d->body_bytes)
                           : is_signed_by_any(trust, d))
        return true;
    return err_set(e, ERR_SENDER, SIGNATURE_HEADER " is not %s signature of this body",
                   senders->count > 0 ? "its user's" : "any known sender's");
}

/* So that what was signed once cannot be used once more. */
static bool check_unused(const struct envelope *envelope, int64_t now_ms, struct err *e)
{
    if (envelope->id[0] == '\0')
        return err_field(e, ERR_SENDER, "id", "id must be in the body of a message that is signed");
    if (envelope->created_ms >= now_ms - SIGNED_PAST_MS && envelope->created_ms <= now_ms + SIGNED_FUTURE_MS)
        return true;
    return err_field(e, ERR_SENDER, "createdTime",
                     "createdTime of a signed message must be at most 7 days ago and 5 minutes ahead");
}

bool trust_check(const struct trust *trust, const struct senders *senders, const struct sender *sender,
                 const char *user, const struct delivery *delivery, const struct envelope *envelope, int64_t now_ms,
                 struct err *e)
{
    bool is_peer = sender != NULL && sender->role == ROLE_PEER;

    if (delivery->signature[0] != '\0' && trust->key_count > 0)
        return verify(trust, senders, user, delivery, e) && check_unused(envelope, now_ms, e);
    if (!senders->require_signature || is_peer)
        return true;
    return err_set(e, ERR_SENDER,
                   "the message is not signed: it has no header " SIGNATURE_HEADER
                   ", which require_signature in [senders] asks for");
}

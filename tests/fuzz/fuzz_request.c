/*
 * Any delivery through all that reads it in a worker with [senders] and [trust]:
 * what comes out as a request is one that its sender may send, signed where that is
 * asked for, no DEK stays behind in the delivery, and none is in a refusal: a clear
 * one in JSON begins with a text that no error has of itself. The first two bytes
 * choose the sender, the signature, the encoding and the configuration.
 */
#include "tests/fuzz/fuzz.h"

#include <sodium.h>

#include "handlers/handlers.h"
#include "schemas/base64.h"
#include "schemas/text.h"
#include "worker/request.h"

#define HOST_A "aaaaaaaa-0000-4000-8000-00000000000a"
#define HOST_B "bbbbbbbb-0000-4000-8000-00000000000b"
#define HIDDEN "h1dd3nh1" /* good base64 */
#define NOW_MS INT64_C(1790000000000)

enum signing { UNSIGNED, SIGNED, SIGNED_BY_ANOTHER, SIGNED_BADLY };

/* What the first two bytes say. */
struct sending {
    const char *user, *content_type, *message_id;
    enum signing signing;
    size_t config;
};

static struct vault *vault;
static struct digest_key content_key = {.bytes = {7}};
static struct host host = {.uuid = {HOST_A}, .digest_key = &content_key};
static struct life_config configs[3]; /* everyone everything; roles; roles and signatures, no clear DEKs */
static uint8_t secret_key[crypto_sign_SECRETKEYBYTES], another_key[crypto_sign_SECRETKEYBYTES];

static void trust_user(struct trust *trust, const uint8_t public_key[PUBLIC_KEY_BYTES])
{
    char base64[64];
    struct err e;

    base64_write(public_key, PUBLIC_KEY_BYTES, base64, sizeof(base64));
    MUST(trust_add(trust, "sender.mgmt", base64, &e) && trust_add(trust, "sender.reader", base64, &e));
}

static void give_roles(struct senders *senders)
{
    struct err e;

    MUST(senders_add(senders, "mgmt", "manager", &e) && senders_add(senders, "reader", "reader", &e));
    MUST(senders_add(senders, "op", "operator", &e) && senders_add(senders, "h-*", "peer " HOST_B, &e));
}

/* A ledger that knows nothing. */
static bool recall(void *ctx, const struct inbox_id *id, struct inbox_row *row, bool *found, struct err *e)
{
    (void)ctx, (void)row, (void)e;
    MUST(id_is_acceptable(id->id) && uuid_equal(&id->host, &host.uuid));
    *found = false;
    return true;
}

static void begin_once(void)
{
    const uint8_t seed[crypto_sign_SEEDBYTES] = {1}, another_seed[crypto_sign_SEEDBYTES] = {2};
    uint8_t public_key[PUBLIC_KEY_BYTES], another[PUBLIC_KEY_BYTES];
    struct err e;

    if (vault != NULL)
        return;
    MUST(sodium_init() >= 0 && vault_open(4, &vault, &e));
    digest_key_name(&content_key);
    crypto_sign_seed_keypair(public_key, secret_key, seed);
    crypto_sign_seed_keypair(another, another_key, another_seed);
    for (size_t i = 0; i < COUNT(configs); i++)
        configs[i] = (struct life_config){
            .world = {.recall = recall},
            .hosts = &host,
            .host_count = 1,
            .vault = vault,
            .content_key = &content_key,
            .accepts_clear_deks = i < 2,
        };
    give_roles(&configs[1].senders);
    give_roles(&configs[2].senders);
    configs[2].senders.require_signature = 1;
    trust_user(&configs[2].trust, public_key);
}

static struct sending choose(struct input *in)
{
    static const char *const users[] = {"mgmt", "reader", "h-1", "op", "nobody", "", "mgmt", "mgmt"};
    static const char *const types[] = {"application/msgpack", "application/json", "", "text/plain"};
    static const char *const ids[] = {"", "m-1", "not an id", "m-2"};
    uint8_t one = input_byte(in), two = input_byte(in);

    return (struct sending){users[one & 7], types[one >> 3 & 3], ids[one >> 5 & 3], (enum signing)(two & 3),
                            (two >> 2) % COUNT(configs)};
}

static void sign(struct delivery *d, enum signing how)
{
    uint8_t signature[crypto_sign_BYTES];

    if (how == SIGNED_BADLY)
        memcpy(d->signature, "?", 2);
    if (how == UNSIGNED || how == SIGNED_BADLY)
        return;
    crypto_sign_detached(signature, NULL, d->body, d->body_bytes, how == SIGNED ? secret_key : another_key);
    base64_write(signature, sizeof(signature), d->signature, sizeof(d->signature));
}

/* Where a clear DEK begins in a body of JSON, or its end. */
static size_t dek_at(const struct sending *sending, const struct input *in)
{
    static const char before[] = "\"dekBase64\":\"";
    bool is_json = in->left > 0 && encoding_of(in->at, in->left, sending->content_type) == ENCODING_JSON;
    const uint8_t *at = is_json ? memmem(in->at, in->left, before, strlen(before)) : NULL;

    return at == NULL ? in->left : (size_t)(at - in->at) + strlen(before);
}

static struct delivery *deliver(const struct sending *sending, const struct input *in)
{
    size_t before = dek_at(sending, in), hidden = before < in->left ? strlen(HIDDEN) : 0;
    struct delivery *d = calloc(1, sizeof(*d) + in->left + hidden);

    MUST(d != NULL);
    d->body_bytes = in->left + hidden;
    if (in->left > 0)
        memcpy(d->body, in->at, before);
    memcpy(d->body + before, HIDDEN, hidden);
    if (before < in->left)
        memcpy(d->body + before + hidden, in->at + before, in->left - before);
    strcpy(d->user_id, sending->user);
    strcpy(d->content_type, sending->content_type);
    strcpy(d->message_id, sending->message_id);
    sign(d, sending->signing);
    return d;
}

static bool is_user(const struct sending *sending, const char *name)
{
    return strcmp(sending->user, name) == 0;
}

/* Of a configuration with roles: whom they let through, said once more in other words. */
static bool may(const struct sending *sending, const struct handler *handler)
{
    bool is_peer = is_user(sending, "h-1");
    bool knows_key = is_user(sending, "mgmt") || is_user(sending, "reader");
    bool has_role = is_user(sending, "mgmt") || is_user(sending, "op") ||
                    (is_user(sending, "reader") && (handler->senders & MAY_READ) != 0) ||
                    (is_peer && (handler->senders & MAY_PEER) != 0);

    if (sending->config == 0)
        return true;
    if (sending->config == 1)
        return has_role;
    return has_role && ((sending->signing == SIGNED && knows_key) || (sending->signing == UNSIGNED && is_peer));
}

static bool is_zero(const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (data[i] != 0)
            return false;
    return true;
}

static void check_done(const struct request *r, const struct sending *sending)
{
    const struct handler *h = r->work.handler;
    const struct addressed *addressed = r->slot;
    const char *field;
    struct err e;

    MUST(h != NULL && r->slot != NULL && r->work.request == r->slot && r->work.host == &host);
    MUST(may(sending, h) && uuid_equal(&addressed->host_uuid, &host.uuid));
    MUST(id_is_acceptable(r->id) && strlen(r->entry.row.content) == DIGEST_CHARS);
    MUST((h->lane == LANE_IDENTITY) == (r->identity[0] != '\0'));
    MUST(sending->config < 2 || !schema_has_secret(h->message->request, r->slot, &field));
    MUST(is_zero(r->delivery->body, r->delivery->body_bytes));
    MUST((r->work.peer != NULL) == (sending->config != 0 && is_user(sending, "h-1")));
    MUST(r->work.peer == NULL || h->peer_may == NULL || h->peer_may(r->work.peer, r->slot, &e));
}

static void check_failed(const struct request *r, bool was_readable, bool is_hidden, const struct err *e)
{
    MUST(!is_hidden || (strstr(e->text, HIDDEN) == NULL && strstr(e->field, HIDDEN) == NULL));
    MUST(e->kind == ERR_REQUIRED || e->kind == ERR_INVALID || e->kind == ERR_MALFORMED || e->kind == ERR_SENDER ||
         e->kind == ERR_NO_HANDLER || e->kind == ERR_WRONG_HOST || e->kind == ERR_PLAINTEXT);
    MUST(e->text[0] != '\0' && text_is_plain(e->text, strlen(e->text)));
    MUST(was_readable || e->kind == ERR_MALFORMED); /* then its body is a dead letter's */
    MUST(!was_readable || is_zero(r->delivery->body, r->delivery->body_bytes));
    MUST(id_is_acceptable(request_correlation_id(r)) || r->id[0] == '\0' || r->envelope.correlation_id[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct sending sending = choose(&in);
    struct body *body = NULL;
    struct request *r;
    struct err e;

    begin_once();
    r = calloc(1, sizeof(*r));
    request_init(r, deliver(&sending, &in), 0, NOW_MS);
    bool is_hidden = in.left > 0 && memmem(in.at, in.left, HIDDEN, strlen(HIDDEN)) == NULL;
    bool was_readable = body_read(r->delivery->body, r->delivery->body_bytes, sending.content_type, &body, &e);
    body_free(body);
    enum reading reading = request_read(r, &configs[sending.config], &e);
    MUST(reading != READING_LATER);
    if (reading == READING_DONE)
        check_done(r, &sending);
    else
        check_failed(r, was_readable, is_hidden, &e);
    request_done(r, vault);
    free(r);
    return 0;
}

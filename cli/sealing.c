#include "cli/sealing.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "schemas/envelope.h"

/* Of a define or a pre-migrate: its DEK, in both forms, and what the coming define will say. */
struct wanted {
    struct dek *clear;
    struct sealed_dek *sealed;
    struct addressed to;
    struct uuid secret_uuid;
    const struct addressed *source; /* whom to ask for the secret's UUID, or NULL */
};

/* False: such a request has no DEK. */
static bool wanted_of(const struct message *message, void *typed, struct wanted *out)
{
    struct define_request *define = typed;
    struct pre_migrate_request *move = typed;

    if (message == &define_message)
        *out = (struct wanted){&define->dek, &define->encrypted_dek, define->to, define->secret_uuid, NULL};
    else if (message == &pre_migrate_message)
        *out = (struct wanted){&move->dek, &move->encrypted_dek, {move->dst_host_uuid, move->to.key}, {""}, &move->to};
    else
        return false;
    return out->clear->len > 0;
}

/*
 * As the source finds it: from the live domain, else by identity. Where there is
 * neither it stays "", and the pre-migrate will skip the VM or say what is missing.
 */
static bool find_secret(struct session *session, const struct addressed *source, struct uuid *out, bool *answered,
                        struct err *e)
{
    const struct resolve_request resolve = {
        .to = {.host_uuid = source->host_uuid, .key = {.vm_uuid = source->key.vm_uuid}}};
    const struct get_request get = {*source};
    struct resolve_reply resolved;
    struct get_reply got;

    if (session_ask(session, &resolve_message, &source->host_uuid, &resolve, &resolved, answered, e)) {
        *out = resolved.secret_uuid;
        return true;
    }
    if (e->kind != ERR_NOT_FOUND)
        return false;
    if (!session_ask(session, &get_message, &source->host_uuid, &get, &got, answered, e))
        return e->kind == ERR_NOT_FOUND;
    *out = got.secret_uuid;
    return true;
}

bool recipient_ask(struct session *session, const struct uuid *host, struct recipient *out, bool *answered,
                   struct err *e)
{
    const struct host_key_get_request ask_key = {.to.host_uuid = *host};
    const struct capabilities_request ask_what = {.to.host_uuid = *host};
    struct host_key_reply key;
    struct capabilities_reply what;

    if (!session_ask(session, &host_key_get_message, host, &ask_key, &key, answered, e))
        return false;
    *out = (struct recipient){key.public_key, SEAL_BOUND};
    if (!session_ask(session, &capabilities_message, host, &ask_what, &what, answered, e))
        return *answered;
    if (strcmp(what.envelope, seal_layout_names[SEAL_COMPATIBLE]) == 0)
        out->layout = SEAL_COMPATIBLE;
    return true;
}

bool recipient_seal(const struct recipient *recipient, const struct seal_use *use, const struct dek *dek,
                    struct sealed_dek *out, struct err *e)
{
    uint8_t ephemeral[HPKE_KEY_BYTES];
    bool ok;

    if (getrandom(ephemeral, sizeof(ephemeral), 0) != (ssize_t)sizeof(ephemeral))
        return err_set(e, ERR_LOCAL, "the system gave no random bytes");
    ok = seal_seal(recipient->layout, ephemeral, &recipient->key, use, dek, out, e);
    wipe(ephemeral, sizeof(ephemeral));
    return ok;
}

static bool seal(struct wanted *w, const struct recipient *recipient, struct err *e)
{
    struct seal_use use = {&w->to, &w->secret_uuid};

    if (!recipient_seal(recipient, &use, w->clear, w->sealed, e))
        return false;
    wipe(w->clear, sizeof(*w->clear));
    return true;
}

static bool write_again(const struct options *o, struct composed *c, struct err *e)
{
    int64_t now = session_now_ms();
    struct request_head head = {ENCODING_JSON, o->message->name, c->id, now, now + o->timeout_ms};
    struct bytes body;

    if (!request_write(&head, o->message->request, c->typed, &body, e))
        return false;
    bytes_free(&c->body);
    c->body = body;
    return true;
}

bool sealing_apply(struct session *session, const struct options *options, struct composed *request, bool *answered,
                   struct err *e)
{
    const struct message *message = options->message;
    struct recipient recipient;
    struct wanted wanted;

    *answered = false;
    if (options->seal == SEAL_NEVER || message == NULL || !wanted_of(message, request->typed, &wanted))
        return true;
    if (!recipient_ask(session, &wanted.to.host_uuid, &recipient, answered, e)) {
        if (!*answered || options->seal == SEAL_ALWAYS)
            return false;
        fprintf(stderr, "keyferry: the DEK goes in clear, since the host gives no key to seal it to: %s: %s\n", e->code,
                e->text);
        return true;
    }
    if (wanted.source != NULL && !find_secret(session, wanted.source, &wanted.secret_uuid, answered, e))
        return false;
    return seal(&wanted, &recipient, e) && write_again(options, request, e);
}

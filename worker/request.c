#include "worker/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/text.h"
#include "schemas/version.h"
#include "worker/log.h"

void request_init(struct request *r, struct delivery *delivery, size_t host, int64_t now_ms)
{
    r->delivery = delivery;
    r->user = delivery->user_id;
    r->came_by = delivery->queue;
    r->host = host;
    r->arrived_ms = now_ms;
    (void)!trace_read(delivery->traceparent, &r->trace); /* what is malformed is none */
    TAILQ_INIT(&r->duplicates);
}

void request_release_slots(struct request *r, struct vault *vault)
{
    vault_give(vault, TAKE(r->slot));
    vault_give(vault, TAKE(r->work.notes));
    r->work.request = NULL;
}

void request_done(struct request *r, struct vault *vault)
{
    request_release_slots(r, vault);
    free(r->known);
    delivery_free(r->delivery);
}

const char *request_reply_to(const struct request *r)
{
    if (r->envelope.no_reply)
        return "";
    return r->delivery->reply_to[0] != '\0' ? r->delivery->reply_to : r->envelope.reply_to;
}

const char *request_correlation_id(const struct request *r)
{
    if (r->delivery->correlation_id[0] != '\0')
        return r->delivery->correlation_id;
    return r->envelope.correlation_id[0] != '\0' ? r->envelope.correlation_id : r->id;
}

static bool read_id(struct request *r, struct err *e)
{
    const char *outer = r->delivery->message_id;

    if (r->envelope.id[0] != '\0')
        strcpy(r->id, r->envelope.id);
    else if (id_is_acceptable(outer))
        strcpy(r->id, outer);
    if (r->id[0] != '\0')
        return true;
    return err_field(e, ERR_REQUIRED, "id",
                     "id is required, in the body or as AMQP's message_id: 1 to %d of [A-Za-z0-9._:-]", ID_MAX_CHARS);
}

/* The ids of readers and peers are their own, so that nobody can spoil a migration by using its ids first. */
static void name_entry(struct request *r, const struct life_config *config)
{
    struct inbox_id *id = &r->entry.id;

    id->host = config->hosts[r->host].uuid;
    memcpy(id->id, r->id, sizeof(id->id));
    if (!sender_manages(r->sender))
        memcpy(id->sender, r->user, sizeof(id->sender));
}

/* What the ledger knows of the id. READING_DONE: it was asked. */
static enum reading recall(struct request *r, const struct life_config *config, struct err *e)
{
    const struct world *w = &config->world;
    struct inbox_row row;
    bool found;

    free(TAKE(r->known));
    name_entry(r, config);
    if (!w->recall(w->ctx, &r->entry.id, &row, &found, e))
        return READING_LATER;
    if (!found)
        return READING_DONE;
    r->known = malloc(sizeof(*r->known));
    if (r->known == NULL)
        abort(); /* the broker still has the delivery */
    *r->known = row;
    return READING_DONE;
}

bool request_is_deadly(const struct request *r)
{
    return r->known != NULL && r->known->state != INBOX_DONE && r->known->attempts >= ATTEMPTS_MAX;
}

bool request_asks_for(const struct request *r, const struct inbox_row *known, const void *slot)
{
    const struct inbox_row *asks = &r->entry.row;
    const struct handler *h = r->work.handler;
    char one[DIGEST_CHARS + 1], other[DIGEST_CHARS + 1];

    if (strcmp(known->name, asks->name) != 0 || !digest_equal(known->content, asks->content))
        return false;
    if (h->dek_digest == NULL || digest_equal(known->whole, asks->whole))
        return true;
    if (slot == NULL)
        memcpy(one, known->dek, sizeof(one));
    else if (!h->dek_digest(r->work.host, slot, one))
        return false;
    return h->dek_digest(r->work.host, r->slot, other) && digest_equal(one, other);
}

static bool take_slots(struct request *r, const struct handler *handler, struct vault *vault)
{
    r->slot = vault_take(vault);
    r->work.request = r->slot;
    if (r->slot == NULL)
        return false;
    if (handler->notes_bytes != 0)
        r->work.notes = vault_take(vault);
    if (handler->notes_bytes == 0 || r->work.notes != NULL)
        return true;
    request_release_slots(r, vault);
    return false;
}

void request_identify(struct request *r)
{
    const struct addressed *to = r->slot;
    char usage_id[USAGE_ID_MAX_CHARS + 1];

    if (r->work.handler->lane != LANE_IDENTITY)
        return;
    secret_usage_id(&to->key, usage_id);
    snprintf(r->identity, sizeof(r->identity), "%s/%s", to->host_uuid.text, usage_id);
}

static bool check_host(const struct request *r, const struct life_config *config, struct err *e)
{
    const struct addressed *to = r->slot;
    const struct uuid *mine = &config->hosts[r->host].uuid;

    if (uuid_equal(&to->host_uuid, mine))
        return true;
    return err_field(e, ERR_WRONG_HOST, "hostUuid", "hostUuid is %s, but the message came by the queue of host %s",
                     to->host_uuid.text, mine->text);
}

/* Of whom nothing is known here, not even by the ledger. */
static bool check_served(const struct request *r, const struct life_config *config, struct err *e)
{
    if (r->host < config->host_count)
        return true;
    return err_field(e, ERR_WRONG_HOST, "hostUuid", "the routing key is not that of a hostUuid served here");
}

static bool check_clear_dek(const struct request *r, const struct life_config *config, struct err *e)
{
    const char *field;

    if (config->accepts_clear_deks || !schema_has_secret(r->work.handler->message->request, r->slot, &field))
        return true;
    return err_field(e, ERR_PLAINTEXT, field,
                     "%s came in clear, which plaintext_dek in [worker] refuses on this broker", field);
}

/* Once the fields are known. Who may send the message at all was asked before. */
static bool check_peer(struct request *r, struct err *e)
{
    const struct handler *h = r->work.handler;

    if (sender_is_peer(r->sender, r->user, &r->peer))
        r->work.peer = &r->peer;
    return r->work.peer == NULL || h->peer_may == NULL || h->peer_may(r->work.peer, r->slot, e);
}

/* What the body says in types, once its name is known to have a handler. */
static bool read_typed(struct request *r, const struct body *body, const struct life_config *config, struct err *e)
{
    const struct schema *schema = r->work.handler->message->request;

    if (!message_read(body, schema, r->slot, e))
        return false;
    text_copy(r->entry.row.name, sizeof(r->entry.row.name), r->envelope.name);
    digest_content(config->content_key, schema, r->slot, r->entry.row.content);
    digest_whole(config->content_key, schema, r->slot, r->entry.row.whole);
    request_identify(r);
    r->work.host = &config->hosts[r->host];
    r->work.id = r->id;
    return check_host(r, config, e) && check_peer(r, e) && check_clear_dek(r, config, e);
}

static bool find_handler(struct request *r, struct err *e)
{
    r->work.handler = handler_find(r->envelope.name);
    if (r->work.handler != NULL)
        return true;
    return err_set(e, ERR_NO_HANDLER, "no handler for %s" NOT_KNOWN_HERE, r->envelope.name);
}

/* An operator sends again what was another's: then it is that one's. ERR_SENDER where that is not believed. */
static bool find_user(struct request *r, const struct life_config *config, struct err *e)
{
    static const struct uuid nobody = {0};
    const struct delivery *d = r->delivery;

    if (!d->on_behalf_of.is_made)
        return true;
    r->is_on_behalf =
        senders_believe_claim(&config->senders, d->user_id, d->vouched_by.is_made ? d->vouched_by.user : NULL,
                              r->host < config->host_count ? &config->hosts[r->host].uuid : &nobody, e);
    if (r->is_on_behalf)
        r->user = d->on_behalf_of.user;
    return r->is_on_behalf;
}

/* Whose it is is known, he may send the message, and has signed it where that is asked for. */
static bool check_sender(struct request *r, const struct life_config *config, struct err *e)
{
    return find_user(r, config, e) && senders_know(&config->senders, r->user, &r->sender, e) &&
           trust_check(&config->trust, &config->senders, r->sender, r->user, r->delivery, &r->envelope, r->arrived_ms,
                       e) &&
           find_handler(r, e) && sender_may(r->sender, r->work.handler, e);
}

enum reading request_read(struct request *r, const struct life_config *config, struct err *e)
{
    struct delivery *d = r->delivery;
    ON_EXIT(body_release) struct body *body = NULL;
    enum reading recalled;
    bool envelope_ok;

    (void)find_user(r, config, e); /* a dead letter needs it, too; check_sender() asks again, and tells */
    r->envelope.encoding = encoding_of(d->body, d->body_bytes, d->content_type);
    if (!body_read(d->body, d->body_bytes, d->content_type, &body, e))
        return READING_FAILED;
    envelope_ok = envelope_read(body, &r->envelope, e);
    r->work.deadline_ms = envelope_deadline_ms(&r->envelope, r->arrived_ms);
    if (!envelope_ok || !read_id(r, e) || !check_sender(r, config, e) || !check_served(r, config, e)) {
        wipe(d->body, d->body_bytes);
        return READING_FAILED;
    }
    recalled = recall(r, config, e);
    if (recalled != READING_DONE)
        return recalled;
    if (!take_slots(r, r->work.handler, config->vault))
        return READING_LATER;
    if (!request_is_deadly(r)) /* else it may have to be dead-lettered */
        wipe(d->body, d->body_bytes);
    return read_typed(r, body, config, e) ? READING_DONE : READING_FAILED;
}

static void format_ms(char out[24], int64_t ms)
{
    snprintf(out, 24, "%lld", (long long)ms);
}

void request_log(const struct request *r, int64_t now_ms, const char *reply_fate)
{
    const struct work *w = &r->work;
    const char *outcome = !w->failed ? "ok" : w->err.code[0] != '\0' ? w->err.code : "error";
    enum log_level level = w->failed ? LOG_LEVEL_WARN : LOG_LEVEL_INFO;
    char total[24], waited[24];

    if (!log_is_on(level))
        return;
    format_ms(total, now_ms - r->arrived_ms);
    format_ms(waited, (r->begun_ms != 0 ? r->begun_ms : now_ms) - r->arrived_ms);
    log_event(level, "request", "msg", r->envelope.name, "id", r->id, "trace", r->trace.id, "host",
              w->host != NULL ? w->host->uuid.text : "", "identity", r->identity, "outcome", outcome, "field",
              w->failed ? w->err.field : "", "details", w->failed ? w->err.text : "", "waited_ms", waited, "total_ms",
              total, "redelivered", r->delivery->redelivered ? "yes" : "", "duplicate", r->is_duplicate ? "yes" : "",
              "user", r->user, "replayed_by", r->is_on_behalf ? r->delivery->user_id : "", "reply_to",
              request_reply_to(r), "reply", reply_fate, (char *)NULL);
}

#include "cli/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "schemas/envelope.h"
#include "schemas/harden.h"
#include "schemas/headers.h"
#include "schemas/trace.h"

enum { HEARTBEAT_S = 15 };

static void release_answer(struct client_answer *answer)
{
    bytes_free(&answer->body);
}

int64_t session_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void session_new_id(char out[UUID_HEX_CHARS + 1])
{
    uint8_t random[16];
    struct uuid uuid;

    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        abort(); /* cannot fail for 16 bytes: getrandom(2) */
    uuid_from_random(random, &uuid);
    uuid_hex(&uuid, out);
}

struct client_config session_config(const struct settings *settings, char name[SESSION_NAME_BYTES])
{
    char id[UUID_HEX_CHARS + 1];

    session_new_id(id);
    snprintf(name, SESSION_NAME_BYTES, "cli-%s", id);
    return (struct client_config){
        .urls = settings->urls,
        .password = settings->password[0] != '\0' ? settings->password : NULL,
        .tls = {settings->ca_file, settings->cert_file, settings->key_file, strcmp(settings->sasl, "external") == 0},
        .name = name,
        .reply_exchange = settings->reply_exchange,
        .events_exchange = settings->events_exchange,
        .heartbeat_s = HEARTBEAT_S,
        .body_max_bytes = BODY_MAX_BYTES};
}

static bool open_as(const struct client_config *config, const struct settings *settings, int64_t timeout_ms,
                    struct session *out, struct err *e)
{
    *out = (struct session){.settings = settings, .timeout_ms = (unsigned)timeout_ms};
    return client_open(config, out->timeout_ms, &out->client, e);
}

bool session_open(const struct settings *settings, int64_t timeout_ms, const char *queue, struct session *out,
                  struct err *e)
{
    char name[SESSION_NAME_BYTES];
    struct client_config config = session_config(settings, name);

    config.queue = queue;
    return open_as(&config, settings, timeout_ms, out, e);
}

bool session_listen(const struct settings *settings, int64_t timeout_ms, const char *key, struct session *out,
                    struct err *e)
{
    char name[SESSION_NAME_BYTES];
    struct client_config config = session_config(settings, name);

    config.events_key = key;
    return open_as(&config, settings, timeout_ms, out, e);
}

void session_close(struct session *session)
{
    client_close(session->client);
}

void session_route(const struct uuid *host, char out[SHORTSTR_MAX_CHARS + 1])
{
    char hex[UUID_HEX_CHARS + 1];

    uuid_hex(host, hex);
    snprintf(out, SHORTSTR_MAX_CHARS + 1, "host.%s", hex);
}

/* Whoever runs this program may be followed through it: https://opentelemetry.io, environment variables as carriers. */
static bool trace_of_caller(const char *headers[3])
{
    const char *text = getenv("TRACEPARENT");
    struct trace trace;

    headers[0] = TRACEPARENT_HEADER;
    headers[1] = text;
    headers[2] = NULL;
    return text != NULL && trace_read(text, &trace);
}

static void draw(void *arg, unsigned waited_ms)
{
    struct session *session = arg;

    progress_draw(&session->progress, "waiting", waited_ms / 1000, session->timeout_ms / 1000);
}

bool session_send(struct session *session, const struct uuid *host, const char *id, const struct bytes *body,
                  struct client_answer *out, struct err *e)
{
    char route[SHORTSTR_MAX_CHARS + 1];
    const char *headers[3];
    struct client_request call = {.exchange = session->settings->exchange,
                                  .routing_key = route,
                                  .content_type = "application/json",
                                  .id = id,
                                  .headers = trace_of_caller(headers) ? headers : NULL,
                                  .body = body->data,
                                  .body_bytes = body->len,
                                  .waits = draw,
                                  .arg = session};
    struct err why;
    bool ok;

    session->progress = (struct progress){0};
    stack_wipe(); /* the DEK was composed and sealed; now we wait */
    session_route(host, route);
    ok = client_call(session->client, &call, session->timeout_ms, out, &why);
    progress_clear(&session->progress);
    if (ok)
        return true;
    *e = why;
    if (why.kind == ERR_NO_ROUTE)
        err_set(e, ERR_NO_ROUTE, "%s: no worker serves host %s in this vhost: %s", why.code, host->text, why.text);
    return false;
}

bool session_ask(struct session *session, const struct message *message, const struct uuid *host, const void *request,
                 void *reply, bool *answered, struct err *e)
{
    ON_EXIT(bytes_free) struct bytes body = {0};
    ON_EXIT(release_answer) struct client_answer answer = {.content_type = ""};
    char id[UUID_HEX_CHARS + 1];
    int64_t now = session_now_ms();
    struct request_head head = {ENCODING_JSON, message->name, id, now, now + session->timeout_ms};

    session_new_id(id);
    *answered = false;
    if (!request_write(&head, message->request, request, &body, e) ||
        !session_send(session, host, id, &body, &answer, e))
        return false;
    *answered = true;
    return reply_read(answer.body.data, answer.body.len, answer.content_type, message->reply, reply, e);
}

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>

#include "bus/client.h"
#include "cli/compose.h"
#include "cli/exit.h"
#include "cli/print.h"
#include "cli/settings.h"
#include "schemas/digest.h"
#include "schemas/envelope.h"

enum { VAULT_SLOTS = 4, HEARTBEAT_S = 15 };

static int complain(const struct err *e, int status)
{
    fprintf(stderr, "keyferry: %s\n", e->text);
    return status;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void new_id(char out[UUID_HEX_CHARS + 1])
{
    uint8_t random[16];
    struct uuid uuid;

    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        abort(); /* cannot fail for 16 bytes: getrandom(2) */
    uuid_from_random(random, &uuid);
    uuid_hex(&uuid, out);
}

/* The reply, as its envelope or for people. Its error, if it is one, goes to stderr with its code. */
static int print_reply(const struct options *o, const struct client_answer *answer, struct vault *vault)
{
    const struct schema *schema = o->command->message != NULL ? o->command->message->reply : NULL;
    void *fields = vault_take(vault);
    struct err e = {.code = ""};
    bool ok = reply_read(answer->body.data, answer->body.len, answer->content_type, schema, fields, &e);

    if (o->json || schema == NULL)
        printf("%.*s\n", (int)answer->body.len, (const char *)answer->body.data);
    else if (ok)
        print_fields(schema, fields);
    vault_give(vault, fields);
    if (ok)
        return EXIT_SUCCESS;
    fprintf(stderr, "keyferry: %s%s%s\n", e.code, e.code[0] != '\0' ? ": " : "", e.text);
    return EXIT_ERROR_REPLY;
}

/* Why there is no answer, in words and as exit status. */
static int explain(const struct err *e, const struct composed *request)
{
    static const struct {
        enum err_kind kind;
        int status;
    } statuses[] = {
        {ERR_TIMEOUT, EXIT_NO_REPLY},
        {ERR_NO_ROUTE, EXIT_NO_ROUTE},
        {ERR_CONFIG, EXIT_USAGE},
    };

    if (e->kind == ERR_NO_ROUTE)
        fprintf(stderr, "keyferry: %s: no worker serves host %s: %s\n", e->code, request->host.text, e->text);
    else
        fprintf(stderr, "keyferry: %s\n", e->text);
    for (size_t i = 0; i < COUNT(statuses); i++)
        if (statuses[i].kind == e->kind)
            return statuses[i].status;
    return EXIT_UNREACHABLE;
}

static int ask(const struct options *o, const struct settings *s, const char *id, const struct composed *request,
               struct vault *vault)
{
    char route[SHORTSTR_MAX_CHARS + 1], hex[UUID_HEX_CHARS + 1], name[64];
    struct client_config config = {.urls = s->urls,
                                   .password = s->password[0] != '\0' ? s->password : NULL,
                                   .name = name,
                                   .heartbeat_s = HEARTBEAT_S,
                                   .reply_exchange = s->reply_exchange,
                                   .body_max_bytes = BODY_MAX_BYTES};
    struct client_request call = {.exchange = s->exchange,
                                  .routing_key = route,
                                  .content_type = "application/json",
                                  .id = id,
                                  .body = request->body.data,
                                  .body_bytes = request->body.len};
    struct client_answer answer = {.content_type = ""};
    struct client *client = NULL;
    struct err e;
    int status;

    uuid_hex(&request->host, hex);
    snprintf(route, sizeof(route), "host.%s", hex);
    snprintf(name, sizeof(name), "cli-%s", id);
    if (client_open(&config, (unsigned)o->timeout_ms, &client, &e) &&
        client_call(client, &call, (unsigned)o->timeout_ms, &answer, &e))
        status = print_reply(o, &answer, vault);
    else
        status = explain(&e, request);
    bytes_free(&answer.body);
    client_close(client);
    return status;
}

static int compose_and_ask(const struct options *o, const struct settings *s, struct vault *vault)
{
    struct composed request = {0};
    char id[UUID_HEX_CHARS + 1];
    struct err e;
    int status;

    new_id(id);
    if (o->file != NULL ? !compose_from_file(o->file, &request, &e) : !compose(o, id, now_ms(), vault, &request, &e))
        return complain(&e, EXIT_USAGE);
    status = ask(o, s, id, &request, vault);
    bytes_free(&request.body);
    return status;
}

static void harden(void)
{
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__ /* its leak check attaches to the process */
    prctl(PR_SET_DUMPABLE, 0);
#endif
}

int main(int argc, char **argv)
{
    struct options options;
    struct settings settings;
    struct vault *vault;
    struct err e;
    int status;

    harden();
    if (!options_read(argc, argv, &options, &status))
        return status;
    if (!settings_read(&options, &settings, &e) || !vault_open(VAULT_SLOTS, &vault, &e))
        return complain(&e, EXIT_USAGE);
    status = compose_and_ask(&options, &settings, vault);
    vault_close(vault);
    settings_done(&settings);
    return status;
}

#include "cli/ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exit.h"
#include "cli/print.h"
#include "cli/sealing.h"
#include "schemas/envelope.h"

enum { VAULT_SLOTS = 4 };

static int complain(const struct err *e, int status)
{
    fprintf(stderr, "keyferry: %s\n", e->text);
    return status;
}

static int complain_of_reply(const struct err *e)
{
    fprintf(stderr, "keyferry: %s%s%s\n", e->code, e->code[0] != '\0' ? ": " : "", e->text);
    return EXIT_ERROR_REPLY;
}

/* The reply, as its envelope or for people. Its error, if it is one, goes to stderr with its code. */
static int print_reply(const struct options *o, const struct client_answer *answer, struct vault *vault)
{
    const struct schema *schema = o->message != NULL ? o->message->reply : NULL;
    void *fields = vault_take(vault);
    struct err e = {.code = ""};
    bool ok = reply_read(answer->body.data, answer->body.len, answer->content_type, schema, fields, &e);

    if (o->json || schema == NULL)
        printf("%.*s\n", (int)answer->body.len, (const char *)answer->body.data);
    else if (ok)
        print_fields(schema, fields);
    vault_give(vault, fields);
    return ok ? EXIT_SUCCESS : complain_of_reply(&e);
}

static int ask(struct session *session, const struct options *o, struct composed *request, struct vault *vault)
{
    struct client_answer answer = {.content_type = ""};
    bool answered;
    struct err e;
    int status;

    if (!sealing_apply(session, o, request, &answered, &e))
        return answered ? complain_of_reply(&e) : exit_explain(&e);
    if (session_send(session, &request->host, request->id, &request->body, &answer, &e))
        status = print_reply(o, &answer, vault);
    else
        status = exit_explain(&e);
    bytes_free(&answer.body);
    return status;
}

static int compose_and_ask(const struct options *o, const struct settings *s, struct vault *vault)
{
    struct composed request = {0};
    struct session session;
    struct err e;
    int status;

    if (o->word_count > 0 ? !compose_from_file(option_word(o, 0), &request, &e) : !compose(o, vault, &request, &e))
        return complain(&e, EXIT_USAGE);
    status = session_open(s, o->timeout_ms, NULL, &session, &e) ? ask(&session, o, &request, vault) : exit_explain(&e);
    session_close(&session);
    composed_done(&request, vault);
    return status;
}

int ask_run(const struct options *options)
{
    struct settings settings;
    struct vault *vault;
    struct err e;
    int status;

    if (!settings_read(options, &settings, &e) || !vault_open(VAULT_SLOTS, &vault, &e))
        return complain(&e, EXIT_USAGE);
    status = compose_and_ask(options, &settings, vault);
    vault_close(vault);
    settings_done(&settings);
    return status;
}

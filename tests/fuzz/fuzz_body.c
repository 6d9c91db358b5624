/* Any bytes as a request: refused with a decent error, or read, and then written and read again the same. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "schemas/envelope.h"
#include "schemas/messages.h"
#include "schemas/redact.h"
#include "schemas/text.h"
#include "schemas/vault.h"

static _Alignas(8) uint8_t message[VAULT_SLOT_BYTES], again[VAULT_SLOT_BYTES];

static void check_error(const struct err *e)
{
    MUST(e->kind == ERR_REQUIRED || e->kind == ERR_INVALID || e->kind == ERR_MALFORMED);
    MUST(e->text[0] != '\0' && text_is_plain(e->text, strlen(e->text)));
    MUST(text_is_plain(e->field, strlen(e->field)));
}

static void check_round_trip(const struct schema *schema, enum encoding encoding)
{
    struct request_head head = {encoding, schema->name, "an-id", 1, 2};
    struct bytes bytes;
    struct body *body;
    struct err e;

    MUST(request_write(&head, schema, message, &bytes, &e));
    MUST(body_read(bytes.data, bytes.len, NULL, &body, &e));
    MUST(message_read(body, schema, again, &e));
    MUST(memcmp(message, again, schema->size) == 0);
    body_free(body);
    bytes_free(&bytes);
}

static void check_refusal(const struct schema *schema, const struct err *e)
{
    check_error(e);
    MUST(e->kind != ERR_MALFORMED);
    for (size_t i = 0; i < schema->size; i++)
        MUST(message[i] == 0);
}

static void check_message(const struct body *body, const struct schema *schema)
{
    struct err e;

    memset(message, 0xee, sizeof(message));
    if (!message_read(body, schema, message, &e)) {
        check_refusal(schema, &e);
        return;
    }
    check_round_trip(schema, ENCODING_MSGPACK);
    check_round_trip(schema, ENCODING_JSON);
}

/* What is shown of it is one value that can be read. */
static void check_redacted(const struct body *body)
{
    struct writer *w = writer_new(ENCODING_JSON);
    struct bytes bytes;
    struct body *shown;
    struct err e;

    MUST(w != NULL);
    redact_write(body, w);
    MUST(writer_finish(w, &bytes, &e));
    MUST(bytes.len > BODY_MAX_BYTES || body_read(bytes.data, bytes.len, "application/json", &shown, &e));
    if (bytes.len <= BODY_MAX_BYTES)
        body_free(shown);
    bytes_free(&bytes);
}

static void check_body(const uint8_t *data, size_t size, const char *content_type)
{
    const struct message *m;
    struct envelope envelope;
    struct uuid host;
    struct body *body;
    struct err e;

    if (!body_read(data, size, content_type, &body, &e)) {
        check_error(&e);
        MUST(strcmp(e.text, "the body cannot be read as msgpack") != 0); /* what our scan takes, msgpack-c takes */
        return;
    }
    if (!envelope_read(body, &envelope, &e))
        check_error(&e);
    if (!body_host(body, &host, &e))
        check_error(&e);
    MUST(envelope.name[0] != '\0' && envelope.name[NAME_MAX_CHARS] == '\0');
    MUST(envelope.id[0] == '\0' || id_is_acceptable(envelope.id));
    MUST(text_is_plain(envelope.reply_to, strlen(envelope.reply_to)));
    MUST(envelope_deadline_ms(&envelope, WHOLE_MAX) >= 0);
    check_redacted(body);
    for (size_t i = 0; (m = message_at(i)) != NULL; i++)
        check_message(body, m->request);
    body_free(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_body(data, size, "application/msgpack");
    check_body(data, size, "application/json");
    return 0;
}

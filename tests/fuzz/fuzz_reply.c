/* Any bytes as the reply of a peer that may be in other hands. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "schemas/envelope.h"
#include "schemas/messages.h"
#include "schemas/text.h"
#include "schemas/vault.h"

static _Alignas(8) uint8_t reply[VAULT_SLOT_BYTES], again[VAULT_SLOT_BYTES];

static void check_failure(const struct message *m, const struct err *e)
{
    MUST(e->kind != ERR_NONE && err_fate(e) == FATE_ANSWER);
    MUST(e->code[0] != '\0' && text_is_plain(e->code, strlen(e->code)));
    MUST(text_is_plain(e->text, strlen(e->text)) && text_is_plain(e->field, strlen(e->field)));
    for (size_t i = 0; i < m->reply->size; i++)
        MUST(reply[i] == 0);
}

/* What was read is what we would have written; a failure may be passed on. */
static void check_round_trip(const struct message *m, enum encoding encoding, const struct err *failure)
{
    struct reply_head head = {encoding, "", m->name, "an-id", "another", 1};
    struct bytes bytes;
    struct err e;

    MUST(reply_write(&head, m->reply, reply, failure, &bytes, &e));
    MUST(reply_read(bytes.data, bytes.len, NULL, m->reply, again, &e) == (failure == NULL));
    MUST(memcmp(reply, again, m->reply->size) == 0);
    MUST(failure == NULL || (strcmp(failure->text, e.text) == 0 && strcmp(failure->code, e.code) == 0));
    bytes_free(&bytes);
}

static void check_reply(const uint8_t *data, size_t size, const char *content_type, const struct message *m)
{
    struct err e;

    memset(reply, 0xee, sizeof(reply));
    bool ok = reply_read(data, size, content_type, m->reply, reply, &e);
    if (!ok)
        check_failure(m, &e);
    if (!ok && e.kind == ERR_FOREIGN)
        return; /* most inputs: nothing to pass on */
    check_round_trip(m, ENCODING_MSGPACK, ok ? NULL : &e);
    check_round_trip(m, ENCODING_JSON, ok ? NULL : &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const content_types[] = {"application/msgpack", "application/json"};
    const struct message *m;

    for (size_t i = 0; i < COUNT(content_types); i++)
        for (size_t j = 0; (m = message_at(j)) != NULL; j++)
            check_reply(data, size, content_types[i], m);
    return 0;
}

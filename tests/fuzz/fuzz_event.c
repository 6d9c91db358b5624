/*
 * Any bytes as an event that somebody has told, for `keyferry watch`: what is accepted
 * is plain, of a kind there is, and where it says what its kind must, it is written and
 * read again the same.
 */
#include "tests/fuzz/fuzz.h"

#include "schemas/host_event.h"
#include "schemas/text.h"

static bool is_plain(const char *text, size_t room)
{
    return strnlen(text, room) < room && text_is_plain(text, strlen(text));
}

static void check(const struct host_event_said *said)
{
    const struct host_event *event = &said->event;

    MUST(event->kind < HOST_EVENT_COUNT && strcmp(said->name, host_event_name(event->kind)) == 0);
    MUST(uuid_is_set(&event->host_uuid) && said->worker[0] != '\0' && said->created_ms >= 0);
    MUST(is_plain(said->worker, sizeof(said->worker)) && is_plain(event->reason, sizeof(event->reason)));
    MUST(is_plain(event->migration_id, sizeof(event->migration_id)));
    MUST(is_plain(event->key.purpose, sizeof(event->key.purpose)));
    MUST(is_plain(event->key.usage_instance, sizeof(event->key.usage_instance)));
}

/* A worker that begins to serve a host says nothing but that. */
static void check_round_trip(const struct host_event_said *said)
{
    const struct host_event plain = {.kind = said->event.kind, .host_uuid = said->event.host_uuid};
    struct host_event_said again;
    struct bytes body;
    struct err e;

    if (said->event.kind != HOST_EVENT_WORKER_UP)
        return;
    MUST(host_event_write(&plain, said->worker, said->created_ms, &body, &e));
    MUST(host_event_read(body.data, body.len, &again, &e));
    MUST(memcmp(&again.event, &plain, sizeof(plain)) == 0 && strcmp(again.worker, said->worker) == 0);
    MUST(again.created_ms == said->created_ms);
    bytes_free(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct host_event_said said;
    struct err e;

    memset(&said, 0xee, sizeof(said));
    if (host_event_read(data, size, &said, &e)) {
        check(&said);
        check_round_trip(&said);
    } else {
        MUST(e.kind == ERR_MALFORMED || e.kind == ERR_INVALID || e.kind == ERR_REQUIRED || e.kind == ERR_LOCAL);
        MUST(text_is_plain(e.text, strlen(e.text)));
    }
    return 0;
}

#include "schemas/host_event.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "schemas/body.h"
#include "schemas/field.h"
#include "schemas/text.h"
#include "schemas/version.h"

enum fact { KEY = 1, SECRET = 2, MIGRATION = 4, REASON = 8 };

/* clang-format off */
static const struct {
    const char *name;
    unsigned must, may; /* say of this, beside what all say: event, hostUuid, worker, createdTime */
} kinds[] = {
    [HOST_EVENT_WORKER_UP]       = { "worker-up",       0,                     0 },
    [HOST_EVENT_WORKER_DOWN]     = { "worker-down",     0,                     0 },
    [HOST_EVENT_HYPERVISOR_UP]   = { "hypervisor-up",   0,                     0 },
    [HOST_EVENT_HYPERVISOR_DOWN] = { "hypervisor-down", 0,                     REASON },
    [HOST_EVENT_SECRET_DEFINED]  = { "secret-defined",  KEY | SECRET,          MIGRATION },
    [HOST_EVENT_SECRET_REPLACED] = { "secret-replaced", KEY | SECRET | REASON, MIGRATION },
    [HOST_EVENT_SECRET_DELETED]  = { "secret-deleted",  KEY | SECRET,          MIGRATION | REASON },
    [HOST_EVENT_SECRET_LOST]     = { "secret-lost",     KEY | SECRET | REASON, 0 },
    [HOST_EVENT_SECRET_RESTORED] = { "secret-restored", KEY | SECRET,          0 },
    [HOST_EVENT_LEASE_ENDED]     = { "lease-ended",     KEY | SECRET,          MIGRATION },
    [HOST_EVENT_ORPHAN_FOUND]    = { "orphan-found",    KEY | SECRET | REASON, 0 },
    [HOST_EVENT_KEY_ROTATED]     = { "key-rotated",     REASON,                0 },
};

_Static_assert(COUNT(kinds) == HOST_EVENT_COUNT, "a row for each kind");

#define FIRST_FIELDS \
    TEXT( struct host_event_said, name,            "event",       REQUIRED, 1, EVENT_NAME_MAX_CHARS, NULL, NULL), \
    UUID( struct host_event_said, event.host_uuid, "hostUuid",    REQUIRED)
#define LAST_FIELDS \
    UUID( struct host_event_said, event.secret_uuid,  "secretUuid",  OPTIONAL), \
    TEXT( struct host_event_said, event.migration_id, "migrationId", OPTIONAL, 1, MIGRATION_ID_MAX_CHARS, NULL, NULL), \
    TEXT( struct host_event_said, event.reason,       "reason",      OPTIONAL, 1, EVENT_REASON_MAX_BYTES, NULL, NULL), \
    TEXT( struct host_event_said, worker,             "worker",      REQUIRED, 1, SHORTSTR_MAX_CHARS, NULL, NULL), \
    WHOLE(struct host_event_said, created_ms,         "createdTime", REQUIRED, 0, WHOLE_MAX)

static const struct field plain_fields[] = { FIRST_FIELDS, LAST_FIELDS };

/* keyVersion may be 0, and is said all the same. */
static const struct field keyed_fields[] = {
    FIRST_FIELDS,
    UUID( struct host_event_said, event.key.vm_uuid,        "vmUuid",        REQUIRED),
    TEXT( struct host_event_said, event.key.purpose,        "purpose",       REQUIRED, 1, PURPOSE_MAX_CHARS, NULL, NULL),
    WHOLE(struct host_event_said, event.key.key_version,    "keyVersion",    REQUIRED, 0, INT32_MAX),
    TEXT( struct host_event_said, event.key.usage_instance, "usageInstance", REQUIRED, 1, USAGE_MAX_CHARS, NULL, NULL),
    LAST_FIELDS,
};

/* To be read: with a key, or without. */
static const struct field any_fields[] = {
    FIRST_FIELDS,
    UUID( struct host_event_said, event.key.vm_uuid,        "vmUuid",        OPTIONAL),
    TEXT( struct host_event_said, event.key.purpose,        "purpose",       OPTIONAL, 1, PURPOSE_MAX_CHARS, NULL, NULL),
    WHOLE(struct host_event_said, event.key.key_version,    "keyVersion",    OPTIONAL, 0, INT32_MAX),
    TEXT( struct host_event_said, event.key.usage_instance, "usageInstance", OPTIONAL, 1, USAGE_MAX_CHARS, NULL, NULL),
    LAST_FIELDS,
};

static const char message_name[] = "HostSecretEvent";
static const struct schema plain_schema = SCHEMA(message_name, NULL, struct host_event_said, plain_fields, NULL);
static const struct schema any_schema = SCHEMA(message_name, NULL, struct host_event_said, any_fields, NULL);
static const struct schema keyed_schema = SCHEMA(message_name, NULL, struct host_event_said, keyed_fields, NULL);
/* clang-format on */

const char *host_event_name(enum host_event_kind kind)
{
    return kinds[kind].name;
}

void host_event_reason(struct host_event *event, const char *text)
{
    text_copy_clean(event->reason, sizeof(event->reason), text, strlen(text));
}

void host_event_route(const struct host_event *event, char out[EVENT_ROUTE_MAX_CHARS + 1])
{
    char hex[UUID_HEX_CHARS + 1];

    uuid_hex(&event->host_uuid, hex);
    snprintf(out, EVENT_ROUTE_MAX_CHARS + 1, "host.%s.%s", hex, kinds[event->kind].name);
}

static unsigned facts_of(const struct host_event *event)
{
    unsigned facts = uuid_is_set(&event->key.vm_uuid) ? KEY : 0;

    facts |= uuid_is_set(&event->secret_uuid) ? SECRET : 0;
    facts |= event->migration_id[0] != '\0' ? MIGRATION : 0;
    return facts | (event->reason[0] != '\0' ? REASON : 0);
}

bool host_event_write(const struct host_event *event, const char *worker, int64_t created_ms, struct bytes *out,
                      struct err *e)
{
    unsigned facts = facts_of(event), must = kinds[event->kind].must, may = kinds[event->kind].may;
    const struct schema *schema = facts & KEY ? &keyed_schema : &plain_schema;
    struct host_event_said said = {.event = *event, .created_ms = created_ms};
    struct writer *w = writer_new(ENCODING_JSON);

    assert((facts & must) == must && (facts & ~(must | may)) == 0);
    if (w == NULL)
        return err_set(e, ERR_LOCAL, "no memory for an event");
    snprintf(said.name, sizeof(said.name), "%s", kinds[event->kind].name);
    snprintf(said.worker, sizeof(said.worker), "%s", worker);
    writer_map(w, 1);
    writer_key(w, message_name);
    writer_map(w, schema_present(schema, &said));
    schema_encode(schema, &said, w);
    return writer_finish(w, out, e);
}

bool host_event_read(const uint8_t *bytes, size_t len, struct host_event_said *out, struct err *e)
{
    ON_EXIT(body_release) struct body *body = NULL;

    if (!body_read(bytes, len, "application/json", &body, e) || !body_has_no_key_twice(body, e))
        return false;
    if (body->name_len != strlen(message_name) || memcmp(body->name, message_name, body->name_len) != 0)
        return err_set(e, ERR_INVALID, "it is not called %s", message_name);
    if (!schema_decode_known(&any_schema, body->fields, out, e))
        return false;
    for (int kind = 0; kind < HOST_EVENT_COUNT; kind++)
        if (strcmp(out->name, kinds[kind].name) == 0) {
            out->event.kind = (enum host_event_kind)kind;
            return true;
        }
    return err_set(e, ERR_INVALID, "an event of a kind that is not known" NOT_KNOWN_HERE);
}

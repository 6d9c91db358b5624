/*
 * What happened on a host, told to whoever listens: every kind there is, what each
 * says, and its form on the wire. Events hold no secrets; they are for people and
 * programs that watch, and nothing depends on their arrival.
 */
#ifndef SCHEMAS_HOST_EVENT_H
#define SCHEMAS_HOST_EVENT_H

#include "schemas/messages.h"

enum host_event_kind {
    HOST_EVENT_WORKER_UP,
    HOST_EVENT_WORKER_DOWN,
    HOST_EVENT_HYPERVISOR_UP,
    HOST_EVENT_HYPERVISOR_DOWN,
    HOST_EVENT_SECRET_DEFINED,
    HOST_EVENT_SECRET_REPLACED,
    HOST_EVENT_SECRET_DELETED,
    HOST_EVENT_SECRET_LOST,
    HOST_EVENT_SECRET_RESTORED,
    HOST_EVENT_LEASE_ENDED,
    HOST_EVENT_ORPHAN_FOUND,
    HOST_EVENT_KEY_ROTATED,
    HOST_EVENT_COUNT,
};

enum { EVENT_NAME_MAX_CHARS = 16, EVENT_REASON_MAX_BYTES = 255 };

/* Flat; zeroed members are not said. Which a kind may and must have is in host_event.c's table. */
struct host_event {
    enum host_event_kind kind;
    struct uuid host_uuid;
    struct secret_key key; /* vm_uuid "": none */
    struct uuid secret_uuid;
    char migration_id[MIGRATION_ID_MAX_CHARS + 1];
    char reason[EVENT_REASON_MAX_BYTES + 1]; /* for people */
};

/* "secret-defined" and the like; the last part of its routing key. */
const char *host_event_name(enum host_event_kind kind);

/* Copy a text into `reason`, cut off where it is too long, and cleaned. */
void host_event_reason(struct host_event *event, const char *text);

enum { EVENT_ROUTE_MAX_CHARS = 5 + UUID_HEX_CHARS + 1 + EVENT_NAME_MAX_CHARS };

/* "host.<hex>.<name>". */
void host_event_route(const struct host_event *event, char out[EVENT_ROUTE_MAX_CHARS + 1]);

/*
 * Write {"HostSecretEvent": {...}} in JSON. `worker` is the name of who tells it. An
 * event that says less or more than its kind should is our own mistake. Fails with
 * ERR_LOCAL. *out is the caller's: bytes_free().
 */
MUST_CHECK bool host_event_write(const struct host_event *event, const char *worker, int64_t created_ms,
                                 struct bytes *out, struct err *e);

/* An event as it is told. */
struct host_event_said {
    char name[EVENT_NAME_MAX_CHARS + 1];
    struct host_event event;
    char worker[SHORTSTR_MAX_CHARS + 1];
    int64_t created_ms;
};

/*
 * Read what somebody has told. Fields that are not known are passed over; a kind that
 * is not known is refused. Fails with ERR_MALFORMED, ERR_INVALID or ERR_REQUIRED.
 */
MUST_CHECK bool host_event_read(const uint8_t *bytes, size_t len, struct host_event_said *out, struct err *e);

#endif

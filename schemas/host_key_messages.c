#include "schemas/message_fields.h"

/* The public key of a host: to be asked for, and to be changed. */

/* clang-format off */
static const struct field get_fields[] = {
    HOST_FIELD(struct host_key_get_request),
};

static const struct field rotate_fields[] = {
    HOST_FIELD(struct host_key_rotate_request),
    BOOL(struct host_key_rotate_request, retire, "retire", OPTIONAL),
};

static const struct field reply_fields[] = {
    PUBLIC_KEY(struct host_key_reply, public_key, "publicKey", REQUIRED),
    TEXT(struct host_key_reply, fingerprint, "fingerprint", REQUIRED, FINGERPRINT_CHARS, FINGERPRINT_CHARS,
         is_fingerprint, "64 hex digits"),
    TEXTS(struct host_key_reply, suites, "suites", OPTIONAL),
};

static const struct schema get_schema =
    SCHEMA("HostEnvelopeKeyGetMsg",      NULL, struct host_key_get_request,    get_fields,    NULL);
static const struct schema get_reply_schema =
    SCHEMA("HostEnvelopeKeyGetReply",    NULL, struct host_key_reply,          reply_fields,  NULL);
static const struct schema rotate_schema =
    SCHEMA("HostEnvelopeKeyRotateMsg",   NULL, struct host_key_rotate_request, rotate_fields, NULL);
static const struct schema rotate_reply_schema =
    SCHEMA("HostEnvelopeKeyRotateReply", NULL, struct host_key_reply,          reply_fields,  NULL);

const struct message host_key_get_message    = { "HostEnvelopeKeyGetMsg",    &get_schema,    &get_reply_schema };
const struct message host_key_rotate_message = { "HostEnvelopeKeyRotateMsg", &rotate_schema, &rotate_reply_schema };
/* clang-format on */

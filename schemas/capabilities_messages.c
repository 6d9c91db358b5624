#include "schemas/message_fields.h"

/* What a host's worker is and speaks: for senders of other versions, and for people. */

/* clang-format off */
static const struct field capabilities_request_fields[] = {
    HOST_FIELD(struct capabilities_request),
};

static const struct field capabilities_reply_fields[] = {
    TEXT( struct capabilities_reply, version,       "version",      REQUIRED, 1, VERSION_MAX_CHARS, NULL, NULL),
    TEXTS(struct capabilities_reply, messages,      "messages",     OPTIONAL),
    TEXTS(struct capabilities_reply, suites,        "suites",       OPTIONAL),
    TEXT( struct capabilities_reply, envelope,      "envelope",     REQUIRED, 1, CONFIG_WORD_MAX_CHARS, NULL, NULL),
    TEXT( struct capabilities_reply, plaintext_dek, "plaintextDek", REQUIRED, 1, CONFIG_WORD_MAX_CHARS, NULL, NULL),
    CHOICE(struct capabilities_reply, libvirt_up,   "libvirtUp"),
    TEXT( struct capabilities_reply, why,           "why",          OPTIONAL, 1, REASON_MAX_BYTES, NULL, NULL),
    WHOLE(struct capabilities_reply, in_flight,     "inFlight",     OPTIONAL, 0, WHOLE_MAX),
    WHOLE(struct capabilities_reply, oldest_ms,     "oldestMs",     OPTIONAL, 0, WHOLE_MAX),
};

MESSAGE(capabilities, "HostCapabilitiesGetMsg", NULL, NULL, "HostCapabilitiesGetReply", NULL);
/* clang-format on */

#include <string.h>

#include "schemas/message_fields.h"

/* What a worker asks the key manager: the DEK of a resource, read and never made. */

_Static_assert(sizeof(struct resource_key_reply) <= VAULT_SLOT_BYTES, "a reply with a DEK lives in a vault slot");

static bool is_resource_type(const char *text)
{
    return strcmp(text, "TpmVO") == 0;
}

/* clang-format off */
static const struct field resource_key_request_fields[] = {
    HOST_FIELD(struct resource_key_request),
    UUID(struct resource_key_request, resource_uuid,     "resourceUuid",    REQUIRED),
    TEXT(struct resource_key_request, resource_type,     "resourceType",    REQUIRED, 1, 15, is_resource_type, "'TpmVO'"),
    UUID(struct resource_key_request, key_provider_uuid, "keyProviderUuid", OPTIONAL),
    TEXT(struct resource_key_request, key_provider_name, "keyProviderName", OPTIONAL, 1, PROVIDER_MAX_BYTES, NULL, NULL),
    KEY_FIELDS(struct resource_key_request),
    UUID(struct resource_key_request, dst_host_uuid,     "dstHostUuid",     REQUIRED),
    UUID(struct resource_key_request, secret_uuid,       "secretUuid",      REQUIRED),
    PUBLIC_KEY(struct resource_key_request, recipient_key, "recipientKey",  OPTIONAL),
};

static const struct field resource_key_reply_fields[] = {
    DEK_FIELDS(struct resource_key_reply),
    WHOLE(struct resource_key_reply, key_version, "keyVersion", REQUIRED, 0, INT32_MAX),
};
/* clang-format on */

static bool resource_key_check(void *message, struct err *e)
{
    struct resource_key_request *m = message;

    return secret_key_check(&m->to.key, e);
}

static bool resource_key_reply_check(void *message, struct err *e)
{
    struct resource_key_reply *m = message;

    return one_dek_check(&m->dek, &m->encrypted_dek, REQUIRED, e);
}

/* clang-format off */
MESSAGE(resource_key, "ResourceKeyGetMsg",   KEY_REQUIRED("get resource key"), resource_key_check,
                      "ResourceKeyGetReply", resource_key_reply_check);
/* clang-format on */

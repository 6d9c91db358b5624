#include "schemas/message_fields.h"

/* Define, get and delete a host's secret; resolve the one a live domain names. */

_Static_assert(sizeof(struct define_request) <= VAULT_SLOT_BYTES, "a request with a DEK lives in a vault slot");

/* clang-format off */
static const struct field define_request_fields[] = {
    HOST_FIELD(struct define_request),
    KEY_FIELDS(struct define_request),
    UUID(struct define_request, secret_uuid, "secretUuid", OPTIONAL),
    TEXT(struct define_request, description, "description", OPTIONAL, 1, DESCRIPTION_MAX_BYTES, NULL, NULL),
    MIGRATION_FIELD(struct define_request, OPTIONAL),
    LEASE_FIELD(struct define_request),
    SALT(struct define_request, digest_salt, "digestSalt", OPTIONAL),
    DEK_FIELDS(struct define_request),
};

static const struct field define_reply_fields[] = {
    UUID(struct define_reply, secret_uuid,          "secretUuid",         REQUIRED),
    BOOL(struct define_reply, created,              "created",            REQUIRED),
    UUID(struct define_reply, replaced_secret_uuid, "replacedSecretUuid", OPTIONAL),
    TEXT(struct define_reply, dek_digest,           "dekDigest",          OPTIONAL, DEK_DIGEST_CHARS, DEK_DIGEST_CHARS,
         is_fingerprint, "64 hex digits"),
};

static const struct field get_request_fields[] = {
    HOST_FIELD(struct get_request),
    KEY_FIELDS(struct get_request),
};

static const struct field get_reply_fields[] = {
    UUID(struct get_reply, secret_uuid, "secretUuid", REQUIRED),
};

static const struct field delete_request_fields[] = {
    HOST_FIELD(struct delete_request),
    KEY_FIELDS(struct delete_request),
    UUID(struct delete_request, secret_uuid, "secretUuid", OPTIONAL),
    MIGRATION_FIELD(struct delete_request, OPTIONAL),
    BOOL(struct delete_request, force, "force", OPTIONAL),
};

static const struct field delete_reply_fields[] = {
    BOOL(struct delete_reply, deleted, "deleted", REQUIRED),
};

static const struct field resolve_request_fields[] = {
    HOST_FIELD(struct resolve_request),
    UUID(struct resolve_request, to.key.vm_uuid, "vmUuid", REQUIRED),
};

static const struct field resolve_reply_fields[] = {
    UUID(struct resolve_reply, secret_uuid, "secretUuid", REQUIRED),
};
/* clang-format on */

static bool define_check(void *message, struct err *e)
{
    struct define_request *m = message;

    return secret_key_check(&m->to.key, e) && one_dek_check(&m->dek, &m->encrypted_dek, REQUIRED, e);
}

/* Of get and delete, which begin with the same: all that is checked here. */
static bool key_check(void *message, struct err *e)
{
    struct addressed *to = message;

    return secret_key_check(&to->key, e);
}

/* clang-format off */
MESSAGE(define,  "SecretHostDefineMsg", KEY_REQUIRED("ensure secret"), define_check, "SecretHostDefineReply", NULL);
MESSAGE(get,     "SecretHostGetMsg",    KEY_REQUIRED("get secret"),    key_check,    "SecretHostGetReply",    NULL);
MESSAGE(delete,  "SecretHostDeleteMsg", KEY_REQUIRED("delete secret"), key_check,    "SecretHostDeleteReply", NULL);
MESSAGE(resolve, "ResolveVtpmLibvirtSecretOnHypervisorMsg",   NULL, NULL,
                 "ResolveVtpmLibvirtSecretOnHypervisorReply", NULL);
/* clang-format on */

#include <string.h>

#include "schemas/message_fields.h"

/* Prepare and finish a live migration: sent to the source host. */

_Static_assert(sizeof(struct pre_migrate_request) <= VAULT_SLOT_BYTES, "a request with a DEK lives in a vault slot");

static bool is_outcome(const char *text)
{
    return strcmp(text, "success") == 0 || strcmp(text, "failure") == 0;
}

static bool is_deleted_on(const char *text)
{
    return strcmp(text, "source") == 0 || strcmp(text, "destination") == 0 || strcmp(text, "none") == 0;
}

/* clang-format off */
static const struct field pre_migrate_request_fields[] = {
    HOST_FIELD(struct pre_migrate_request),
    UUID(struct pre_migrate_request, src_host_uuid, "srcHostUuid", REQUIRED),
    UUID(struct pre_migrate_request, dst_host_uuid, "dstHostUuid", REQUIRED),
    KEY_FIELDS(struct pre_migrate_request),
    MIGRATION_FIELD(struct pre_migrate_request, OPTIONAL),
    LEASE_FIELD(struct pre_migrate_request),
    UUID(struct pre_migrate_request, tpm_uuid,          "tpmUuid",         OPTIONAL),
    UUID(struct pre_migrate_request, key_provider_uuid, "keyProviderUuid", OPTIONAL),
    TEXT(struct pre_migrate_request, key_provider_name, "keyProviderName", OPTIONAL, 1, PROVIDER_MAX_BYTES, NULL, NULL),
    TEXT(struct pre_migrate_request, dst_key_fingerprint, "dstKeyFingerprint", OPTIONAL, FINGERPRINT_CHARS,
         FINGERPRINT_CHARS, is_fingerprint, "64 hex digits"),
    DEK_FIELDS(struct pre_migrate_request),
};

static const struct field pre_migrate_reply_fields[] = {
    BOOL(  struct pre_migrate_reply, skipped,     "skipped",    REQUIRED),
    UUID(  struct pre_migrate_reply, secret_uuid, "secretUuid", OPTIONAL),
    MIGRATION_FIELD(struct pre_migrate_reply, OPTIONAL),
    CHOICE(struct pre_migrate_reply, created,     "created"),
    TEXT(  struct pre_migrate_reply, dek_source,  "dekSource",  OPTIONAL, 1, 11, NULL, NULL),
};

static const struct field post_migrate_request_fields[] = {
    HOST_FIELD(struct post_migrate_request),
    UUID(struct post_migrate_request, src_host_uuid, "srcHostUuid", REQUIRED),
    UUID(struct post_migrate_request, dst_host_uuid, "dstHostUuid", REQUIRED),
    KEY_FIELDS(struct post_migrate_request),
    MIGRATION_FIELD(struct post_migrate_request, REQUIRED),
    TEXT(struct post_migrate_request, outcome, "outcome", REQUIRED, 1, 7, is_outcome, "'success' or 'failure'"),
};

static const struct field post_migrate_reply_fields[] = {
    TEXT(struct post_migrate_reply, deleted_on, "deletedOn", REQUIRED, 1, 11, is_deleted_on,
         "'source', 'destination' or 'none'"),
};
/* clang-format on */

static bool vtpm_check(struct secret_key *key, struct err *e)
{
    if (strcmp(key->purpose, "vtpm") != 0)
        return err_field(e, ERR_INVALID, "purpose", "purpose must be 'vtpm' for a migration");
    return secret_key_check(key, e);
}

static bool hosts_check(const struct uuid *src, const struct uuid *dst, struct err *e)
{
    if (uuid_equal(src, dst))
        return err_field(e, ERR_INVALID, "dstHostUuid", "dstHostUuid must be another host than srcHostUuid");
    return true;
}

static bool pre_migrate_check(void *message, struct err *e)
{
    struct pre_migrate_request *m = message;

    if (!uuid_equal(&m->to.host_uuid, &m->src_host_uuid))
        return err_field(e, ERR_INVALID, "srcHostUuid", "srcHostUuid must be hostUuid: the source host prepares");
    return hosts_check(&m->src_host_uuid, &m->dst_host_uuid, e) && vtpm_check(&m->to.key, e) &&
           one_dek_check(&m->dek, &m->encrypted_dek, OPTIONAL, e);
}

static bool pre_migrate_reply_check(void *message, struct err *e)
{
    const struct pre_migrate_reply *m = message;
    bool all =
        uuid_is_set(&m->secret_uuid) && m->migration_id[0] != '\0' && m->created != UNSAID && m->dek_source[0] != '\0';
    bool none =
        !uuid_is_set(&m->secret_uuid) && m->migration_id[0] == '\0' && m->created == UNSAID && m->dek_source[0] == '\0';

    if (m->skipped ? none : all)
        return true;
    return err_field(e, ERR_INVALID, "skipped",
                     "secretUuid, migrationId, created and dekSource must be given "
                     "unless skipped is true, and then not");
}

static bool post_migrate_check(void *message, struct err *e)
{
    struct post_migrate_request *m = message;
    const struct uuid *host = &m->to.host_uuid;

    if (!uuid_equal(host, &m->src_host_uuid) && !uuid_equal(host, &m->dst_host_uuid))
        return err_field(e, ERR_INVALID, "hostUuid", "hostUuid must be srcHostUuid or dstHostUuid");
    return hosts_check(&m->src_host_uuid, &m->dst_host_uuid, e) && vtpm_check(&m->to.key, e);
}

/* clang-format off */
MESSAGE(pre_migrate,  "VtpmPreMigrateMsg",    KEY_REQUIRED("pre-migrate"),  pre_migrate_check,
                      "VtpmPreMigrateReply",  pre_migrate_reply_check);
MESSAGE(post_migrate, "VtpmPostMigrateMsg",   KEY_REQUIRED("post-migrate"), post_migrate_check,
                      "VtpmPostMigrateReply", NULL);
/* clang-format on */

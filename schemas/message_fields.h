/* Field rows and rules that several messages share. For the message tables only. */
#ifndef SCHEMAS_MESSAGE_FIELDS_H
#define SCHEMAS_MESSAGE_FIELDS_H

#include "schemas/messages.h"
#include "schemas/vault.h"

#define KEY_REQUIRED(verb) "vmUuid, purpose, keyVersion and usageInstance are required for " verb

#define USAGE_WANTED "tpm0 to tpm9 for purpose vtpm, volume-<uuid> for purpose volume"

/* clang-format off */
#define HOST_FIELD(T) \
    UUID(T, to.host_uuid, "hostUuid", REQUIRED)

/* The identity of a secret: vmUuid, purpose, keyVersion, usageInstance. */
#define KEY_FIELDS(T) \
    UUID( T, to.key.vm_uuid,        "vmUuid",        REQUIRED), \
    TEXT( T, to.key.purpose,        "purpose",       REQUIRED, 1, PURPOSE_MAX_CHARS, is_purpose, "'vtpm' or 'volume'"), \
    WHOLE(T, to.key.key_version,    "keyVersion",    REQUIRED, 0, INT32_MAX), \
    TEXT( T, to.key.usage_instance, "usageInstance", REQUIRED, 1, USAGE_MAX_CHARS, NULL, USAGE_WANTED)

#define MIGRATION_FIELD(T, must) \
    TEXT(T, migration_id, "migrationId", must, 1, MIGRATION_ID_MAX_CHARS, is_migration_id, "1 to 64 of [A-Za-z0-9._-]")

#define LEASE_FIELD(T) \
    WHOLE(T, lease_seconds, "leaseSeconds", OPTIONAL, LEASE_MIN_SECONDS, LEASE_MAX_SECONDS)

/* A DEK, clear or sealed; how many there must be says one_dek_check(). */
#define DEK_FIELDS(T) \
    SECRET_BYTES(T, dek, "dekBase64", OPTIONAL, 1, DEK_MAX_BYTES), \
    SEALED_DEK(T, encrypted_dek, "encryptedDek", OPTIONAL)

/* The message `label`, from the structs and tables that are named after it. */
#define MESSAGE(label, request_name, says_required, request_rule, reply_name, reply_rule) \
    const struct message label##_message = { \
        .name = (request_name), \
        .request = &(const struct schema)SCHEMA(request_name, says_required, struct label##_request, \
                                                label##_request_fields, request_rule), \
        .reply = &(const struct schema)SCHEMA(reply_name, NULL, struct label##_reply, \
                                              label##_reply_fields, reply_rule), \
    }
/* clang-format on */

bool is_purpose(const char *text);
bool is_migration_id(const char *text);
bool is_fingerprint(const char *text);

/* Not both, and where REQUIRED not none. */
bool one_dek_check(const struct dek *clear, const struct sealed_dek *sealed, enum presence presence, struct err *e);

/* usageInstance must be the purpose's; a volume's UUID is brought into libvirt's form. */
bool secret_key_check(struct secret_key *key, struct err *e);

#endif

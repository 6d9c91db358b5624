/*
 * Every message, as a struct a request decodes into and a struct its reply is
 * written from. The tables are in secret_messages.c, host_key_messages.c,
 * migrate_messages.c, keymanager_messages.c, reconcile_messages.c and
 * capabilities_messages.c.
 */
#ifndef SCHEMAS_MESSAGES_H
#define SCHEMAS_MESSAGES_H

#include "schemas/schema.h"

/* The identity of a secret within one host. */
struct secret_key {
    struct uuid vm_uuid;
    char purpose[PURPOSE_MAX_CHARS + 1];      /* "vtpm" or "volume" */
    int64_t key_version;                      /* 0 to 2147483647 */
    char usage_instance[USAGE_MAX_CHARS + 1]; /* "tpm0" to "tpm9"; "volume-<uuid>" in libvirt's form */
};

/* "keyferry/<purpose>/<vmUuid>/<usageInstance>/v<keyVersion>": libvirt's usage id, and the identity as one text. */
void secret_usage_id(const struct secret_key *key, char out[USAGE_ID_MAX_CHARS + 1]);

/* The identity that a usage id is of. False: it is of none of ours, in this very form. */
bool secret_key_parse(const char *usage_id, struct secret_key *out);

bool secret_key_equal(const struct secret_key *a, const struct secret_key *b);

#define KEYFERRY_USAGE_PREFIX "keyferry/"

/* Every message to a host begins with these, so that the worker finds them without knowing the message. */
struct addressed {
    struct uuid host_uuid;
    struct secret_key key; /* all zero where the message has none */
};

struct define_request {
    struct addressed to;
    struct uuid secret_uuid; /* wanted, or "" */
    char description[DESCRIPTION_MAX_BYTES + 1];
    char migration_id[MIGRATION_ID_MAX_CHARS + 1];
    int64_t lease_seconds;           /* how long it lives if nobody comes to use it; 0: for ever */
    struct salt digest_salt;         /* wanted: the reply's dek_digest under it */
    struct dek dek;                  /* either this */
    struct sealed_dek encrypted_dek; /* or this; the other has len 0 */
};

struct define_reply {
    struct uuid secret_uuid;
    bool created;
    struct uuid replaced_secret_uuid;
    char dek_digest[DEK_DIGEST_CHARS + 1]; /* hex, or "": no salt was given */
};

struct get_request {
    struct addressed to;
};

struct get_reply {
    struct uuid secret_uuid;
};

struct delete_request {
    struct addressed to;
    struct uuid secret_uuid;                       /* only if it is this one, or "" */
    char migration_id[MIGRATION_ID_MAX_CHARS + 1]; /* only if this migration made it, or "" */
    bool force;
};

struct delete_reply {
    bool deleted;
};

struct resolve_request {
    struct addressed to; /* key.vm_uuid alone */
};

struct resolve_reply {
    struct uuid secret_uuid;
};

struct host_key_get_request {
    struct addressed to; /* host_uuid alone */
};

struct host_key_rotate_request {
    struct addressed to; /* likewise */
    bool retire;         /* no new key: forget the earlier ones */
};

/* Of both. */
struct host_key_reply {
    struct public_key public_key;
    char fingerprint[FINGERPRINT_CHARS + 1];
    struct text_list suites; /* written, not read */
};

struct pre_migrate_request {
    struct addressed to; /* host_uuid = src_host_uuid */
    struct uuid src_host_uuid, dst_host_uuid;
    char migration_id[MIGRATION_ID_MAX_CHARS + 1];
    int64_t lease_seconds; /* of what is made on the destination; 0: LEASE_MIGRATION_SECONDS */
    struct uuid tpm_uuid, key_provider_uuid;
    char key_provider_name[PROVIDER_MAX_BYTES + 1];
    char dst_key_fingerprint[FINGERPRINT_CHARS + 1]; /* what the destination's key must have, or "" */
    struct dek dek;                                  /* at most one of these; len 0: none given */
    struct sealed_dek encrypted_dek;                 /* for the coming define, to the destination */
};

struct pre_migrate_reply {
    bool skipped; /* then nothing else is set */
    struct uuid secret_uuid;
    char migration_id[MIGRATION_ID_MAX_CHARS + 1];
    enum choice created; /* UNSAID when skipped */
    char dek_source[12]; /* "request", "ledger", "keymanager" */
};

struct post_migrate_request {
    struct addressed to; /* host_uuid: source, or destination when forwarded */
    struct uuid src_host_uuid, dst_host_uuid;
    char migration_id[MIGRATION_ID_MAX_CHARS + 1];
    char outcome[8]; /* "success" or "failure" */
};

struct post_migrate_reply {
    char deleted_on[12]; /* "source", "destination" or "none" */
};

struct resource_key_request {
    struct addressed to;       /* host_uuid: the asking host */
    struct uuid resource_uuid; /* the TPM's */
    char resource_type[16];    /* "TpmVO" */
    struct uuid key_provider_uuid;
    char key_provider_name[PROVIDER_MAX_BYTES + 1];
    struct uuid dst_host_uuid, secret_uuid;
    struct public_key recipient_key; /* the destination's */
};

struct resource_key_reply {
    struct dek dek; /* either this or, for the coming define, that */
    struct sealed_dek encrypted_dek;
    int64_t key_version;
};

struct capabilities_request {
    struct addressed to; /* host_uuid alone */
};

struct capabilities_reply {
    char version[VERSION_MAX_CHARS + 1];
    struct text_list messages, suites;             /* written, not read */
    char envelope[CONFIG_WORD_MAX_CHARS + 1];      /* what the configuration says */
    char plaintext_dek[CONFIG_WORD_MAX_CHARS + 1]; /* likewise */
    enum choice libvirt_up;                        /* UNSAID: an older version, and so is the rest */
    char why[REASON_MAX_BYTES + 1];                /* not */
    int64_t in_flight, oldest_ms;                  /* requests for the host that the worker has; 0: none */
};

struct reconcile_request {
    struct addressed to; /* host_uuid alone */
    bool dry_run;
};

struct reconcile_reply {
    struct finding_list found; /* the first FINDINGS_MAX */
    int64_t found_count;       /* all of them */
    int64_t mended;
};

/* One message: its name on the wire and both its schemas. */
struct message {
    const char *name; /* "SecretHostDefineMsg" */
    const struct schema *request, *reply;
};

/* Every message there is; NULL past the last. */
const struct message *message_at(size_t index);

extern const struct message define_message, get_message, delete_message, resolve_message, host_key_get_message,
    host_key_rotate_message, pre_migrate_message, post_migrate_message, resource_key_message, reconcile_message,
    capabilities_message;

#endif

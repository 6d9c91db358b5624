#include "schemas/messages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/message_fields.h"

static const struct message *const all[] = {
    &define_message,          &get_message,         &delete_message,       &resolve_message,      &host_key_get_message,
    &host_key_rotate_message, &pre_migrate_message, &post_migrate_message, &resource_key_message, &reconcile_message,
    &capabilities_message,
};

const struct message *message_at(size_t index)
{
    return index < COUNT(all) ? all[index] : NULL;
}

bool is_purpose(const char *text)
{
    return strcmp(text, "vtpm") == 0 || strcmp(text, "volume") == 0;
}

bool is_migration_id(const char *text)
{
    return text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")] == '\0';
}

bool is_fingerprint(const char *text)
{
    return strlen(text) == FINGERPRINT_CHARS && text[strspn(text, "0123456789abcdefABCDEF")] == '\0';
}

bool one_dek_check(const struct dek *clear, const struct sealed_dek *sealed, enum presence presence, struct err *e)
{
    if (clear->len != 0 && sealed->len != 0)
        return err_field(e, ERR_INVALID, "encryptedDek", "encryptedDek must not be given beside dekBase64");
    if (presence == REQUIRED && clear->len == 0 && sealed->len == 0)
        return err_field(e, ERR_REQUIRED, "dekBase64", "dekBase64 is required, or encryptedDek: both are missing");
    return true;
}

static bool is_tpm(const char *usage)
{
    return strncmp(usage, "tpm", 3) == 0 && usage[3] >= '0' && usage[3] <= '9' && usage[4] == '\0';
}

/* "volume-" and a UUID in any form; in libvirt's form afterwards. */
static bool volume_normalise(char usage[USAGE_MAX_CHARS + 1])
{
    static const char start[] = "volume-";
    size_t len = sizeof(start) - 1;
    struct uuid uuid;

    if (strncmp(usage, start, len) != 0 || !uuid_parse(usage + len, strlen(usage + len), &uuid))
        return false;
    memcpy(usage + len, uuid.text, sizeof(uuid.text));
    return true;
}

bool secret_key_check(struct secret_key *key, struct err *e)
{
    bool is_vtpm = strcmp(key->purpose, "vtpm") == 0;

    if (is_vtpm ? is_tpm(key->usage_instance) : volume_normalise(key->usage_instance))
        return true;
    return err_field(e, ERR_INVALID, "usageInstance", "usageInstance must be " USAGE_WANTED);
}

/* Up to the next '/', or the end. False where it does not fit. */
static bool part_take(const char **at, char *out, size_t room)
{
    size_t len = strcspn(*at, "/");

    if (len >= room)
        return false;
    memcpy(out, *at, len);
    out[len] = '\0';
    *at += len + ((*at)[len] == '/');
    return true;
}

/* That it has the very form is seen by writing it again. */
bool secret_key_parse(const char *usage_id, struct secret_key *out)
{
    struct secret_key key = {.key_version = 0};
    char version[16], vm[UUID_CHARS + 1], again[USAGE_ID_MAX_CHARS + 1];
    const char *at = usage_id + strlen(KEYFERRY_USAGE_PREFIX);
    struct err e;

    if (strncmp(usage_id, KEYFERRY_USAGE_PREFIX, strlen(KEYFERRY_USAGE_PREFIX)) != 0 ||
        !part_take(&at, key.purpose, sizeof(key.purpose)) || !part_take(&at, vm, sizeof(vm)) ||
        !part_take(&at, key.usage_instance, sizeof(key.usage_instance)) || !part_take(&at, version, sizeof(version)))
        return false;
    if (!is_purpose(key.purpose) || !uuid_parse(vm, strlen(vm), &key.vm_uuid) || version[0] != 'v')
        return false;
    key.key_version = strtoll(version + 1, NULL, 10);
    if (key.key_version < 0 || key.key_version > INT32_MAX || !secret_key_check(&key, &e))
        return false;
    secret_usage_id(&key, again);
    if (strcmp(again, usage_id) != 0)
        return false;
    *out = key;
    return true;
}

bool secret_key_equal(const struct secret_key *a, const struct secret_key *b)
{
    return uuid_equal(&a->vm_uuid, &b->vm_uuid) && strcmp(a->purpose, b->purpose) == 0 &&
           a->key_version == b->key_version && strcmp(a->usage_instance, b->usage_instance) == 0;
}

void secret_usage_id(const struct secret_key *key, char out[USAGE_ID_MAX_CHARS + 1])
{
    snprintf(out, USAGE_ID_MAX_CHARS + 1, KEYFERRY_USAGE_PREFIX "%s/%s/%s/v%lld", key->purpose, key->vm_uuid.text,
             key->usage_instance, (long long)key->key_version);
}

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/hv_loan.h"
#include "handlers/hv_xml.h"

static void release_secret(virSecretPtr *secret)
{
    if (*secret != NULL)
        virSecretFree(*secret);
}

/* libvirt knows the UUID and the usage of a secret that it looked up; the rest is in its XML. */
static bool secret_read(struct loan *loan, virSecretPtr secret, struct hv_secret *out, struct err *e)
{
    struct hv_secret found = {0};
    char text[VIR_UUID_STRING_BUFLEN];
    const char *usage_id = virSecretGetUsageID(secret);
    int usage = virSecretGetUsageType(secret);
    ON_EXIT(release_text) char *xml = virSecretGetXMLDesc(secret, 0);

    if (xml == NULL)
        return loan_fail(loan, EFFECT_NONE, "describe a secret", e);
    if (virSecretGetUUIDString(secret, text) < 0 || !secret_xml_read(xml, &found))
        return err_set(e, ERR_LIBVIRT, "libvirt's description of a secret cannot be read");
    memcpy(found.uuid.text, text, sizeof(found.uuid.text));
    found.usage = usage == VIR_SECRET_USAGE_TYPE_VOLUME ? HV_USAGE_VOLUME : HV_USAGE_VTPM;
    found.other_usage = usage != VIR_SECRET_USAGE_TYPE_VOLUME && usage != VIR_SECRET_USAGE_TYPE_VTPM;
    if (usage_id != NULL && strlen(usage_id) < sizeof(found.usage_id))
        memcpy(found.usage_id, usage_id, strlen(usage_id) + 1);
    *out = found;
    return true;
}

static const int usage_types[] = {
    [HV_USAGE_VTPM] = VIR_SECRET_USAGE_TYPE_VTPM,
    [HV_USAGE_VOLUME] = VIR_SECRET_USAGE_TYPE_VOLUME,
};

bool hv_secret_by_usage(struct hv *hv, enum hv_usage usage, const char *usage_id, struct hv_secret *out, struct err *e)
{
    ON_EXIT(loan_return) struct loan loan = {0};
    ON_EXIT(release_secret) virSecretPtr secret = NULL;

    if (!loan_take(hv, &loan, e))
        return false;
    secret = virSecretLookupByUsage(loan.link->conn, usage_types[usage], usage_id);
    return secret != NULL ? secret_read(&loan, secret, out, e) : loan_fail(&loan, EFFECT_NONE, "look up a secret", e);
}

bool hv_secret_by_uuid(struct hv *hv, const struct uuid *uuid, struct hv_secret *out, struct err *e)
{
    ON_EXIT(loan_return) struct loan loan = {0};
    ON_EXIT(release_secret) virSecretPtr secret = NULL;

    if (!loan_take(hv, &loan, e))
        return false;
    secret = virSecretLookupByUUIDString(loan.link->conn, uuid->text);
    return secret != NULL ? secret_read(&loan, secret, out, e) : loan_fail(&loan, EFFECT_NONE, "look up a secret", e);
}

bool hv_secret_is(struct hv *hv, const struct uuid *uuid, enum hv_usage usage, const char *usage_id, bool *found,
                  struct err *e)
{
    ON_EXIT(loan_return) struct loan loan = {0};
    ON_EXIT(release_secret) virSecretPtr secret = NULL;
    const char *has;

    *found = false;
    if (!loan_take(hv, &loan, e))
        return false;
    secret = virSecretLookupByUUIDString(loan.link->conn, uuid->text);
    if (secret == NULL)
        return !loan_fail(&loan, EFFECT_NONE, "look up a secret", e) && e->kind == ERR_NOT_FOUND;
    has = virSecretGetUsageID(secret);
    *found = virSecretGetUsageType(secret) == usage_types[usage] && has != NULL && strcmp(has, usage_id) == 0;
    return true;
}

struct secrets {
    virSecretPtr *at;
    int count;
};

static void release_secrets(struct secrets *secrets)
{
    for (int i = 0; i < secrets->count; i++)
        virSecretFree(secrets->at[i]);
    free(secrets->at);
}

bool hv_secret_list(struct hv *hv, struct uuid **out, size_t *count, struct err *e)
{
    ON_EXIT(loan_return) struct loan loan = {0};
    ON_EXIT(release_secrets) struct secrets secrets = {0};
    struct uuid *uuids;

    if (!loan_take(hv, &loan, e))
        return false;
    secrets.count = virConnectListAllSecrets(loan.link->conn, &secrets.at, 0);
    if (secrets.count < 0)
        return loan_fail(&loan, EFFECT_NONE, "list the secrets", e);
    uuids = calloc((size_t)secrets.count + 1, sizeof(*uuids));
    if (uuids == NULL)
        return err_set(e, ERR_LOCAL, "out of memory for a list of %d secrets", secrets.count);
    for (int i = 0; i < secrets.count; i++)
        (void)!virSecretGetUUIDString(secrets.at[i], uuids[i].text);
    *out = uuids;
    *count = (size_t)secrets.count;
    return true;
}

bool hv_secret_define(struct hv *hv, const struct hv_secret *secret, const struct dek *dek, struct err *e)
{
    ON_EXIT(loan_return) struct loan loan = {0};
    ON_EXIT(release_secret) virSecretPtr defined = NULL;
    ON_EXIT(release_text) char *xml = secret_xml_write(secret);

    if (xml == NULL)
        return err_set(e, ERR_LOCAL, "out of memory for a secret's XML");
    if (!loan_take(hv, &loan, e))
        return false;
    defined = virSecretDefineXML(loan.link->conn, xml, 0);
    if (defined == NULL)
        return loan_fail(&loan, EFFECT_UNKNOWN, "define the secret", e);
    if (dek == NULL || virSecretSetValue(defined, dek->data, dek->len, 0) == 0)
        return true;
    loan_fail(&loan, EFFECT_UNKNOWN, "set the secret's value", e);
    if (e->effect == EFFECT_NONE)
        e->effect = EFFECT_DONE;
    return false;
}

bool hv_secret_undefine(struct hv *hv, const struct uuid *uuid, struct err *e)
{
    ON_EXIT(loan_return) struct loan loan = {0};
    ON_EXIT(release_secret) virSecretPtr secret = NULL;

    if (!loan_take(hv, &loan, e))
        return false;
    secret = virSecretLookupByUUIDString(loan.link->conn, uuid->text);
    if (secret == NULL)
        return loan_fail(&loan, EFFECT_NONE, "look up a secret", e);
    return virSecretUndefine(secret) == 0 || loan_fail(&loan, EFFECT_UNKNOWN, "undefine the secret", e);
}

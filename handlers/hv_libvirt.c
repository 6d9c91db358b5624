#include "handlers/hv.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "handlers/hv_keeper.h"
#include "handlers/hv_xml.h"

/* A link on loan for one call, and what is to be said about it when it goes back. */
struct loan {
    struct hv *hv;
    struct link *link;
    uint64_t since_us;
    bool lost;
    char why[160];
};

static _Thread_local uint64_t spent_us;

uint64_t hv_spent_us(void)
{
    return spent_us;
}

static uint64_t clock_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void release_loan(struct loan *loan)
{
    if (loan->link == NULL)
        return;
    link_return(loan->hv, loan->link, loan->lost ? loan->why : NULL);
    spent_us += clock_us() - loan->since_us;
}

static void release_secret(virSecretPtr *secret)
{
    if (*secret != NULL)
        virSecretFree(*secret);
}

static void release_domain(virDomainPtr *domain)
{
    if (*domain != NULL)
        virDomainFree(*domain);
}

static void release_text(char **text)
{
    free(*text);
}

static void release_error(virErrorPtr *error)
{
    virFreeError(*error);
}

static bool loan_take(struct hv *hv, struct loan *loan, struct err *e)
{
    *loan = (struct loan){.hv = hv, .since_us = clock_us(), .link = link_borrow(hv, e)};
    return loan->link != NULL;
}

enum { ANY = -1 };

/* clang-format off */
static const struct {
    int code, domain;
    enum err_kind kind;
} refusals[] = {
    { VIR_ERR_NO_SECRET,      VIR_FROM_SECRET, ERR_NOT_FOUND },
    { VIR_ERR_INTERNAL_ERROR, VIR_FROM_SECRET, ERR_CONFLICT },   /* defined for another usage id, or UUID */
    { VIR_ERR_NO_DOMAIN,      ANY,             ERR_NOT_FOUND },  /* the domain is the driver's: 10 is QEMU */
};

/*
 * A connection that is gone. Seen with libvirt 9.0.0: (38, 7) by the first call to
 * notice that the daemon died, (1, 7) by every later one and after a keepalive
 * ran out. The same come through a connection that is well from a daemon that
 * lost its own, to virtsecretd: then all is opened again, too.
 */
static const struct {
    int code, domain;
} losses[] = {
    { VIR_ERR_INTERNAL_ERROR, VIR_FROM_RPC },
    { VIR_ERR_SYSTEM_ERROR,   VIR_FROM_RPC },
    { VIR_ERR_INVALID_CONN,   ANY },
    { VIR_ERR_NO_CONNECT,     ANY },
};
/* clang-format on */

static bool is_pair(const virError *error, int code, int domain)
{
    return error->code == code && (domain == ANY || error->domain == domain);
}

static bool is_loss(const virError *error, virConnectPtr conn)
{
    for (size_t i = 0; i < COUNT(losses); i++)
        if (is_pair(error, losses[i].code, losses[i].domain))
            return true;
    return virConnectIsAlive(conn) == 0;
}

static enum err_kind refusal_kind(const virError *error)
{
    for (size_t i = 0; i < COUNT(refusals); i++)
        if (is_pair(error, refusals[i].code, refusals[i].domain))
            return refusals[i].kind;
    return ERR_LIBVIRT;
}

/*
 * Translate what libvirt last said on this thread. `if_lost` is the effect to
 * assume where the connection was lost on the way. Returns false.
 */
static bool fail(struct loan *loan, enum effect if_lost, const char *doing, struct err *e)
{
    static virError unknown = {.message = NULL};
    ON_EXIT(release_error) virErrorPtr last = virSaveLastError(); /* the next call to libvirt resets it */
    const virError *error = last != NULL ? last : &unknown;
    const char *says = error->message != NULL ? error->message : "no reason given";

    if (is_loss(error, loan->link->conn)) {
        loan->lost = true;
        snprintf(loan->why, sizeof(loan->why), "%s", says);
        err_set(e, ERR_HYPERVISOR_AWAY, "the connection to libvirt was lost while it was to %s: %s", doing, says);
        e->effect = if_lost;
    } else {
        err_set(e, refusal_kind(error), "libvirt would not %s: %s", doing, says);
    }
    e->libvirt_code = error->code;
    e->libvirt_domain = error->domain;
    return false;
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
        return fail(loan, EFFECT_NONE, "describe a secret", e);
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
    ON_EXIT(release_loan) struct loan loan = {0};
    ON_EXIT(release_secret) virSecretPtr secret = NULL;

    if (!loan_take(hv, &loan, e))
        return false;
    secret = virSecretLookupByUsage(loan.link->conn, usage_types[usage], usage_id);
    return secret != NULL ? secret_read(&loan, secret, out, e) : fail(&loan, EFFECT_NONE, "look up a secret", e);
}

bool hv_secret_by_uuid(struct hv *hv, const struct uuid *uuid, struct hv_secret *out, struct err *e)
{
    ON_EXIT(release_loan) struct loan loan = {0};
    ON_EXIT(release_secret) virSecretPtr secret = NULL;

    if (!loan_take(hv, &loan, e))
        return false;
    secret = virSecretLookupByUUIDString(loan.link->conn, uuid->text);
    return secret != NULL ? secret_read(&loan, secret, out, e) : fail(&loan, EFFECT_NONE, "look up a secret", e);
}

bool hv_secret_is(struct hv *hv, const struct uuid *uuid, enum hv_usage usage, const char *usage_id, bool *found,
                  struct err *e)
{
    ON_EXIT(release_loan) struct loan loan = {0};
    ON_EXIT(release_secret) virSecretPtr secret = NULL;
    const char *has;

    *found = false;
    if (!loan_take(hv, &loan, e))
        return false;
    secret = virSecretLookupByUUIDString(loan.link->conn, uuid->text);
    if (secret == NULL)
        return !fail(&loan, EFFECT_NONE, "look up a secret", e) && e->kind == ERR_NOT_FOUND;
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
    ON_EXIT(release_loan) struct loan loan = {0};
    ON_EXIT(release_secrets) struct secrets secrets = {0};
    struct uuid *uuids;

    if (!loan_take(hv, &loan, e))
        return false;
    secrets.count = virConnectListAllSecrets(loan.link->conn, &secrets.at, 0);
    if (secrets.count < 0)
        return fail(&loan, EFFECT_NONE, "list the secrets", e);
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
    ON_EXIT(release_loan) struct loan loan = {0};
    ON_EXIT(release_secret) virSecretPtr defined = NULL;
    ON_EXIT(release_text) char *xml = secret_xml_write(secret);

    if (xml == NULL)
        return err_set(e, ERR_LOCAL, "out of memory for a secret's XML");
    if (!loan_take(hv, &loan, e))
        return false;
    defined = virSecretDefineXML(loan.link->conn, xml, 0);
    if (defined == NULL)
        return fail(&loan, EFFECT_UNKNOWN, "define the secret", e);
    if (dek == NULL || virSecretSetValue(defined, dek->data, dek->len, 0) == 0)
        return true;
    fail(&loan, EFFECT_UNKNOWN, "set the secret's value", e);
    if (e->effect == EFFECT_NONE)
        e->effect = EFFECT_DONE;
    return false;
}

bool hv_secret_undefine(struct hv *hv, const struct uuid *uuid, struct err *e)
{
    ON_EXIT(release_loan) struct loan loan = {0};
    ON_EXIT(release_secret) virSecretPtr secret = NULL;

    if (!loan_take(hv, &loan, e))
        return false;
    secret = virSecretLookupByUUIDString(loan.link->conn, uuid->text);
    if (secret == NULL)
        return fail(&loan, EFFECT_NONE, "look up a secret", e);
    return virSecretUndefine(secret) == 0 || fail(&loan, EFFECT_UNKNOWN, "undefine the secret", e);
}

struct domains {
    virDomainPtr *at;
    int count;
};

static void release_domains(struct domains *domains)
{
    for (int i = 0; i < domains->count; i++)
        virDomainFree(domains->at[i]);
    free(domains->at);
}

/* One that vanished since it was listed names nothing. */
static bool domain_names(struct loan *loan, virDomainPtr domain, unsigned xml_flags, const struct uuid *uuid,
                         const char *usage_id, bool *out, struct err *e)
{
    ON_EXIT(release_text) char *xml = virDomainGetXMLDesc(domain, xml_flags);

    *out = false;
    if (xml == NULL)
        return fail(loan, EFFECT_NONE, "describe a domain", e) || e->kind == ERR_NOT_FOUND;
    if (domain_xml_names(xml, uuid, usage_id, out))
        return true;
    return err_set(e, ERR_LIBVIRT, "libvirt's description of domain '%s' cannot be read", virDomainGetName(domain));
}

/* What libvirt keeps paused until its migration to here has ended. Seen with 9.0.0: (3, 11), then (3, 2), then (1, 2). */
static bool domain_is_arriving(struct loan *loan, virDomainPtr domain, bool *out, struct err *e)
{
    int state, reason;

    *out = false;
    if (virDomainGetState(domain, &state, &reason, 0) < 0)
        return fail(loan, EFFECT_NONE, "give the state of a domain", e) || e->kind == ERR_NOT_FOUND;
    *out = state == VIR_DOMAIN_PAUSED &&
           (reason == VIR_DOMAIN_PAUSED_MIGRATION || reason == VIR_DOMAIN_PAUSED_STARTING_UP);
    return true;
}

/* The first of a kind of domains that names the secret, or nobody. */
static bool user_find(struct loan *loan, unsigned list_flags, unsigned xml_flags, const struct uuid *uuid,
                      const char *usage_id, bool *found, struct hv_users *out, struct err *e)
{
    ON_EXIT(release_domains) struct domains domains = {0};

    *found = false;
    domains.count = virConnectListAllDomains(loan->link->conn, &domains.at, list_flags);
    if (domains.count < 0)
        return fail(loan, EFFECT_NONE, "list the domains", e);
    for (int i = 0; i < domains.count && !*found; i++) {
        if (!domain_names(loan, domains.at[i], xml_flags, uuid, usage_id, found, e))
            return false;
        if (!*found)
            continue;
        snprintf(out->domain, sizeof(out->domain), "%s", virDomainGetName(domains.at[i]));
        return domain_is_arriving(loan, domains.at[i], &out->is_arriving, e);
    }
    return true;
}

bool hv_secret_users(struct hv *hv, const struct uuid *uuid, const char *usage_id, struct hv_users *out, struct err *e)
{
    ON_EXIT(release_loan) struct loan loan = {0};
    struct hv_users users = {0};

    if (!loan_take(hv, &loan, e) ||
        !user_find(&loan, VIR_CONNECT_LIST_DOMAINS_ACTIVE, 0, uuid, usage_id, &users.used, &users, e))
        return false;
    users.named = users.used;
    if (!users.named && !user_find(&loan, VIR_CONNECT_LIST_DOMAINS_PERSISTENT, VIR_DOMAIN_XML_INACTIVE, uuid, usage_id,
                                   &users.named, &users, e))
        return false;
    *out = users;
    return true;
}

/* Of one kind of domains. One that vanished since it was listed names nothing. */
static bool names_tell(struct loan *loan, unsigned list_flags, unsigned xml_flags, hv_name *tell, void *arg,
                       struct err *e)
{
    ON_EXIT(release_domains) struct domains domains = {0};

    domains.count = virConnectListAllDomains(loan->link->conn, &domains.at, list_flags);
    if (domains.count < 0)
        return fail(loan, EFFECT_NONE, "list the domains", e);
    for (int i = 0; i < domains.count; i++) {
        ON_EXIT(release_text) char *xml = virDomainGetXMLDesc(domains.at[i], xml_flags);

        if (xml == NULL && !fail(loan, EFFECT_NONE, "describe a domain", e) && e->kind != ERR_NOT_FOUND)
            return false;
        if (xml != NULL && !domain_xml_each_name(xml, tell, arg))
            return err_set(e, ERR_LIBVIRT, "libvirt's description of domain '%s' cannot be read",
                           virDomainGetName(domains.at[i]));
    }
    return true;
}

bool hv_named_each(struct hv *hv, hv_name *tell, void *arg, struct err *e)
{
    ON_EXIT(release_loan) struct loan loan = {0};

    return loan_take(hv, &loan, e) && names_tell(&loan, VIR_CONNECT_LIST_DOMAINS_ACTIVE, 0, tell, arg, e) &&
           names_tell(&loan, VIR_CONNECT_LIST_DOMAINS_PERSISTENT, VIR_DOMAIN_XML_INACTIVE, tell, arg, e);
}

bool hv_live_tpm(struct hv *hv, const struct uuid *vm_uuid, struct hv_tpm *out, struct err *e)
{
    ON_EXIT(release_loan) struct loan loan = {0};
    ON_EXIT(release_domain) virDomainPtr domain = NULL;
    ON_EXIT(release_text) char *xml = NULL;
    struct hv_tpm tpm;
    bool live;

    if (!loan_take(hv, &loan, e))
        return false;
    domain = virDomainLookupByUUIDString(loan.link->conn, vm_uuid->text);
    xml = domain == NULL ? NULL : virDomainGetXMLDesc(domain, 0);
    if (xml == NULL)
        return fail(&loan, EFFECT_NONE, "describe the domain", e);
    if (!domain_xml_tpm(xml, &live, &tpm))
        return err_set(e, ERR_LIBVIRT, "libvirt's description of domain %s cannot be read", vm_uuid->text);
    if (!live)
        return err_set(e, ERR_NOT_FOUND, "domain %s is not running on this host", vm_uuid->text);
    *out = tpm;
    return true;
}

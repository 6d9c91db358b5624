#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/hv_loan.h"
#include "handlers/hv_xml.h"

static void release_domain(virDomainPtr *domain)
{
    if (*domain != NULL)
        virDomainFree(*domain);
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
        return loan_fail(loan, EFFECT_NONE, "describe a domain", e) || e->kind == ERR_NOT_FOUND;
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
        return loan_fail(loan, EFFECT_NONE, "give the state of a domain", e) || e->kind == ERR_NOT_FOUND;
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
        return loan_fail(loan, EFFECT_NONE, "list the domains", e);
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
    ON_EXIT(loan_return) struct loan loan = {0};
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
        return loan_fail(loan, EFFECT_NONE, "list the domains", e);
    for (int i = 0; i < domains.count; i++) {
        ON_EXIT(release_text) char *xml = virDomainGetXMLDesc(domains.at[i], xml_flags);

        if (xml == NULL && !loan_fail(loan, EFFECT_NONE, "describe a domain", e) && e->kind != ERR_NOT_FOUND)
            return false;
        if (xml != NULL && !domain_xml_each_name(xml, tell, arg))
            return err_set(e, ERR_LIBVIRT, "libvirt's description of domain '%s' cannot be read",
                           virDomainGetName(domains.at[i]));
    }
    return true;
}

bool hv_named_each(struct hv *hv, hv_name *tell, void *arg, struct err *e)
{
    ON_EXIT(loan_return) struct loan loan = {0};

    return loan_take(hv, &loan, e) && names_tell(&loan, VIR_CONNECT_LIST_DOMAINS_ACTIVE, 0, tell, arg, e) &&
           names_tell(&loan, VIR_CONNECT_LIST_DOMAINS_PERSISTENT, VIR_DOMAIN_XML_INACTIVE, tell, arg, e);
}

bool hv_live_tpm(struct hv *hv, const struct uuid *vm_uuid, struct hv_tpm *out, struct err *e)
{
    ON_EXIT(loan_return) struct loan loan = {0};
    ON_EXIT(release_domain) virDomainPtr domain = NULL;
    ON_EXIT(release_text) char *xml = NULL;
    struct hv_tpm tpm;
    bool live;

    if (!loan_take(hv, &loan, e))
        return false;
    domain = virDomainLookupByUUIDString(loan.link->conn, vm_uuid->text);
    xml = domain == NULL ? NULL : virDomainGetXMLDesc(domain, 0);
    if (xml == NULL)
        return loan_fail(&loan, EFFECT_NONE, "describe the domain", e);
    if (!domain_xml_tpm(xml, &live, &tpm))
        return err_set(e, ERR_LIBVIRT, "libvirt's description of domain %s cannot be read", vm_uuid->text);
    if (!live)
        return err_set(e, ERR_NOT_FOUND, "domain %s is not running on this host", vm_uuid->text);
    *out = tpm;
    return true;
}

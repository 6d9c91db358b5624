#include "fake_hv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool hv_open(const char *uri, hv_watch *watch, void *arg, struct hv **out, struct err *e)
{
    (void)uri;
    *out = calloc(1, sizeof(**out));
    if (*out == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    if (watch != NULL)
        watch(arg, true, "");
    return true;
}

void hv_close(struct hv *hv)
{
    free(hv);
}

void hv_bid(struct hv *hv)
{
    (void)hv;
}

void hv_close_within(struct hv *hv, unsigned patience_ms)
{
    (void)patience_ms;
    hv_close(hv);
}

bool hv_is_up(struct hv *hv)
{
    return !hv->down;
}

bool hv_state(struct hv *hv, char why[HV_WHY_BYTES])
{
    snprintf(why, HV_WHY_BYTES, "%s", hv->down ? "it is\ndown" : "");
    return !hv->down;
}

uint64_t hv_spent_us(void)
{
    return 0;
}

void hv_watch_arrivals(struct hv *hv, hv_arrival *on_arrival, void *arg)
{
    (void)hv, (void)on_arrival, (void)arg;
}

static struct fake_secret *find_by_uuid(struct hv *hv, const struct uuid *uuid)
{
    for (size_t i = 0; i < FAKE_SECRETS_MAX; i++)
        if (uuid_is_set(&hv->secrets[i].secret.uuid) && uuid_equal(&hv->secrets[i].secret.uuid, uuid))
            return &hv->secrets[i];
    return NULL;
}

static struct fake_secret *find_by_usage(struct hv *hv, enum hv_usage usage, const char *usage_id)
{
    for (size_t i = 0; i < FAKE_SECRETS_MAX; i++) {
        const struct hv_secret *s = &hv->secrets[i].secret;

        if (uuid_is_set(&s->uuid) && !s->other_usage && s->usage == usage && strcmp(s->usage_id, usage_id) == 0)
            return &hv->secrets[i];
    }
    return NULL;
}

static struct fake_secret *find_free(struct hv *hv)
{
    for (size_t i = 0; i < FAKE_SECRETS_MAX; i++)
        if (!uuid_is_set(&hv->secrets[i].secret.uuid))
            return &hv->secrets[i];
    abort();
}

struct fake_secret *fake_secret_at(struct hv *hv, const char *uuid)
{
    struct uuid parsed;

    return uuid_parse(uuid, strlen(uuid), &parsed) ? find_by_uuid(hv, &parsed) : NULL;
}

size_t fake_secret_count(const struct hv *hv)
{
    size_t count = 0;

    for (size_t i = 0; i < FAKE_SECRETS_MAX; i++)
        count += uuid_is_set(&hv->secrets[i].secret.uuid);
    return count;
}

struct fake_secret *fake_secret_put(struct hv *hv, const char *uuid, enum hv_usage usage, const char *usage_id,
                                    const char *description)
{
    struct fake_secret *secret = find_free(hv);

    *secret = (struct fake_secret){.secret = {.usage = usage}, .has_file = true};
    strcpy(secret->secret.uuid.text, uuid);
    strcpy(secret->secret.usage_id, usage_id);
    strcpy(secret->secret.description, description);
    return secret;
}

struct fake_domain *fake_domain_put(struct hv *hv, const char *uuid, const char *name)
{
    struct fake_domain *domain = hv->domains;

    while (uuid_is_set(&domain->uuid))
        domain++;
    *domain = (struct fake_domain){.name = name, .live = true, .stored = true};
    strcpy(domain->uuid.text, uuid);
    return domain;
}

struct fake_domain *fake_vtpm_put(struct hv *hv, const char *uuid, const char *name, const char *secret_uuid)
{
    struct fake_domain *domain = fake_domain_put(hv, uuid, name);

    domain->tpm.present = domain->tpm.encrypted = true;
    strcpy(domain->tpm.secret_uuid.text, secret_uuid);
    return domain;
}

void fake_fault_set(struct hv *hv, unsigned nth, enum fake_fault fault)
{
    hv->fault_at = hv->calls + nth;
    hv->fault = fault;
}

/* The fault of this call, if it is the one. */
static enum fake_fault call_begin(struct hv *hv)
{
    bool now = ++hv->calls == hv->fault_at;

    if (hv->down || !now)
        return hv->down ? FAULT_DOWN : FAULT_NONE;
    if (hv->fault != FAULT_EMPTIED)
        return hv->fault;
    memset(hv->secrets, 0, sizeof(hv->secrets));
    return FAULT_NONE;
}

static bool refuse(struct err *e, enum err_kind kind, int code, int domain, const char *text)
{
    err_set(e, kind, "%s", text);
    e->libvirt_code = code;
    e->libvirt_domain = domain;
    return false;
}

static void crash(struct hv *hv)
{
    for (size_t i = 0; i < FAKE_SECRETS_MAX; i++)
        if (hv->secrets[i].secret.is_ours_in_form)
            hv->secrets[i] = (struct fake_secret){0};
}

/* What a fault leaves of a call that was done, or that was not. Call it last. */
static bool call_end(struct hv *hv, enum fake_fault fault, bool changes, bool ok, struct err *e)
{
    if (fault == FAULT_CRASHED)
        crash(hv);
    if (fault == FAULT_NONE)
        return ok;
    if (fault == FAULT_REFUSED || fault == FAULT_VALUE_REFUSED)
        return refuse(e, ERR_LIBVIRT, 38, 30, "libvirt would not");
    refuse(e, ERR_HYPERVISOR_AWAY, 38, 7, "the connection to libvirt was lost");
    e->effect = changes && fault != FAULT_DOWN ? EFFECT_UNKNOWN : EFFECT_NONE;
    return false;
}

static bool is_done(enum fake_fault fault)
{
    return fault == FAULT_NONE || fault == FAULT_LOST_AFTER || fault == FAULT_LOST_HALF || fault == FAULT_CRASHED;
}

static bool give(struct hv *hv, enum fake_fault fault, const struct fake_secret *found, struct hv_secret *out,
                 struct err *e)
{
    if (!call_end(hv, fault, false, true, e))
        return false;
    if (found == NULL)
        return refuse(e, ERR_NOT_FOUND, 66, 30, "no such secret");
    *out = found->secret;
    return true;
}

bool hv_secret_by_usage(struct hv *hv, enum hv_usage usage, const char *usage_id, struct hv_secret *out, struct err *e)
{
    enum fake_fault fault = call_begin(hv);

    return give(hv, fault, find_by_usage(hv, usage, usage_id), out, e);
}

bool hv_secret_by_uuid(struct hv *hv, const struct uuid *uuid, struct hv_secret *out, struct err *e)
{
    enum fake_fault fault = call_begin(hv);

    return give(hv, fault, find_by_uuid(hv, uuid), out, e);
}

bool hv_secret_is(struct hv *hv, const struct uuid *uuid, enum hv_usage usage, const char *usage_id, bool *found,
                  struct err *e)
{
    enum fake_fault fault = call_begin(hv);
    const struct fake_secret *there = find_by_uuid(hv, uuid);

    *found = there != NULL && there == find_by_usage(hv, usage, usage_id);
    return call_end(hv, fault, false, true, e);
}

bool hv_secret_list(struct hv *hv, struct uuid **out, size_t *count, struct err *e)
{
    if (!call_end(hv, call_begin(hv), false, true, e))
        return false;
    *out = calloc(FAKE_SECRETS_MAX, sizeof(**out));
    *count = 0;
    for (size_t i = 0; i < FAKE_SECRETS_MAX; i++)
        if (uuid_is_set(&hv->secrets[i].secret.uuid) && !hv->lists_none)
            (*out)[(*count)++] = hv->secrets[i].secret.uuid;
    return true;
}

/* The UUID with another usage id, or the usage with another UUID; the type of the first is not looked at. */
static bool is_conflict(struct hv *hv, const struct hv_secret *secret)
{
    const struct fake_secret *same_uuid = find_by_uuid(hv, &secret->uuid);

    if (same_uuid != NULL)
        return strcmp(same_uuid->secret.usage_id, secret->usage_id) != 0;
    return find_by_usage(hv, secret->usage, secret->usage_id) != NULL;
}

static void define(struct hv *hv, const struct hv_secret *secret, const struct dek *value)
{
    struct fake_secret *place = find_by_uuid(hv, &secret->uuid);

    if (place == NULL)
        place = find_free(hv);
    place->secret = *secret;
    place->secret.is_ours_in_form = true;
    place->secret.other_usage = false;
    if (value != NULL) {
        place->has_value = true;
        place->value = *value;
    }
}

bool hv_secret_define(struct hv *hv, const struct hv_secret *secret, const struct dek *dek, struct err *e)
{
    enum fake_fault fault = call_begin(hv);
    bool half = fault == FAULT_LOST_HALF || fault == FAULT_VALUE_REFUSED;
    bool defines = is_done(fault) || (fault == FAULT_VALUE_REFUSED && dek != NULL);

    if (defines && is_conflict(hv, secret))
        return refuse(e, ERR_CONFLICT, 1, 30, "already defined for use with another");
    if (defines)
        define(hv, secret, half ? NULL : dek);
    if (call_end(hv, fault, true, true, e))
        return true;
    if (fault == FAULT_VALUE_REFUSED && dek != NULL)
        e->effect = EFFECT_DONE;
    return false;
}

bool hv_secret_undefine(struct hv *hv, const struct uuid *uuid, struct err *e)
{
    enum fake_fault fault = call_begin(hv);
    struct fake_secret *secret = find_by_uuid(hv, uuid);

    if (is_done(fault) && secret == NULL)
        return refuse(e, ERR_NOT_FOUND, 66, 30, "no such secret");
    if (is_done(fault))
        *secret = (struct fake_secret){0};
    return call_end(hv, fault, true, true, e);
}

static bool names(const struct fake_domain *domain, const struct uuid *uuid, const char *usage_id)
{
    if (domain->tpm.encrypted && uuid_equal(&domain->tpm.secret_uuid, uuid))
        return true;
    return usage_id != NULL && domain->usage_id != NULL && strcmp(domain->usage_id, usage_id) == 0;
}

bool hv_secret_users(struct hv *hv, const struct uuid *uuid, const char *usage_id, struct hv_users *out, struct err *e)
{
    struct hv_users users = {0};

    if (!call_end(hv, call_begin(hv), false, true, e))
        return false;
    for (size_t i = 0; i < FAKE_DOMAINS_MAX; i++) {
        const struct fake_domain *d = &hv->domains[i];

        if (!uuid_is_set(&d->uuid) || users.used || !names(d, uuid, usage_id))
            continue;
        users.named = true;
        users.used = d->live;
        users.is_arriving = d->live && d->is_arriving;
        strcpy(users.domain, d->name);
    }
    *out = users;
    return true;
}

bool hv_named_each(struct hv *hv, hv_name *tell, void *arg, struct err *e)
{
    if (!call_end(hv, call_begin(hv), false, true, e))
        return false;
    for (size_t i = 0; i < FAKE_DOMAINS_MAX; i++) {
        const struct fake_domain *d = &hv->domains[i];

        if (uuid_is_set(&d->uuid) && d->tpm.encrypted)
            tell(arg, &d->tpm.secret_uuid, NULL);
        if (uuid_is_set(&d->uuid) && d->usage_id != NULL)
            tell(arg, NULL, d->usage_id);
    }
    return true;
}

bool hv_live_tpm(struct hv *hv, const struct uuid *vm_uuid, struct hv_tpm *out, struct err *e)
{
    if (!call_end(hv, call_begin(hv), false, true, e))
        return false;
    for (size_t i = 0; i < FAKE_DOMAINS_MAX; i++)
        if (uuid_equal(&hv->domains[i].uuid, vm_uuid) && hv->domains[i].live) {
            *out = hv->domains[i].tpm;
            return true;
        }
    return refuse(e, ERR_NOT_FOUND, 42, 10, "no such domain");
}

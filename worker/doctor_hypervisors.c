/* The doctor on each libvirt of the configuration. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "handlers/hv.h"
#include "worker/doctor_parts.h"

enum { WAIT_S = 6 };

/* Until the keeper has something to tell. */
struct waiting {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool is_told, is_up;
    char why[256];
};

static void on_change(void *arg, bool up, const char *why)
{
    struct waiting *w = arg;

    pthread_mutex_lock(&w->mutex);
    w->is_told = true;
    w->is_up = up;
    snprintf(w->why, sizeof(w->why), "%s", why != NULL ? why : "");
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->mutex);
}

static bool wait_up(struct waiting *w, struct err *e)
{
    struct timespec until;
    int late = 0;
    bool up;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    pthread_mutex_lock(&w->mutex);
    while (!w->is_told && late == 0)
        late = pthread_cond_timedwait(&w->changed, &w->mutex, &until);
    up = w->is_up;
    err_set(e, ERR_HYPERVISOR_AWAY, "%s", w->is_told ? w->why : "it does not answer");
    pthread_mutex_unlock(&w->mutex);
    return up;
}

static unsigned long number_of(const struct hv_release *r)
{
    return r->major * 1000000UL + r->minor * 1000UL + r->patch;
}

/* What is known of versions: the daemon's number from `from` on and below `before`; 0: no end. `uri`: only of such. */
/* clang-format off */
static const struct {
    const char *uri;
    unsigned long from, before;
    enum verdict_of_doctor verdict;
    const char *is_so, *advice;
} known[] = {
    { "",                0, 5006000, DOCTOR_FAIL, "it knows no secrets for vTPMs, which came with 5.6.0", "update libvirt" },
    { "test:",           0, 0,       DOCTOR_FAIL, "the test driver has no secrets", "give the URI of a real one: qemu:///system" },
    { "secret:",         0, 0,       DOCTOR_WARN, "it has secrets and no domains: nothing is known to be used", "give qemu:///system" },
    { "secret:///embed", 9000000, 9001000, DOCTOR_FAIL, "9.0.0 crashes where an embedded secret driver defines a secret", "give qemu:///system" },
    { "qemu:///session", 0, 0,       DOCTOR_WARN, "this is the daemon of this user alone, and not the machine's", "give qemu:///system, if VMs run there" },
};
/* clang-format on */

static void tell_known(struct doctor *d, const char *uri, const struct hv_version *v)
{
    unsigned long number = number_of(&v->daemon);

    for (size_t i = 0; i < COUNT(known); i++)
        if (strncmp(uri, known[i].uri, strlen(known[i].uri)) == 0 && number >= known[i].from &&
            (known[i].before == 0 || number < known[i].before))
            doctor_say(d, known[i].verdict, "libvirt", known[i].advice, "%s: %s", uri, known[i].is_so);
}

static void check_version(struct doctor *d, const char *uri, struct hv *hv)
{
    struct hv_version v;
    struct err e;

    if (!hv_version(hv, &v, &e)) {
        doctor_say(d, DOCTOR_FAIL, "libvirt", "see libvirtd's log", "%s: %s", uri, e.text);
        return;
    }
    doctor_say(d, DOCTOR_OK, "libvirt", NULL, "%s: %s %u.%u.%u, client library %u.%u.%u", uri, v.driver, v.daemon.major,
               v.daemon.minor, v.daemon.patch, v.client.major, v.client.minor, v.client.patch);
    tell_known(d, uri, &v);
}

static void count_name(void *arg, const struct uuid *uuid, const char *usage_id)
{
    (void)uuid, (void)usage_id;
    ++*(size_t *)arg;
}

/* Both are read for every request: where they are refused, each request would be. */
static void check_rights(struct doctor *d, const char *uri, struct hv *hv)
{
    static const char advice[] = "deploy/polkit/60-keyferry.rules gives them to the worker's user";
    struct uuid *secrets = NULL;
    size_t count = 0, names = 0;
    struct err e;

    if (!hv_secret_list(hv, &secrets, &count, &e))
        doctor_say(d, DOCTOR_FAIL, "libvirt", advice, "%s: secrets cannot be listed: %s", uri, e.text);
    else if (!hv_named_each(hv, count_name, &names, &e))
        doctor_say(d, DOCTOR_FAIL, "libvirt", advice, "%s: domains cannot be read: %s", uri, e.text);
    else
        doctor_say(d, DOCTOR_OK, "libvirt", NULL, "%s: secrets and domains can be read; it has %zu secrets", uri,
                   count);
    free(secrets);
}

static void check_one(struct doctor *d, const char *uri)
{
    struct waiting w = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct hv *hv = NULL;
    struct err e;

    if (hv_open(uri, on_change, &w, &hv, &e) && wait_up(&w, &e)) {
        check_version(d, uri, hv);
        check_rights(d, uri, hv);
    } else {
        doctor_say(d, DOCTOR_FAIL, "libvirt",
                   "is libvirtd (or virtqemud) running, and may the worker's user open its socket?", "%s: %s", uri,
                   e.text);
    }
    hv_close(hv);
}

static bool was_before(const struct config *c, size_t host)
{
    for (size_t i = 0; i < host; i++)
        if (strcmp(c->hosts[i].libvirt_uri, c->hosts[host].libvirt_uri) == 0)
            return true;
    return false;
}

void doctor_hypervisors(struct doctor *d)
{
    for (size_t i = 0; i < d->config.host_count; i++)
        if (!was_before(&d->config, i))
            check_one(d, d->config.hosts[i].libvirt_uri);
}

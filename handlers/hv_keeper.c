/*
 * Keeps the links to one libvirt: opens the first and, when all are lent out,
 * further ones; when one is lost, drops all and begins again. A struct hv is
 * shared by its owner, its keeper's thread (which virConnectOpen() may hold for
 * ever) and each close callback that libvirt still has, and freed by the last.
 */
#include "handlers/hv_keeper.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "handlers/hv_conn.h"
#include "schemas/thread.h"

enum {
    LINKS_MAX = 4, /* libvirtd gains nothing from more */
    BACKOFF_FIRST_MS = 100,
    BACKOFF_MAX_MS = 5000,
    CLOSE_WAIT_MS = 1000,
    RELEASE_WAIT_MS = 50, /* until libvirt has let go of what is closed; some of its drivers never do */
};

struct hv {
    pthread_mutex_t lock;    /* of all that follows; never held while in libvirt or in `watch` */
    pthread_cond_t changed;  /* for the keeper, and for who waits for it */
    pthread_cond_t returned; /* for who waits for a link */
    struct link links[LINKS_MAX];
    size_t open; /* of `links`, from the first */
    size_t lent;
    bool up;            /* there is a link, and none was lost */
    bool lost;          /* since the keeper began to open the first */
    bool wants_link;    /* somebody waits, and one more might be opened */
    bool told, told_up; /* what `watch` heard last */
    bool closing;
    bool in_libvirt; /* the keeper is, and may not come back soon */
    bool done;       /* the keeper is */
    unsigned users;
    char why[HV_WHY_BYTES]; /* it is not up */
    char *uri;
    hv_watch *watch;
    void *arg;
    hv_arrival *tell_arrival;
    void *arrival_arg;
};

static void hv_unref_locked(struct hv *hv)
{
    bool last = --hv->users == 0;

    if (!last)
        pthread_cond_broadcast(&hv->changed);
    pthread_mutex_unlock(&hv->lock);
    if (!last)
        return;
    pthread_cond_destroy(&hv->returned);
    pthread_cond_destroy(&hv->changed);
    pthread_mutex_destroy(&hv->lock);
    free(hv->uri);
    free(hv);
}

static void hv_unref(void *arg)
{
    struct hv *hv = arg;

    pthread_mutex_lock(&hv->lock);
    hv_unref_locked(hv);
}

/* Wait for a change, at most `ms`. False: it took longer. */
static bool wait_ms(struct hv *hv, unsigned ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return pthread_cond_timedwait(&hv->changed, &hv->lock, &until) != ETIMEDOUT;
}

/* Between half of it and all, so that workers which lost one libvirt do not return in step. */
static unsigned backoff_ms(unsigned tries)
{
    unsigned most = tries < 6 ? (unsigned)BACKOFF_FIRST_MS << tries : BACKOFF_MAX_MS, random = 0;

    (void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
    return most / 2 + random % (most / 2 + 1);
}

static void pause_ms(struct hv *hv, unsigned ms)
{
    while (!hv->closing && wait_ms(hv, ms))
        ;
}

/* The first reason counts; the rest follows from it. */
static void lose(struct hv *hv, const char *why)
{
    if (hv->lost)
        return;
    hv->lost = true;
    hv->up = false;
    snprintf(hv->why, sizeof(hv->why), "%s", why);
    pthread_cond_broadcast(&hv->changed);
    pthread_cond_broadcast(&hv->returned);
}

/* On libvirt's event thread. */
static void on_close(virConnectPtr conn, int reason, void *arg)
{
    struct hv *hv = arg;

    (void)conn;
    pthread_mutex_lock(&hv->lock);
    lose(hv, conn_close_reason(reason));
    pthread_mutex_unlock(&hv->lock);
}

/* Likewise. The lock is held, so that hv_close() need not wait for it. */
static int on_domain(virConnectPtr conn, virDomainPtr domain, int event, int detail, void *arg)
{
    struct hv *hv = arg;
    struct uuid vm = {0};

    (void)conn;
    if (!conn_event_is_arrival(event, detail) || virDomainGetUUIDString(domain, vm.text) < 0)
        return 0;
    pthread_mutex_lock(&hv->lock);
    if (hv->tell_arrival != NULL && !hv->closing)
        hv->tell_arrival(hv->arrival_arg, &vm);
    pthread_mutex_unlock(&hv->lock);
    return 0;
}

static int watch_domains(struct hv *hv, virConnectPtr conn)
{
    pthread_mutex_lock(&hv->lock);
    hv->users++; /* the callback */
    pthread_mutex_unlock(&hv->lock);
    return conn_watch_domains(conn, on_domain, hv, hv_unref);
}

/* The first of them hears of domains, too. */
static bool link_open(struct hv *hv)
{
    char why[sizeof(hv->why)] = "";
    bool is_first = hv->open == 0;
    int watch = -1;
    virConnectPtr conn;

    hv->in_libvirt = true;
    hv->users++; /* the callback */
    pthread_mutex_unlock(&hv->lock);
    conn = conn_open(hv->uri, on_close, hv, hv_unref, why, sizeof(why));
    if (conn != NULL && is_first)
        watch = watch_domains(hv, conn);
    pthread_mutex_lock(&hv->lock);
    hv->in_libvirt = false;
    hv->wants_link = false;
    if (conn != NULL)
        hv->links[hv->open++] = (struct link){.conn = conn, .watch = watch};
    else if (!hv->up)
        memcpy(hv->why, why, sizeof(why));
    return conn != NULL;
}

/* When nobody uses them any more: a caller's link stays valid until it is returned. */
static void links_close(struct hv *hv)
{
    while (hv->lent > 0)
        pthread_cond_wait(&hv->changed, &hv->lock);
    hv->in_libvirt = true;
    while (hv->open > 0) {
        struct link link = hv->links[--hv->open];

        pthread_mutex_unlock(&hv->lock);
        conn_unwatch_domains(link.conn, link.watch);
        conn_close(link.conn, on_close);
        pthread_mutex_lock(&hv->lock);
    }
    hv->in_libvirt = false;
}

static void tell(struct hv *hv, bool up)
{
    char why[sizeof(hv->why)];

    if (hv->watch == NULL || hv->closing || (hv->told && hv->told_up == up))
        return;
    hv->told = true;
    hv->told_up = up;
    snprintf(why, sizeof(why), "%s", up ? "" : hv->why);
    pthread_mutex_unlock(&hv->lock);
    hv->watch(hv->arg, up, why);
    pthread_mutex_lock(&hv->lock);
}

/* The first link is open: until it is lost, open more where they are wanted. */
static void links_tend(struct hv *hv)
{
    bool may_open = true;

    hv->up = !hv->lost;
    tell(hv, hv->up);
    while (hv->up && !hv->closing) {
        if (!hv->wants_link || !may_open || hv->open == LINKS_MAX) {
            pthread_cond_wait(&hv->changed, &hv->lock);
            continue;
        }
        may_open = link_open(hv);
        pthread_cond_broadcast(&hv->returned);
    }
    tell(hv, false);
    links_close(hv);
}

static void *keep(void *arg)
{
    struct hv *hv = arg;
    unsigned tries = 0;

    pthread_mutex_lock(&hv->lock);
    while (!hv->closing) {
        hv->lost = false;
        if (link_open(hv)) {
            links_tend(hv);
            tries = 0;
        } else {
            tell(hv, false);
        }
        pause_ms(hv, backoff_ms(tries++));
    }
    hv->done = true;
    pthread_cond_broadcast(&hv->changed);
    hv_unref_locked(hv);
    return NULL;
}

static struct hv *hv_new(const char *uri, hv_watch *watch, void *arg)
{
    struct hv *hv = calloc(1, sizeof(*hv));
    pthread_condattr_t monotonic;

    if (hv == NULL || (hv->uri = strdup(uri)) == NULL) {
        free(hv);
        return NULL;
    }
    hv->watch = watch;
    hv->arg = arg;
    hv->users = 1;
    snprintf(hv->why, sizeof(hv->why), "not connected yet");
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&hv->changed, &monotonic);
    pthread_cond_init(&hv->returned, NULL);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&hv->lock, NULL);
    return hv;
}

bool hv_open(const char *uri, hv_watch *watch, void *arg, struct hv **out, struct err *e)
{
    struct hv *hv;

    if (!conn_library_start())
        return err_set(e, ERR_LOCAL, "libvirt's client library did not start");
    hv = hv_new(uri, watch, arg);
    if (hv == NULL)
        return err_set(e, ERR_LOCAL, "out of memory for a libvirt connection");
    hv->users = 2;
    if (!thread_start("libvirt-keeper", keep, hv, NULL, e)) {
        hv->users = 1;
        hv_unref(hv);
        return false;
    }
    *out = hv;
    return true;
}

void hv_bid(struct hv *hv)
{
    if (hv == NULL)
        return;
    pthread_mutex_lock(&hv->lock);
    hv->closing = true;
    lose(hv, "closed");
    pthread_cond_broadcast(&hv->changed);
    pthread_mutex_unlock(&hv->lock);
}

void hv_close_within(struct hv *hv, unsigned patience_ms)
{
    if (hv == NULL)
        return;
    hv_bid(hv);
    pthread_mutex_lock(&hv->lock);
    while (hv->users > 1) /* the keeper, and libvirt, which lets go of it on a thread of its own */
        if (!wait_ms(hv, hv->done ? RELEASE_WAIT_MS : patience_ms) && (hv->done || hv->in_libvirt))
            break;
    hv_unref_locked(hv);
}

void hv_close(struct hv *hv)
{
    hv_close_within(hv, CLOSE_WAIT_MS);
}

bool hv_is_up(struct hv *hv)
{
    bool up;

    pthread_mutex_lock(&hv->lock);
    up = hv->up;
    pthread_mutex_unlock(&hv->lock);
    return up;
}

bool hv_state(struct hv *hv, char why[HV_WHY_BYTES])
{
    bool up;

    pthread_mutex_lock(&hv->lock);
    up = hv->up;
    snprintf(why, HV_WHY_BYTES, "%s", up ? "" : hv->why);
    pthread_mutex_unlock(&hv->lock);
    return up;
}

void hv_watch_arrivals(struct hv *hv, hv_arrival *on_arrival, void *arg)
{
    pthread_mutex_lock(&hv->lock);
    hv->tell_arrival = on_arrival;
    hv->arrival_arg = arg;
    pthread_mutex_unlock(&hv->lock);
}

static struct link *link_find_idle(struct hv *hv)
{
    for (size_t i = 0; i < hv->open; i++)
        if (!hv->links[i].busy)
            return &hv->links[i];
    return NULL;
}

struct link *link_borrow(struct hv *hv, struct err *e)
{
    struct link *link = NULL;

    pthread_mutex_lock(&hv->lock);
    while (hv->up && (link = link_find_idle(hv)) == NULL) {
        if (!hv->wants_link)
            pthread_cond_broadcast(&hv->changed);
        hv->wants_link = true;
        pthread_cond_wait(&hv->returned, &hv->lock);
    }
    if (link != NULL) {
        link->busy = true;
        hv->lent++;
    } else {
        err_set(e, ERR_HYPERVISOR_AWAY, "libvirt at %s cannot be reached: %s", hv->uri, hv->why);
    }
    pthread_mutex_unlock(&hv->lock);
    return link;
}

void link_return(struct hv *hv, struct link *link, const char *lost)
{
    pthread_mutex_lock(&hv->lock);
    link->busy = false;
    hv->lent--;
    if (lost != NULL)
        lose(hv, lost);
    if (hv->up)
        pthread_cond_signal(&hv->returned);
    else
        pthread_cond_broadcast(&hv->changed);
    pthread_mutex_unlock(&hv->lock);
}

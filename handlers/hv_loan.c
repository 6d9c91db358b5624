#include "handlers/hv_loan.h"

#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "schemas/harden.h"

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

void loan_return(struct loan *loan)
{
    if (loan->link == NULL)
        return;
    link_return(loan->hv, loan->link, loan->lost ? loan->why : NULL);
    spent_us += clock_us() - loan->since_us;
}

static void release_error(virErrorPtr *error)
{
    virFreeError(*error);
}

/* Libvirt may be long: nothing of a DEK that was hashed or opened just before lies about meanwhile. */
bool loan_take(struct hv *hv, struct loan *loan, struct err *e)
{
    stack_wipe();
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

bool loan_fail(struct loan *loan, enum effect if_lost, const char *doing, struct err *e)
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

/*
 * Between hv_keeper.c, which keeps libvirt connected, and hv_loan.c and
 * hv_version.c, which use it. No other file includes this one.
 *
 * A link is one libvirt connection, lent to one thread at a time. Not for speed
 * alone: in libvirt 9.0.0, of several threads that wait on one connection when
 * its keepalive finds the daemon frozen, only one returns (virnetclient.c: the
 * next to hold "the buck" polls a closed client without a timeout). One caller a
 * link, and all return after 3 s.
 */
#ifndef HANDLERS_HV_KEEPER_H
#define HANDLERS_HV_KEEPER_H

#include "handlers/hv.h"

#include <libvirt/libvirt.h>

struct link {
    virConnectPtr conn;
    bool busy;
    int watch; /* of domains; -1: none */
};

/*
 * Borrow a link until link_return(). Waits while every one is lent out, for as
 * long as libvirt takes to answer the others. NULL: ERR_HYPERVISOR_AWAY, effect
 * none. A thread must not hold two.
 */
struct link *link_borrow(struct hv *hv, struct err *e);

/* `lost` (NULL: it works) says why no link to this libvirt can be used any more. */
void link_return(struct hv *hv, struct link *link, const char *lost);

#endif

/*
 * A link of hv_keeper.c for one call to libvirt, and what becomes of the call. Of hv_secrets.c (secrets) and hv_domains.c
 * alone. A thread's own; nothing here blocks but loan_take(), as link_borrow().
 */
#ifndef HANDLERS_HV_LOAN_H
#define HANDLERS_HV_LOAN_H

#include <stdlib.h>

#include "handlers/hv_keeper.h"

/* What is to be said about the link when it goes back, too. */
struct loan {
    struct hv *hv;
    struct link *link;
    uint64_t since_us;
    bool lost;
    char why[160];
};

/* ERR_HYPERVISOR_AWAY, effect none, where there is no link. */
MUST_CHECK bool loan_take(struct hv *hv, struct loan *loan, struct err *e);
void loan_return(struct loan *loan); /* for ON_EXIT; of one that was not taken nothing */

/*
 * Translate what libvirt last said on this thread. `if_lost` is the effect to
 * assume where the connection was lost on the way. Returns false.
 */
bool loan_fail(struct loan *loan, enum effect if_lost, const char *doing, struct err *e);

/* For ON_EXIT: a text that libvirt has made. */
static inline void release_text(char **text)
{
    free(*text);
}

#endif

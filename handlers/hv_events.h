/*
 * libvirt's event loop, on a thread of its own: keepalives and close callbacks
 * come from here.
 *
 * libvirt's default loop is woken at each change of what it watches, and its
 * client changes that four times a call: that cost a job thread's call more than
 * the call itself. Here a change is one epoll_ctl(2), which needs no waking.
 */
#ifndef HANDLERS_HV_EVENTS_H
#define HANDLERS_HV_EVENTS_H

#include "schemas/base.h"

/* Register the loop with libvirt and start its thread. Once in a process, before any connection is opened. */
MUST_CHECK bool hv_events_start(void);

#endif

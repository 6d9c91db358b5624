/* The libvirt connections of the hosts served: one for each URI, however many hosts share it. */
#ifndef WORKER_HYPERVISORS_H
#define WORKER_HYPERVISORS_H

#include "handlers/hv.h"
#include "worker/config.h"

struct event_base;
struct hypervisors;

/* Called in the loop when the libvirt of a host has come or gone. */
typedef void hypervisors_watch(void *arg, size_t host, bool up, const char *why);

/* Called in the loop when a VM has begun to run on a host. */
typedef void hypervisors_arrival(void *arg, size_t host, const struct uuid *vm);

/* Begin to connect to every host's libvirt. Fails with ERR_LOCAL. */
MUST_CHECK bool hypervisors_open(struct event_base *base, const struct config *config, hypervisors_watch *watch,
                                 hypervisors_arrival *on_arrival, void *arg, struct hypervisors **out, struct err *e);
void hypervisors_close(struct hypervisors *hypervisors); /* no work may be in progress; NULL is fine */

struct hv *hypervisors_of(const struct hypervisors *hypervisors, size_t host);

/* As the loop knows it. *why (may be NULL) gets the last reason for being down, or "". */
bool hypervisors_up(const struct hypervisors *hypervisors, size_t host, const char **why);

#endif

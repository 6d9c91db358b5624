/*
 * libvirt's client library, as the keeper needs it: started once, and its
 * connections opened so that a dead daemon ends them. For hv_keeper.c alone.
 */
#ifndef HANDLERS_HV_CONN_H
#define HANDLERS_HV_CONN_H

#include <libvirt/libvirt.h>

#include "schemas/base.h"

/*
 * Once for the process: quiet, with an event loop on a thread of its own, and
 * SIGPIPE ignored unless somebody handles it. Any thread; true if it runs.
 */
MUST_CHECK bool conn_library_start(void);

/*
 * A new connection, or NULL and libvirt's words in `why`. Blocks, perhaps for
 * ever. `on_close` runs on libvirt's event thread, once at most, when the
 * connection ends by itself; from then on every call on it fails. `release` is
 * called with `arg` once, when libvirt has no more use for it, or at once where
 * there is no connection.
 */
virConnectPtr conn_open(const char *uri, virConnectCloseFunc on_close, void *arg, virFreeCallback release, char *why,
                        size_t room);

/*
 * Have `on_event` called on libvirt's event thread with what becomes of domains. -1:
 * the driver cannot; else conn_unwatch_domains() must come before conn_close().
 * `release` as above. Blocks.
 */
int conn_watch_domains(virConnectPtr conn, virConnectDomainEventCallback on_event, void *arg, virFreeCallback release);
void conn_unwatch_domains(virConnectPtr conn, int watch); /* -1 is fine */

/* True of an event that says that a domain runs here now, and will stay. */
bool conn_event_is_arrival(int event, int detail);

/* Ends it. May block as any call does. */
void conn_close(virConnectPtr conn, virConnectCloseFunc on_close);

/* Why a connection ended, for people, from the reason that on_close got. */
const char *conn_close_reason(int reason);

#endif

#include "handlers/hv_conn.h"

#include <libvirt/virterror.h>
#include <libxml/parser.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "handlers/hv_events.h"

enum {
    KEEPALIVE_INTERVAL_S = 1, /* with the count: a frozen libvirtd is given up after 3 s */
    KEEPALIVE_COUNT = 2,
};

/* libvirt prints every error on stderr unless told not to; we return them. */
static void stay_quiet(void *ctx, virErrorPtr error)
{
    (void)ctx;
    (void)error;
}

/* libvirt writes to a daemon that died, in the caller's thread, without MSG_NOSIGNAL. */
static void ignore_sigpipe(void)
{
    struct sigaction action;

    if (sigaction(SIGPIPE, NULL, &action) != 0 || action.sa_handler != SIG_DFL)
        return;
    action.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &action, NULL);
}

static bool library_runs;

static void library_start(void)
{
    ignore_sigpipe();
    xmlInitParser();
    virSetErrorFunc(NULL, stay_quiet);
    library_runs = hv_events_start() && virInitialize() == 0;
}

bool conn_library_start(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, library_start);
    return library_runs;
}

virConnectPtr conn_open(const char *uri, virConnectCloseFunc on_close, void *arg, virFreeCallback release, char *why,
                        size_t room)
{
    virConnectPtr conn = virConnectOpen(uri);

    if (conn == NULL)
        snprintf(why, room, "%s", virGetLastErrorMessage());
    /* Drivers without a daemon behind them support neither, and have no need of it. */
    else
        (void)virConnectSetKeepAlive(conn, KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT);
    if (conn == NULL || virConnectRegisterCloseCallback(conn, on_close, arg, release) != 0)
        release(arg);
    return conn;
}

int conn_watch_domains(virConnectPtr conn, virConnectDomainEventCallback on_event, void *arg, virFreeCallback release)
{
    int watch = virConnectDomainEventRegisterAny(conn, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                                 VIR_DOMAIN_EVENT_CALLBACK(on_event), arg, release);

    if (watch < 0)
        release(arg);
    return watch;
}

/*
 * A libvirtd (9.0.0) that stood still and finds both this and the end of the connection is in danger: its main thread and
 * another end the same watch at once. So it is asked first whether it answers; where not, the connection has ended when
 * this returns, and no more is sent.
 */
void conn_unwatch_domains(virConnectPtr conn, int watch)
{
    unsigned long version;

    if (watch < 0)
        return;
    (void)virConnectGetLibVersion(conn, &version);
    (void)virConnectDomainEventDeregisterAny(conn, watch);
}

/* A domain that is migrated to here is started, and only resumed when it has come: libvirt 9.0.0. */
bool conn_event_is_arrival(int event, int detail)
{
    return event == VIR_DOMAIN_EVENT_RESUMED ||
           (event == VIR_DOMAIN_EVENT_STARTED && detail != VIR_DOMAIN_EVENT_STARTED_MIGRATED);
}

/* The callback keeps a reference of its own on the connection. */
void conn_close(virConnectPtr conn, virConnectCloseFunc on_close)
{
    (void)virConnectUnregisterCloseCallback(conn, on_close);
    (void)virConnectClose(conn);
}

const char *conn_close_reason(int reason)
{
    static const char *const reasons[] = {
        [VIR_CONNECT_CLOSE_REASON_ERROR] = "an input or output error ended the connection",
        [VIR_CONNECT_CLOSE_REASON_EOF] = "libvirt closed the connection",
        [VIR_CONNECT_CLOSE_REASON_KEEPALIVE] = "libvirt does not answer",
        [VIR_CONNECT_CLOSE_REASON_CLIENT] = "the connection was closed here",
    };

    return (size_t)reason < COUNT(reasons) ? reasons[reason] : "the connection was closed";
}

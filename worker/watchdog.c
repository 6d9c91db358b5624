#include "worker/watchdog.h"

#include <event2/event.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>

#include "worker/log.h"

struct watchdog {
    watchdog_is_well *is_well;
    void *arg;
    struct event *timer;
    bool was_well;
};

static void feed(struct watchdog *watchdog)
{
    bool is_well = watchdog->is_well(watchdog->arg);

    if (is_well)
        sd_notify(0, "WATCHDOG=1");
    if (watchdog->was_well && !is_well)
        log_event(LOG_LEVEL_ERROR, "watchdog-unfed", "details",
                  "a queue stays deaf: the service manager is left to start this worker anew", (char *)NULL);
    watchdog->was_well = is_well;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    feed(arg);
}

bool watchdog_open(struct event_base *base, watchdog_is_well *is_well, void *arg, struct watchdog **out, struct err *e)
{
    uint64_t usec = 0;
    struct watchdog *watchdog;

    *out = NULL;
    if (sd_watchdog_enabled(0, &usec) <= 0)
        return true;
    watchdog = calloc(1, sizeof(*watchdog));
    if (watchdog != NULL)
        watchdog->timer = event_new(base, -1, EV_PERSIST, on_timer, watchdog);
    if (watchdog == NULL || watchdog->timer == NULL) {
        free(watchdog);
        return err_set(e, ERR_LOCAL, "out of memory");
    }
    watchdog->is_well = is_well;
    watchdog->arg = arg;
    usec /= 2;
    event_add(watchdog->timer,
              &(struct timeval){.tv_sec = (time_t)(usec / 1000000), .tv_usec = (suseconds_t)(usec % 1000000)});
    feed(watchdog);
    *out = watchdog;
    return true;
}

void watchdog_close(struct watchdog *watchdog)
{
    if (watchdog == NULL)
        return;
    event_free(watchdog->timer);
    free(watchdog);
}

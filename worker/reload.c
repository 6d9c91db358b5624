/* The configuration read again: what may change while requests are in hand, and when all is begun anew. */
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "worker/clock.h"
#include "worker/log.h"
#include "worker/worker_parts.h"

/* The same trouble is told once. */
static void note_trouble(struct worker *w, const char *why)
{
    if (strcmp(w->config_why, why) == 0)
        return;
    snprintf(w->config_why, sizeof(w->config_why), "%s", why);
    http_changed(w->http);
    if (why[0] != '\0')
        log_event(LOG_LEVEL_ERROR, "reload-failed", "details", why, (char *)NULL);
}

static bool read_again(struct worker *w, struct config *fresh)
{
    struct err e;

    if (config_read(w->path, fresh, &e))
        return true;
    note_trouble(w, e.text);
    return false;
}

static bool was_refused(const struct worker *w, const struct config *fresh)
{
    return w->refused != NULL && config_same_hosts(&w->refused->config, fresh);
}

/*
 * Everything here is made for the hosts there were at the start. With others it is made
 * anew: what runs is finished and answered, what waits goes back to the broker, and
 * worker_run() ends. systemd is told as of a reload: sd_notify(3), RELOADING=1.
 */
static void renew(struct worker *w, const struct config *fresh)
{
    if (w->is_draining || config_same_hosts(&w->config, fresh))
        return;
    log_event(LOG_LEVEL_INFO, "hosts-changing", "details", "what runs is finished before other hosts are taken up",
              (char *)NULL);
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=taking up other hosts",
               (unsigned long long)clock_monotonic_us());
    w->is_renewing = true;
    worker_drain(w);
}

void worker_on_hosts(void *arg)
{
    struct worker *w = arg;
    struct config fresh;

    if (!read_again(w, &fresh))
        return;
    if (!was_refused(w, &fresh)) {
        note_trouble(w, "");
        renew(w, &fresh);
    }
    config_done(&fresh);
}

void worker_on_reload_signal(int fd, short what, void *arg)
{
    struct worker *w = arg;
    struct config fresh;

    (void)fd, (void)what;
    note_trouble(w, ""); /* whoever asks is told again */
    if (!read_again(w, &fresh))
        return;
    log_set_level((enum log_level)fresh.log_level);
    log_set_format((enum log_format)fresh.log_format);
    w->life_config.request_timeout_ms = fresh.request_timeout_ms;
    w->life_config.hypervisor_wait_ms = fresh.hypervisor_wait_ms;
    w->config.drain_timeout_ms = fresh.drain_timeout_ms;
    log_event(LOG_LEVEL_INFO, "reloaded", "details",
              "log_level, log_format, request_timeout_ms, hypervisor_wait_ms and drain_timeout_ms are in force; the "
              "rest when there are other hosts, or at the next start",
              (char *)NULL);
    renew(w, &fresh);
    config_done(&fresh);
}

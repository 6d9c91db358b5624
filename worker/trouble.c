#include "worker/trouble.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct teller {
    trouble_tell *tell;
    void *arg;
    size_t count;
};

static void say(struct teller *t, bool is_bad, const char *fmt, ...) PRINTF_LIKE(3, 4);

static void say(struct teller *t, bool is_bad, const char *fmt, ...)
{
    struct trouble trouble = {.is_bad = is_bad};
    va_list args;

    va_start(args, fmt);
    vsnprintf(trouble.text, sizeof(trouble.text), fmt, args);
    va_end(args);
    t->count++;
    if (t->tell != NULL)
        t->tell(t->arg, &trouble);
}

static void tell_worker(struct teller *t, const struct status *s)
{
    if (s->is_draining)
        say(t, false, "This worker is stopping: it finishes what it has begun, and takes nothing new.");
    if (!s->is_broker_up)
        say(t, true,
            "The broker cannot be reached: %.300s. Requests wait in their queues, and none is lost; it is tried again "
            "every few seconds.",
            s->broker_why);
    if (s->is_broker_blocked)
        say(t, true, "The broker takes nothing for now: %.200s. Replies wait until its memory or disk alarm is over.",
            s->blocked_why);
    if (!s->is_ledger_up)
        say(t, true, "The ledger cannot be written: %.300s. Until it can, nothing is begun, and requests wait.",
            s->ledger_why);
    if (!s->is_config_read)
        say(t, false, "The configuration could not be read again: %.400s. What was in force before still is.",
            s->config_why);
}

static bool tell_host(struct teller *t, const struct status *s, const struct host_status *host)
{
    if (!host->is_libvirt_up)
        say(t, true,
            "libvirt of host %s cannot be reached: %.300s. Its requests wait for a while; VMs that run there are not "
            "hurt.",
            host->uuid, host->why);
    else if (!host->is_consuming && !host->is_left && s->is_broker_up)
        say(t, true, "Requests for host %s are not taken from its queue: %.300s.", host->uuid, host->why);
    else
        return false;
    return true;
}

/* What all of them suffer from has been said. */
static void tell_hosts(struct teller *t, const struct status *s)
{
    struct teller rest = {.tell = NULL};
    size_t told = 0;

    for (size_t i = 0; i < (size_t)s->hosts; i++) {
        struct host_status host;

        s->host(s->arg, i, &host);
        told += tell_host(told < TROUBLE_HOSTS_MAX ? t : &rest, s, &host);
    }
    if (rest.count > 0)
        say(t, true, "The same holds for %zu more hosts; the table below has them all.", rest.count);
}

static const char *const finding_texts[FINDING_KINDS] = {
    "no VM has named it for a day (orphan)",
    "it was left half done, and may have no value (valueless)",
    "its usage id is ours, and its usage type is not (wrong-usage)",
    "the ledger has it, and libvirt does not (not-in-libvirt)",
    "libvirt has it, and the ledger does not, so that it could not be restored (not-in-ledger)",
};

static void tell_rest(struct teller *t, const struct status *s)
{
    if (s->dead_letters > 0)
        say(t, false,
            "%" PRId64 " message%s lie%s among the dead letters: \"keyferry dead list\" shows what they are, and why.",
            s->dead_letters, s->dead_letters == 1 ? "" : "s", s->dead_letters == 1 ? "s" : "");
    for (size_t i = 0; i < FINDING_KINDS; i++)
        if (s->findings[i] > 0)
            say(t, false, "The last reconciliation found %" PRId64 " secret%s of which this is so: %s.", s->findings[i],
                s->findings[i] == 1 ? "" : "s", finding_texts[i]);
}

size_t troubles_tell(const struct status *status, trouble_tell *tell, void *arg)
{
    struct teller t = {.tell = tell, .arg = arg};

    tell_worker(&t, status);
    tell_hosts(&t, status);
    tell_rest(&t, status);
    return t.count;
}

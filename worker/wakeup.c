#include "worker/wakeup.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct wakeup {
    int fd;
    struct event *event;
    void (*fn)(void *arg);
    void *arg;
};

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct wakeup *w = arg;
    uint64_t calls;

    (void)what;
    (void)!read(fd, &calls, sizeof(calls));
    w->fn(w->arg);
}

bool wakeup_open(struct event_base *base, void (*fn)(void *arg), void *arg, struct wakeup **out, struct err *e)
{
    struct wakeup *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    w->fn = fn;
    w->arg = arg;
    w->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    w->event = w->fd < 0 ? NULL : event_new(base, w->fd, EV_READ | EV_PERSIST, on_readable, w);
    if (w->event == NULL || event_add(w->event, NULL) != 0) {
        wakeup_close(w);
        return err_set(e, ERR_LOCAL, "eventfd: %s", strerror(errno));
    }
    *out = w;
    return true;
}

void wakeup_close(struct wakeup *w)
{
    if (w == NULL)
        return;
    if (w->event != NULL)
        event_free(w->event);
    if (w->fd >= 0)
        close(w->fd);
    free(w);
}

void wakeup_call(struct wakeup *w)
{
    uint64_t one = 1;

    (void)!write(w->fd, &one, sizeof(one));
}

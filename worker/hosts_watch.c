#include "worker/hosts_watch.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "bus/timer.h"

enum {
    FIRST_MS = 2000, /* until the first look: between two renewals there is some service, however many hosts come */
    CALM_MS = 500,   /* without a change, until it is told; */
    LATE_MS = 5000,  /* ... but not so long after the first */
    AWAY_MS = 5000,  /* between looks for a folder that is not there */
    ROOM = 64 << 10, /* bytes of notices read at once */
};

/* What is written is of interest when it is closed. The folder itself may go, and another come in its place. */
#define NOTICES                                                                                                        \
    (IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF |            \
     IN_ATTRIB | IN_ONLYDIR)

struct hosts_watch {
    const char *folder;
    hosts_watch_changed *changed;
    void *arg;
    int notices, number; /* of the folder's watch; -1: there is none */
    uint64_t due_ms;     /* when it is told at the latest; 0: nothing has changed */
    bool has_looked;
    struct event *readable, *timer;
};

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct hosts_watch *watch = arg;
    uint64_t now_ms = monotonic_ms();
    char room[ROOM];

    (void)what;
    while (read(fd, room, sizeof(room)) > 0)
        continue;
    if (watch->due_ms == 0)
        watch->due_ms = now_ms + LATE_MS;
    if (watch->has_looked && now_ms + CALM_MS <= watch->due_ms)
        timer_set(watch->timer, CALM_MS);
}

/* A watch goes with the folder that was there, wherever it is moved to; added again it is that of what is there now. */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct hosts_watch *watch = arg;
    int number = inotify_add_watch(watch->notices, watch->folder, NOTICES);

    (void)fd, (void)what;
    if (watch->number >= 0 && watch->number != number)
        (void)!inotify_rm_watch(watch->notices, watch->number); /* it may be gone by itself */
    watch->number = number;
    watch->due_ms = 0;
    watch->has_looked = true;
    if (number < 0)
        timer_set(watch->timer, AWAY_MS);
    watch->changed(watch->arg);
}

bool hosts_watch_open(struct event_base *base, const char *folder, hosts_watch_changed *changed, void *arg,
                      struct hosts_watch **out, struct err *e)
{
    struct hosts_watch *watch = calloc(1, sizeof(*watch));

    if (watch == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    *watch = (struct hosts_watch){.folder = folder,
                                  .changed = changed,
                                  .arg = arg,
                                  .notices = inotify_init1(IN_NONBLOCK | IN_CLOEXEC),
                                  .number = -1};
    if (watch->notices < 0) {
        err_set(e, ERR_LOCAL, "hosts_dir cannot be watched: %s", strerror(errno));
        hosts_watch_close(watch);
        return false;
    }
    watch->readable = event_new(base, watch->notices, EV_READ | EV_PERSIST, on_readable, watch);
    watch->timer = evtimer_new(base, on_timer, watch);
    if (watch->readable == NULL || watch->timer == NULL || event_add(watch->readable, NULL) != 0) {
        hosts_watch_close(watch);
        return err_set(e, ERR_LOCAL, "out of memory");
    }
    watch->number = inotify_add_watch(watch->notices, folder, NOTICES);
    timer_set(watch->timer, FIRST_MS);
    *out = watch;
    return true;
}

void hosts_watch_close(struct hosts_watch *watch)
{
    if (watch == NULL)
        return;
    if (watch->readable != NULL)
        event_free(watch->readable);
    if (watch->timer != NULL)
        event_free(watch->timer);
    if (watch->notices >= 0)
        close(watch->notices);
    free(watch);
}

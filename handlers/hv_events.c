#include "handlers/hv_events.h"

#include <errno.h>
#include <libvirt/libvirt.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

#include "handlers/hv_conn.h"
#include "schemas/thread.h"

enum { EVENTS_AT_ONCE = 16, WAKE_ID = 0 };

/* A watched descriptor or a timer. Both end the same way: marked, and released by the loop's thread (virFreeCallback). */
struct source {
    int id;
    bool is_removed;
    void *opaque;
    virFreeCallback release;
    virEventHandleCallback on_handle; /* a descriptor's; NULL: a timer */
    int fd, events;                   /* events 0: not watched at present */
    virEventTimeoutCallback on_timeout;
    int every_ms; /* a timer's; -1: off */
    int64_t due_ms;
    LIST_ENTRY(source) all;
};

static struct {
    pthread_mutex_t lock;
    LIST_HEAD(, source) sources;
    int last_id;
    int epoll, wake;
    int64_t sleeps_until_ms; /* when the thread wakes by itself */
} loop = {.lock = PTHREAD_MUTEX_INITIALIZER, .epoll = -1, .wake = -1};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void wake(void)
{
    uint64_t one = 1;

    (void)!write(loop.wake, &one, sizeof(one));
}

static struct source *source_find(int id)
{
    struct source *s;

    LIST_FOREACH(s, &loop.sources, all)
    if (s->id == id && !s->is_removed)
        return s;
    return NULL;
}

/* Under the lock. NULL without memory. */
static struct source *source_add(void *opaque, virFreeCallback release)
{
    struct source *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return NULL;
    s->id = ++loop.last_id;
    s->opaque = opaque;
    s->release = release;
    s->fd = -1;
    s->every_ms = -1;
    LIST_INSERT_HEAD(&loop.sources, s, all);
    return s;
}

static uint32_t to_epoll(int events)
{
    return (events & VIR_EVENT_HANDLE_READABLE ? EPOLLIN : 0u) | (events & VIR_EVENT_HANDLE_WRITABLE ? EPOLLOUT : 0u);
}

static int from_epoll(uint32_t events)
{
    return (events & EPOLLIN ? VIR_EVENT_HANDLE_READABLE : 0) | (events & EPOLLOUT ? VIR_EVENT_HANDLE_WRITABLE : 0) |
           (events & EPOLLERR ? VIR_EVENT_HANDLE_ERROR : 0) | (events & EPOLLHUP ? VIR_EVENT_HANDLE_HANGUP : 0);
}

/* A descriptor of which nothing is wanted is taken out: epoll tells of a hang-up whether it is wanted or not. */
static bool watch(struct source *s, int events)
{
    struct epoll_event wanted = {.events = to_epoll(events), .data.u64 = (uint64_t)s->id};
    int how = s->events == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;

    if (s->events == 0 && events == 0)
        return true;
    if (epoll_ctl(loop.epoll, how, s->fd, &wanted) != 0)
        return false;
    s->events = events;
    return true;
}

static int add_handle(int fd, int events, virEventHandleCallback fn, void *opaque, virFreeCallback release)
{
    struct source *s;
    int id = -1;

    pthread_mutex_lock(&loop.lock);
    s = source_add(opaque, release);
    if (s != NULL) {
        s->fd = fd;
        s->on_handle = fn;
        id = s->id;
        if (!watch(s, events)) {
            LIST_REMOVE(s, all);
            free(s);
            id = -1;
        }
    }
    pthread_mutex_unlock(&loop.lock);
    return id;
}

static void update_handle(int id, int events)
{
    struct source *s;

    pthread_mutex_lock(&loop.lock);
    s = source_find(id);
    if (s != NULL)
        (void)watch(s, events);
    pthread_mutex_unlock(&loop.lock);
}

static int source_remove(int id)
{
    struct source *s;

    pthread_mutex_lock(&loop.lock);
    s = source_find(id);
    if (s != NULL) {
        if (s->on_handle != NULL)
            (void)watch(s, 0);
        s->is_removed = true;
    }
    pthread_mutex_unlock(&loop.lock);
    if (s != NULL)
        wake(); /* to release it */
    return s != NULL ? 0 : -1;
}

static void timer_set(struct source *s, int every_ms)
{
    s->every_ms = every_ms;
    s->due_ms = now_ms() + every_ms;
    if (every_ms >= 0 && s->due_ms < loop.sleeps_until_ms)
        wake();
}

static int add_timeout(int every_ms, virEventTimeoutCallback fn, void *opaque, virFreeCallback release)
{
    struct source *s;
    int id = -1;

    pthread_mutex_lock(&loop.lock);
    s = source_add(opaque, release);
    if (s != NULL) {
        s->on_timeout = fn;
        id = s->id;
        timer_set(s, every_ms);
    }
    pthread_mutex_unlock(&loop.lock);
    return id;
}

static void update_timeout(int id, int every_ms)
{
    struct source *s;

    pthread_mutex_lock(&loop.lock);
    s = source_find(id);
    if (s != NULL)
        timer_set(s, every_ms);
    pthread_mutex_unlock(&loop.lock);
}

/* ---- the thread ---- */

/* How long to sleep, in ms; -1: until woken. */
static int sleep_ms(void)
{
    int64_t next = INT64_MAX, left;
    struct source *s;

    pthread_mutex_lock(&loop.lock);
    LIST_FOREACH(s, &loop.sources, all)
    if (s->on_handle == NULL && !s->is_removed && s->every_ms >= 0 && s->due_ms < next)
        next = s->due_ms;
    loop.sleeps_until_ms = next;
    pthread_mutex_unlock(&loop.lock);
    if (next == INT64_MAX)
        return -1;
    left = next - now_ms();
    return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

/* What is wanted may have changed since epoll told; callbacks run without the lock, since they call back in. */
static void dispatch_handle(const struct epoll_event *event)
{
    virEventHandleCallback fn = NULL;
    int id = (int)event->data.u64, fd = -1;
    void *opaque = NULL;
    struct source *s;

    pthread_mutex_lock(&loop.lock);
    s = source_find(id);
    if (s != NULL && s->events != 0) {
        fn = s->on_handle;
        fd = s->fd;
        opaque = s->opaque;
    }
    pthread_mutex_unlock(&loop.lock);
    if (fn != NULL)
        fn(id, fd, from_epoll(event->events), opaque);
}

/* True if one was due; the next round looks for another. */
static bool dispatch_timer(void)
{
    virEventTimeoutCallback fn = NULL;
    int64_t now = now_ms();
    void *opaque = NULL;
    struct source *s;
    int id = 0;

    pthread_mutex_lock(&loop.lock);
    LIST_FOREACH(s, &loop.sources, all)
    if (s->on_handle == NULL && !s->is_removed && s->every_ms >= 0 && s->due_ms <= now)
        break;
    if (s != NULL) {
        s->due_ms = now + s->every_ms;
        fn = s->on_timeout;
        opaque = s->opaque;
        id = s->id;
    }
    pthread_mutex_unlock(&loop.lock);
    if (fn != NULL)
        fn(id, opaque);
    return fn != NULL;
}

static struct source *take_removed(void)
{
    struct source *s;

    pthread_mutex_lock(&loop.lock);
    LIST_FOREACH(s, &loop.sources, all)
    if (s->is_removed)
        break;
    if (s != NULL)
        LIST_REMOVE(s, all);
    pthread_mutex_unlock(&loop.lock);
    return s;
}

static void release_removed(void)
{
    struct source *s;

    while ((s = take_removed()) != NULL) {
        if (s->release != NULL)
            s->release(s->opaque);
        free(s);
    }
}

static void calm_wake(void)
{
    uint64_t calls;

    (void)!read(loop.wake, &calls, sizeof(calls));
}

static void *run(void *arg)
{
    struct epoll_event events[EVENTS_AT_ONCE];

    (void)arg;
    for (;;) {
        int count = epoll_wait(loop.epoll, events, EVENTS_AT_ONCE, sleep_ms());

        for (int i = 0; i < count; i++) {
            if (events[i].data.u64 == WAKE_ID)
                calm_wake();
            else
                dispatch_handle(&events[i]);
        }
        for (int i = 0; i < EVENTS_AT_ONCE && dispatch_timer(); i++) /* one of 0 ms is always due */
            continue;
        release_removed();
    }
    return NULL;
}

bool hv_events_start(void)
{
    struct epoll_event wanted = {.events = EPOLLIN, .data.u64 = WAKE_ID};
    struct err e;

    loop.epoll = epoll_create1(EPOLL_CLOEXEC);
    loop.wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (loop.epoll < 0 || loop.wake < 0 || epoll_ctl(loop.epoll, EPOLL_CTL_ADD, loop.wake, &wanted) != 0)
        return false;
    virEventRegisterImpl(add_handle, update_handle, source_remove, add_timeout, update_timeout, source_remove);
    return thread_start("libvirt-events", run, NULL, NULL, &e);
}

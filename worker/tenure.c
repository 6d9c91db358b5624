#include "worker/tenure.h"

#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus/timer.h"
#include "worker/log.h"
#include "worker/tenure_lock.h"

enum {
    /*
     * While something is wanted. For the fence; and for a holder that died while a
     * child of it had the file open still: then no IN_CLOSE_WRITE tells of it.
     */
    TICK_MS = 200,
    KILL_AGAIN_MS = 1000,
    FOLDER_BYTES = CONFIG_TEXT_MAX + 16,
    NAME_BYTES = 4,
    PATH_BYTES = FOLDER_BYTES + NAME_BYTES,
};

/* Somebody asked or let go; has ended; has undone the locks. */
#define RUNG   IN_ATTRIB
#define ENDED  IN_CLOSE_WRITE
#define UNDONE (IN_DELETE | IN_MOVED_FROM | IN_MOVE_SELF | IN_IGNORED)

enum stage { STAGE_NONE, STAGE_WANTED, STAGE_HELD };

struct tenure {
    struct tenure_lock lock;
    struct tenure *next; /* of the same file */
    enum stage stage;
    bool is_asked;        /* HELD: it was told */
    pid_t holder;         /* WANTED: whom it waits for; 0: not known yet */
    unsigned fence_in_ms; /* WANTED: until that one is killed */
};

struct file {
    int fd; /* -1: none of the hosts is in it */
    struct tenure *first;
};

struct tenures {
    const struct config *config;
    unsigned fence_ms;
    struct file files[TENURE_FILES];
    tenure_watch *watch;
    void *arg;
    struct tenure *list; /* one for each host */
    size_t count, wanted_count;
    int inotify;
    struct event *changed, *tick;
};

static void tell(struct tenures *t, const struct tenure *own, enum tenure_news news, const char *text)
{
    t->watch(t->arg, (size_t)(own - t->list), news, text);
}

static const char *host_of(const struct tenures *t, const struct tenure *own)
{
    return t->config->hosts[own - t->list].uuid.text;
}

static void stop_wanting(struct tenures *t, struct tenure *own)
{
    tenure_lock_ask(own->lock, false);
    own->holder = 0;
    t->wanted_count--;
}

/* Whoever has got hold of it since gets a time of its own to let go. */
static void note_holder(const struct tenures *t, struct tenure *own)
{
    pid_t holder = tenure_lock_holder(own->lock);

    if (holder == own->holder)
        return;
    own->holder = holder;
    own->fence_in_ms = t->fence_ms;
}

static void pursue(struct tenures *t, struct tenure *own)
{
    if (!tenure_lock_take(own->lock)) {
        note_holder(t, own);
        return;
    }
    stop_wanting(t, own);
    own->stage = STAGE_HELD;
    own->is_asked = false;
    tell(t, own, TENURE_GRANTED, "");
}

static void look_for_asker(struct tenures *t, struct tenure *own)
{
    bool was_asked = own->is_asked;

    own->is_asked = tenure_lock_is_asked(own->lock);
    if (own->is_asked && !was_asked)
        tell(t, own, TENURE_ASKED, "");
}

static void look_whether_free(struct tenures *t, struct tenure *own)
{
    if (tenure_lock_holder(own->lock) == 0 && !tenure_lock_is_asked(own->lock))
        tell(t, own, TENURE_FREE, "");
}

/* Something may have changed with this host. */
static void look(struct tenures *t, struct tenure *own)
{
    if (own->stage == STAGE_NONE) {
        look_whether_free(t, own);
        return;
    }
    if (own->stage == STAGE_WANTED)
        pursue(t, own);
    if (own->stage == STAGE_HELD)
        look_for_asker(t, own);
}

static void look_at_all(struct tenures *t)
{
    for (size_t i = 0; i < t->count; i++)
        look(t, &t->list[i]);
}

/* Nobody can tell for which of its hosts a file was rung. */
static void look_at_file(struct tenures *t, const struct file *file)
{
    for (struct tenure *own = file->first; own != NULL; own = own->next)
        look(t, own);
}

/* The next worker makes these files anew, and then nothing keeps the two apart. */
static void end_self(const struct tenures *t, const char *name)
{
    char text[PATH_BYTES + 80];

    snprintf(text, sizeof(text), "%s/tenure/%s was removed: another worker may hold what this one does",
             t->config->state_dir, name);
    log_event(LOG_LEVEL_ERROR, "tenure-lost", "details", text, (char *)NULL);
    raise(SIGKILL);
}

static const char *name_of(size_t file, char out[NAME_BYTES])
{
    snprintf(out, NAME_BYTES, "%02x", (unsigned)(file % TENURE_FILES));
    return out;
}

/* NULL: none of ours. */
static const struct file *file_named(const struct tenures *t, const char *name)
{
    size_t number = strtoul(name, NULL, 16) % TENURE_FILES;
    char own[NAME_BYTES];

    return t->files[number].fd >= 0 && strcmp(name, name_of(number, own)) == 0 ? &t->files[number] : NULL;
}

static void on_event(struct tenures *t, const struct inotify_event *event)
{
    const char *name = event->len > 0 ? event->name : "";
    const struct file *file = file_named(t, name);

    if ((event->mask & IN_Q_OVERFLOW) != 0)
        look_at_all(t);
    if ((event->mask & UNDONE) != 0 && (file != NULL || name[0] == '\0'))
        end_self(t, name);
    if (file != NULL)
        look_at_file(t, file);
}

static void on_changed(evutil_socket_t fd, short what, void *arg)
{
    _Alignas(struct inotify_event) char events[4096];
    ssize_t bytes = read(fd, events, sizeof(events));

    (void)what;
    for (char *at = events; at < events + bytes;) {
        const struct inotify_event *event = (const void *)at;

        at += sizeof(*event) + event->len;
        on_event(arg, event);
    }
}

static void fence(struct tenures *t, struct tenure *own)
{
    char text[80];
    struct err e;

    for (size_t i = 0; i < t->count; i++) /* it is killed once for all that it holds */
        if (t->list[i].stage == STAGE_WANTED && t->list[i].holder == own->holder)
            t->list[i].fence_in_ms = KILL_AGAIN_MS;
    if (!tenure_lock_kill(own->lock, own->holder, &e)) {
        tell(t, own, TENURE_STUCK, e.text);
        return;
    }
    snprintf(text, sizeof(text), "killed process %d, which did not let go within %u ms", (int)own->holder, t->fence_ms);
    log_event(LOG_LEVEL_WARN, "tenure-fence", "host", host_of(t, own), "details", text, (char *)NULL);
}

static void wait_on(struct tenures *t, struct tenure *own)
{
    if (own->holder == 0)
        return;
    if (own->fence_in_ms > TICK_MS)
        own->fence_in_ms -= TICK_MS;
    else
        fence(t, own);
}

/*
 * Ticks are counted rather than a clock read: of a time in which all were frozen
 * (the machine, a container) nothing is held against the holder.
 */
static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct tenures *t = arg;

    (void)fd;
    (void)what;
    for (size_t i = 0; i < t->count; i++) {
        if (t->list[i].stage == STAGE_WANTED)
            look(t, &t->list[i]);
        if (t->list[i].stage == STAGE_WANTED)
            wait_on(t, &t->list[i]);
    }
    if (t->wanted_count > 0)
        timer_set(t->tick, TICK_MS);
}

static bool watch_folder(struct tenures *t, struct event_base *base, const char *folder, struct err *e)
{
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return err_set(e, ERR_LOCAL, "cannot make the folder %s: %s", folder, strerror(errno));
    t->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (t->inotify < 0 || inotify_add_watch(t->inotify, folder, RUNG | ENDED | UNDONE | IN_ONLYDIR) < 0)
        return err_set(e, ERR_LOCAL, "cannot watch %s: %s", folder, strerror(errno));
    t->changed = event_new(base, t->inotify, EV_READ | EV_PERSIST, on_changed, t);
    t->tick = evtimer_new(base, on_tick, t);
    if (t->changed == NULL || t->tick == NULL || event_add(t->changed, NULL) != 0)
        return err_set(e, ERR_LOCAL, "out of memory");
    return true;
}

static bool open_file(struct tenures *t, const char *folder, size_t file, struct err *e)
{
    char path[PATH_BYTES + 1], name[NAME_BYTES];

    if (t->files[file].fd >= 0)
        return true;
    snprintf(path, sizeof(path), "%s/%s", folder, name_of(file, name));
    return tenure_lock_open(path, &t->files[file].fd, e);
}

/* Two hosts in one place would be one: giving one of them would give both. */
static bool place_is_free(const struct file *file, off_t at, struct err *e)
{
    for (const struct tenure *other = file->first; other != NULL; other = other->next)
        if (other->lock.at == at)
            return err_set(e, ERR_LOCAL, "two hosts have the same place among the locks in state_dir/tenure");
    return true;
}

static bool open_hosts(struct tenures *t, const char *folder, struct err *e)
{
    for (; t->count < t->config->host_count; t->count++) {
        struct tenure_place place = tenure_place_of(&t->config->hosts[t->count].uuid);
        struct file *file = &t->files[place.file];
        struct tenure *own = &t->list[t->count];

        if (!open_file(t, folder, place.file, e) || !place_is_free(file, place.at, e))
            return false;
        own->lock = (struct tenure_lock){file->fd, place.at};
        own->next = file->first;
        file->first = own;
    }
    return true;
}

static bool open_all(struct tenures *t, struct event_base *base, struct err *e)
{
    char folder[FOLDER_BYTES];

    t->list = calloc(t->config->host_count, sizeof(*t->list));
    if (t->list == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    snprintf(folder, sizeof(folder), "%s/tenure", t->config->state_dir);
    return watch_folder(t, base, folder, e) && open_hosts(t, folder, e);
}

bool tenures_open(struct event_base *base, const struct config *config, unsigned fence_ms, tenure_watch *watch,
                  void *arg, struct tenures **out, struct err *e)
{
    struct tenures *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    t->config = config;
    t->fence_ms = fence_ms;
    t->watch = watch;
    t->arg = arg;
    t->inotify = -1;
    for (size_t i = 0; i < TENURE_FILES; i++)
        t->files[i].fd = -1;
    if (!open_all(t, base, e)) {
        tenures_close(t);
        return false;
    }
    *out = t;
    return true;
}

void tenures_close(struct tenures *t)
{
    if (t == NULL)
        return;
    if (t->changed != NULL)
        event_free(t->changed);
    if (t->tick != NULL)
        event_free(t->tick);
    if (t->inotify >= 0)
        close(t->inotify);
    for (size_t i = 0; i < TENURE_FILES; i++)
        if (t->files[i].fd >= 0)
            close(t->files[i].fd);
    free(t->list);
    free(t);
}

bool tenure_try(struct tenures *t, size_t host)
{
    struct tenure *own = &t->list[host];

    if (own->stage == STAGE_NONE && !tenure_lock_is_asked(own->lock) && tenure_lock_take(own->lock)) {
        own->stage = STAGE_HELD;
        own->is_asked = false;
        if (tenure_lock_is_asked(own->lock)) /* in between: to be told of it; who asks from now on rings */
            tenure_lock_ring(own->lock);
    }
    return own->stage == STAGE_HELD;
}

void tenure_want(struct tenures *t, size_t host)
{
    struct tenure *own = &t->list[host];

    if (own->stage != STAGE_NONE)
        return;
    own->stage = STAGE_WANTED;
    if (t->wanted_count++ == 0)
        timer_set(t->tick, TICK_MS);
    tenure_lock_ask(own->lock, true);
    tenure_lock_ring(own->lock); /* to the holder; and back to us, to take it if there is none */
}

void tenure_give(struct tenures *t, size_t host)
{
    struct tenure *own = &t->list[host];

    if (own->stage == STAGE_WANTED)
        stop_wanting(t, own);
    if (own->stage == STAGE_HELD) {
        tenure_lock_drop(own->lock);
        tenure_lock_ring(own->lock);
    }
    own->stage = STAGE_NONE;
}

bool tenure_is_free(const struct tenures *t, size_t host)
{
    return t->list[host].stage != STAGE_HELD && tenure_lock_holder(t->list[host].lock) == 0;
}

bool tenure_is_held(const struct tenures *t, size_t host)
{
    return t->list[host].stage == STAGE_HELD;
}

bool tenure_is_wanted(const struct tenures *t, size_t host)
{
    return t->list[host].stage == STAGE_WANTED;
}

pid_t tenure_holder(const struct tenures *t, size_t host)
{
    return tenure_lock_holder(t->list[host].lock);
}

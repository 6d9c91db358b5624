#include "bus/lookup.h"

#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "schemas/thread.h"

enum { SERVICE_CHARS = 6 };

/* Owned by the loop and by the thread; the last one frees it. */
struct lookup {
    atomic_int owners;
    char *host;
    char service[SERVICE_CHARS];
    int finished_fd;
    atomic_bool finished; /* `code` and `addresses` are written */
    int code;
    struct addrinfo *addresses;
    struct event *event; /* from here on the loop's alone */
    lookup_done *done;
    void *arg;
};

static const struct addrinfo stream_hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};

static void lookup_release(struct lookup *lookup)
{
    if (atomic_fetch_sub(&lookup->owners, 1) > 1)
        return;
    if (lookup->addresses != NULL)
        freeaddrinfo(lookup->addresses);
    if (lookup->finished_fd >= 0)
        close(lookup->finished_fd);
    free(lookup->host);
    free(lookup);
}

static void *lookup_run(void *arg)
{
    struct lookup *lookup = arg;

    lookup->code = getaddrinfo(lookup->host, lookup->service, &stream_hints, &lookup->addresses);
    if (lookup->code != 0)
        lookup->addresses = NULL;
    atomic_store(&lookup->finished, true);
    while (eventfd_write(lookup->finished_fd, 1) != 0 && errno == EINTR)
        ;
    lookup_release(lookup);
    return NULL;
}

static void on_finished(evutil_socket_t fd, short what, void *arg)
{
    struct lookup *lookup = arg;
    lookup_done *done = lookup->done;
    void *done_arg = lookup->arg;
    char why[160];

    (void)fd;
    (void)what;
    if (!atomic_load(&lookup->finished))
        return;
    struct addrinfo *addresses = TAKE(lookup->addresses);
    snprintf(why, sizeof(why), "the name cannot be resolved: %s", gai_strerror(lookup->code));
    lookup_cancel(lookup);
    done(done_arg, addresses, addresses == NULL ? why : NULL);
}

static bool begin(struct lookup *lookup, struct err *e)
{
    atomic_fetch_add(&lookup->owners, 1);
    if (thread_start("name-lookup", lookup_run, lookup, NULL, e))
        return true;
    atomic_fetch_sub(&lookup->owners, 1);
    return false;
}

bool lookup_begin(struct event_base *base, const char *host, uint16_t port, lookup_done *done, void *arg,
                  struct lookup **out, struct err *e)
{
    struct lookup *lookup = calloc(1, sizeof(*lookup));

    if (lookup == NULL)
        return err_set(e, ERR_LOCAL, "no memory to look a name up");
    lookup->owners = 1;
    lookup->done = done;
    lookup->arg = arg;
    lookup->host = strdup(host);
    snprintf(lookup->service, sizeof(lookup->service), "%u", port);
    lookup->finished_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    lookup->event = event_new(base, lookup->finished_fd, EV_READ, on_finished, lookup);
    if (lookup->host == NULL || lookup->finished_fd < 0 || lookup->event == NULL ||
        event_add(lookup->event, NULL) != 0) {
        lookup_cancel(lookup);
        return err_set(e, ERR_LOCAL, "no memory or descriptor to look a name up");
    }
    if (!begin(lookup, e)) {
        lookup_cancel(lookup);
        return false;
    }
    *out = lookup;
    return true;
}

void lookup_cancel(struct lookup *lookup)
{
    if (lookup == NULL)
        return;
    if (lookup->event != NULL)
        event_free(TAKE(lookup->event));
    lookup_release(lookup);
}

struct addrinfo *lookup_digits(const char *host, uint16_t port)
{
    struct addrinfo hints = stream_hints, *addresses;
    char service[SERVICE_CHARS];

    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    snprintf(service, sizeof(service), "%u", port);
    return getaddrinfo(host, service, &hints, &addresses) == 0 ? addresses : NULL;
}

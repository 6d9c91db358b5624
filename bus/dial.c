#include "bus/dial.h"

#include "bus/lookup.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/util.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct dial {
    struct event_base *base;
    const struct url *url;
    const struct tls_config *tls;
    struct lookup *lookup;
    struct addrinfo *addresses;
    const struct addrinfo *next;
    struct bufferevent *bev;
    dial_done *done;
    void *arg;
    bool securing;                 /* connected, and in the TLS handshake */
    char refusal[TLS_WORDS_CHARS]; /* of the present address: why its certificate is not accepted, or "" */
    char why[TLS_WORDS_CHARS];     /* of the last address */
};

void dial_cancel(struct dial *dial)
{
    if (dial == NULL)
        return;
    lookup_cancel(dial->lookup);
    if (dial->bev != NULL)
        bufferevent_free(dial->bev);
    if (dial->addresses != NULL)
        freeaddrinfo(dial->addresses);
    free(dial);
}

static void dial_end(struct dial *dial, struct bufferevent *bev)
{
    dial_done *done = dial->done;
    void *arg = dial->arg;
    char why[sizeof(dial->why)];

    memcpy(why, dial->why, sizeof(why));
    dial_cancel(dial);
    done(arg, bev, bev == NULL ? why : NULL);
}

static void try_addresses(struct dial *dial);

static void dial_succeed(struct dial *dial)
{
    bufferevent_setcb(dial->bev, NULL, NULL, NULL, NULL);
    dial_end(dial, TAKE(dial->bev));
}

static void on_secured(struct bufferevent *bev, short what, void *arg)
{
    struct dial *dial = arg;

    if ((what & BEV_EVENT_CONNECTED) != 0) {
        dial_succeed(dial);
        return;
    }
    if (dial->refusal[0] != '\0')
        memcpy(dial->why, dial->refusal, sizeof(dial->why));
    else if ((what & BEV_EVENT_EOF) != 0)
        snprintf(dial->why, sizeof(dial->why), "the broker hung up in the TLS handshake");
    else
        tls_explain(bev, what, dial->why, sizeof(dial->why));
    bufferevent_free(TAKE(dial->bev));
    try_addresses(dial);
}

/* Connected: put TLS on the socket. */
static void secure(struct dial *dial)
{
    int fd = bufferevent_getfd(dial->bev);
    struct err why;

    bufferevent_setfd(dial->bev, -1);
    bufferevent_free(TAKE(dial->bev));
    dial->securing = true;
    if (tls_begin(dial->tls, dial->base, fd, dial->url->host, dial->refusal, &dial->bev, &why)) {
        bufferevent_setcb(dial->bev, NULL, NULL, on_secured, dial);
        return;
    }
    close(fd);
    snprintf(dial->why, sizeof(dial->why), "%.255s", why.text);
    try_addresses(dial);
}

static void on_connect(struct bufferevent *bev, short what, void *arg)
{
    struct dial *dial = arg;
    int code = EVUTIL_SOCKET_ERROR();

    if ((what & BEV_EVENT_CONNECTED) != 0) {
        /* Acks and confirms are small and must not wait for one another. */
        setsockopt(bufferevent_getfd(bev), IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        if (dial->url->tls)
            secure(dial);
        else
            dial_succeed(dial);
        return;
    }
    snprintf(dial->why, sizeof(dial->why), "%s%s", evutil_socket_error_to_string(code),
             code == ECONNREFUSED ? " (does a broker listen there?)" : "");
    bufferevent_free(TAKE(dial->bev));
    try_addresses(dial);
}

/* True: what becomes of this address will be told to on_connect(). */
static bool try_address(struct dial *dial, const struct addrinfo *address)
{
    dial->bev = bufferevent_socket_new(dial->base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (dial->bev == NULL) {
        snprintf(dial->why, sizeof(dial->why), "no memory for a connection");
        return false;
    }
    bufferevent_setcb(dial->bev, NULL, NULL, on_connect, dial);
    if (bufferevent_socket_connect(dial->bev, address->ai_addr, (int)address->ai_addrlen) == 0)
        return true;
    snprintf(dial->why, sizeof(dial->why), "%s", strerror(errno));
    bufferevent_free(TAKE(dial->bev));
    return false;
}

static void try_addresses(struct dial *dial)
{
    dial->securing = false;
    while (dial->next != NULL) {
        const struct addrinfo *address = dial->next;
        dial->next = address->ai_next;
        if (try_address(dial, address))
            return;
    }
    dial_end(dial, NULL);
}

static void on_lookup(void *arg, struct addrinfo *addresses, const char *why)
{
    struct dial *dial = arg;

    dial->lookup = NULL;
    dial->addresses = addresses;
    dial->next = addresses;
    if (why != NULL)
        snprintf(dial->why, sizeof(dial->why), "%.255s", why);
    try_addresses(dial);
}

void dial_begin(struct event_base *base, const struct url *url, const struct tls_config *tls, dial_done *done,
                void *arg, struct dial **out)
{
    struct dial *dial = calloc(1, sizeof(*dial));
    struct addrinfo *addresses = lookup_digits(url->host, url->port);
    struct err why;

    *out = dial;
    if (dial == NULL) {
        if (addresses != NULL)
            freeaddrinfo(addresses);
        done(arg, NULL, "no memory for a connection");
        return;
    }
    *dial = (struct dial){.base = base, .url = url, .tls = tls, .done = done, .arg = arg};
    if (addresses != NULL)
        on_lookup(dial, addresses, NULL);
    else if (!lookup_begin(base, url->host, url->port, on_lookup, dial, &dial->lookup, &why))
        on_lookup(dial, NULL, why.text);
}

const char *dial_missing(const struct dial *dial)
{
    return dial->securing ? "no TLS handshake" : "no connection";
}

#include "bus/dial.h"

#include <arpa/inet.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const struct tls_config no_tls;

struct told {
    struct event_base *base;
    struct bufferevent *bev;
    char why[200];
    int calls;
};

static void on_done(void *arg, struct bufferevent *bev, const char *why)
{
    struct told *told = arg;

    told->bev = bev;
    snprintf(told->why, sizeof(told->why), "%s", why == NULL ? "" : why);
    told->calls++;
    event_base_loopbreak(told->base);
}

static int listener_new(uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 8), 0);
    getsockname(fd, (struct sockaddr *)&at, &size);
    *port = ntohs(at.sin_port);
    return fd;
}

static struct url url_of(const char *host, uint16_t port)
{
    struct url url = {.port = port};

    snprintf(url.host, sizeof(url.host), "%s", host);
    return url;
}

static void dial_and_wait(struct told *told, const char *host, uint16_t port)
{
    struct url url = url_of(host, port);
    struct dial *dial;

    *told = (struct told){.base = event_base_new()};
    dial_begin(told->base, &url, &no_tls, on_done, told, &dial);
    if (told->calls == 0)
        event_base_dispatch(told->base);
    assert_int_equal(told->calls, 1);
}

/* "localhost" may be ::1 first, where nobody listens. */
static void tries_each_address_of_a_name(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost"};
    struct told told;
    uint16_t port;
    int listener = listener_new(&port);

    (void)state;
    for (size_t i = 0; i < COUNT(hosts); i++) {
        dial_and_wait(&told, hosts[i], port);
        assert_string_equal(told.why, "");
        assert_non_null(told.bev);
        bufferevent_free(told.bev);
        event_base_free(told.base);
    }
    close(listener);
}

static void says_why_nobody_answers(void **state)
{
    struct told told;
    uint16_t port;

    (void)state;
    close(listener_new(&port));
    dial_and_wait(&told, "127.0.0.1", port);
    assert_null(told.bev);
    assert_string_equal(told.why, "Connection refused (does a broker listen there?)");
    event_base_free(told.base);
}

static void one_that_was_cancelled_is_not_told(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost"};
    struct told told = {.base = event_base_new()};
    uint16_t port;
    int listener = listener_new(&port);

    (void)state;
    for (size_t i = 0; i < COUNT(hosts); i++) {
        struct url url = url_of(hosts[i], port);
        struct dial *dial;
        dial_begin(told.base, &url, &no_tls, on_done, &told, &dial);
        dial_cancel(dial);
    }
    event_base_dispatch(told.base);
    assert_int_equal(told.calls, 0);
    event_base_free(told.base);
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tries_each_address_of_a_name),
        cmocka_unit_test(says_why_nobody_answers),
        cmocka_unit_test(one_that_was_cancelled_is_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

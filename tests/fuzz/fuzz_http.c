/*
 * Any bytes as what a probe sends, as the value of ?host=, and as the address to
 * serve on: the first byte says which. They go over a UNIX socket to the server
 * itself, whose listening on an address is stood in for. It answers what it is to
 * answer, repeats nothing of what was asked, and goes on serving.
 */
#include "tests/fuzz/fuzz.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "schemas/uuid.h"
#include "worker/http.h"

#define HOST_A "aaaaaaaa-0000-4000-8000-00000000000a"
#define HOST_B "bbbbbbbb-0000-4000-8000-00000000000b"

static struct event_base *base;
static struct http *http;
static int listener = -1;

static const struct readiness hosts[] = {
    {.host = HOST_A, .is_consuming = true, .is_hypervisor_up = true, .why = ""},
    {.host = HOST_B, .is_consuming = true, .is_left = true, .why = "its libvirt is away"},
};

static bool readiness(void *arg, size_t index, struct readiness *out)
{
    (void)arg;
    if (index >= COUNT(hosts))
        return false;
    *out = hosts[index];
    return true;
}

static void view(void *arg, enum http_view which, struct evbuffer *out)
{
    (void)arg;
    evbuffer_add_printf(out, "view %d\n", (int)which);
}

/* Stands in for libevent's: http_open() listens on a UNIX socket of a name that the kernel makes up. */
int evhttp_bind_socket(struct evhttp *server, const char *address, ev_uint16_t port)
{
    const struct sockaddr_un any = {.sun_family = AF_UNIX};

    (void)address;
    (void)port;
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    MUST(bind(listener, (const struct sockaddr *)&any, sizeof(any.sun_family)) == 0 && listen(listener, 16) == 0);
    return evhttp_accept_socket(server, listener);
}

static void open_once(void)
{
    const struct http_config config = {"127.0.0.1:1", "", 1000, readiness, view, NULL};
    struct err e;

    if (http != NULL)
        return;
    base = event_base_new();
    MUST(base != NULL && http_open(base, &config, &http, &e));
}

static int dial(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t len = sizeof(name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    MUST(getsockname(listener, (struct sockaddr *)&name, &len) == 0);
    MUST(connect(fd, (const struct sockaddr *)&name, len) == 0);
    return fd;
}

struct answer {
    char text[65536];
    size_t len;
};

/* False: nothing more will come. */
static bool hear(int fd, struct answer *answer)
{
    ssize_t got = read(fd, answer->text + answer->len, sizeof(answer->text) - 1 - answer->len);

    answer->len += got > 0 ? (size_t)got : 0;
    answer->text[answer->len] = '\0';
    return got < 0;
}

/* Say it all, hang up our half, and hear what the server says until it hangs up, too. */
static void ask(const void *request, size_t len, struct answer *answer)
{
    int fd = dial(), turns = 0;

    answer->len = 0;
    MUST(send(fd, request, len, MSG_NOSIGNAL) == (ssize_t)len && shutdown(fd, SHUT_WR) == 0);
    do
        event_base_loop(base, EVLOOP_NONBLOCK);
    while (hear(fd, answer) && ++turns < 100);
    MUST(turns < 100);
    close(fd);
    event_base_loop(base, EVLOOP_NONBLOCK);
}

static int status_of(const struct answer *answer)
{
    int status = 0;

    MUST(sscanf(answer->text, "HTTP/%*d.%*d %d ", &status) == 1);
    return status;
}

static const char *body_of(const struct answer *answer)
{
    const char *body = strstr(answer->text, "\r\n\r\n");

    return body == NULL ? "" : body + 4;
}

static void check_alive(struct answer *answer)
{
    static const char request[] = "GET /healthz HTTP/1.0\r\n\r\n";

    ask(request, strlen(request), answer);
    MUST(status_of(answer) == 200 && strcmp(body_of(answer), "ok\n") == 0);
}

static void check_any(const uint8_t *data, size_t size)
{
    static const int statuses[] = {100, 200, 400, 403, 404, 405, 411, 413, 417, 501, 503};
    static struct answer answer;
    bool known = false;

    ask(data, size, &answer);
    for (size_t i = 0; answer.len > 0 && i < COUNT(statuses); i++)
        known |= status_of(&answer) == statuses[i];
    MUST(known || answer.len == 0);
    check_alive(&answer);
}

/* What /readyz?host= says of a value, from the header's words: 404, or the line of the host. */
static int expected(const char *value, const char **line)
{
    struct uuid uuid;

    *line = "no such host is served here\n";
    if (!uuid_parse(value, strlen(value), &uuid))
        return 404;
    if (strcmp(uuid.text, HOST_A) == 0)
        *line = HOST_A " ready\n";
    if (strcmp(uuid.text, HOST_B) == 0)
        *line = HOST_B " not ready: its libvirt is away\n";
    return strcmp(uuid.text, HOST_A) == 0 ? 200 : strcmp(uuid.text, HOST_B) == 0 ? 503 : 404;
}

static void check_host(const uint8_t *data, size_t size)
{
    static struct answer answer;
    char *value = input_text(data, size), *request = malloc(64 + 3 * size), *at = request;
    const char *line;

    at += sprintf(at, "GET /readyz?host=");
    for (size_t i = 0; i < size; i++)
        at += sprintf(at, "%%%02x", data[i]);
    at += sprintf(at, " HTTP/1.0\r\n\r\n");
    ask(request, (size_t)(at - request), &answer);
    MUST(status_of(&answer) == expected(value, &line) && strcmp(body_of(&answer), line) == 0);
    free(request);
    free(value);
}

/* What is accepted has a host and a port, and is read again from what it was read as. */
static void check_address(const uint8_t *data, size_t size)
{
    char *text = input_text(data, size), host[HTTP_HOST_BYTES], again[HTTP_HOST_BYTES], written[HTTP_HOST_BYTES + 16];
    uint16_t port, port_again;
    struct err e;

    if (http_address_read(text, host, &port, &e)) {
        MUST(host[0] != '\0' && port != 0 && strpbrk(host, "[] \t\n") == NULL);
        MUST(strrchr(text, ':')[1 + strspn(strrchr(text, ':') + 1, "0123456789")] == '\0');
        snprintf(written, sizeof(written), strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, port);
        MUST(http_address_read(written, again, &port_again, &e));
        MUST(strcmp(host, again) == 0 && port == port_again);
    } else {
        MUST(e.kind == ERR_CONFIG && e.text[0] != '\0');
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 16384)
        return 0;
    open_once();
    if (data[0] % 4 == 0)
        check_host(data + 1, size - 1 < 1024 ? size - 1 : 1024);
    else if (data[0] % 4 == 1)
        check_address(data + 1, size - 1);
    else
        check_any(data + 1, size - 1);
    return 0;
}

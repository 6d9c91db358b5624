#include "worker/http.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/uuid.h"

enum { HEADERS_MAX_BYTES = 8192, BODY_MAX = 0, TIMEOUT_S = 10 };

struct http {
    struct evhttp *server;
    struct http_config config; /* but for `address` */
};

#define PLAIN "text/plain; charset=utf-8"

static void answer(struct evhttp_request *request, int status, const char *type, struct evbuffer *body)
{
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", type);
    evhttp_add_header(evhttp_request_get_output_headers(request), "Cache-Control", "no-store");
    evhttp_send_reply(request, status, NULL, body);
}

static void answer_text(struct evhttp_request *request, int status, const char *text)
{
    struct evbuffer *body = evbuffer_new();

    if (body != NULL)
        evbuffer_add(body, text, strlen(text));
    answer(request, status, PLAIN, body);
    if (body != NULL)
        evbuffer_free(body);
}

static bool is_get(struct evhttp_request *request)
{
    enum evhttp_cmd_type command = evhttp_request_get_command(request);

    if (command == EVHTTP_REQ_GET || command == EVHTTP_REQ_HEAD)
        return true;
    answer_text(request, 405, "only GET and HEAD\n");
    return false;
}

static void on_healthz(struct evhttp_request *request, void *arg)
{
    (void)arg;
    if (is_get(request))
        answer_text(request, 200, "ok\n");
}

static bool is_ready(const struct readiness *r)
{
    return r->is_consuming && r->is_hypervisor_up;
}

static void tell(struct evbuffer *body, const struct readiness *r)
{
    evbuffer_add_printf(body, "%s %s%s%s\n", r->host, is_ready(r) ? "ready" : "not ready",
                        r->why[0] != '\0' ? ": " : "", r->why);
}

static void answer_for_one(const struct http *http, struct evhttp_request *request, const char *wanted)
{
    struct evbuffer *body = evbuffer_new();
    struct readiness r;
    struct uuid uuid;
    int status = 404;

    if (uuid_parse(wanted, strlen(wanted), &uuid))
        for (size_t i = 0; http->config.readiness(http->config.arg, i, &r); i++)
            if (strcmp(r.host, uuid.text) == 0) {
                status = is_ready(&r) ? 200 : 503;
                tell(body, &r);
            }
    if (status == 404)
        evbuffer_add_printf(body, "no such host is served here\n");
    answer(request, status, PLAIN, body);
    evbuffer_free(body);
}

static void answer_for_all(const struct http *http, struct evhttp_request *request)
{
    struct evbuffer *body = evbuffer_new();
    struct readiness r;
    bool any = false;

    for (size_t i = 0; http->config.readiness(http->config.arg, i, &r); i++) {
        any |= is_ready(&r);
        if (!is_ready(&r))
            tell(body, &r);
    }
    evbuffer_prepend(body, any ? "ready\n" : "not ready\n", any ? 6 : 10);
    answer(request, any ? 200 : 503, PLAIN, body);
    evbuffer_free(body);
}

static void on_readyz(struct evhttp_request *request, void *arg)
{
    const struct http *http = arg;
    const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(request));
    struct evkeyvalq fields = {0};
    const char *wanted = NULL;

    if (!is_get(request))
        return;
    if (query != NULL && evhttp_parse_query_str(query, &fields) == 0)
        wanted = evhttp_find_header(&fields, "host");
    if (wanted != NULL)
        answer_for_one(http, request, wanted);
    else
        answer_for_all(http, request);
    evhttp_clear_headers(&fields);
}

static void on_metrics(struct evhttp_request *request, void *arg)
{
    const struct http *http = arg;
    struct evbuffer *body;

    if (!is_get(request))
        return;
    body = evbuffer_new();
    if (body != NULL)
        http->config.metrics(http->config.arg, body);
    answer(request, 200, "text/plain; version=0.0.4; charset=utf-8", body);
    if (body != NULL)
        evbuffer_free(body);
}

static void on_other(struct evhttp_request *request, void *arg)
{
    (void)arg;
    answer_text(request, 404, "there are /healthz, /readyz and /metrics\n");
}

/* A stretch of a text, not terminated. */
struct span {
    const char *at;
    size_t len;
};

/* Not empty: to listen on "" is to listen everywhere. */
static bool host_is_fine(struct span host)
{
    for (size_t i = 0; i < host.len; i++)
        if (host.at[i] <= ' ' || host.at[i] == '[' || host.at[i] == ']')
            return false;
    return host.len > 0 && host.len < HTTP_HOST_BYTES;
}

/* Digits only: strtol() would take a blank or a sign before them. */
static bool port_read(const char *text, uint16_t *out)
{
    size_t digits = strspn(text, "0123456789");
    long n = digits == 0 || digits > 5 || text[digits] != '\0' ? 0 : strtol(text, NULL, 10);

    *out = (uint16_t)n;
    return n >= 1 && n <= UINT16_MAX;
}

bool http_address_read(const char *text, char host[HTTP_HOST_BYTES], uint16_t *port, struct err *e)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon == NULL ? 0 : (size_t)(colon - text);
    bool is_bracketed = len >= 2 && text[0] == '[' && text[len - 1] == ']';
    struct span address = is_bracketed ? (struct span){text + 1, len - 2} : (struct span){text, len};

    if (!host_is_fine(address) || !port_read(colon + 1, port))
        return err_set(e, ERR_CONFIG, "http = %s: not address:port", text);
    memcpy(host, address.at, address.len);
    host[address.len] = '\0';
    return true;
}

static bool listen_on(struct http *http, const char *text, struct err *e)
{
    char host[HTTP_HOST_BYTES];
    uint16_t port = 0;

    if (!http_address_read(text, host, &port, e))
        return false;
    if (evhttp_bind_socket(http->server, host, port) != 0)
        return err_set(e, ERR_CONFIG, "http = %s: cannot listen there: %s", text, strerror(errno));
    evhttp_set_timeout(http->server, TIMEOUT_S);
    evhttp_set_max_headers_size(http->server, HEADERS_MAX_BYTES);
    evhttp_set_max_body_size(http->server, BODY_MAX);
    evhttp_set_cb(http->server, "/healthz", on_healthz, http);
    evhttp_set_cb(http->server, "/readyz", on_readyz, http);
    evhttp_set_cb(http->server, "/metrics", on_metrics, http);
    evhttp_set_gencb(http->server, on_other, http);
    return true;
}

bool http_open(struct event_base *base, const struct http_config *config, struct http **out, struct err *e)
{
    struct http *http = calloc(1, sizeof(*http));

    if (http == NULL || (http->server = evhttp_new(base)) == NULL) {
        free(http);
        return err_set(e, ERR_LOCAL, "out of memory");
    }
    http->config = *config;
    if (!listen_on(http, config->address, e)) {
        http_close(http);
        return false;
    }
    *out = http;
    return true;
}

void http_close(struct http *http)
{
    if (http == NULL)
        return;
    evhttp_free(http->server);
    free(http);
}

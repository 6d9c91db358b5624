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
#include "worker/http_guard.h"
#include "worker/http_stream.h"
#include "worker/page_files.h"

enum { HEADERS_MAX_BYTES = 8192, BODY_MAX = 0, TIMEOUT_S = 10 };

struct http {
    struct evhttp *server;
    struct http_stream *stream;
    struct http_guard guard;
    struct http_config config; /* but for `address` and `token_file` */
};

#define PLAIN "text/plain; charset=utf-8"

/* Nothing from elsewhere is shown, run or asked, and nobody puts the page into his own. */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static void answer(struct evhttp_request *request, int status, const char *type, struct evbuffer *body)
{
    const char *const headers[][2] = {{"Content-Type", type},
                                      {"Cache-Control", "no-store"},
                                      {"Content-Security-Policy", policy},
                                      {"X-Content-Type-Options", "nosniff"},
                                      {"Referrer-Policy", "no-referrer"}};

    for (size_t i = 0; i < COUNT(headers); i++)
        evhttp_add_header(evhttp_request_get_output_headers(request), headers[i][0], headers[i][1]);
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

static bool is_admitted(const struct http *http, struct evhttp_request *request)
{
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(request);

    return http_guard_admits(&http->guard, evhttp_find_header(headers, "Authorization"),
                             evhttp_find_header(headers, "Host"));
}

static void on_healthz(struct http *http, struct evhttp_request *request)
{
    (void)http;
    answer_text(request, 200, "ok\n");
}

static bool is_ready(const struct readiness *r)
{
    return r->is_consuming && r->is_hypervisor_up;
}

/* It does not speak against this worker. */
static bool is_well(const struct readiness *r)
{
    return is_ready(r) || (r->is_left && r->is_hypervisor_up);
}

/* Who is not admitted learns that it is so, and not of whom and why. */
static void tell(struct evbuffer *body, const struct readiness *r, bool is_told)
{
    if (!is_told) {
        evbuffer_add_printf(body, is_ready(r) ? "ready\n" : "not ready\n");
        return;
    }
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
                tell(body, &r, is_admitted(http, request));
            }
    if (status == 404)
        evbuffer_add_printf(body, "no such host is served here\n");
    answer(request, status, PLAIN, body);
    evbuffer_free(body);
}

static void answer_for_all(const struct http *http, struct evhttp_request *request)
{
    struct evbuffer *body = evbuffer_new();
    bool any = false, is_told = is_admitted(http, request);
    struct readiness r;

    for (size_t i = 0; http->config.readiness(http->config.arg, i, &r); i++) {
        any |= is_well(&r);
        if (!is_well(&r) && is_told)
            tell(body, &r, true);
    }
    evbuffer_prepend(body, any ? "ready\n" : "not ready\n", any ? 6 : 10);
    answer(request, any ? 200 : 503, PLAIN, body);
    evbuffer_free(body);
}

static void on_readyz(struct http *http, struct evhttp_request *request)
{
    const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(request));
    struct evkeyvalq fields = {0};
    const char *wanted = NULL;

    if (query != NULL && evhttp_parse_query_str(query, &fields) == 0)
        wanted = evhttp_find_header(&fields, "host");
    if (wanted != NULL)
        answer_for_one(http, request, wanted);
    else
        answer_for_all(http, request);
    evhttp_clear_headers(&fields);
}

static void answer_view(struct http *http, struct evhttp_request *request, enum http_view view, const char *type)
{
    struct evbuffer *body = evbuffer_new();

    if (body == NULL) {
        answer_text(request, 503, "out of memory\n");
        return;
    }
    http->config.write(http->config.arg, view, body);
    answer(request, 200, type, body);
    evbuffer_free(body);
}

static void on_metrics(struct http *http, struct evhttp_request *request)
{
    answer_view(http, request, HTTP_METRICS, "text/plain; version=0.0.4; charset=utf-8");
}

static void on_page(struct http *http, struct evhttp_request *request)
{
    answer_view(http, request, HTTP_PAGE, "text/html; charset=utf-8");
}

static void on_json(struct http *http, struct evhttp_request *request)
{
    answer_view(http, request, HTTP_JSON, "application/json");
}

static void on_events(struct http *http, struct evhttp_request *request)
{
    if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD)
        answer_text(request, 200, "");
    else if (!http_stream_add(http->stream, request))
        answer_text(request, 503, "too many are listening already\n");
}

static void answer_file(struct evhttp_request *request, const struct page_file *file)
{
    struct evbuffer *body = evbuffer_new();

    if (body != NULL)
        evbuffer_add_reference(body, file->begin, (size_t)(file->end - file->begin), NULL, NULL);
    answer(request, 200, file->type, body);
    if (body != NULL)
        evbuffer_free(body);
}

typedef void http_answer(struct http *http, struct evhttp_request *request);

static const struct {
    const char *path;
    http_answer *answer;
    bool is_probe; /* for everybody */
} pages[] = {
    {"/", on_page, false},           {"/status.json", on_json, false}, {"/events", on_events, false},
    {"/metrics", on_metrics, false}, {"/healthz", on_healthz, true},   {"/readyz", on_readyz, true},
};

static void refuse_stranger(const struct http *http, struct evhttp_request *request)
{
    if (http->guard.token[0] == '\0') {
        answer_text(request, 403, "ask for it by this machine's own name: 127.0.0.1, [::1] or localhost\n");
        return;
    }
    evhttp_add_header(evhttp_request_get_output_headers(request), "WWW-Authenticate",
                      "Basic realm=\"keyferry: any user, the token as password\", charset=\"UTF-8\"");
    answer_text(request, 401, "the token is asked for: Authorization: Bearer, or Basic with it as password\n");
}

/* NULL: there is none, and `file` may be it. */
static http_answer *find_page(const char *path, bool *is_probe, const struct page_file **file)
{
    *is_probe = false;
    *file = page_file_find(path);
    for (size_t i = 0; i < COUNT(pages); i++)
        if (strcmp(pages[i].path, path) == 0) {
            *is_probe = pages[i].is_probe;
            return pages[i].answer;
        }
    return NULL;
}

static void on_request(struct evhttp_request *request, void *arg)
{
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));
    enum evhttp_cmd_type command = evhttp_request_get_command(request);
    const struct page_file *file;
    struct http *http = arg;
    bool is_probe;
    http_answer *page = find_page(path != NULL ? path : "", &is_probe, &file);

    if (command != EVHTTP_REQ_GET && command != EVHTTP_REQ_HEAD)
        answer_text(request, 405, "only GET and HEAD\n");
    else if (!is_probe && !is_admitted(http, request))
        refuse_stranger(http, request);
    else if (page != NULL)
        page(http, request);
    else if (file != NULL)
        answer_file(request, file);
    else
        answer_text(request, 404, "there are /, /status.json, /metrics, /healthz and /readyz\n");
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
        return err_set(e, ERR_CONFIG, "http = %s: cannot listen there: %s%s", text, strerror(errno),
                       errno == EADDRINUSE      ? " (`ss -ltnp` tells by whom; take another port)"
                       : errno == EADDRNOTAVAIL ? " (this machine has no such address)"
                                                : "");
    evhttp_set_timeout(http->server, TIMEOUT_S);
    evhttp_set_max_headers_size(http->server, HEADERS_MAX_BYTES);
    evhttp_set_max_body_size(http->server, BODY_MAX);
    evhttp_set_gencb(http->server, on_request, http);
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
    if (!http_guard_read(config->token_file, &http->guard, e) ||
        !http_stream_open(base, config->pause_ms, &http->stream, e) || !listen_on(http, config->address, e)) {
        http_close(http);
        return false;
    }
    *out = http;
    return true;
}

void http_changed(struct http *http)
{
    if (http != NULL)
        http_stream_changed(http->stream);
}

void http_close(struct http *http)
{
    if (http == NULL)
        return;
    http_stream_close(http->stream);
    evhttp_free(http->server);
    wipe(&http->guard, sizeof(http->guard));
    free(http);
}

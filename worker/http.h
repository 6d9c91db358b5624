/* What is asked over HTTP: probes, metrics, and the status page. */
#ifndef WORKER_HTTP_H
#define WORKER_HTTP_H

#include "schemas/err.h"

#include <stdint.h>

struct event_base;
struct evbuffer;
struct http;

enum { HTTP_HOST_BYTES = 64 };

/* "host:port" or "[host]:port" into its two parts. Fails with ERR_CONFIG. */
MUST_CHECK bool http_address_read(const char *text, char host[HTTP_HOST_BYTES], uint16_t *port, struct err *e);

/* What /readyz tells of one host. */
struct readiness {
    const char *host; /* its UUID */
    bool is_consuming, is_hypervisor_up;
    bool is_left;    /* to other workers, as it should be */
    const char *why; /* it is not ready, for people; or "" */
};

/* Fill in *out for the host of this index; false past the last. Called in the loop. */
typedef bool http_readiness(void *arg, size_t index, struct readiness *out);

/* What is written by whoever knows how it is now. */
enum http_view { HTTP_METRICS, HTTP_PAGE, HTTP_JSON };

struct http_config {
    const char *address;    /* "127.0.0.1:9464", "[::1]:9464" */
    const char *token_file; /* of http_guard_read() */
    unsigned pause_ms;      /* between two changes that are told */
    http_readiness *readiness;
    void (*write)(void *arg, enum http_view view, struct evbuffer *out);
    void *arg;
};

/*
 * Serve. For everybody: /healthz: 200 while the loop turns; /readyz: 200 if at least
 * one host is consumed for, or left to other workers, and its libvirt can be reached,
 * else 503, naming every host that is not ready to who may look; ?host=<uuid> asks for
 * one (404 where it is not served here). For who may look (http_guard.h): /metrics,
 * the status page at /, the same as JSON at /status.json, and at /events word that it
 * has changed. Fails with ERR_CONFIG, naming the address or the token's file, or ERR_LOCAL.
 */
MUST_CHECK bool http_open(struct event_base *base, const struct http_config *config, struct http **out, struct err *e);
void http_close(struct http *http); /* NULL is fine */

/* What is shown is not any more as it was. Cheap where nobody looks. NULL is fine. */
void http_changed(struct http *http);

#endif

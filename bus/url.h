/* The list of brokers: amqp:// and amqps:// URLs as people write them. */
#ifndef BUS_URL_H
#define BUS_URL_H

#include "schemas/err.h"
#include "schemas/limits.h"

enum {
    URLS_MAX = 32,        /* a cluster has three to seven nodes */
    HOST_MAX_CHARS = 255, /* RFC 1035 2.3.4 */
};

struct url {
    bool tls;                      /* amqps:// */
    char host[HOST_MAX_CHARS + 1]; /* a name or an address; an IPv6 one without its brackets */
    uint16_t port;
    bool has_login; /* it names the user */
    char user[SHORTSTR_MAX_CHARS + 1];
    char password[SHORTSTR_MAX_CHARS + 1];
    char vhost[SHORTSTR_MAX_CHARS + 1];
};

struct url_list {
    struct url *urls;
    size_t count; /* at least 1 once read */
};

/*
 * Read one or more URLs, separated by commas, each
 *
 *     amqp[s]://[user[:password]@]host[:port][/vhost]
 *
 * with user, password and vhost percent-decoded. Left out: user and password are
 * "guest", the port 5672 or 5671 with TLS, the vhost "/" (as it is for an empty one). `password`,
 * if not NULL, takes the place of all the URLs' own. Fails with ERR_CONFIG; the
 * text names the URL by its place in the list and quotes nothing of it, since a
 * password may stand where it does not belong. On success `out` is the caller's:
 * url_list_done().
 */
MUST_CHECK bool url_list_read(const char *text, const char *password, struct url_list *out, struct err *e);

/*
 * Add to `list`, text of `size` bytes, what one line of a configuration file says of
 * it: a comma comes between, and a comment is left away, which inih leaves on lines
 * that go on. False, and nothing added: it does not fit.
 */
MUST_CHECK bool url_list_add(char *list, size_t size, const char *line);

/* Wipes and frees. Safe on an empty one, and twice. */
void url_list_done(struct url_list *list);

/* True when every URL names this machine: 127.0.0.0/8, ::1 or localhost. */
bool url_list_is_loopback(const struct url_list *list);

/* Of one address or name: 127.0.0.0/8, ::1, localhost. */
bool url_host_is_loopback(const char *host);

/* "host:port", with brackets around an IPv6 address. */
void url_name(const struct url *url, char *out, size_t size);

#endif

/*
 * TLS 1.2 and up on the way to a broker: who is trusted, who we are, and in plain
 * words why it did not work. OpenSSL is known to bus/tls*.c only.
 */
#ifndef BUS_TLS_H
#define BUS_TLS_H

#include "bus/url.h"

struct bufferevent;
struct event_base;

/* Zeroed: the system's CAs, no certificate of ours, and a login by user and password. */
struct tls_config {
    const char *ca_file;   /* PEM, whom to trust alone; NULL or "": the system's store */
    const char *cert_file; /* PEM, ours, then the CAs between it and the root; NULL or "": none */
    const char *key_file;  /* PEM, belongs to cert_file; nobody but owner and group may read it */
    bool external;         /* log in by the certificate (SASL EXTERNAL) instead of by user and password */
};

enum { TLS_WORDS_CHARS = 256 };

/*
 * See whether connections to `urls` could be made with this: what the options want
 * of one another, and, where a URL is amqps://, the files. Fails with ERR_CONFIG,
 * naming the option and the file, or ERR_LOCAL.
 */
MUST_CHECK bool tls_check(const struct tls_config *config, const struct url_list *urls, struct err *e);

/*
 * Begin a TLS handshake as a client on a connected socket. The files are read now,
 * so that renewed ones are used without a restart. What answers must have a
 * certificate for `host`, a name or an address. BEV_EVENT_CONNECTED or a failure
 * follows on *out, which is the caller's, and so is `fd` if this fails: with
 * ERR_CONFIG or ERR_LOCAL. `refusal` is "" or, once the broker's certificate was not
 * accepted, why; it is written to until the handshake is over or *out is freed.
 */
MUST_CHECK bool tls_begin(const struct tls_config *config, struct event_base *base, int fd, const char *host,
                          char refusal[TLS_WORDS_CHARS], struct bufferevent **out, struct err *e);

/* True for what tls_begin() made. */
bool tls_is_on(struct bufferevent *bev);

/*
 * In words, why `bev` has just ended, with or without TLS; `what` is its
 * BEV_EVENT_ERROR or BEV_EVENT_EOF.
 */
void tls_explain(struct bufferevent *bev, short what, char *out, size_t size);

#endif

#include "bus/tls.h"

#include "bus/tls_words.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/bufferevent_ssl.h>
#include <event2/util.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static void context_free(SSL_CTX **context)
{
    SSL_CTX_free(*context);
}

static void session_free(SSL **session)
{
    SSL_free(*session);
}

static void key_free(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void file_close(FILE **file)
{
    if (*file != NULL)
        fclose(*file);
}

/* The file is there, but OpenSSL could make nothing of it. */
static bool file_is_bad(const char *option, const char *path, const char *what, struct err *e)
{
    unsigned long code = ERR_peek_error();
    const char *reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_reason_error_string(code) : NULL;

    ERR_clear_error();
    return err_set(e, ERR_CONFIG, "%s %s: %s", option, path, reason != NULL ? reason : what);
}

static bool file_is_there(const char *option, const char *path, struct err *e)
{
    return access(path, R_OK) == 0 || err_set(e, ERR_CONFIG, "%s %s: %s", option, path, strerror(errno));
}

static bool load_trust(SSL_CTX *context, const char *path, struct err *e)
{
    if (!is_given(path))
        return SSL_CTX_set_default_verify_paths(context) == 1 ||
               err_set(e, ERR_LOCAL, "the system's certificates cannot be used; ca_file names others");
    if (!file_is_there("ca_file", path, e))
        return false;
    return SSL_CTX_load_verify_file(context, path) == 1 ||
           file_is_bad("ca_file", path, "there is no certificate in PEM form in it", e);
}

static bool load_certificate(SSL_CTX *context, const char *path, struct err *e)
{
    if (!file_is_there("cert_file", path, e))
        return false;
    return SSL_CTX_use_certificate_chain_file(context, path) == 1 ||
           file_is_bad("cert_file", path, "there is no certificate in PEM form in it", e);
}

/* Nobody is at the terminal to be asked. */
static int no_passphrase(char *out, int size, int writes, void *arg)
{
    (void)out;
    (void)size;
    (void)writes;
    (void)arg;
    return -1;
}

/* The group may read it: Debian's ssl-cert, and systemd's credentials, whose access list shows as the group's. */
static bool key_is_private(FILE *file, const char *path, struct err *e)
{
    struct stat st;

    if (fstat(fileno(file), &st) != 0)
        return err_set(e, ERR_CONFIG, "key_file %s: %s", path, strerror(errno));
    return (st.st_mode & 037) == 0 || err_set(e, ERR_CONFIG, "key_file %s may be read by others: chmod 600 it", path);
}

static bool load_key(SSL_CTX *context, const struct tls_config *config, struct err *e)
{
    const char *path = config->key_file;
    ON_EXIT(file_close) FILE *file = fopen(path, "re");
    ON_EXIT(key_free) EVP_PKEY *key = NULL;
    char buffer[BUFSIZ];

    if (file == NULL)
        return err_set(e, ERR_CONFIG, "key_file %s: %s", path, strerror(errno));
    if (!key_is_private(file, path, e))
        return false;
    setvbuf(file, buffer, _IOFBF, sizeof(buffer)); /* a place that is wiped, for what stdio reads ahead */
    key = PEM_read_PrivateKey(file, NULL, no_passphrase, NULL);
    wipe(buffer, sizeof(buffer));
    if (key == NULL)
        return file_is_bad("key_file", path, "there is no private key in PEM form in it, or it has a passphrase", e);
    ERR_clear_error();
    if (SSL_CTX_use_PrivateKey(context, key) == 1)
        return true;
    ERR_clear_error();
    return err_set(e, ERR_CONFIG, "key_file %s does not belong to cert_file %s", path, config->cert_file);
}

static SSL_CTX *context_new(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) {
        SSL_CTX_free(context);
        return NULL;
    }
    /*
     * Bodies may hold clear DEKs: OpenSSL wipes what it has handed out. AMQP ends
     * with a word of its own, so that a missing close_notify loses nothing.
     */
    SSL_CTX_set_options(context, SSL_OP_CLEANSE_PLAINTEXT | SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION);
    return context;
}

static bool context_load(const struct tls_config *config, SSL_CTX **out, struct err *e)
{
    ON_EXIT(context_free) SSL_CTX *context = context_new();

    ERR_clear_error();
    if (context == NULL)
        return err_set(e, ERR_LOCAL, "no memory for TLS");
    if (!load_trust(context, config->ca_file, e))
        return false;
    if (is_given(config->cert_file) &&
        (!load_certificate(context, config->cert_file, e) || !load_key(context, config, e)))
        return false;
    *out = TAKE(context);
    return true;
}

bool tls_check(const struct tls_config *config, const struct url_list *urls, struct err *e)
{
    ON_EXIT(context_free) SSL_CTX *context = NULL;
    size_t with_tls = 0;

    for (size_t i = 0; i < urls->count; i++)
        with_tls += urls->urls[i].tls;
    if (is_given(config->cert_file) != is_given(config->key_file))
        return err_set(e, ERR_CONFIG, "cert_file and key_file go together, and only one of them is given");
    if (config->external && !is_given(config->cert_file))
        return err_set(e, ERR_CONFIG, "sasl = external logs in by a certificate, and there is no cert_file");
    if (config->external && with_tls < urls->count)
        return err_set(e, ERR_CONFIG, "sasl = external logs in by TLS, and not every url is amqps://");
    return with_tls == 0 || context_load(config, &context, e);
}

/* Keeps the first refusal. Only called during the handshake: nothing is negotiated anew later. */
static int on_verify(int is_fine, X509_STORE_CTX *store)
{
    const SSL *session = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    char *refusal = SSL_get_app_data(session);

    if (!is_fine && refusal[0] == '\0')
        tls_certificate_words(store, refusal, TLS_WORDS_CHARS);
    return is_fine;
}

/* Whose certificate it has to be. An address is not told to the other side (RFC 6066 3). */
static bool expect_host(SSL *session, const char *host)
{
    struct in6_addr address;
    char name[HOST_MAX_CHARS + 1];

    if (inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host) == 1;
    SSL_set_hostflags(session, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    snprintf(name, sizeof(name), "%s", host); /* OpenSSL's macro wants one that is not const */
    return SSL_set1_host(session, name) == 1 && SSL_set_tlsext_host_name(session, name) == 1;
}

bool tls_begin(const struct tls_config *config, struct event_base *base, int fd, const char *host,
               char refusal[TLS_WORDS_CHARS], struct bufferevent **out, struct err *e)
{
    ON_EXIT(context_free) SSL_CTX *context = NULL;

    if (!context_load(config, &context, e))
        return false;
    ON_EXIT(session_free) SSL *session = SSL_new(context);
    if (session == NULL || !expect_host(session, host))
        return err_set(e, ERR_LOCAL, "no memory for TLS");
    refusal[0] = '\0';
    SSL_set_app_data(session, refusal);
    SSL_set_verify(session, SSL_VERIFY_PEER, on_verify);
    *out = bufferevent_openssl_socket_new(base, fd, TAKE(session), BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
    if (*out == NULL)
        return err_set(e, ERR_LOCAL, "no memory for TLS");
    bufferevent_openssl_set_allow_dirty_shutdown(*out, 1);
    return true;
}

bool tls_is_on(struct bufferevent *bev)
{
    return bufferevent_openssl_get_ssl(bev) != NULL;
}

/* Beside OpenSSL's errors libevent keeps SSL_get_error()'s numbers, which belong to no library. */
static unsigned long next_error(struct bufferevent *bev)
{
    unsigned long code = tls_is_on(bev) ? bufferevent_get_openssl_error(bev) : 0;

    while (code != 0 && ERR_GET_LIB(code) != ERR_LIB_SSL)
        code = bufferevent_get_openssl_error(bev);
    return code;
}

/*
 * With TLS 1.3 a broker refuses our certificate when we already talk (RFC 8446
 * 4.4.2.4), and resets the connection: then our write may fail before its alert was
 * read, which is there all the same.
 */
static unsigned long unread_alert(struct bufferevent *bev)
{
    uint8_t byte;

    if (!tls_is_on(bev) || SSL_peek(bufferevent_openssl_get_ssl(bev), &byte, sizeof(byte)) > 0)
        return 0;
    unsigned long code = ERR_peek_error();
    ERR_clear_error();
    return ERR_GET_LIB(code) == ERR_LIB_SSL ? code : 0;
}

void tls_explain(struct bufferevent *bev, short what, char *out, size_t size)
{
    int socket_error = (what & BEV_EVENT_EOF) != 0 ? 0 : EVUTIL_SOCKET_ERROR();
    unsigned long code = next_error(bev);

    if (code == 0)
        code = unread_alert(bev);
    if (code != 0)
        tls_error_words(code, out, size);
    else
        snprintf(out, size, "%s",
                 socket_error != 0 ? evutil_socket_error_to_string(socket_error) : "the broker hung up without a word");
}

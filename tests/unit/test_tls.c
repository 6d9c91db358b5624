/* Dials to a server of OpenSSL's in the same loop, with certificates made here. */
#include "bus/tls.h"

#include "bus/dial.h"
#include "bus/tls_words.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { DAY_S = 24 * 60 * 60, PATH_CHARS = 128 };

/* A certificate and its key, in memory and as files. */
struct paper {
    X509 *certificate;
    EVP_PKEY *key;
    char cert_file[PATH_CHARS], key_file[PATH_CHARS];
};

/* Made once: keys take their time. */
static struct {
    char folder[64];
    struct paper ca, stranger, old_ca;
    struct paper good, expired, early, other, nameless, hostile, unknown, alone, under_old_ca;
    struct paper ours, foreign; /* for clients */
} lab = {.folder = "/tmp/keyferry-tls-XXXXXX"};

static void extension_add(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert_non_null(extension);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

static void name_set(X509_NAME *name, const char *text)
{
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)text, -1, -1, 0);
}

static FILE *file_new(const char *name, const char *suffix, char path[PATH_CHARS])
{
    FILE *file;

    snprintf(path, PATH_CHARS, "%s/%s%s", lab.folder, name, suffix);
    file = fopen(path, "w");
    assert_non_null(file);
    chmod(path, 0600);
    return file;
}

static void paper_save(struct paper *p, const char *name)
{
    FILE *file = file_new(name, ".pem", p->cert_file);

    PEM_write_X509(file, p->certificate);
    fclose(file);
    file = file_new(name, ".key", p->key_file);
    PEM_write_PrivateKey(file, p->key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
}

/* A certificate with names ("DNS:a,IP:1.2.3.4"; NULL: a CA; "": none), by `by` (NULL: by itself). */
static struct paper paper_new(const char *name, const char *names, const struct paper *by, int from_day, int to_day)
{
    static long serial;
    struct paper p = {.certificate = X509_new(), .key = EVP_EC_gen("P-256")};
    X509_NAME *subject = X509_get_subject_name(p.certificate);

    X509_set_version(p.certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(p.certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(p.certificate), (long)from_day * DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(p.certificate), (long)to_day * DAY_S);
    name_set(subject, name);
    X509_set_issuer_name(p.certificate, by == NULL ? subject : X509_get_subject_name(by->certificate));
    X509_set_pubkey(p.certificate, p.key);
    if (names == NULL)
        extension_add(p.certificate, NID_basic_constraints, "critical,CA:TRUE");
    else if (names[0] != '\0')
        extension_add(p.certificate, NID_subject_alt_name, names);
    assert_true(X509_sign(p.certificate, by == NULL ? p.key : by->key, EVP_sha256()) > 0);
    paper_save(&p, name);
    return p;
}

static void paper_free(struct paper *p)
{
    unlink(p->cert_file);
    unlink(p->key_file);
    X509_free(p->certificate);
    EVP_PKEY_free(p->key);
}

static int lab_open(void **state)
{
    static const char here[] = "DNS:localhost,IP:127.0.0.1";

    (void)state;
    assert_non_null(mkdtemp(lab.folder));
    lab.ca = paper_new("ca", NULL, NULL, -100, 100);
    lab.stranger = paper_new("stranger", NULL, NULL, -1, 100);
    lab.old_ca = paper_new("old-ca", NULL, NULL, -100, -1);
    lab.good = paper_new("good", here, &lab.ca, -1, 30);
    lab.expired = paper_new("expired", here, &lab.ca, -30, -1);
    lab.early = paper_new("early", here, &lab.ca, 1, 30);
    lab.other = paper_new("other", "DNS:other.example,IP:10.1.2.3,IP:2001:db8::1,email:a@b", &lab.ca, -1, 30);
    lab.nameless = paper_new("nameless", "", &lab.ca, -1, 30);
    lab.hostile = paper_new("hostile", "DNS:a\n\033[31mb", &lab.ca, -1, 30);
    lab.unknown = paper_new("unknown", here, &lab.stranger, -1, 30);
    lab.alone = paper_new("alone", here, NULL, -1, 30);
    lab.under_old_ca = paper_new("under-old-ca", here, &lab.old_ca, -1, 30);
    lab.ours = paper_new("ours", "", &lab.ca, -1, 30);
    lab.foreign = paper_new("foreign", "", &lab.stranger, -1, 30);
    return 0;
}

static int lab_close(void **state)
{
    struct paper *papers[] = {&lab.ca,       &lab.stranger, &lab.old_ca,  &lab.good,   &lab.expired,
                              &lab.early,    &lab.other,    &lab.unknown, &lab.alone,  &lab.under_old_ca,
                              &lab.nameless, &lab.hostile,  &lab.ours,    &lab.foreign};

    (void)state;
    for (size_t i = 0; i < COUNT(papers); i++)
        paper_free(papers[i]);
    rmdir(lab.folder);
    return 0;
}

/* What a server does. */
struct manners {
    const struct paper *paper; /* NULL: it does not speak TLS, and says `plain` */
    int version;               /* the only one it speaks; 0: any */
    bool wants_ours;           /* signed by lab.ca */
    const char *plain;         /* "": it hangs up */
};

struct rig {
    struct event_base *base;
    const struct manners *manners;
    SSL_CTX *context;
    struct evconnlistener *listener;
    struct bufferevent *served, *dialled;
    char why[TLS_WORDS_CHARS];
    bool echoed;
};

static const char hello[] = "hello";

static void on_served(struct bufferevent *bev, void *arg)
{
    (void)arg;
    bufferevent_write_buffer(bev, bufferevent_get_input(bev));
}

/* Over as RabbitMQ does it: with a reset, should there be unread bytes. */
static void on_served_event(struct bufferevent *bev, short what, void *arg)
{
    struct rig *rig = arg;

    if ((what & BEV_EVENT_CONNECTED) != 0)
        return;
    bufferevent_free(bev);
    rig->served = NULL;
}

static void serve_plain(struct rig *rig, int fd)
{
    struct bufferevent *bev = bufferevent_socket_new(rig->base, fd, BEV_OPT_CLOSE_ON_FREE);

    if (rig->manners->plain[0] == '\0') {
        bufferevent_free(bev);
        return;
    }
    bufferevent_setcb(bev, NULL, NULL, on_served_event, rig);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
    bufferevent_write(bev, rig->manners->plain, strlen(rig->manners->plain));
    rig->served = bev;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int size,
                      void *arg)
{
    struct rig *rig = arg;

    (void)listener;
    (void)address;
    (void)size;
    if (rig->context == NULL) {
        serve_plain(rig, fd);
        return;
    }
    rig->served = bufferevent_openssl_socket_new(rig->base, fd, SSL_new(rig->context), BUFFEREVENT_SSL_ACCEPTING,
                                                 BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(rig->served, on_served, NULL, on_served_event, rig);
    bufferevent_enable(rig->served, EV_READ | EV_WRITE);
}

static SSL_CTX *server_context(const struct manners *m)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    SSL_CTX_set_cipher_list(context, "DEFAULT@SECLEVEL=0"); /* else it has no TLS 1.1 */
    if (m->version != 0) {
        SSL_CTX_set_min_proto_version(context, m->version);
        SSL_CTX_set_max_proto_version(context, m->version);
    }
    SSL_CTX_use_certificate(context, m->paper->certificate);
    SSL_CTX_use_PrivateKey(context, m->paper->key);
    if (m->paper == &lab.under_old_ca)
        SSL_CTX_add1_chain_cert(context, lab.old_ca.certificate);
    if (m->wants_ours) {
        SSL_CTX_load_verify_file(context, lab.ca.cert_file);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    return context;
}

static void begin(struct rig *rig, const struct manners *manners)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    *rig = (struct rig){.base = event_base_new(), .manners = manners};
    rig->context = manners->paper == NULL ? NULL : server_context(manners);
    rig->listener = evconnlistener_new_bind(rig->base, on_accept, rig, LEV_OPT_CLOSE_ON_FREE, 8, (struct sockaddr *)&at,
                                            sizeof(at));
    assert_non_null(rig->listener);
}

static void end(struct rig *rig)
{
    if (rig->dialled != NULL)
        bufferevent_free(rig->dialled);
    if (rig->served != NULL)
        bufferevent_free(rig->served);
    evconnlistener_free(rig->listener);
    event_base_free(rig->base);
    SSL_CTX_free(rig->context);
}

static void on_answer(struct bufferevent *bev, void *arg)
{
    struct rig *rig = arg;
    char bytes[16];
    size_t len = bufferevent_read(bev, bytes, sizeof(bytes));

    rig->echoed = len == strlen(hello) && memcmp(bytes, hello, len) == 0;
    event_base_loopbreak(rig->base);
}

static void on_end(struct bufferevent *bev, short what, void *arg)
{
    struct rig *rig = arg;

    tls_explain(bev, what, rig->why, sizeof(rig->why));
    event_base_loopbreak(rig->base);
}

static void on_dialled(void *arg, struct bufferevent *bev, const char *why)
{
    struct rig *rig = arg;

    if (bev == NULL) {
        snprintf(rig->why, sizeof(rig->why), "%s", why);
        event_base_loopbreak(rig->base);
        return;
    }
    rig->dialled = bev;
    assert_true(tls_is_on(bev));
    bufferevent_setcb(bev, on_answer, NULL, on_end, rig);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
    bufferevent_write(bev, hello, strlen(hello));
}

/* Dial, say hello, and wait for the echo, or for the reason in rig->why. */
static void talk(struct rig *rig, const struct tls_config *config, const char *host)
{
    struct sockaddr_in at;
    socklen_t size = sizeof(at);
    struct url url = {.tls = true};
    struct dial *dial;

    getsockname(evconnlistener_get_fd(rig->listener), (struct sockaddr *)&at, &size);
    url.port = ntohs(at.sin_port);
    snprintf(url.host, sizeof(url.host), "%s", host);
    dial_begin(rig->base, &url, config, on_dialled, rig, &dial);
    event_base_dispatch(rig->base);
}

static void is_refused(const struct manners *manners, const struct tls_config *config, const char *words)
{
    struct rig rig;

    begin(&rig, manners);
    talk(&rig, config, "127.0.0.1");
    if (rig.echoed || strstr(rig.why, words) == NULL)
        fail_msg("'%s' does not say '%s'", rig.why, words);
    end(&rig);
}

static struct tls_config trusting(const struct paper *ca)
{
    return (struct tls_config){.ca_file = ca->cert_file};
}

static struct tls_config showing(const struct paper *ours)
{
    return (struct tls_config){.ca_file = lab.ca.cert_file, .cert_file = ours->cert_file, .key_file = ours->key_file};
}

static void talks_to_whom_it_can_trust(void **state)
{
    static const int versions[] = {0, TLS1_2_VERSION, TLS1_3_VERSION};
    static const char *const hosts[] = {"127.0.0.1", "localhost"};
    struct tls_config config = trusting(&lab.ca);

    (void)state;
    for (size_t i = 0; i < COUNT(versions) * COUNT(hosts); i++) {
        struct manners manners = {.paper = &lab.good, .version = versions[i / 2]};
        struct rig rig;
        begin(&rig, &manners);
        talk(&rig, &config, hosts[i % 2]);
        assert_string_equal(rig.why, "");
        assert_true(rig.echoed);
        end(&rig);
    }
}

static void shows_its_own_certificate_where_it_is_wanted(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct tls_config config = showing(&lab.ours);

    (void)state;
    for (size_t i = 0; i < COUNT(versions); i++) {
        struct manners manners = {.paper = &lab.good, .version = versions[i], .wants_ours = true};
        struct rig rig;
        begin(&rig, &manners);
        talk(&rig, &config, "127.0.0.1");
        assert_string_equal(rig.why, "");
        assert_true(rig.echoed);
        end(&rig);
    }
}

static void says_what_is_wrong_with_a_certificate(void **state)
{
    const struct {
        const struct paper *paper;
        const char *words;
    } cases[] = {
        {&lab.expired, "its certificate /CN=expired expired at 20"},
        {&lab.early, "its certificate /CN=early is not yet valid: it will be at 20"},
        {&lab.other, "its certificate is for another name: other.example, 10.1.2.3, 2001:db8::1"},
        {&lab.nameless, "its certificate is for another name: /CN=nameless"},
        {&lab.hostile, "its certificate is for another name: a??[31mb"},
        {&lab.unknown, "its certificate is from an unknown CA, /CN=stranger: ca_file must have that one"},
        {&lab.alone, "its certificate /CN=alone is self-signed, and unknown: ca_file must have it"},
    };
    struct tls_config config = trusting(&lab.ca), old = trusting(&lab.old_ca);

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        is_refused(&(struct manners){.paper = cases[i].paper}, &config, cases[i].words);
    is_refused(&(struct manners){.paper = &lab.under_old_ca}, &config, "from an unknown CA, /CN=old-ca");
    is_refused(&(struct manners){.paper = &lab.under_old_ca}, &old,
               "a CA of its certificate, /CN=old-ca expired at 20");
}

static void trusts_nobody_by_itself(void **state)
{
    struct tls_config config = {0};

    (void)state;
    is_refused(&(struct manners){.paper = &lab.good}, &config, "unknown CA, /CN=ca");
}

/* Several times: with TLS 1.3 the refusal may be read, or be found after a write that failed. */
static void says_that_its_own_certificate_was_refused(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct tls_config none = trusting(&lab.ca), foreign = showing(&lab.foreign);

    (void)state;
    for (size_t i = 0; i < 3 * COUNT(versions); i++) {
        struct manners manners = {.paper = &lab.good, .version = versions[i % 2], .wants_ours = true};
        is_refused(&manners, &none, "wants a certificate of ours");
        is_refused(&manners, &foreign, "refused our certificate (cert_file): it does not know its CA");
    }
}

static void says_that_there_is_no_tls(void **state)
{
    struct tls_config config = trusting(&lab.ca);

    (void)state;
    is_refused(&(struct manners){.plain = "AMQP\1\1\11\1"}, &config,
               "does not speak TLS: is this the port of amqp://?");
    is_refused(&(struct manners){.plain = "HTTP/1.1 400 Bad Request\r\n\r\n"}, &config, "does not speak TLS");
    is_refused(&(struct manners){.plain = ""}, &config, "hung up in the TLS handshake");
    is_refused(&(struct manners){.paper = &lab.good, .version = TLS1_1_VERSION}, &config, "1.2 and up");
}

static void names_the_file_when_it_dials_as_well(void **state)
{
    struct tls_config config = {.ca_file = "/nowhere/ca.pem"};

    (void)state;
    is_refused(&(struct manners){.paper = &lab.good}, &config, "ca_file /nowhere/ca.pem: No such file or directory");
}

/* The server half of the rig is silent: nobody runs its loop's other end. */
static void says_what_it_waits_for(void **state)
{
    struct manners manners = {.plain = "\26"}; /* the first byte of a TLS record, and no more */
    struct tls_config config = trusting(&lab.ca);
    struct url url = {.tls = true, .host = "127.0.0.1"};
    struct sockaddr_in at;
    socklen_t size = sizeof(at);
    struct dial *dial;
    struct rig rig;

    (void)state;
    begin(&rig, &manners);
    getsockname(evconnlistener_get_fd(rig.listener), (struct sockaddr *)&at, &size);
    url.port = ntohs(at.sin_port);
    dial_begin(rig.base, &url, &config, on_dialled, &rig, &dial);
    assert_string_equal(dial_missing(dial), "no connection");
    for (int turns = 0; turns < 100 && strcmp(dial_missing(dial), "no connection") == 0; turns++)
        event_base_loop(rig.base, EVLOOP_ONCE);
    assert_string_equal(dial_missing(dial), "no TLS handshake");
    dial_cancel(dial);
    end(&rig);
}

static void checks(const struct tls_config *config, const char *urls, const char *words)
{
    struct url_list list;
    struct err e = {.text = ""};

    assert_true(url_list_read(urls, NULL, &list, &e));
    if (tls_check(config, &list, &e) != (words == NULL))
        fail_msg("%s: '%s'", urls, e.text);
    if (words != NULL && (strstr(e.text, words) == NULL || e.kind != ERR_CONFIG))
        fail_msg("'%s' does not say '%s'", e.text, words);
    url_list_done(&list);
}

static void wants_options_that_go_together(void **state)
{
    struct tls_config ours = showing(&lab.ours), alone = ours, external = ours, bare = {.external = true};

    (void)state;
    checks(&ours, "amqps://h", NULL);
    alone.key_file = "";
    checks(&alone, "amqps://h", "cert_file and key_file go together");
    checks(&bare, "amqps://h", "sasl = external logs in by a certificate, and there is no cert_file");
    external.external = true;
    checks(&external, "amqps://h,amqps://i", NULL);
    checks(&external, "amqps://h,amqp://i", "not every url is amqps://");
}

static void reads_files_only_where_they_are_needed(void **state)
{
    struct tls_config config = {.ca_file = "/nowhere"};

    (void)state;
    checks(&config, "amqp://h", NULL);
    checks(&config, "amqp://h,amqps://h", "ca_file /nowhere: No such file");
    checks(&(struct tls_config){0}, "amqps://h", NULL);
}

static void names_a_file_that_is_of_no_use(void **state)
{
    struct tls_config config = showing(&lab.ours);
    char empty[PATH_CHARS], sealed[PATH_CHARS];
    FILE *file = file_new("empty", "", empty);

    (void)state;
    fclose(file);
    file = file_new("sealed", "", sealed);
    PEM_write_PrivateKey(file, lab.ours.key, EVP_aes_128_cbc(), (const unsigned char *)"x", 1, NULL, NULL);
    fclose(file);
    config.ca_file = empty;
    checks(&config, "amqps://h", "no certificate in PEM form");
    config = showing(&lab.ours);
    config.cert_file = empty;
    checks(&config, "amqps://h", "no certificate in PEM form");
    config = showing(&lab.ours);
    config.key_file = empty;
    checks(&config, "amqps://h", "no private key in PEM form in it, or it has a passphrase");
    config.key_file = sealed;
    checks(&config, "amqps://h", "or it has a passphrase");
    config.key_file = lab.foreign.key_file;
    checks(&config, "amqps://h", "does not belong to cert_file");
    unlink(empty);
    unlink(sealed);
}

static void refuses_a_key_that_others_may_read(void **state)
{
    static const struct {
        mode_t mode;
        bool fine;
    } cases[] = {{0600, true}, {0400, true}, {0440, true}, {0640, true}, {0644, false}, {0660, false}, {0601, false}};
    struct tls_config config = showing(&lab.ours);

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        chmod(lab.ours.key_file, cases[i].mode);
        checks(&config, "amqps://h", cases[i].fine ? NULL : "may be read by others: chmod 600 it");
    }
    chmod(lab.ours.key_file, 0600);
}

static void has_words_for_every_error(void **state)
{
    char words[TLS_WORDS_CHARS];

    (void)state;
    tls_error_words(ERR_PACK(ERR_LIB_SSL, 0, SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED), words, sizeof(words));
    assert_string_equal(words, "the broker refused our certificate (cert_file): it has expired");
    tls_error_words(ERR_PACK(ERR_LIB_SSL, 0, SSL_R_BAD_LENGTH), words, sizeof(words));
    assert_string_equal(words, "the TLS connection failed: bad length");
    tls_error_words(ERR_PACK(ERR_LIB_USER, 0, 4000), words, sizeof(words));
    assert_string_equal(words, "the TLS connection failed: no reason given");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(talks_to_whom_it_can_trust),
        cmocka_unit_test(shows_its_own_certificate_where_it_is_wanted),
        cmocka_unit_test(says_what_is_wrong_with_a_certificate),
        cmocka_unit_test(trusts_nobody_by_itself),
        cmocka_unit_test(says_that_its_own_certificate_was_refused),
        cmocka_unit_test(says_that_there_is_no_tls),
        cmocka_unit_test(names_the_file_when_it_dials_as_well),
        cmocka_unit_test(says_what_it_waits_for),
        cmocka_unit_test(wants_options_that_go_together),
        cmocka_unit_test(reads_files_only_where_they_are_needed),
        cmocka_unit_test(names_a_file_that_is_of_no_use),
        cmocka_unit_test(refuses_a_key_that_others_may_read),
        cmocka_unit_test(has_words_for_every_error),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, lab_open, lab_close);
}

#include "bus/tls_words.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "schemas/base.h"

enum { NAME_CHARS = 80, NAMES_CHARS = 160 };

static void names_free(GENERAL_NAMES **names)
{
    GENERAL_NAMES_free(*names);
}

/* "/CN=broker/O=Example", with whatever is not printable ASCII escaped, and cut where it is long. */
static void subject_words(const X509_NAME *name, char out[NAME_CHARS])
{
    X509_NAME_oneline(name, out, NAME_CHARS);
}

static void time_words(const ASN1_TIME *time, char *out, size_t size)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(time, &tm) != 1 || strftime(out, size, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
        snprintf(out, size, "a time that cannot be read");
}

/* A DNS name or an address; "" for other kinds. Bytes that no host name has become '?'. */
static void alternative_words(const GENERAL_NAME *name, char *out, size_t size)
{
    int type;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);

    out[0] = '\0';
    if (type == GEN_DNS)
        snprintf(out, size, "%.*s", ASN1_STRING_length(value), (const char *)ASN1_STRING_get0_data(value));
    if (type == GEN_IPADD)
        inet_ntop(ASN1_STRING_length(value) == sizeof(struct in_addr) ? AF_INET : AF_INET6,
                  ASN1_STRING_get0_data(value), out, (socklen_t)size);
    for (char *c = out; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~')
            *c = '?';
}

/* All it is for, as far as there is room; without alternative names its subject. */
static void names_words(const X509 *certificate, char out[NAMES_CHARS])
{
    ON_EXIT(names_free) GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    size_t len = 0;

    out[0] = '\0';
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        char name[NAME_CHARS];
        alternative_words(sk_GENERAL_NAME_value(names, i), name, sizeof(name));
        if (name[0] == '\0' || len + strlen(name) + sizeof(", ") > NAMES_CHARS)
            continue;
        len += (size_t)snprintf(out + len, NAMES_CHARS - len, "%s%s", len > 0 ? ", " : "", name);
    }
    if (len == 0)
        subject_words(X509_get_subject_name(certificate), out);
}

/* "its certificate", or what stands behind it in its chain. */
static const char *whose(const X509_STORE_CTX *store)
{
    return X509_STORE_CTX_get_error_depth(store) == 0 ? "its certificate" : "a CA of its certificate,";
}

static void say_expired(X509_STORE_CTX *store, const X509 *certificate, const char *subject, char *out, size_t size)
{
    char when[64];

    time_words(X509_get0_notAfter(certificate), when, sizeof(when));
    snprintf(out, size, "%s %s expired at %s", whose(store), subject, when);
}

static void say_not_yet(X509_STORE_CTX *store, const X509 *certificate, const char *subject, char *out, size_t size)
{
    char when[64];

    time_words(X509_get0_notBefore(certificate), when, sizeof(when));
    snprintf(out, size, "%s %s is not yet valid: it will be at %s", whose(store), subject, when);
}

static void say_wrong_name(X509_STORE_CTX *store, const X509 *certificate, const char *subject, char *out, size_t size)
{
    char names[NAMES_CHARS];

    (void)subject;
    names_words(certificate, names);
    snprintf(out, size, "%s is for another name: %s", whose(store), names);
}

static void say_unknown_ca(X509_STORE_CTX *store, const X509 *certificate, const char *subject, char *out, size_t size)
{
    char issuer[NAME_CHARS];

    (void)store;
    (void)subject;
    subject_words(X509_get_issuer_name(certificate), issuer);
    snprintf(out, size, "its certificate is from an unknown CA, %s: ca_file must have that one", issuer);
}

static void say_self_signed(X509_STORE_CTX *store, const X509 *certificate, const char *subject, char *out, size_t size)
{
    (void)store;
    (void)certificate;
    snprintf(out, size, "its certificate %s is self-signed, and unknown: ca_file must have it", subject);
}

void tls_certificate_words(X509_STORE_CTX *store, char *out, size_t size)
{
    static const struct {
        int error;
        void (*say)(X509_STORE_CTX *store, const X509 *certificate, const char *subject, char *out, size_t size);
    } sayings[] = {
        {X509_V_ERR_CERT_HAS_EXPIRED, say_expired},
        {X509_V_ERR_CERT_NOT_YET_VALID, say_not_yet},
        {X509_V_ERR_HOSTNAME_MISMATCH, say_wrong_name},
        {X509_V_ERR_IP_ADDRESS_MISMATCH, say_wrong_name},
        {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, say_self_signed},
        {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, say_unknown_ca},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, say_unknown_ca},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, say_unknown_ca},
        {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, say_unknown_ca},
    };
    int error = X509_STORE_CTX_get_error(store);
    const X509 *certificate = X509_STORE_CTX_get_current_cert(store);
    char subject[NAME_CHARS] = "";

    if (certificate != NULL)
        subject_words(X509_get_subject_name(certificate), subject);
    snprintf(out, size, "its certificate is not acceptable: %s %s", X509_verify_cert_error_string(error), subject);
    for (size_t i = 0; i < COUNT(sayings) && certificate != NULL; i++)
        if (sayings[i].error == error)
            sayings[i].say(store, certificate, subject, out, size);
}

/* Where the same reason is an alert, it is the broker's view (RFC 8446 6.2, RFC 5246 7.2.2); else ours. */
void tls_error_words(unsigned long code, char *out, size_t size)
{
    static const struct {
        int reason;
        const char *words;
    } sayings[] = {
        {SSL_R_WRONG_VERSION_NUMBER, "what answers does not speak TLS: is this the port of amqp://?"},
        {SSL_R_PACKET_LENGTH_TOO_LONG, "what answers does not speak TLS: is this the port of amqp://?"},
        {SSL_R_HTTP_REQUEST, "what answers does not speak TLS: is this the port of amqp://?"},
        {SSL_R_UNSUPPORTED_PROTOCOL, "the broker has no TLS version that we accept: 1.2 and up"},
        {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "the broker has no TLS version that we accept: 1.2 and up"},
        {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, "the broker wants a certificate of ours: cert_file and key_file"},
        {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, "the broker refused the handshake: it wants a certificate of ours "
                                              "(cert_file), or we have no cipher in common"},
        {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "the broker refused our certificate (cert_file): it calls it bad"},
        {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
         "the broker refused our certificate (cert_file): it is not one for a client"},
        {SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, "the broker refused our certificate (cert_file): it was revoked"},
        {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "the broker refused our certificate (cert_file): it has expired"},
        {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, "the broker refused our certificate (cert_file)"},
        {SSL_R_TLSV1_ALERT_UNKNOWN_CA, "the broker refused our certificate (cert_file): it does not know its CA"},
        {SSL_R_TLSV1_ALERT_ACCESS_DENIED, "the broker refused our certificate (cert_file): access denied"},
    };
    const char *reason = ERR_reason_error_string(code);

    snprintf(out, size, "the TLS connection failed: %s", reason != NULL ? reason : "no reason given");
    for (size_t i = 0; i < COUNT(sayings) && ERR_GET_LIB(code) == ERR_LIB_SSL; i++)
        if (sayings[i].reason == ERR_GET_REASON(code))
            snprintf(out, size, "%s", sayings[i].words);
}

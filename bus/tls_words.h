/* What OpenSSL says, for people. For bus/tls.c and its tests. */
#ifndef BUS_TLS_WORDS_H
#define BUS_TLS_WORDS_H

#include <openssl/x509.h>
#include <stddef.h>

/* Why the certificate at hand in `store` is not accepted: one clause that names it. */
void tls_certificate_words(X509_STORE_CTX *store, char *out, size_t size);

/* What an error of OpenSSL's queue means for a connection to a broker. */
void tls_error_words(unsigned long code, char *out, size_t size);

#endif

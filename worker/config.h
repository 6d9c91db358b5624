/* The configuration file: contract section 8, as a table of options. */
#ifndef WORKER_CONFIG_H
#define WORKER_CONFIG_H

#include "schemas/hosts_dir.h"

#include <stdio.h>

#include "worker/trust.h"

enum sasl { SASL_PLAIN, SASL_EXTERNAL };
enum orphan_policy { ORPHANS_REPORT, ORPHANS_DELETE };
enum plaintext { PLAINTEXT_REFUSE, PLAINTEXT_LOOPBACK, PLAINTEXT_ALLOW };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

enum { CONFIG_TEXT_MAX = 256, CONFIG_URLS_MAX = 4096 };

/*
 * Everything the file says, defaults filled in. Flat but for `senders`, `trust` and
 * `hosts`, which config_done() frees.
 */
struct config {
    /* [bus] */
    char urls[CONFIG_URLS_MAX]; /* comma-separated */
    char password_file[CONFIG_TEXT_MAX];
    char ca_file[CONFIG_TEXT_MAX], cert_file[CONFIG_TEXT_MAX], key_file[CONFIG_TEXT_MAX];
    int64_t sasl; /* enum sasl */
    int64_t heartbeat_s, prefetch;
    int64_t queue_type; /* enum queue_type of bus/bus.h */
    int64_t declare;
    int64_t partitions; /* queues that all hosts share; 0: each has its own */
    char exchange[CONFIG_TEXT_MAX], dead_exchange[CONFIG_TEXT_MAX];
    char events_exchange[CONFIG_TEXT_MAX], reply_exchange[CONFIG_TEXT_MAX];

    /* [worker] */
    char name[CONFIG_TEXT_MAX];
    int64_t threads;
    char state_dir[CONFIG_TEXT_MAX], http[CONFIG_TEXT_MAX], http_token_file[CONFIG_TEXT_MAX];
    int64_t plaintext_dek;           /* enum plaintext */
    char hosts_dir[CONFIG_TEXT_MAX]; /* "": there is none */
    int64_t orphan_policy;           /* enum orphan_policy */
    int64_t envelope;                /* enum seal_layout of schemas/seal.h */
    int64_t request_timeout_ms, hypervisor_wait_ms, drain_timeout_ms;
    int64_t log_level;  /* enum log_level */
    int64_t log_format; /* enum log_format */

    struct senders senders; /* [senders] */
    struct trust trust;     /* [trust] */

    struct host_config *hosts; /* of the file, then of hosts_dir */
    size_t host_count;
};

/*
 * Read `path`, and the folder it gives as hosts_dir. On failure e->kind is ERR_CONFIG, the text begins with
 * "<file>:<line>: " of what is wrong, and nothing is left to free. On success end it with
 * config_done(). Reads no password file and opens nothing else.
 */
MUST_CHECK bool config_read(const char *path, struct config *out, struct err *e);
void config_done(struct config *config);

/* True if both name the same hosts, in the same order, with the same URIs, and the same hosts_dir. */
bool config_same_hosts(const struct config *a, const struct config *b);

/* Print the configuration in force, as a file that would give the same; a password in a URL is left out. */
void config_print(const struct config *config, FILE *to);

/* Print every option that can be set, with what it is, what it may be and its default, all commented out. */
void config_print_sample(FILE *to);

/*
 * The broker's password: KEYFERRY_BUS_PASSWORD, else password_file's first line,
 * else none (*out NULL: the URL's own). *out is the caller's, to be wiped and freed.
 */
MUST_CHECK bool config_password(const struct config *config, char **out, struct err *e);

#endif

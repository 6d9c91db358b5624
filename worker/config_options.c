#include "worker/config_options.h"

#include <string.h>

#include "schemas/seal.h"
#include "worker/config_line.h"

static const char *const yes_no[] = {"no", "yes", NULL};
static const char *const sasls[] = {"plain", "external", NULL};
static const char *const queue_types[] = {"quorum", "classic", NULL};
const char *const plaintext_words[] = {"refuse", "loopback", "allow", NULL};
static const char *const orphan_policies[] = {"report", "delete", NULL};
static const char *const dst_keys[] = {"any", "pinned", NULL};
static const char *const log_formats[] = {"logfmt", "json", NULL};
static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};

/* clang-format off */
#define AT(m)     .offset = offsetof(struct config, m), .size = sizeof(((struct config *)0)->m)
#define TEXT_AT(s, k, m, d, says)          { s, k, OPTION_TEXT, d, NULL, 0, 0, AT(m), says }
#define LIST_AT(s, k, m, d, says)          { s, k, OPTION_LIST, d, NULL, 0, 0, AT(m), says }
#define WHOLE_AT(s, k, m, d, lo, hi, says) { s, k, OPTION_WHOLE, d, NULL, lo, hi, AT(m), says }
#define WORD_AT(s, k, m, d, list, says)    { s, k, OPTION_WORD, d, list, 0, 0, AT(m), says }

const struct option options[] = {
    LIST_AT( "bus", "url",             urls,            "",  "amqp://user@host:5672/vhost, or amqps:// for TLS; several, comma-separated or on indented lines, for failover"),
    TEXT_AT( "bus", "password_file",   password_file,   "",  "a file whose first line is the broker's password; KEYFERRY_BUS_PASSWORD wins over it"),
    TEXT_AT( "bus", "ca_file",         ca_file,         "",  "TLS: the CAs to trust, PEM; empty: the system's"),
    TEXT_AT( "bus", "cert_file",       cert_file,       "",  "TLS: this worker's certificate and the CAs between, PEM; empty: none is shown"),
    TEXT_AT( "bus", "key_file",        key_file,        "",  "TLS: its key, PEM, for owner and group only"),
    WORD_AT( "bus", "sasl",            sasl,            "plain", sasls, "log in by user and password, or external: by the certificate"),
    WHOLE_AT("bus", "heartbeat_s",     heartbeat_s,     "15", 1, 3600, "AMQP heartbeat, seconds"),
    WHOLE_AT("bus", "prefetch",        prefetch,        "64", 2, 10000, "requests in hand at once, of each queue"),
    WORD_AT( "bus", "queue_type",      queue_type,      "quorum", queue_types, "quorum or classic"),
    WORD_AT( "bus", "declare",         declare,         "yes", yes_no, "make exchanges and queues; no: they must be there"),
    TEXT_AT( "bus", "exchange",        exchange,        "keyferry.p2p", "the topic exchange requests come through"),
    TEXT_AT( "bus", "dead_exchange",   dead_exchange,   "keyferry.dead", "the exchange of dead letters"),
    TEXT_AT( "bus", "events_exchange", events_exchange, "keyferry.events", "the topic exchange of events"),
    TEXT_AT( "bus", "reply_exchange",  reply_exchange,  "",  "the exchange replies go through; empty: the default exchange"),
    WHOLE_AT("bus", "partitions",      partitions,      "0", 0, 1024, "so many queues for all hosts instead of one a host (RabbitMQ's plugin rabbitmq_consistent_hash_exchange); 0: one a host"),
    TEXT_AT( "worker", "name",         name,            "",  "this worker's name; empty: hostname and pid"),
    WHOLE_AT("worker", "threads",      threads,         "4", 1, 256, "job threads, which wait on libvirt"),
    TEXT_AT( "worker", "state_dir",    state_dir,       "/var/lib/keyferry", "where the worker keeps its keys"),
    TEXT_AT( "worker", "http",         http,            "",  "address:port of the status page, /metrics, /healthz and /readyz; empty: off"),
    TEXT_AT( "worker", "http_token_file", http_token_file, "", "a file whose first line is asked of whoever looks, but for the probes; http on another address than this machine's own needs it"),
    WORD_AT( "worker", "plaintext_dek", plaintext_dek,  "loopback", plaintext_words, "accept clear DEKs: refuse, loopback (broker on this machine) or allow"),
    WORD_AT( "worker", "envelope",     envelope,        "bound", seal_layout_names, "sealed DEKs to open: bound, compatible (with nothing they are bound to) or both"),
    WHOLE_AT("worker", "request_timeout_ms", request_timeout_ms, "30000", 100, 86400000, "how long to wait for another host or service where a request has no deadline"),
    WHOLE_AT("worker", "hypervisor_wait_ms", hypervisor_wait_ms, "30000", 0, 86400000, "how long a request waits for libvirt to come back"),
    WHOLE_AT("worker", "drain_timeout_ms",   drain_timeout_ms,   "20000", 0, 86400000, "how long to finish what runs after SIGTERM"),
    TEXT_AT( "worker", "hosts_dir",    hosts_dir,       "",  "a folder with a file for each host, watched: <UUID>.conf with the keys of a [host.<UUID>] section"),
    WORD_AT( "worker", "orphan_policy", orphan_policy,  "report", orphan_policies, "what no VM has named for a day: report it, or delete it"),
    WORD_AT( "worker", "log_level",    log_level,       "info", log_levels, "error, warn, info or debug"),
    WORD_AT( "worker", "log_format",   log_format,      "logfmt", log_formats, "the form of log lines: logfmt (key=value) or json"),
    WORD_AT( "senders", "require_user_id", senders.require_user_id, "no", yes_no, "refuse requests without an AMQP user_id"),
    WORD_AT( "senders", "require_signature", senders.require_signature, "no", yes_no, "refuse requests without a signature"),
    WORD_AT( "trust", "dst_key",       trust.pins.dst_key, "any", dst_keys, "seal to the key a destination gives (any), or only to one that is pinned for it here"),
};
/* clang-format on */

const size_t option_count = COUNT(options);
_Static_assert(COUNT(options) <= OPTIONS_MAX, "room for every option");

/* Append one URL to `out`, without the password in it. Gives the new end. */
static char *url_put(const char *url, size_t len, char *out)
{
    const char *scheme = memmem(url, len, "://", 3), *end = url + len;
    const char *login = scheme == NULL ? url : scheme + 3;
    const char *path = memchr(login, '/', (size_t)(end - login));
    const char *at = memchr(login, '@', (size_t)((path == NULL ? end : path) - login));
    const char *colon = at == NULL ? NULL : memchr(login, ':', (size_t)(at - login));

    out = mempcpy(out, url, (size_t)((colon == NULL ? end : colon) - url));
    return colon == NULL ? out : mempcpy(out, at, (size_t)(end - at));
}

/* The list as it is shown: without passwords, and without what may stand around its commas. */
static void urls_show(const char *urls, char out[CONFIG_URLS_MAX])
{
    static const char between[] = ", \t";
    char *end = out;

    for (urls += strspn(urls, between); *urls != '\0'; urls += strspn(urls, between)) {
        size_t whole = strcspn(urls, ","), len = whole;

        while (len > 0 && strchr(between, urls[len - 1]) != NULL)
            len--;
        if (end != out)
            *end++ = ',';
        end = url_put(urls, len, end);
        urls += whole;
    }
    *end = '\0';
}

/* In one line if it has room for them, else each in one of its own. */
static void print_urls(const char *key, const char *urls, FILE *to)
{
    char shown[CONFIG_URLS_MAX];

    urls_show(urls, shown);
    if (strlen(key) + strlen(" = ") + strlen(shown) <= CONFIG_LINE_MAX_CHARS) {
        config_line_print(key, shown, to);
        return;
    }
    fprintf(to, "%s =\n ", key);
    for (const char *c = shown; *c != '\0'; c++)
        fputs(*c == ',' ? "\n " : (const char[]){*c, '\0'}, to);
    fputc('\n', to);
}

static void print_option(const struct config *c, const struct option *o, FILE *to)
{
    const void *at = (const char *)c + o->offset;

    if (o->type == OPTION_LIST)
        print_urls(o->key, at, to);
    else if (o->type == OPTION_TEXT)
        config_line_print(o->key, at, to);
    else if (o->type == OPTION_WORD)
        config_line_print(o->key, o->words[*(const int64_t *)at], to);
    else
        fprintf(to, "%s = %lld\n", o->key, (long long)*(const int64_t *)at);
}

/* What hosts_dir tells of is not told again. */
static void print_host(const struct host_config *host, FILE *to)
{
    const char *mark = host->is_of_dir ? "; " : "";

    fprintf(to, "\n%s%s[host.%s]\n%s", host->is_of_dir ? "; of hosts_dir:\n" : "", mark, host->uuid.text, mark);
    config_line_print("libvirt_uri", host->libvirt_uri, to);
}

void config_print(const struct config *config, FILE *to)
{
    const char *section = "";
    bool is_last;

    for (size_t i = 0; i < option_count; i++) {
        if (strcmp(section, options[i].section) != 0)
            fprintf(to, "%s[%s]\n", i == 0 ? "" : "\n", options[i].section);
        section = options[i].section;
        fprintf(to, "; %s\n", options[i].doc);
        print_option(config, &options[i], to);
        is_last = i + 1 == option_count || strcmp(section, options[i + 1].section) != 0;
        if (is_last && strcmp(section, "senders") == 0)
            senders_print(&config->senders, to);
        if (is_last && strcmp(section, "trust") == 0)
            trust_print(&config->trust, to);
    }
    for (size_t i = 0; i < config->host_count; i++)
        print_host(&config->hosts[i], to);
}

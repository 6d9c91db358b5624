#include "worker/config.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "schemas/digest.h"

enum option_type { OPTION_TEXT, OPTION_LIST, OPTION_WHOLE, OPTION_WORD };

struct option {
    const char *section, *key;
    enum option_type type;
    const char *preset;         /* the default, as the file would say it */
    const char *const *words;   /* WORD: what is accepted, in the order of their values; NULL at the end */
    int64_t min, max;           /* WHOLE */
    bool fixed;                 /* not built: only `preset` is accepted, and nothing is stored */
    size_t offset, size;
    const char *doc;
};

static const char *const yes_no[] = { "no", "yes", NULL };
static const char *const queue_types[] = { "quorum", "classic", NULL };
static const char *const plaintexts[] = { "refuse", "loopback", "allow", NULL };
static const char *const log_levels[] = { "error", "warn", "info", "debug", NULL };

#define AT(m)     .offset = offsetof(struct config, m), .size = sizeof(((struct config *)0)->m)
#define TEXT_AT(s, k, m, d, says)          { s, k, OPTION_TEXT, d, NULL, 0, 0, false, AT(m), says }
#define LIST_AT(s, k, m, d, says)          { s, k, OPTION_LIST, d, NULL, 0, 0, false, AT(m), says }
#define WHOLE_AT(s, k, m, d, lo, hi, says) { s, k, OPTION_WHOLE, d, NULL, lo, hi, false, AT(m), says }
#define WORD_AT(s, k, m, d, list, says)    { s, k, OPTION_WORD, d, list, 0, 0, false, AT(m), says }
#define FIXED(s, k, d, says)               { s, k, OPTION_TEXT, d, NULL, 0, 0, true, 0, 0, says }

/* clang-format off */
static const struct option options[] = {
    LIST_AT( "bus", "url",             urls,            "",  "amqp://user@host:5672/vhost; several, comma-separated or on indented lines, for failover"),
    TEXT_AT( "bus", "password_file",   password_file,   "",  "a file whose first line is the broker's password; KEYFERRY_BUS_PASSWORD wins over it"),
    FIXED(   "bus", "ca_file",                          "",  "TLS: whom to trust"),
    FIXED(   "bus", "cert_file",                        "",  "TLS: this worker's certificate"),
    FIXED(   "bus", "key_file",                         "",  "TLS: its key"),
    FIXED(   "bus", "sasl",                             "plain", "how to log in"),
    WHOLE_AT("bus", "heartbeat_s",     heartbeat_s,     "15", 1, 3600, "AMQP heartbeat, seconds"),
    WHOLE_AT("bus", "prefetch",        prefetch,        "64", 2, 10000, "requests in hand at once, for each host"),
    WORD_AT( "bus", "queue_type",      queue_type,      "quorum", queue_types, "quorum or classic"),
    WORD_AT( "bus", "declare",         declare,         "yes", yes_no, "make exchanges and queues; no: they must be there"),
    TEXT_AT( "bus", "exchange",        exchange,        "keyferry.p2p", "the topic exchange requests come through"),
    TEXT_AT( "bus", "dead_exchange",   dead_exchange,   "keyferry.dead", "the exchange of dead letters"),
    TEXT_AT( "bus", "events_exchange", events_exchange, "keyferry.events", "the topic exchange of events"),
    TEXT_AT( "bus", "reply_exchange",  reply_exchange,  "",  "the exchange replies go through; empty: the default exchange"),
    FIXED(   "bus", "partitions",                       "0", "shared queues instead of one a host"),
    TEXT_AT( "worker", "name",         name,            "",  "this worker's name; empty: hostname and pid"),
    WHOLE_AT("worker", "threads",      threads,         "4", 1, 256, "job threads, which wait on libvirt"),
    TEXT_AT( "worker", "state_dir",    state_dir,       "/var/lib/keyferry", "where the worker keeps its keys"),
    TEXT_AT( "worker", "http",         http,            "",  "address:port of /healthz and /readyz; empty: off"),
    WORD_AT( "worker", "plaintext_dek", plaintext_dek,  "loopback", plaintexts, "accept clear DEKs: refuse, loopback (broker on this machine) or allow"),
    FIXED(   "worker", "envelope",                      "bound", "layouts of sealed DEKs"),
    WHOLE_AT("worker", "request_timeout_ms", request_timeout_ms, "30000", 100, 86400000, "how long to wait for another host or service where a request has no deadline"),
    WHOLE_AT("worker", "hypervisor_wait_ms", hypervisor_wait_ms, "30000", 0, 86400000, "how long a request waits for libvirt to come back"),
    WHOLE_AT("worker", "drain_timeout_ms",   drain_timeout_ms,   "20000", 0, 86400000, "how long to finish what runs after SIGTERM"),
    FIXED(   "worker", "hosts_dir",                     "",  "a folder with a file a host"),
    FIXED(   "worker", "orphan_policy",                 "report", "what becomes of orphans"),
    WORD_AT( "worker", "log_level",    log_level,       "info", log_levels, "error, warn, info or debug"),
    FIXED(   "worker", "log_format",                    "logfmt", "the form of log lines"),
    FIXED(   "senders", "require_user_id",              "no", "refuse requests without a user_id"),
    FIXED(   "senders", "require_signature",            "no", "refuse requests without a signature"),
    FIXED(   "trust", "dst_key",                        "any", "whose keys to seal to"),
};
/* clang-format on */

static const char host_prefix[] = "host.";
static const char default_uri[] = "qemu:///system";

/* A configuration being read. */
struct reading {
    struct config *config;
    FILE *file;
    int line;                        /* of the last line read */
    int bad_line;
    bool seen[COUNT(options)];
    bool uri_seen;                   /* in the present [host.*] section */
    struct err err;                  /* the first */
};

static bool refuse(struct reading *r, const struct err *why)
{
    if (r->bad_line == 0) {
        r->bad_line = r->line;
        r->err = *why;
    }
    return false;
}

static void *member(struct config *c, const struct option *o)
{
    return (char *)c + o->offset;
}

static bool store_text(struct config *c, const struct option *o, const char *value, struct err *e)
{
    if (strlen(value) >= o->size)
        return err_set(e, ERR_CONFIG, "%s is longer than %zu characters", o->key, o->size - 1);
    strcpy(member(c, o), value);
    return true;
}

/* A list may go on over several lines: each adds to what is there. */
static bool store_list(struct config *c, const struct option *o, const char *value, struct err *e)
{
    char *list = member(c, o);
    size_t used = strlen(list), more = strlen(value);

    if (used + more + 2 > o->size)
        return err_set(e, ERR_CONFIG, "%s is longer than %zu characters", o->key, o->size - 1);
    if (used != 0 && list[used - 1] != ',' && more != 0)
        list[used++] = ',';
    memcpy(list + used, value, more + 1);
    return true;
}

static bool store_whole(struct config *c, const struct option *o, const char *value, struct err *e)
{
    char *end;
    long long n;

    errno = 0;
    n = strtoll(value, &end, 10);
    if (errno != 0 || end == value || *end != '\0' || n < o->min || n > o->max)
        return err_set(e, ERR_CONFIG, "%s must be a whole number from %lld to %lld", o->key, (long long)o->min,
                       (long long)o->max);
    *(int64_t *)member(c, o) = n;
    return true;
}

static bool store_word(struct config *c, const struct option *o, const char *value, struct err *e)
{
    char list[64] = "";

    for (int64_t i = 0; o->words[i] != NULL; i++) {
        if (strcmp(o->words[i], value) == 0) {
            *(int64_t *)member(c, o) = i;
            return true;
        }
        strncat(list, i == 0 ? "" : ", ", sizeof(list) - strlen(list) - 1);
        strncat(list, o->words[i], sizeof(list) - strlen(list) - 1);
    }
    return err_set(e, ERR_CONFIG, "%s must be one of: %s", o->key, list);
}

static bool store(struct config *c, const struct option *o, const char *value, struct err *e)
{
    static bool (*const by_type[])(struct config *, const struct option *, const char *, struct err *) = {
        [OPTION_TEXT] = store_text, [OPTION_LIST] = store_list, [OPTION_WHOLE] = store_whole, [OPTION_WORD] = store_word
    };

    if (!o->fixed)
        return by_type[o->type](c, o, value, e);
    if (strcmp(value, o->preset) == 0)
        return true;
    return err_set(e, ERR_CONFIG, "%s cannot be set in this version: only '%s' is accepted", o->key, o->preset);
}

static const struct option *option_find(const char *section, const char *key)
{
    for (size_t i = 0; i < COUNT(options); i++)
        if (strcmp(options[i].section, section) == 0 && strcmp(options[i].key, key) == 0)
            return &options[i];
    return NULL;
}

static bool section_is_known(const char *section)
{
    for (size_t i = 0; i < COUNT(options); i++)
        if (strcmp(options[i].section, section) == 0)
            return true;
    return strncmp(section, host_prefix, strlen(host_prefix)) == 0;
}

static bool host_add(struct config *c, const char *text, struct err *e)
{
    struct host_config *grown;
    struct uuid uuid;

    if (!uuid_parse(text, strlen(text), &uuid))
        return err_set(e, ERR_CONFIG, "[host.%.40s]: not a UUID", text);
    for (size_t i = 0; i < c->host_count; i++)
        if (uuid_equal(&c->hosts[i].uuid, &uuid))
            return err_set(e, ERR_CONFIG, "host %s is given twice", uuid.text);
    grown = realloc(c->hosts, (c->host_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");

    c->hosts = grown;
    grown[c->host_count].uuid = uuid;
    strcpy(grown[c->host_count++].libvirt_uri, default_uri);
    return true;
}

static bool section_begin(struct reading *r, const char *line)
{
    char name[CONFIG_TEXT_MAX] = "";
    struct err e;

    if (sscanf(line, " [%255[^]]", name) != 1 || !section_is_known(name)) {
        err_set(&e, ERR_CONFIG, "unknown section [%.60s]", name);
        return refuse(r, &e);
    }
    r->uri_seen = false;
    if (strncmp(name, host_prefix, strlen(host_prefix)) == 0 && !host_add(r->config, name + strlen(host_prefix), &e))
        return refuse(r, &e);
    return true;
}

/* inih's reader: a line at a time, with a look at what inih tells nobody: sections, and lines it would cut. */
static char *read_line(char *text, int room, void *arg)
{
    struct reading *r = arg;
    char *got = fgets(text, room, r->file);
    struct err e;

    if (got == NULL)
        return NULL;
    r->line++;
    if (strchr(text, '\n') == NULL && !feof(r->file)) {
        err_set(&e, ERR_CONFIG, "the line is longer than %d characters", room - 2);
        refuse(r, &e);
    }
    if (text[strspn(text, " \t")] == '[')
        section_begin(r, text);
    return got;
}

static bool set_host_key(struct reading *r, const char *key, const char *value, struct err *e)
{
    struct host_config *host = r->config->host_count == 0 ? NULL : &r->config->hosts[r->config->host_count - 1];

    if (host == NULL || strcmp(key, "libvirt_uri") != 0)
        return err_set(e, ERR_CONFIG, "unknown key '%.60s' in [host.*]", key);
    if (r->uri_seen)
        return err_set(e, ERR_CONFIG, "libvirt_uri is given twice");
    if (value[0] == '\0' || strlen(value) >= sizeof(host->libvirt_uri))
        return err_set(e, ERR_CONFIG, "libvirt_uri must have 1 to %zu characters", sizeof(host->libvirt_uri) - 1);
    r->uri_seen = true;
    strcpy(host->libvirt_uri, value);
    return true;
}

static bool set_key(struct reading *r, const char *section, const char *key, const char *value, struct err *e)
{
    const struct option *o = option_find(section, key);

    if (strncmp(section, host_prefix, strlen(host_prefix)) == 0)
        return set_host_key(r, key, value, e);
    if (o == NULL && (strcmp(section, "senders") == 0 || strcmp(section, "trust") == 0))
        return err_set(e, ERR_CONFIG, "[%s] %.60s cannot be set in this version", section, key);
    if (o == NULL)
        return err_set(e, ERR_CONFIG, "unknown key '%.60s' in [%.60s]", key, section);
    if (r->seen[o - options] && o->type != OPTION_LIST)
        return err_set(e, ERR_CONFIG, "%s is given twice", key);
    r->seen[o - options] = true;
    return store(r->config, o, value, e);
}

static int on_key(void *arg, const char *section, const char *key, const char *value)
{
    struct reading *r = arg;
    struct err e;

    if (set_key(r, section, key, value, &e))
        return 1;
    refuse(r, &e);
    return 0;
}

static void fill_in_defaults(struct config *c)
{
    struct err e;

    memset(c, 0, sizeof(*c));
    for (size_t i = 0; i < COUNT(options); i++)
        if (!options[i].fixed)
            (void)!store(c, &options[i], options[i].preset, &e);
}

static bool check_whole(struct config *c, struct err *e)
{
    char host[CONFIG_TEXT_MAX / 2];

    if (c->urls[0] == '\0')
        return err_set(e, ERR_CONFIG, "url in [bus] is required");
    if (c->host_count == 0)
        return err_set(e, ERR_CONFIG, "at least one [host.<uuid>] section is required");
    if (c->name[0] == '\0') {
        if (gethostname(host, sizeof(host)) != 0)
            strcpy(host, "worker");
        host[sizeof(host) - 1] = '\0';
        snprintf(c->name, sizeof(c->name), "%s-%d", host, (int)getpid());
    }
    if (c->name[strspn(c->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")] != '\0')
        return err_set(e, ERR_CONFIG, "name may have only letters, digits, '.', '_' and '-'");
    return true;
}

bool config_read(const char *path, struct config *out, struct err *e)
{
    struct reading r = { .config = out, .file = fopen(path, "re") };
    int bad;

    if (r.file == NULL)
        return err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
    fill_in_defaults(out);
    bad = ini_parse_stream(read_line, &r, on_key, &r);
    fclose(r.file);
    if (r.bad_line == 0 && bad != 0) {
        r.bad_line = bad;
        err_set(&r.err, ERR_CONFIG, "neither a section, nor 'key = value', nor a comment");
    }
    if (r.bad_line == 0 && check_whole(out, e))
        return true;

    config_done(out);
    if (r.bad_line != 0)
        return err_set(e, ERR_CONFIG, "%s:%d: %s", path, r.bad_line, r.err.text);
    err_set(&r.err, ERR_CONFIG, "%s", e->text);
    return err_set(e, ERR_CONFIG, "%s: %s", path, r.err.text);
}

void config_done(struct config *config)
{
    free(config->hosts);
    wipe(config, sizeof(*config));  /* a URL may hold a password */
}

/* Print a list of URLs without the passwords in them. */
static void print_urls(const char *urls, FILE *to)
{
    bool in_password = false;

    for (const char *p = urls; *p != '\0'; p++) {
        const char *at = strchr(p, '@'), *end = p + strcspn(p, ",/");

        if (*p == ':' && strncmp(p, "://", 3) == 0) {
            fputs("://", to);
            p += 2;
            continue;
        }
        if (*p == ':' && at != NULL && at < end)
            in_password = true;
        if (*p == '@')
            in_password = false;
        if (!in_password)
            fputc(*p, to);
    }
}

static void print_option(const struct config *c, const struct option *o, FILE *to)
{
    const void *at = (const char *)c + o->offset;

    fprintf(to, "%s = ", o->key);
    if (o->fixed)
        fputs(o->preset, to);
    else if (o->type == OPTION_LIST)
        print_urls(at, to);
    else if (o->type == OPTION_TEXT)
        fputs(at, to);
    else if (o->type == OPTION_WORD)
        fputs(o->words[*(const int64_t *)at], to);
    else
        fprintf(to, "%lld", (long long)*(const int64_t *)at);
    fputc('\n', to);
}

void config_print(const struct config *config, FILE *to)
{
    const char *section = "";

    for (size_t i = 0; i < COUNT(options); i++) {
        if (strcmp(section, options[i].section) != 0)
            fprintf(to, "%s[%s]\n", i == 0 ? "" : "\n", options[i].section);
        section = options[i].section;
        fprintf(to, "; %s\n", options[i].doc);
        print_option(config, &options[i], to);
    }
    for (size_t i = 0; i < config->host_count; i++)
        fprintf(to, "\n[host.%s]\nlibvirt_uri = %s\n", config->hosts[i].uuid.text, config->hosts[i].libvirt_uri);
}

bool config_password(const struct config *config, char **out, struct err *e)
{
    const char *given = getenv("KEYFERRY_BUS_PASSWORD");
    char line[CONFIG_TEXT_MAX] = "";
    FILE *file;

    *out = NULL;
    if (given == NULL && config->password_file[0] != '\0') {
        file = fopen(config->password_file, "re");
        if (file == NULL)
            return err_set(e, ERR_CONFIG, "password_file %s: %s", config->password_file, strerror(errno));
        if (fgets(line, sizeof(line), file) == NULL)
            line[0] = '\0';
        fclose(file);
        line[strcspn(line, "\r\n")] = '\0';
        given = line;
    }
    if (given != NULL)
        *out = strdup(given);
    wipe(line, sizeof(line));
    return true;
}

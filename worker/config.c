#include "worker/config.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "bus/url.h"
#include "worker/config_options.h"
#include "worker/http.h"

/* GCC 12's analyzer does not see that a struct config keeps its hosts. */
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

static const char host_prefix[] = "host.";
static const char default_uri[] = "qemu:///system";
static const char blanks[] = " \t\n\v\f\r"; /* as inih has them */

/* A configuration being read. */
struct reading {
    struct config *config;
    FILE *file;
    int line; /* of the last line read */
    int bad_line;
    bool is_indented;          /* the last line read: it goes on with the key before it, if there is one */
    char key[CONFIG_TEXT_MAX]; /* the last one of the section, in full; "": none yet */
    bool seen[OPTIONS_MAX];
    bool uri_seen;    /* in the present [host.*] section */
    int bare_senders; /* the line of a [senders] without a key */
    struct err err;   /* the first */
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
    return url_list_add(member(c, o), o->size, value) ||
           err_set(e, ERR_CONFIG, "%s is longer than %zu characters", o->key, o->size - 1);
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
    static bool (*const by_type[])(struct config *, const struct option *, const char *,
                                   struct err *) = {[OPTION_TEXT] = store_text,
                                                    [OPTION_LIST] = store_list,
                                                    [OPTION_WHOLE] = store_whole,
                                                    [OPTION_WORD] = store_word};

    if (!o->fixed)
        return by_type[o->type](c, o, value, e);
    if (strcmp(value, o->preset) == 0)
        return true;
    return err_set(e, ERR_CONFIG, "%s cannot be set in this version: only '%s' is accepted", o->key, o->preset);
}

static const struct option *option_find(const char *section, const char *key)
{
    for (size_t i = 0; i < option_count; i++)
        if (strcmp(options[i].section, section) == 0 && strcmp(options[i].key, key) == 0)
            return &options[i];
    return NULL;
}

static bool section_is_known(const char *section)
{
    for (size_t i = 0; i < option_count; i++)
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

/* Nothing, or a comment. */
static bool is_comment(const char *text)
{
    text += strspn(text, blanks);
    return *text == '\0' || *text == ';' || *text == '#';
}

static bool section_begin(struct reading *r, const char *line)
{
    char name[CONFIG_TEXT_MAX] = "";
    struct err e;

    if (r->is_indented) { /* inih would take it for more of the key before it */
        err_set(&e, ERR_CONFIG, "a section must begin at the beginning of its line");
        return refuse(r, &e);
    }
    if (sscanf(line, "[%255[^]]", name) != 1 || strchr(line, ']') == NULL || !section_is_known(name)) {
        err_set(&e, ERR_CONFIG, "unknown section [%.60s]", name);
        return refuse(r, &e);
    }
    if (!is_comment(strchr(line, ']') + 1)) { /* inih passes over it */
        err_set(&e, ERR_CONFIG, "nothing may follow [%.60s] in its line", name);
        return refuse(r, &e);
    }
    r->uri_seen = false;
    r->key[0] = '\0';
    if (strcmp(name, "senders") == 0)
        r->bare_senders = r->line;
    if (strncmp(name, host_prefix, strlen(host_prefix)) == 0 && !host_add(r->config, name + strlen(host_prefix), &e))
        return refuse(r, &e);
    return true;
}

/* inih's reader: a line at a time, with a look at what inih tells nobody: sections, and lines it would cut. */
static char *read_line(char *text, int room, void *arg)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf"; /* inih passes over it */
    struct reading *r = arg;
    char *got = fgets(text, room, r->file), *start = text;
    struct err e;

    if (got == NULL)
        return NULL;
    r->line++;
    if (strchr(text, '\n') == NULL && !feof(r->file)) {
        err_set(&e, ERR_CONFIG, "the line is longer than %d characters", room - 2);
        refuse(r, &e);
    }
    if (r->line == 1 && strncmp(text, byte_order_mark, strlen(byte_order_mark)) == 0)
        start += strlen(byte_order_mark);
    r->is_indented = isspace((unsigned char)*start);
    start += strspn(start, blanks);
    if (*start == '[')
        section_begin(r, start);
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
    if (strcmp(section, "senders") == 0)
        r->bare_senders = 0;
    if (o == NULL && strcmp(section, "senders") == 0)
        return senders_add(&r->config->senders, key, value, e);
    if (o == NULL && strcmp(section, "trust") == 0)
        return trust_add(&r->config->trust, key, value, e);
    if (o == NULL)
        return err_set(e, ERR_CONFIG, "unknown key '%.60s' in [%.60s]", key, section);
    if (r->seen[o - options] && o->type != OPTION_LIST)
        return err_set(e, ERR_CONFIG, "%s is given twice", key);
    r->seen[o - options] = true;
    return store(r->config, o, value, e);
}

/* inih keeps 49 characters of a key for the lines that go on with it: they must not become another's. */
static bool note_key(struct reading *r, const char *key, struct err *e)
{
    if (r->is_indented && r->key[0] != '\0' && strcmp(r->key, key) != 0)
        return err_set(e, ERR_CONFIG, "%.40s... is too long to go on in another line: name it again", key);
    snprintf(r->key, sizeof(r->key), "%s", key);
    return true;
}

static bool check_value(const char *key, const char *value, struct err *e)
{
    return value[0] != ';' || err_set(e, ERR_CONFIG, "%.60s: a comment needs a blank before its ';'", key);
}

static int on_key(void *arg, const char *section, const char *key, const char *value)
{
    struct reading *r = arg;
    struct err e;

    if (note_key(r, key, &e) && check_value(key, value, &e) && set_key(r, section, key, value, &e))
        return 1;
    refuse(r, &e);
    return 0;
}

static void fill_in_defaults(struct config *c)
{
    struct err e;

    memset(c, 0, sizeof(*c));
    for (size_t i = 0; i < option_count; i++)
        if (!options[i].fixed)
            (void)!store(c, &options[i], options[i].preset, &e);
}

/* What is read again where it is used; here, so that a file is not called good that cannot be started with. */
static bool check_addresses(const struct config *c, struct err *e)
{
    ON_EXIT(url_list_done) struct url_list urls = {0};
    char host[HTTP_HOST_BYTES];
    uint16_t port;

    if (!url_list_read(c->urls, NULL, &urls, e))
        return false;
    if (c->http[0] == '\0')
        return true;
    if (!http_address_read(c->http, host, &port, e))
        return false;
    return c->http_token_file[0] != '\0' || url_host_is_loopback(host) ||
           err_set(e, ERR_CONFIG, "http = %s: an address that others can reach needs http_token_file", c->http);
}

/* The default exchange leads to every queue, and an empty folder is that of the root. */
static bool check_given(const struct config *c, struct err *e)
{
    const struct {
        const char *value, *what;
    } needed[] = {
        {c->urls, "url in [bus]"},
        {c->exchange, "exchange in [bus]"},
        {c->dead_exchange, "dead_exchange in [bus]"},
        {c->events_exchange, "events_exchange in [bus]"},
        {c->state_dir, "state_dir in [worker]"},
    };

    for (size_t i = 0; i < COUNT(needed); i++)
        if (needed[i].value[0] == '\0')
            return err_set(e, ERR_CONFIG, "%s is required", needed[i].what);
    return true;
}

static bool check_whole(struct config *c, struct err *e)
{
    char host[CONFIG_TEXT_MAX / 2];

    if (!check_given(c, e))
        return false;
    if (c->host_count == 0)
        return err_set(e, ERR_CONFIG, "at least one [host.<uuid>] section is required");
    if (c->senders.require_signature && c->trust.key_count == 0)
        return err_set(e, ERR_CONFIG,
                       "require_signature in [senders] needs the keys of senders: sender.<user> in [trust]");
    if (c->name[0] == '\0') {
        if (gethostname(host, sizeof(host)) != 0)
            strcpy(host, "worker");
        host[sizeof(host) - 1] = '\0';
        snprintf(c->name, sizeof(c->name), "%s-%d", host, (int)getpid());
    }
    if (c->name[strspn(c->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")] != '\0')
        return err_set(e, ERR_CONFIG, "name may have only letters, digits, '.', '_' and '-'");
    return check_addresses(c, e);
}

bool config_read(const char *path, struct config *out, struct err *e)
{
    struct reading r = {.config = out, .file = fopen(path, "re")};
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
    if (r.bad_line == 0 && r.bare_senders != 0) {
        r.bad_line = r.bare_senders;
        err_set(&r.err, ERR_CONFIG, "[senders] names nobody; without the section everyone may send everything");
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
    senders_done(&config->senders);
    trust_done(&config->trust);
    free(config->hosts);
    wipe(config, sizeof(*config)); /* a URL may hold a password */
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

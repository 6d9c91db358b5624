#include "worker/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus/url.h"
#include "schemas/ini_file.h"
#include "worker/config_options.h"
#include "worker/http.h"
#include "worker/map.h"

/* GCC 12's analyzer does not see that a struct config keeps its hosts. */
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

static const char host_prefix[] = HOSTS_SECTION_PREFIX;

/* A configuration being read. */
struct reading {
    struct config *config;
    size_t host_room;
    struct map *known; /* the UUIDs of its hosts, copied */
    bool seen[OPTIONS_MAX];
    int bare_senders; /* the line of a [senders] without a key */
};

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

    return by_type[o->type](c, o, value, e);
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

/* hosts_dir_take */
static bool host_add(void *arg, const struct host_config *host, struct err *e)
{
    struct reading *r = arg;
    struct config *c = r->config;
    char *uuid;

    if (map_find(r->known, host->uuid.text, UUID_CHARS) != NULL)
        return err_set(e, ERR_CONFIG, "host %s is given twice", host->uuid.text);
    if (c->host_count == r->host_room) {
        size_t room = r->host_room == 0 ? 1 : 2 * r->host_room;
        void *grown = reallocarray(c->hosts, room, sizeof(*c->hosts));

        if (grown == NULL)
            return err_set(e, ERR_LOCAL, "out of memory");
        c->hosts = grown;
        r->host_room = room;
    }
    uuid = strdup(host->uuid.text);
    if (uuid == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    map_add(&r->known, uuid, UUID_CHARS, uuid);
    c->hosts[c->host_count++] = *host;
    return true;
}

static bool on_section(void *arg, const char *name, int line, struct err *e)
{
    struct reading *r = arg;
    struct host_config host;

    if (!section_is_known(name))
        return err_set(e, ERR_CONFIG, "unknown section [%.60s]", name);
    if (strcmp(name, "senders") == 0)
        r->bare_senders = line;
    return strncmp(name, host_prefix, strlen(host_prefix)) != 0 ||
           (host_config_begin(&host, name + strlen(host_prefix), e) && host_add(r, &host, e));
}

static bool refuse_key(const char *section, const char *key, struct err *e)
{
    for (size_t i = 0; i < option_count; i++)
        if (strcmp(options[i].key, key) == 0)
            return err_set(e, ERR_CONFIG, "unknown key '%.60s' in [%.60s]: it belongs into [%s]", key, section,
                           options[i].section);
    return err_set(e, ERR_CONFIG, "unknown key '%.60s' in [%.60s]", key, section);
}

static bool on_key(void *arg, const char *section, const char *key, const char *value, struct err *e)
{
    struct reading *r = arg;
    const struct option *o = option_find(section, key);

    if (strncmp(section, host_prefix, strlen(host_prefix)) == 0)
        return host_config_set(&r->config->hosts[r->config->host_count - 1], key, value, e);
    if (strcmp(section, "senders") == 0)
        r->bare_senders = 0;
    if (o == NULL && strcmp(section, "senders") == 0)
        return senders_add(&r->config->senders, key, value, e);
    if (o == NULL && strcmp(section, "trust") == 0)
        return trust_add(&r->config->trust, key, value, e);
    if (o == NULL)
        return refuse_key(section, key, e);
    if (r->seen[o - options] && o->type != OPTION_LIST)
        return err_set(e, ERR_CONFIG, "%s is given twice", key);
    r->seen[o - options] = true;
    return store(r->config, o, value, e);
}

static void fill_in_defaults(struct config *c)
{
    struct err e;

    memset(c, 0, sizeof(*c));
    for (size_t i = 0; i < option_count; i++)
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
    if (c->host_count == 0 && c->hosts_dir[0] == '\0')
        return err_set(e, ERR_CONFIG, "at least one [host.<uuid>] section is required, or hosts_dir");
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

static bool read_all(const char *path, struct reading *r, struct err *e)
{
    const struct ini_reader reader = {on_section, on_key, r};
    struct config *c = r->config;
    struct err why;

    if (!ini_file_read(path, &reader, e))
        return false;
    if (r->bare_senders != 0)
        return err_set(e, ERR_CONFIG, "%s:%d: [senders] names nobody; without the section everyone may send everything",
                       path, r->bare_senders);
    if (c->hosts_dir[0] != '\0' && !hosts_dir_read(c->hosts_dir, host_add, r, e))
        return false;
    return check_whole(c, &why) || err_set(e, ERR_CONFIG, "%s: %s", path, why.text);
}

bool config_read(const char *path, struct config *out, struct err *e)
{
    struct reading r = {.config = out};
    bool ok;
    char *uuid;

    fill_in_defaults(out);
    ok = read_all(path, &r, e);
    while ((uuid = map_take(&r.known)) != NULL)
        free(uuid);
    if (!ok)
        config_done(out);
    return ok;
}

bool config_same_hosts(const struct config *a, const struct config *b)
{
    bool is_same = a->host_count == b->host_count && strcmp(a->hosts_dir, b->hosts_dir) == 0;

    for (size_t i = 0; is_same && i < a->host_count; i++)
        is_same = uuid_equal(&a->hosts[i].uuid, &b->hosts[i].uuid) &&
                  strcmp(a->hosts[i].libvirt_uri, b->hosts[i].libvirt_uri) == 0;
    return is_same;
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

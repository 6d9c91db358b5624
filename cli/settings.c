#include "cli/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus/url.h"
#include "schemas/hosts_dir.h"
#include "schemas/ini_file.h"

static const char default_path[] = "/etc/keyferry/keyferry.conf";

struct reading {
    struct settings *settings;
    char password_file[256];
};

enum { PARTITIONS_MAX = 1024 }; /* as the worker takes them; of more it says that they are too many */

static bool add_host(struct settings *s, const struct uuid *host, struct err *e)
{
    struct uuid *hosts = reallocarray(s->hosts, s->host_count + 1, sizeof(*hosts));

    if (hosts == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    s->hosts = hosts;
    s->hosts[s->host_count++] = *host;
    return true;
}

/* hosts_dir_take */
static bool take_host(void *arg, const struct host_config *host, struct err *e)
{
    return add_host(arg, &host->uuid, e);
}

/* A host's may be without a key. What is none is for the worker to complain of. */
static bool on_section(void *arg, const char *name, int line, struct err *e)
{
    static const char prefix[] = HOSTS_SECTION_PREFIX;
    struct reading *r = arg;
    struct uuid host;

    (void)line;
    if (strncmp(name, prefix, strlen(prefix)) != 0)
        return true;
    name += strlen(prefix);
    return !uuid_parse(name, strlen(name), &host) || add_host(r->settings, &host, e);
}

static bool on_key(void *arg, const char *section, const char *key, const char *value, struct err *e)
{
    struct reading *r = arg;
    struct settings *s = r->settings;
    const struct {
        const char *section, *key;
        char *at;
        size_t size;
    } texts[] = {
        {"worker", "state_dir", s->state_dir, sizeof(s->state_dir)},
        {"worker", "hosts_dir", s->hosts_dir, sizeof(s->hosts_dir)},
        {"bus", "exchange", s->exchange, sizeof(s->exchange)},
        {"bus", "reply_exchange", s->reply_exchange, sizeof(s->reply_exchange)},
        {"bus", "dead_exchange", s->dead_exchange, sizeof(s->dead_exchange)},
        {"bus", "events_exchange", s->events_exchange, sizeof(s->events_exchange)},
        {"bus", "password_file", r->password_file, sizeof(r->password_file)},
        {"bus", "ca_file", s->ca_file, sizeof(s->ca_file)},
        {"bus", "cert_file", s->cert_file, sizeof(s->cert_file)},
        {"bus", "key_file", s->key_file, sizeof(s->key_file)},
        {"bus", "sasl", s->sasl, sizeof(s->sasl)},
    };

    for (size_t i = 0; i < COUNT(texts); i++)
        if (strcmp(section, texts[i].section) == 0 && strcmp(key, texts[i].key) == 0)
            snprintf(texts[i].at, texts[i].size, "%s", value);
    if (strcmp(section, "bus") != 0)
        return true;
    if (strcmp(key, "queue_type") == 0)
        s->is_classic = strcmp(value, "classic") == 0;
    if (strcmp(key, "partitions") == 0)
        s->partitions = strtoul(value, NULL, 10) % (PARTITIONS_MAX + 1);
    return strcmp(key, "url") != 0 || url_list_add(s->urls, sizeof(s->urls), value) ||
           err_set(e, ERR_CONFIG, "url is longer than %zu characters", sizeof(s->urls) - 1);
}

static bool read_password(struct reading *r, struct err *e)
{
    const char *given = getenv("KEYFERRY_BUS_PASSWORD");
    char *password = r->settings->password;
    FILE *file;

    if (given != NULL) {
        snprintf(password, sizeof(r->settings->password), "%s", given);
        return true;
    }
    if (r->password_file[0] == '\0')
        return true;
    file = fopen(r->password_file, "re");
    if (file == NULL)
        return err_set(e, ERR_CONFIG, "password_file %s: %s", r->password_file, strerror(errno));
    if (fgets(password, sizeof(r->settings->password), file) == NULL)
        password[0] = '\0';
    fclose(file);
    password[strcspn(password, "\r\n")] = '\0';
    return true;
}

static bool read_file(const char *path, struct reading *r, struct err *e)
{
    struct ini_reader reader = {.section = on_section, .key = on_key, .arg = r};

    strcpy(r->settings->state_dir, "/var/lib/keyferry");
    snprintf(r->settings->path, sizeof(r->settings->path), "%s", path);
    if (access(path, R_OK) != 0)
        return err_set(e, ERR_CONFIG, "%s: %s%s; give -c FILE or --url URL", path, strerror(errno),
                       errno == EACCES ? " (it is for root and for its group)" : "");
    if (!ini_file_read(path, &reader, e))
        return false;
    if (r->settings->urls[0] == '\0')
        return err_set(e, ERR_CONFIG, "%s: no url in [bus]", path);
    return strcmp(r->settings->sasl, "plain") == 0 || strcmp(r->settings->sasl, "external") == 0 ||
           err_set(e, ERR_CONFIG, "%s: sasl must be one of: plain, external", path);
}

static bool read_all(const struct options *options, struct reading *r, struct err *e)
{
    const char *path = options->config_path != NULL ? options->config_path : default_path;

    if ((options->url == NULL || options->config_path != NULL) && !read_file(path, r, e))
        return false;
    if (options->url != NULL)
        snprintf(r->settings->urls, sizeof(r->settings->urls), "%s", options->url);
    return read_password(r, e);
}

bool settings_read(const struct options *options, struct settings *out, struct err *e)
{
    struct reading r = {.settings = out};

    *out = (struct settings){.exchange = "keyferry.p2p",
                             .dead_exchange = "keyferry.dead",
                             .events_exchange = "keyferry.events",
                             .sasl = "plain"};
    if (read_all(options, &r, e))
        return true;
    settings_done(out);
    return false;
}

bool settings_read_hosts(struct settings *settings, struct err *e)
{
    return settings->hosts_dir[0] == '\0' || hosts_dir_read(settings->hosts_dir, take_host, settings, e);
}

void settings_done(struct settings *settings)
{
    free(settings->hosts);
    wipe(settings, sizeof(*settings));
}

#include "cli/settings.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/url.h"
#include "schemas/hosts_dir.h"

static const char default_path[] = "/etc/keyferry/keyferry.conf";

struct reading {
    struct settings *settings;
    char password_file[256], hosts_dir[256];
    bool has_too_many_urls, is_out_of_memory;
    FILE *file;
    bool was_read, is_amid; /* a line of it; a line that is longer than what inih reads at once */
};

#define HOST_SECTION "[" HOSTS_SECTION_PREFIX

enum { PARTITIONS_MAX = 1024 }; /* as the worker takes them; of more it says that they are too many */

static bool add_host(struct settings *s, const struct uuid *host)
{
    struct uuid *hosts = reallocarray(s->hosts, s->host_count + 1, sizeof(*hosts));

    if (hosts == NULL)
        return false;
    s->hosts = hosts;
    s->hosts[s->host_count++] = *host;
    return true;
}

/* hosts_dir_take */
static bool take_host(void *arg, const struct host_config *host, struct err *e)
{
    return add_host(arg, &host->uuid) || err_set(e, ERR_LOCAL, "out of memory");
}

/* inih's reader. Of sections without a key in them it tells nobody, and a host's may be such. */
static char *next_line(char *text, int size, void *arg)
{
    static const char bom[] = "\xef\xbb\xbf";
    struct reading *r = arg;
    char *line = fgets(text, size, r->file), *start = line;
    struct uuid host;

    if (line == NULL)
        return NULL;
    if (!r->was_read && strncmp(line, bom, strlen(bom)) == 0)
        start += strlen(bom);
    if (!r->is_amid && strncmp(start, HOST_SECTION, strlen(HOST_SECTION)) == 0) {
        start += strlen(HOST_SECTION);
        if (uuid_parse(start, strcspn(start, "]"), &host)) /* one that is none is for the worker to complain of */
            r->is_out_of_memory |= !add_host(r->settings, &host);
    }
    r->was_read = true;
    r->is_amid = strchr(line, '\n') == NULL;
    return line;
}

static int on_key(void *arg, const char *section, const char *key, const char *value)
{
    struct reading *r = arg;
    struct settings *s = r->settings;
    const struct {
        const char *key;
        char *at;
        size_t size;
    } texts[] = {
        {"exchange", s->exchange, sizeof(s->exchange)},
        {"reply_exchange", s->reply_exchange, sizeof(s->reply_exchange)},
        {"dead_exchange", s->dead_exchange, sizeof(s->dead_exchange)},
        {"events_exchange", s->events_exchange, sizeof(s->events_exchange)},
        {"password_file", r->password_file, sizeof(r->password_file)},
        {"ca_file", s->ca_file, sizeof(s->ca_file)},
        {"cert_file", s->cert_file, sizeof(s->cert_file)},
        {"key_file", s->key_file, sizeof(s->key_file)},
        {"sasl", s->sasl, sizeof(s->sasl)},
    };

    if (strcmp(section, "worker") == 0 && strcmp(key, "state_dir") == 0)
        snprintf(s->state_dir, sizeof(s->state_dir), "%s", value);
    if (strcmp(section, "worker") == 0 && strcmp(key, "hosts_dir") == 0)
        snprintf(r->hosts_dir, sizeof(r->hosts_dir), "%s", value);
    if (strcmp(section, "bus") != 0)
        return 1;
    if (strcmp(key, "queue_type") == 0)
        s->is_classic = strcmp(value, "classic") == 0;
    if (strcmp(key, "partitions") == 0)
        s->partitions = strtoul(value, NULL, 10) % (PARTITIONS_MAX + 1);
    if (strcmp(key, "url") == 0)
        r->has_too_many_urls |= !url_list_add(s->urls, sizeof(s->urls), value);
    for (size_t i = 0; i < COUNT(texts); i++)
        if (strcmp(key, texts[i].key) == 0)
            snprintf(texts[i].at, texts[i].size, "%s", value);
    return 1;
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
    int bad = -1;

    strcpy(r->settings->state_dir, "/var/lib/keyferry");
    snprintf(r->settings->path, sizeof(r->settings->path), "%s", path);
    r->file = fopen(path, "re");
    if (r->file != NULL) {
        bad = ini_parse_stream(next_line, r, on_key, r);
        fclose(r->file);
    }
    if (bad < 0)
        return err_set(e, ERR_CONFIG, "%s: %s%s; give -c FILE or --url URL", path, strerror(errno),
                       errno == EACCES ? " (it is for root and for its group)" : "");
    if (bad > 0)
        return err_set(e, ERR_CONFIG, "%s:%d: neither a section, nor 'key = value', nor a comment", path, bad);
    if (r->is_out_of_memory)
        return err_set(e, ERR_LOCAL, "out of memory");
    if (r->has_too_many_urls)
        return err_set(e, ERR_CONFIG, "%s: url is longer than %zu characters", path, sizeof(r->settings->urls) - 1);
    if (r->settings->urls[0] == '\0')
        return err_set(e, ERR_CONFIG, "%s: no url in [bus]", path);
    if (strcmp(r->settings->sasl, "plain") != 0 && strcmp(r->settings->sasl, "external") != 0)
        return err_set(e, ERR_CONFIG, "%s: sasl must be one of: plain, external", path);
    return r->hosts_dir[0] == '\0' || hosts_dir_read(r->hosts_dir, take_host, r->settings, e);
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

void settings_done(struct settings *settings)
{
    free(settings->hosts);
    wipe(settings, sizeof(*settings));
}

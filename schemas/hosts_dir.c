#include "schemas/hosts_dir.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/ini_file.h"

static const char suffix[] = ".conf", prefix[] = HOSTS_SECTION_PREFIX, default_uri[] = "qemu:///system";

bool host_config_begin(struct host_config *host, const char *text, struct err *e)
{
    *host = (struct host_config){0};
    if (!uuid_parse(text, strlen(text), &host->uuid))
        return err_set(e, ERR_CONFIG, "[host.%.40s]: not a UUID", text);
    strcpy(host->libvirt_uri, default_uri);
    return true;
}

bool host_config_set(struct host_config *host, const char *key, const char *value, struct err *e)
{
    if (strcmp(key, "libvirt_uri") != 0)
        return err_set(e, ERR_CONFIG, "unknown key '%.60s' of a host", key);
    if (host->has_uri)
        return err_set(e, ERR_CONFIG, "libvirt_uri is given twice");
    if (value[0] == '\0' || strlen(value) >= sizeof(host->libvirt_uri))
        return err_set(e, ERR_CONFIG, "libvirt_uri must have 1 to %zu characters", sizeof(host->libvirt_uri) - 1);
    host->has_uri = true;
    strcpy(host->libvirt_uri, value);
    return true;
}

/* A file being read. */
struct reading {
    struct host_config host;
    bool is_named; /* by the file's name or a section */
    bool has_section;
};

static bool on_section(void *arg, const char *name, int line, struct err *e)
{
    struct reading *r = arg;
    struct host_config host;

    (void)line;
    if (strncmp(name, prefix, strlen(prefix)) != 0)
        return err_set(e, ERR_CONFIG, "unknown section [%.60s]: a file of hosts_dir has one [host.<UUID>]", name);
    if (r->has_section || r->host.has_uri)
        return err_set(e, ERR_CONFIG, "a file of hosts_dir has one host, and [%.60s] would be another", name);
    if (!host_config_begin(&host, name + strlen(prefix), e))
        return false;
    if (r->is_named && !uuid_equal(&host.uuid, &r->host.uuid))
        return err_set(e, ERR_CONFIG, "[%.60s] is not the host that the file's name tells", name);
    r->host = host;
    r->is_named = r->has_section = true;
    return true;
}

static bool on_key(void *arg, const char *section, const char *key, const char *value, struct err *e)
{
    struct reading *r = arg;

    (void)section;
    if (!r->is_named)
        return err_set(e, ERR_CONFIG,
                       "'%.60s' is of no host: [host.<UUID>] must be before it, or the UUID the file's name", key);
    return host_config_set(&r->host, key, value, e);
}

/* How much of a file's name is before ".conf", if it ends so. */
static size_t stem_len(const char *name)
{
    size_t len = strlen(name), end = strlen(suffix);

    return len > end && strcmp(name + len - end, suffix) == 0 ? len - end : len;
}

static bool read_host(const char *path, const char *name, hosts_dir_take *take, void *arg, struct err *e)
{
    struct reading r = {0};
    const struct ini_reader reader = {on_section, on_key, &r};
    char stem[NAME_MAX + 1];
    struct err why;

    snprintf(stem, sizeof(stem), "%.*s", (int)stem_len(name), name);
    r.is_named = host_config_begin(&r.host, stem, &why);
    if (!ini_file_read(path, &reader, e))
        return false;
    if (!r.is_named)
        return err_set(e, ERR_CONFIG, "%s: neither is its name a UUID, nor is there a [host.<UUID>] in it", path);
    r.host.is_of_dir = true;
    return take(arg, &r.host, &why) || err_set(e, why.kind, "%s: %s", path, why.text);
}

static int is_wanted(const struct dirent *entry)
{
    const char *name = entry->d_name;
    struct uuid uuid;

    return name[0] != '.' && (name[stem_len(name)] != '\0' || uuid_parse(name, strlen(name), &uuid));
}

bool hosts_dir_read(const char *folder, hosts_dir_take *take, void *arg, struct err *e)
{
    struct dirent **entries;
    char path[PATH_MAX];
    int count = scandir(folder, &entries, is_wanted, alphasort);
    bool ok = true;

    if (count < 0)
        return err_set(e, ERR_CONFIG, "hosts_dir %s: %s", folder, strerror(errno));
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        ok = ok && read_host(path, entries[i]->d_name, take, arg, e);
        free(entries[i]);
    }
    free(entries);
    return ok;
}

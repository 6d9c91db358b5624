/*
 * A folder with a file for each host. It is named by the host's UUID, with or without
 * ".conf", and has the keys of a [host.*] section; or it has any name in ".conf" and that
 * section itself. Other names are left alone, and those that begin with a dot.
 */
#ifndef SCHEMAS_HOSTS_DIR_H
#define SCHEMAS_HOSTS_DIR_H

#include "schemas/err.h"
#include "schemas/uuid.h"

#define HOSTS_SECTION_PREFIX "host." /* of sections, before a host's UUID */

enum { HOST_URI_MAX = 256 }; /* bytes, NUL included */

/* A host, as a file or a section describes it. */
struct host_config {
    struct uuid uuid;
    char libvirt_uri[HOST_URI_MAX];
    bool has_uri;   /* it was given; else it is libvirt's own */
    bool is_of_dir; /* a file of hosts_dir says so */
};

/* One whose UUID is `text`, with the default URI. Fails with ERR_CONFIG. */
MUST_CHECK bool host_config_begin(struct host_config *host, const char *text, struct err *e);

/* A key of it. Fails with ERR_CONFIG. */
MUST_CHECK bool host_config_set(struct host_config *host, const char *key, const char *value, struct err *e);

/* Given one host after the other, in the order of the files' names. Its error is the file's. */
typedef bool hosts_dir_take(void *arg, const struct host_config *host, struct err *e);

/* Fails with ERR_CONFIG, or ERR_LOCAL without memory; the text begins with the name of the folder or file. */
MUST_CHECK bool hosts_dir_read(const char *folder, hosts_dir_take *take, void *arg, struct err *e);

#endif

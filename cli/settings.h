/* Where the broker is, from the command line or from a worker's configuration file. */
#ifndef CLI_SETTINGS_H
#define CLI_SETTINGS_H

#include "cli/options.h"

struct settings {
    char urls[4096];
    char exchange[256], reply_exchange[256], dead_exchange[256], events_exchange[256];
    bool is_classic;     /* queue_type */
    size_t partitions;   /* which all hosts share; 0: each has a queue of its own */
    char path[256];      /* of the file; "": none was read */
    char state_dir[256]; /* likewise */
    char hosts_dir[256]; /* likewise; "": there is none */
    struct uuid *hosts;  /* of its [host.*] sections; freed by settings_done() */
    size_t host_count;
    char ca_file[256], cert_file[256], key_file[256], sasl[16];
    char password[256]; /* "": the URL's own; wiped by settings_done() */
};

/* Fails with ERR_CONFIG. Of a file, only what [bus] says of the broker is read, its folders, and which hosts it has. */
MUST_CHECK bool settings_read(const struct options *options, struct settings *out, struct err *e);

/* Add those of hosts_dir; once, and where it matters which there are: a file of it may be wrong. As hosts_dir_read(). */
MUST_CHECK bool settings_read_hosts(struct settings *settings, struct err *e);
void settings_done(struct settings *settings);

#endif

/* Where the broker is, from the command line or from a worker's configuration file. */
#ifndef CLI_SETTINGS_H
#define CLI_SETTINGS_H

#include "cli/options.h"

struct settings {
    char urls[4096];
    char exchange[256], reply_exchange[256], dead_exchange[256];
    char state_dir[256]; /* "": no file was read */
    char ca_file[256], cert_file[256], key_file[256], sasl[16];
    char password[256]; /* "": the URL's own; wiped by settings_done() */
};

/* Fails with ERR_CONFIG. Of a file, only what [bus] says of the way to the broker is read, and state_dir. */
MUST_CHECK bool settings_read(const struct options *options, struct settings *out, struct err *e);
void settings_done(struct settings *settings);

#endif

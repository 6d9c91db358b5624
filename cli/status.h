/* `keyferry status`: how it is with each host. */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H

struct options;

/* The exit status. */
int status_run(const struct options *options);

#endif

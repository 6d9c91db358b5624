/* `keyferry watch`: the events of hosts, as they happen. */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

struct options;

/* The exit status. */
int watch_run(const struct options *options);

#endif

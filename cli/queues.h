/* `keyferry queues`: what waits for each host, and in the dead letters. */
#ifndef CLI_QUEUES_H
#define CLI_QUEUES_H

struct options;

/* The exit status. */
int queues_run(const struct options *options);

#endif

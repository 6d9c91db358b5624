/* `keyferry dead …`: look through the dead letters, and send some again or throw them away. */
#ifndef CLI_DEAD_H
#define CLI_DEAD_H

struct options;

/* The exit status. */
int dead_run(const struct options *options);

#endif

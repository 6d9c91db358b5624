/* `keyferry completion SHELL`: what bash, zsh and fish need to complete a command line, from the tables. */
#ifndef CLI_COMPLETION_H
#define CLI_COMPLETION_H

struct options;

/* The exit status. */
int completion_run(const struct options *options);

#endif

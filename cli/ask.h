/* The commands that ask a worker one thing, and print its reply. */
#ifndef CLI_ASK_H
#define CLI_ASK_H

struct options;

/* The exit status. */
int ask_run(const struct options *options);

#endif

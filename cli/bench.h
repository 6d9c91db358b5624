/* `keyferry bench`: how fast a host answers. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

struct options;

/* The exit status. */
int bench_run(const struct options *options);

#endif

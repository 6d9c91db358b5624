/* `keyferry doctor`: the checks are the worker's, which knows what it needs; this finds and runs it. */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

struct options;

/* The exit status, where it comes back at all. */
int doctor_run(const struct options *options);

#endif

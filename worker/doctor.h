/*
 * `keyferryd --doctor`: look for what is wrong with this worker's configuration, its
 * machine, its broker and its libvirt, and change nothing. May run beside the worker,
 * as the user that it runs as.
 */
#ifndef WORKER_DOCTOR_H
#define WORKER_DOCTOR_H

#include "schemas/base.h"

/* Prints a line for each thing that was looked at, or one JSON value. The exit status: 1 where something failed. */
int doctor_run(const char *path, bool json);

#endif

/* Threads beside the loop. Signals are the loop's: they take none. Their names are for ps(1) -L and gdb(1). */
#ifndef SCHEMAS_THREAD_H
#define SCHEMAS_THREAD_H

#include <pthread.h>

#include "schemas/err.h"

/* `name` has at most 15 characters. *out is to be joined; NULL: the thread is let go. Fails with ERR_LOCAL. */
MUST_CHECK bool thread_start(const char *name, void *(*run)(void *), void *arg, pthread_t *out, struct err *e);

#endif

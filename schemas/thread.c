#include "schemas/thread.h"

#include <signal.h>
#include <string.h>

bool thread_start(const char *name, void *(*run)(void *), void *arg, pthread_t *out, struct err *e)
{
    sigset_t all, before;
    pthread_t thread;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0)
        return err_set(e, ERR_LOCAL, "cannot start a thread (%s): %s", name, strerror(failed));
    (void)pthread_setname_np(thread, name);
    if (out != NULL)
        *out = thread;
    else
        pthread_detach(thread);
    return true;
}
